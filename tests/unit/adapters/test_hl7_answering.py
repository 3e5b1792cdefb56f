"""Acknowledgements from a mould are those that would have been written, letter by letter."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from support.feeding import message
from vestibule.adapters.hl7.answering import Answers
from vestibule.feed.model import Verdict
from vestibule.kit.clock import FrozenClock
from vestibule.protocols.hl7v2 import Ack, acknowledge, header

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


@pytest.mark.parametrize("body", HEADERS, ids=range(len(HEADERS)))
def test_a_cast_answer_is_the_written_one(body: bytes) -> None:
    answers, head = Answers(FrozenClock(AT)), header(body)
    for _ in range(3):
        (answer,) = answers.verdict(head, Verdict.TAKEN)
        number = header(answer).control_id
        code = Ack.CA if head.enhanced else Ack.AA
        assert answer == acknowledge(head, code, at=AT, control_id=number)


def test_each_answer_has_a_name_of_its_own_and_its_own_message_s() -> None:
    answers = Answers(FrozenClock(AT))
    made = [answers.verdict(header(message(str(n))), Verdict.TAKEN)[0] for n in range(500)]
    assert len({header(one).control_id for one in made}) == 500
    assert all(f"\rMSA|AA|{n}\r".encode() in one for n, one in enumerate(made))


def test_senders_without_end_fill_no_memory() -> None:
    answers = Answers(FrozenClock(AT))
    for n in range(2_000):
        answers.verdict(header(message("1", application=f"A{n}")), Verdict.TAKEN)
    assert len(answers._moulds) <= 256
