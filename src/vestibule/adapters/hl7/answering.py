"""What a sender is answered: the verdict of the inbox, or what went wrong, as acknowledgements."""

from __future__ import annotations

from collections.abc import Sequence
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
_LONGEST_ID = 199  # HL7 v2.7 and later; earlier versions allow 20


class Answers:
    """Writes acknowledgements; each has a control id of its own."""

    def __init__(self, clock: Clock) -> None:
        """Date them by `clock`."""
        self._clock = clock
        self._prefix = new_id().hex[-8:].upper()
        self._numbers = count(1)

    def verdict(self, head: Header, verdict: Verdict) -> list[bytes]:
        """After the inbox has spoken."""
        if verdict is Verdict.CONFLICT:
            return self._all(head, Outcome.ERROR, _REUSED)
        return self._all(head, Outcome.OK, None)

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


def problem_of(head: Header) -> str:
    """What keeps a message from being taken; empty for nothing."""
    return head.problem or ("hl7-control-id-long" if len(head.control_id) > _LONGEST_ID else "")


def telling(messages: Sequence[bytes]) -> bytes:
    """Of several acknowledgements the one that says most: the last is the application's."""
    return messages[-1] if messages else b""
