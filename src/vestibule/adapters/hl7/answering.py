"""What a sender is answered: the verdict of the inbox, or what went wrong, as acknowledgements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from vestibule.errors import BadInput, VestibuleError
from vestibule.feed.model import Sender, Verdict, naming
from vestibule.kit.clock import Clock
from vestibule.kit.ids import new_id
from vestibule.protocols.hl7v2 import Ack, Complaint, Header, Outcome, acknowledge, answers, header
from vestibule.protocols.mllp import frame

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
_KINDS, _PARTS = 16, 3
_SECOND = timedelta(seconds=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER, _NAME = "Vestibule7number", "Vestibule7name"  # stand in a mould where the two control ids go
LONGEST_ID = 199  # HL7 v2.7 and later; earlier versions allow 20


class Kind:
    """What the messages of a sender have in common that differ in their time and control id alone: it is worked out once.

    Attributes:
        head: of one of them.
        beginning: of their names: see `naming`.
        at, until: the second for which the mould was made.
        mould: the positive acknowledgement as a block, cut where its own control id and that of the message go.
    """

    __slots__ = ("at", "beginning", "head", "mould", "until")

    def __init__(self, head: Header, sender: Sender) -> None:
        """Take a header."""
        self.head = head
        self.beginning = naming(sender, head.at(3), head.at(4))
        self.at = self.until = _LONG_AGO
        self.mould = _mould(head, self.at)

    @property
    def usual(self) -> bool:
        """A mould can stand for what `Answers.verdict` writes."""
        return len(self.mould) == _PARTS and (self.head.codec == "utf-8" or self.head.codec.startswith("iso8859"))

    def header(self, number: str) -> Header:
        """Of the message of this kind with that control id, but for its time."""
        return replace(self.head, control_id=number, fields=_numbered(self.head, number))


class Kinds:
    """The kinds of message of one connection."""

    def __init__(self) -> None:
        self._known: dict[bytes, Kind | None] = {}

    def of(self, glanced: bytes, body: bytes, sender: Sender) -> Kind | None:
        """The kind of a message; None when it is to be read and answered by itself.

        Args:
            glanced: what `glance` says of it.
            body: the message.
            sender: of everything on this connection.
        """
        try:
            return self._known[glanced]
        except KeyError:
            pass
        if len(self._known) >= _KINDS:
            self._known.clear()
        head = header(body)
        kind = None if problem_of(head) else Kind(head, sender)
        self._known[glanced] = kind = kind if kind and kind.usual else None
        return kind


class Answers:
    """Writes acknowledgements; each has a control id of its own."""

    def __init__(self, clock: Clock) -> None:
        """Date them by `clock`."""
        self._clock = clock
        self._prefix = new_id().hex[-8:].upper()
        self._prefix_bytes = self._prefix.encode()
        self._numbers = count(1)

    def verdict(self, head: Header, verdict: Verdict) -> list[bytes]:
        """After the inbox has spoken."""
        if verdict is Verdict.CONFLICT:
            return self._all(head, Outcome.ERROR, _REUSED)
        return self._all(head, Outcome.OK, None)

    def cast(self, kind: Kind, number: bytes) -> bytes:
        """The block that says yes to a message of a kind, by its control id: what `verdict` writes, made anew once a second only."""
        now = self._clock.now()
        if not kind.at <= now < kind.until:
            kind.at = now.replace(microsecond=0)
            kind.until = kind.at + _SECOND
            kind.mould = _mould(kind.head, now)
        one, two, three = kind.mould
        return b"%s%s%X%s%s%s" % (one, self._prefix_bytes, next(self._numbers), two, number, three)

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
    """The yes to such a header, cut in three where the two control ids stand; in other parts where it takes none or two, or where one of
    the names stands elsewhere too.
    """
    named = replace(head, control_id=_NAME, fields=_numbered(head, _NAME))
    whole = (frame(acknowledge(named, code, at=at, control_id=_NUMBER)) for code in answers(head, Outcome.OK))
    return re.split(f"{_NUMBER}|{_NAME}".encode(), b"".join(whole))


def _numbered(head: Header, number: str) -> tuple[str, ...]:
    return (*head.fields[:9], number, *head.fields[10:])


def problem_of(head: Header) -> str:
    """What keeps a message from being taken; empty for nothing."""
    return head.problem or ("hl7-control-id-long" if len(head.control_id) > LONGEST_ID else "")


def telling(messages: Sequence[bytes]) -> bytes:
    """Of several acknowledgements the one that says most: the last is the application's."""
    return messages[-1] if messages else b""
