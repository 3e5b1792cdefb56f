"""Acknowledgements from a mould are those that would have been written, letter by letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.feeding import message
from vestibule.adapters.hl7.answering import Answers, Kinds
from vestibule.feed.model import Sender, Verdict, name_of, named
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.protocols.hl7v2 import Ack, acknowledge, glance, header
from vestibule.protocols.mllp import frame

AT = datetime(2026, 11, 21, 10, 0, 0, 654_321, tzinfo=UTC)
HEADERS = [
    message("1"),
    message("A" * 100, version="2.8.1", kind="SIU^S15^SIU_S12"),
    message("7", version="2.5.1", kind="ADT^A01", more="||||||UNICODE UTF-8"),
    message("7").replace(b"|", b"#").replace(b"^", b"@"),
    message("7", application="Praxis Müller"),
    message("7", application="Vestibule7name"),
    message("7", application="Vestibule7number"),
    message("7.5-B", application=r"A\T\B"),
    message("Vestibule7name"),
    message("ünïque"),
    message("7", more="||||||8859/1"),
    message("7", more="|||AL|"),
    message("7").decode().encode("utf-16"),
]


SENDER = Sender(TenantId(new_id()), ConnectionId(new_id()))


def cast(answers: Answers, kinds: Kinds, body: bytes) -> bytes | None:
    """What a connection answers to a message of a usual kind; None for others."""
    seen = glance(body)
    kind = kinds.of(seen[0], body, SENDER) if seen else None
    return answers.cast(kind, seen[1]) if seen and kind else None


@pytest.mark.parametrize("body", HEADERS, ids=range(len(HEADERS)))
def test_a_cast_answer_is_the_written_one(body: bytes) -> None:
    answers, kinds, head = Answers(FrozenClock(AT)), Kinds(), header(body)
    for _ in range(3):
        code = Ack.CA if head.enhanced else Ack.AA
        written = answers.verdict(head, Verdict.TAKEN)
        for answer in (written[0], (cast(answers, kinds, body) or frame(written[0]))[1:-2]):
            assert answer == acknowledge(head, code, at=AT, control_id=header(answer).control_id)


def test_what_is_usual_is_cast_and_the_rest_is_written() -> None:
    answers, kinds = Answers(FrozenClock(AT)), Kinds()
    assert [n for n, body in enumerate(HEADERS) if cast(answers, kinds, body)] == [0, 1, 2, 3, 4, 8, 10, 11]
    for more in ("|||NE|NE", "|||AL|AL", "|||ER|ER"):  # none, two, none
        assert cast(answers, kinds, message("7", more=more)) is None


@pytest.mark.parametrize("body", [body for body in HEADERS if glance(body)], ids=lambda body: body[:60].decode("latin-1"))
def test_a_message_of_a_known_kind_has_the_name_and_the_header_that_reading_it_gives(body: bytes) -> None:
    kinds, seen = Kinds(), glance(body)
    assert seen
    kind = kinds.of(seen[0], body, SENDER)
    if kind is None:
        return
    for number in ("1", "B2", "9" * 199):
        other = body.replace(b"|" + seen[1] + b"|", b"|" + number.encode() + b"|", 1)
        again, head = glance(other), header(other)
        if again and again[1] == number.encode():
            assert kinds.of(again[0], other, SENDER) is kind
            assert kind.header(number) == head
            assert named(kind.beginning, number) == name_of(SENDER, head.at(3), head.at(4), head.control_id)


@given(
    st.lists(st.text(st.sampled_from("|^~\\&#MSHA1é\n\x0b\r \ud800"), max_size=6), min_size=5, max_size=20),
    st.text("AB12", min_size=1, max_size=4),
    st.text("AB12", min_size=1, max_size=4),
)
def test_nothing_but_time_and_control_id_may_differ_within_a_kind(fields: list[str], one: str, other: str) -> None:
    def made(number: str) -> bytes:
        line = ["MSH", "^~\\&", *fields]
        line[9:10] = [number]
        return "|".join(line).encode("utf-8", "surrogatepass") + b"\rPID|1\r"

    kinds, bodies = Kinds(), (made(one), made(other))
    for body in bodies:
        seen = glance(body)
        kind = kinds.of(seen[0], body, SENDER) if seen else None
        if seen and kind:
            head = header(body)
            assert kind.header(seen[1].decode()) == replace(head, fields=kind.header(seen[1].decode()).fields)
            assert (head.control_id.encode(), head.problem, head.at(3), head.at(4)) == (seen[1], "", kind.head.at(3), kind.head.at(4))


def test_each_answer_has_a_name_of_its_own_and_its_own_message_s() -> None:
    answers, kinds = Answers(FrozenClock(AT)), Kinds()
    made = [cast(answers, kinds, message(str(n))) or b"" for n in range(500)]
    assert len({header(one[1:-2]).control_id for one in made}) == 500
    assert all(f"\rMSA|AA|{n}\r".encode() in one for n, one in enumerate(made))


def test_an_answer_has_its_own_time() -> None:
    clock = FrozenClock(AT)
    answers, kinds = Answers(clock), Kinds()
    first = cast(answers, kinds, message("1"))
    clock.advance(1)
    second = cast(answers, kinds, message("2"))
    assert b"|20261121100000+0000|" in (first or b"")
    assert b"|20261121100001+0000|" in (second or b"")


def test_senders_without_end_fill_no_memory() -> None:
    answers, kinds = Answers(FrozenClock(AT)), Kinds()
    for n in range(2_000):
        assert cast(answers, kinds, message("1", application=f"A{n}"))
    assert len(kinds._known) <= 16
