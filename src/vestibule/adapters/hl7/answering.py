"""What a sender is answered: the verdict of the inbox, or what went wrong, as acknowledgements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from vestibule.errors import BadInput, VestibuleError
from vestibule.feed.model import Verdict
from vestibule.kit.clock import Clock
from vestibule.kit.ids import new_id
from vestibule.protocols.hl7v2 import Ack, Complaint, Header, Outcome, acknowledge, answers

_REUSED = Complaint("hl7-control-id-reused", "Another message had this control id. Both are kept; a person has to look.", "MSH", 10)
_PROBLEMS = {
    "hl7-no-header": Complaint("hl7-no-header", "No MSH segment was found."),
    "hl7-delimiters": Complaint("hl7-delimiters", "MSH-1 and MSH-2 do not say how the message is divided.", "MSH", 2),
    "hl7-control-id": Complaint("hl7-control-id", "MSH-10 is empty: the message has no name by which it can be acknowledged.", "MSH", 10),
    "hl7-too-large": Complaint("hl7-too-large", "The message is larger than is taken here."),
    "hl7-framing": Complaint("hl7-framing", "The message did not come between the signs that begin and end one."),
    "hl7-charset": Complaint("hl7-charset", "The message is not in the character set that it was sent as."),
    "hl7-control-id-long": Complaint("hl7-control-id-long", "MSH-10 has more than 199 characters.", "MSH", 10),
}
_MOULDS, _PARTS = 256, 3
_NUMBER, _NAME = "Vestibule7number", "Vestibule7name"  # stand in a mould where the two control ids go
_LONGEST_ID = 199  # HL7 v2.7 and later; earlier versions allow 20


class Answers:
    """Writes acknowledgements; each has a control id of its own."""

    def __init__(self, clock: Clock) -> None:
        """Date them by `clock`."""
        self._clock = clock
        self._prefix = new_id().hex[-8:].upper()
        self._numbers = count(1)
        self._moulds: dict[tuple[object, ...], list[bytes]] = {}

    def verdict(self, head: Header, verdict: Verdict) -> list[bytes]:
        """After the inbox has spoken."""
        if verdict is Verdict.CONFLICT:
            return self._all(head, Outcome.ERROR, _REUSED)
        usual = head.codec == "utf-8" and not (head.enhanced or head.mark) and head.control_id.isalnum() and head.control_id.isascii()
        return [self._usual(head)] if usual else self._all(head, Outcome.OK, None)

    def _usual(self, head: Header) -> bytes:
        """AA in original mode, as nearly all are: cast in a mould that is made once a second for each kind of header."""
        at = self._clock.now().replace(microsecond=0)
        kind = (at, head.signs.field, head.fields[1:6], head.event, head.version, head.fields[10:12], head.fields[17:18])
        mould = self._moulds.get(kind)
        if mould is None:
            if len(self._moulds) >= _MOULDS:
                self._moulds.clear()
            mould = self._moulds[kind] = _mould(head, at)
        if len(mould) != _PARTS:
            return self._one(head, Ack.AA, None)
        number = f"{self._prefix}{next(self._numbers):X}"
        return b"%s%s%s%s%s" % (mould[0], number.encode(), mould[1], head.control_id.encode(), mould[2])

    def failure(self, head: Header, error: VestibuleError) -> list[bytes]:
        """After the inbox could not take it: try again, or, for what is wrong with the message itself, do not."""
        outcome = Outcome.REJECT if isinstance(error, BadInput) else Outcome.ERROR
        return self._all(head, outcome, Complaint(error.code, error.sentence))

    def refusal(self, head: Header, problem: str) -> list[bytes]:
        """Without asking the inbox: it cannot be taken in this form, however often it is sent."""
        return self._all(head, Outcome.REJECT, _PROBLEMS[problem])

    def _all(self, head: Header, outcome: Outcome, complaint: Complaint | None) -> list[bytes]:
        return [self._one(head, code, complaint) for code in answers(head, outcome)]

    def _one(self, head: Header, code: Ack, complaint: Complaint | None) -> bytes:
        number = f"{self._prefix}{next(self._numbers):X}"
        return acknowledge(head, code, at=self._clock.now(), control_id=number, complaint=complaint)


def _mould(head: Header, at: datetime) -> list[bytes]:
    """An AA to such a header, cut in three where the two control ids stand; in more parts where one of the names stands elsewhere too."""
    fields = (*head.fields[:9], _NAME, *head.fields[10:])
    whole = acknowledge(replace(head, control_id=_NAME, fields=fields), Ack.AA, at=at, control_id=_NUMBER)
    return re.split(f"{_NUMBER}|{_NAME}".encode(), whole)


def problem_of(head: Header) -> str:
    """What keeps a message from being taken; empty for nothing."""
    return head.problem or ("hl7-control-id-long" if len(head.control_id) > _LONGEST_ID else "")


def telling(messages: Sequence[bytes]) -> bytes:
    """Of several acknowledgements the one that says most: the last is the application's."""
    return messages[-1] if messages else b""
