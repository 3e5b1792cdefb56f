"""From bytes to values: character sets, delimiters, escapes, paths; and that no bytes break it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.siu import EPIC_LIKE, LATER
from vestibule.errors import BadInput
from vestibule.protocols.hl7v2 import header, parse, read_notice
from vestibule.protocols.hl7v2.message import Delimiters, delimiters

BARE = "MSH|^~\\&|A|B|C|D|20260305||SIU^S12|1|P|2.5||||||{}\rPID|||1||{}\r"
NAME = "PID|||1||Müller^Jörg"


def with_charset(declared: str, codec: str, body: str = NAME, mark: bytes = b"") -> bytes:
    head = f"MSH|^~\\&|A|B|C|D|20260305||SIU^S12|ü1|P|2.5||||||{declared}"
    return mark + f"{head}\r{body}\r".encode(codec)


@pytest.mark.parametrize(
    ("data", "family"),
    [
        pytest.param(with_charset("", "utf-8"), "Müller", id="nothing declared is UTF-8"),
        pytest.param(with_charset("UNICODE UTF-8", "utf-8"), "Müller", id="UNICODE UTF-8"),
        pytest.param(with_charset("UTF-8", "utf-8"), "Müller", id="UTF-8, as some write it"),
        pytest.param(with_charset("UNICODE", "utf-8"), "Müller", id="UNICODE in single bytes"),
        pytest.param(with_charset("", "utf-8", mark=b"\xef\xbb\xbf"), "Müller", id="UTF-8 with a mark"),
        pytest.param(with_charset("8859/1", "latin-1"), "Müller", id="Latin-1"),
        pytest.param(with_charset("8859/15", "iso8859_15", "PID|||1||Œuvre €"), "Œuvre €", id="Latin-9"),
        pytest.param(with_charset("8859/2", "iso8859_2", "PID|||1||Łódź"), "Łódź", id="Latin-2"),
        pytest.param(with_charset("ISO 8859-1", "latin-1"), "Müller", id="with its full name"),
        pytest.param(with_charset("8859/1~UNICODE", "latin-1"), "Müller", id="the first repetition is the message's own"),
        pytest.param(with_charset("UNICODE UTF-16", "utf-16"), "Müller", id="UTF-16 with its mark"),
        pytest.param(with_charset("", "utf-16-be", mark=b"\xfe\xff"), "Müller", id="UTF-16, the other way round"),
        pytest.param(with_charset("UNICODE UTF-16", "utf-16-le"), "Müller", id="UTF-16 without a mark"),
        pytest.param(with_charset("", "utf-16-be"), "Müller", id="UTF-16 without a mark, the other way round"),
        pytest.param(with_charset("UNICODE UTF-32", "utf-32"), "Müller", id="UTF-32 with its mark"),
        pytest.param(with_charset("", "utf-32-be"), "Müller", id="UTF-32 without a mark"),
        pytest.param(BARE.format("BIG-5", "許功蓋").encode("big5"), "許功蓋", id="Big5, whose bytes look like signs"),
        pytest.param(BARE.format("KS X 1001", "김하나").encode("euc_kr"), "김하나", id="Korean"),
    ],
)
def test_a_name_arrives_in_every_character_set(data: bytes, family: str) -> None:
    assert parse(data).get("PID-5") == family


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_charset("", "latin-1"), id="Latin-1 that does not say so"),
        pytest.param(with_charset("ASCII", "latin-1"), id="more than ASCII"),
        pytest.param(with_charset("UNICODE UTF-8", "latin-1"), id="not what it says"),
        pytest.param(with_charset("KLINGON", "utf-8"), id="a character set that is not known"),
        pytest.param(with_charset("8859/12", "utf-8"), id="a part of 8859 that does not exist"),
        pytest.param(with_charset("", "utf-16")[:-1], id="half a character of UTF-16"),
        pytest.param(b"\xff\xfe\x00\xd8M\x00", id="half a surrogate pair"),
    ],
)
def test_wrong_bytes_are_a_clear_error(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        parse(data)
    assert caught.value.code == "hl7-charset"
    header(data)  # and it can still be refused by its name


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\x0b", b"\xef\xbb\xbf", b"\x00", b" \n", b"FHS|^~\\&|x\rBHS|^~\\&|x\r"])
def test_what_stands_before_the_header_is_passed_over(before: bytes) -> None:
    assert read_notice(parse(before + LATER)) == read_notice(parse(LATER))
    assert header(before + LATER).control_id == "3001"


@pytest.mark.parametrize("data", [b"", b"MSH", b"hello", b"SCH|1\rPID|2", b"\xff\xfe", b"\xff\xfeP\x00", b"x" * 9000 + EPIC_LIKE])
def test_what_has_no_header_is_no_message(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        parse(data)
    assert caught.value.code in {"hl7-no-header", "hl7-delimiters"}


@pytest.mark.parametrize("start", ["MSHA^~\\&A", "MSH|^^\\&|", "MSH|1234|", "MSH|^~\\ |", 'MSH|^~"&|'])
def test_delimiters_that_cannot_separate_are_refused(start: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(start.encode() + b"x\rPID|1")
    assert caught.value.code == "hl7-delimiters"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("^~\\&", "^~\\&"), ("^~\\&#", "^~\\&"), ("^", "^~\\&"), ("", "^~\\&"), ("~", ["~", "", "\\", "&"]), ("@*%$", "@*%$")],
)
def test_what_msh_2_leaves_out_is_what_is_usual(encoding: str, expected: str | list[str]) -> None:
    signs = Delimiters("|", encoding)
    assert [signs.component, signs.repetition, signs.escape, signs.subcomponent] == list(expected)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"A\F\B\S\C\T\D\R\E\E\F", "A|B^C&D~E\\F"),
        (r"\X41\\X4A6F\B", "AJoB"),
        (r"\X\ nothing", "nothing"),
        (r"M\XC3BC\ller", "Müller"),
        (r"one\.br\two\.sp2\three\.ce\four", "one two three four"),
        (r"\H\loud\N\ quiet", "loud quiet"),
        (r"\.in+4\indented\.fi\\.nf\ ", "indented"),
        (r"\C2842\\M1B2A\\Z12\x", "x"),
        (r"C:\temp\file", r"C:\temp\file"),
        (r"open \F and no end", r"open \F and no end"),
        (r"\T\\\T\\", "&\\&\\"),
        (r"\X4\ \XGG\ \Q\ \\", r"\X4\ \XGG\ \Q\ \\"),
        (r"\P\ truncated", "# truncated"),
        (r"a\X0D\b\X0A\c\X00\d\X1B\e", "a b c d e"),
    ],
)
def test_escape_sequences_are_replaced_and_what_is_none_stays(written: str, text: str) -> None:
    message = parse(f"MSH|^~\\&|A\rOBX|{written}".encode())
    assert message.get("OBX-1") == text
    assert message.parts(written)[0] == text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("MSH-1", "|"),
        ("MSH-2", "^~\\&"),
        ("MSH-3", "SCHED"),
        ("MSH-3.2", "1.2.3"),
        ("MSH-9.2", "S12"),
        ("SCH-11.4", "20260101000000-0600"),
        ("PID-13(2).7", "5550101"),
        ("PID-13(4)", ""),
        ("PID-13(0)", ""),
        ("PID-99", ""),
        ("PID-5.1.2", ""),
        ("ZZZ-1", ""),
    ],
)
def test_a_value_is_read_by_its_path(path: str, value: str) -> None:
    assert parse(LATER).get(path) == value


def test_what_is_no_path_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no path"):
        parse(LATER).get("SCH.11.4")


def test_segments_are_read_one_by_one() -> None:
    message = parse(LATER)
    assert [one.get(3) for one in message.segments("AIP")] == ["400"]
    pid = next(message.segments("PID"))
    assert (len(pid.repeats(13)), pid.repeats(14), pid.is_null(14), pid.field(99)) == (3, [], False, "")
    assert message.first("NTE") is None


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
signs = st.sampled_from(["|^~\\&", "!@*%$", "|^~\\", "|^~", "|^", "#:;,."]).map(lambda five: delimiters(five[0], five[1:]))


@given(texts, signs)
def test_what_is_escaped_comes_back(text: str, signs: Delimiters) -> None:
    if signs.escape:
        assert signs.unescape(signs.escaped(text)) == text
    assert not set(signs.escaped(text)) & {signs.field, signs.component, signs.repetition, "\r"} or not signs.escape


def judged(data: bytes) -> str:
    """Code of what a message is refused for, empty for one that is read."""
    header(data)
    try:
        read_notice(parse(data))
    except BadInput as refused:
        return refused.code
    return ""


lumps = st.sampled_from(
    [
        b"MSH|^~\\&|",
        b"\rPID|",
        b"\rSCH|",
        b"\rAIP|",
        b"\rTQ1|",
        b"|" * 7,
        b"^",
        b"~",
        b"\\",
        b"&",
        b'""',
        b"\\X41\\",
        b"\\.br\\",
        b"\r",
        b"\n",
        b"SIU^S12",
        b"20260305",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\xc3\xbc",
        b"\xfc",
        b"8859/1",
        b"-0600",
        b"9" * 30,
    ]
)


@settings(max_examples=400)
@given(st.lists(st.one_of(lumps, lumps, st.binary(max_size=6)), max_size=30).map(b"".join), st.booleans())
@example(b"MSH|^~\\&|\rSCH|\rAIP", True)
@example(b"^~\\&|A|B|C|D|7||SIU^S12|9|P|2.3\rSCH|1", True)
def test_no_bytes_do_more_than_be_refused(tail: bytes, headed: bool) -> None:
    data = b"MSH|^~\\&|A|B|C|D|7||SIU^S12|9|P|2.3\rSCH|1" + tail if headed else tail
    assert judged(data) == "" or judged(data).startswith("hl7-")


@settings(max_examples=100)
@given(st.integers(0, len(LATER)), st.binary(max_size=12), st.integers(0, 12))
def test_a_message_that_was_damaged_on_the_way_is_read_or_refused(at: int, instead: bytes, gone: int) -> None:
    data = LATER[:at] + instead + LATER[at + gone :]
    assert judged(data) == "" or judged(data).startswith("hl7-")


def work(call: Callable[[], object]) -> int:
    """How many calls, of Python and of C, something takes: a clock that no other program can hold up."""
    count = 0

    def note(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "grown",
    [
        pytest.param(lambda n: LATER + b"OBX|1|ED|x||" + b"QUJD" * n, id="one large observation"),
        pytest.param(lambda n: LATER + b"OBX|1|TX|x||y&z\\T\\\r" * n, id="many observations"),
        pytest.param(lambda n: LATER + b"AIG|1|A|399^ROOM\\T\\A^L|2^R\r" * n, id="many resources"),
        pytest.param(lambda n: LATER.replace(b"SPANISH", b"") + b"\\" * n, id="nothing but escapes"),
        pytest.param(lambda n: LATER.replace(b"^PRN^PH", b"^PRN^PH" + b"~^PRN^CP^^^612^5550100" * n), id="many numbers"),
        pytest.param(lambda n: LATER.replace(b"CANARY", b"\\T" * n + b"\\X41" * n), id="escapes that never end"),
    ],
)
def test_the_work_grows_with_the_message_and_no_faster(grown: Callable[[int], bytes]) -> None:
    steps = []
    for n in (500, 1000, 2000, 4000):
        data = grown(n)
        read_notice(parse(data))  # what is kept from message to message is there
        steps.append(work(lambda data=data: read_notice(parse(data))))  # type: ignore[misc]
    assert all(after <= 2.2 * before + 50 for before, after in pairwise(steps)), steps


def test_ten_megabytes_of_observation_are_passed_over() -> None:
    data = LATER + b"OBX|1|ED|PDF^^Base64||" + b"QUJDREVGR0hJSktM" * 650_000 + b"||||||F\r"
    assert len(data) > 10_000_000
    assert read_notice(parse(data)) == read_notice(parse(LATER))
