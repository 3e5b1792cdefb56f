"""HL7 v2, chapter 2: acknowledging a message in original (2.9.2) and enhanced mode (2.9.3), with MSA and ERR in every version's shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from support.siu import EPIC_LIKE, LATER, changed
from vestibule.protocols.hl7v2 import Ack, Complaint, Outcome, acknowledge, answers, header, parse

AT = datetime(2026, 3, 5, 9, 7, 16, tzinfo=timezone(timedelta(hours=-6)))
OK, ERROR, REJECT = Outcome.OK, Outcome.ERROR, Outcome.REJECT
OUTCOMES = (OK, ERROR, REJECT)
COMPLAINT = Complaint("hl7-event", "Nothing of an appointment | here.", "MSH", 9)


def answer(data: bytes, code: Ack = Ack.AE, complaint: Complaint | None = COMPLAINT) -> bytes:
    return acknowledge(header(data), code, at=AT, control_id="4711", complaint=complaint)


def asking(accept: str, application: str) -> bytes:
    return changed(LATER, {"MSH-15": accept, "MSH-16": application})


@pytest.mark.parametrize(("outcome", "code"), [(OK, "AA"), (ERROR, "AE"), (REJECT, "AR")])
def test_2_9_2_in_original_mode_the_application_answers_once(outcome: Outcome, code: str) -> None:
    assert not header(EPIC_LIKE).enhanced
    assert answers(header(EPIC_LIKE), outcome) == (code,)


WANTED = {"AL": {OK, ERROR, REJECT}, "NE": set(), "ER": {ERROR, REJECT}, "SU": {OK}, "": set()}
ACCEPT = {OK: "CA", ERROR: "CE", REJECT: "CR"}
APPLICATION = {OK: "AA", ERROR: "AE", REJECT: "AR"}


@pytest.mark.parametrize(
    ("accept", "application", "outcome"),
    [(a, b, outcome) for a in WANTED for b in WANTED for outcome in OUTCOMES if a or b],
)
def test_2_9_3_table_0155_says_which_acknowledgements_are_sent(accept: str, application: str, outcome: Outcome) -> None:
    sent = answers(header(asking(accept, application)), outcome)
    expected = [ACCEPT[outcome]] if outcome in WANTED[accept] else []
    if outcome in WANTED[application] and not (expected and outcome is not OK):  # what was not accepted, no application has seen
        expected.append(APPLICATION[outcome])
    assert list(sent) == expected


@pytest.mark.parametrize("strange", ["al", "Always", "??"])
def test_2_9_3_a_condition_nobody_knows_leaves_nobody_waiting(strange: str) -> None:
    assert answers(header(asking(strange, "NE")), ERROR) == ("CE",)


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.3.1", "2.4"])
def test_2_13_5_until_2_4_err_is_one_field(version: str) -> None:
    lines = answer(changed(EPIC_LIKE, {"MSH-12": version})).decode().split("\r")
    assert lines == [
        rf"MSH|^~\&|VESTIBULE|ALDER|SCHED|ALDER|20260305150716+0000||ACK^S12|4711|P|{version}",
        r"MSA|AE|2001|Nothing of an appointment \F\ here.",
        "ERR|MSH^1^9^201&Unsupported event code&HL70357",
        "",
    ]


@pytest.mark.parametrize("version", ["2.5", "2.5.1", "2.6", "2.7", "2.8", "2.9"])
def test_2_13_5_since_2_5_err_says_more(version: str) -> None:
    lines = answer(changed(LATER, {"MSH-12": version})).decode().split("\r")
    assert lines == [
        rf"MSH|^~\&|VESTIBULE|ALDER|SCHED^1.2.3^ISO|ALDER^1.2.4^ISO|20260305150716+0000||ACK^S12^ACK|4711|P|{version}||||||UNICODE UTF-8",
        r"MSA|AE|3001|Nothing of an appointment \F\ here.",
        r"ERR||MSH^1^9|201^Unsupported event code^HL70357|E|hl7-event|||Nothing of an appointment \F\ here.",
        "",
    ]


def test_2_13_8_an_accepted_message_has_no_err_and_its_control_id_comes_back_as_it_was() -> None:
    said = changed(LATER, {"MSH-10": r" A\T\1 "})
    assert answer(said, Ack.CA, None).decode().split("\r")[1:] == [r"MSA|CA| A\T\1 ", ""]
    assert header(said).control_id == "A&1"


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("hl7-no-header", "100"),
        ("hl7-control-id", "101"),
        ("hl7-time", "102"),
        ("hl7-type", "200"),
        ("hl7-event", "201"),
        ("feed-full", "207"),
    ],
)
def test_table_0357_our_codes_are_told_in_the_standard_s(code: str, number: str) -> None:
    assert f"|{number}^" in answer(LATER, Ack.AE, Complaint(code, "")).decode()


@pytest.mark.parametrize(
    ("data", "echoed"),
    [
        pytest.param(LATER.decode().translate(str.maketrans("|^~\\&", "!@*%$")).encode(), b"MSA!AE!3001!", id="other delimiters"),
        pytest.param(b"MSH|^~\\&|A|B|C|D|7||SIU^S12|\xfc1|P|2.3||||||8859/1\r", b"MSA|AE|\xfc1|", id="Latin-1"),
        pytest.param(b"MSH|^~\\&|A|B|C|D|7||SIU^S12|\xfc1|P|2.3\r", b"MSA|AE|\xfc1|", id="bytes that are no UTF-8"),
        pytest.param("\ufeffMSH|^~\\&|A|B|C|D|7||SIU^S12|ü1|P|2.3\r".encode("utf-16-le"), "MSA|AE|ü1|".encode("utf-16-le"), id="UTF-16"),
        pytest.param("MSH|^~\\&|A|B|C|D|7||SIU^S12|ü1|P|2.3\r".encode("utf-16-be"), "MSA|AE|ü1|".encode("utf-16-be"), id="UTF-16, no mark"),
        pytest.param(b"\xef\xbb\xbf" + EPIC_LIKE, b"MSA|AE|2001|", id="a mark"),
        pytest.param(EPIC_LIKE.replace(b"\r", b"\n"), b"MSA|AE|2001|", id="LF"),
        pytest.param(b"MSH|^~\\&|A|B|C|D|7||SIU^S12|99", b"MSA|AE|99|", id="nothing behind the control id"),
        pytest.param(b"MSH|^~\\&|A|B|C|D|7||SIU^S12|a\x1cb\x0b|P|2.3\r", b"MSA|AE|a b |", id="bytes that would break the frame"),
        pytest.param(b"rubbish", b"MSA|AE||", id="no header at all"),
        pytest.param(b"MSH||||x", b"MSA|AE||", id="delimiters that are none"),
        pytest.param(b"", b"MSA|AE||", id="nothing"),
    ],
)
def test_a_sender_is_answered_in_its_own_signs_and_characters(data: bytes, echoed: bytes) -> None:
    said = answer(data)
    assert echoed in said
    assert b"\x0b" not in said
    assert b"\x1c" not in said.replace(b"\x1c\x00", b"")
    assert header(said).type == "ACK"


@pytest.mark.parametrize("data", [b"MSH|^~\\&|A|B|C|D|7||SIU^S12||P|2.3\r", b"MSH|^~\\&|A", b"MSH|^~\\&|A|B|C|D|7||SIU^S12|  |P|2.3\r"])
def test_a_message_without_a_name_of_its_own_is_told_so(data: bytes) -> None:
    assert header(data).problem == "hl7-control-id"


def test_what_is_read_of_a_header_can_be_kept() -> None:
    read = header(b"MSH|^~\\&|A|B|C|D|7||SI\x00U^S12|\x00\xfc\xff\x07id|P|2.3")
    assert read.control_id.isprintable()
    read.control_id.encode()
    assert "\x00" not in read.control_id + read.type


def test_time_is_told_in_utc() -> None:
    said = acknowledge(header(EPIC_LIKE), Ack.AA, at=AT.astimezone(UTC), control_id="1")
    assert parse(said).get("MSH-7") == "20260305150716+0000"
