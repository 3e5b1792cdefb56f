"""What carriers' codes mean to us: the report's status, our own code, and what may follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vestibule.errors import NotAllowed, OutsideFailed, TooMany, Unavailable, VestibuleError
from vestibule.messages.model import MessageState, Receipt, Refused, Status

SEND: Final = "message.send"
HOOK: Final = "message.hook"
CHECK: Final = "message.check"
NUMBERS: Final = "message.numbers"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code means.

    Attributes:
        status: in the report.
        code: ours; documented in docs/reference/errors.md.
        permanent: sending it again could not help.
        opted_out: this person does not want messages from this sender.
        elsewhere: another account might take it.
    """

    status: Status
    code: str
    permanent: bool = True
    opted_out: bool = False
    elsewhere: bool = False

    def refused(self) -> Refused:
        """As the answer to a message that was given to the carrier."""
        return Refused(self.status, self.code, opted_out=self.opted_out, elsewhere=self.elsewhere)

    def failed(self, carrier_id: str, message: UUID | None = None) -> Receipt:
        """As what became of a message that the carrier had taken."""
        failed = MessageState.FAILED
        return Receipt(carrier_id, failed, self.status, self.code, permanent=self.permanent, opted_out=self.opted_out, message=message)


INVALID: Final = Meaning(Status.INVALID_NUMBER, "carrier-invalid-number")
NO_SUCH: Final = Meaning(Status.NO_SUCH_NUMBER, "carrier-no-such-number")
BLOCKED: Final = Meaning(Status.BLOCKED_NUMBER, "carrier-blocked-number")
UNREACHABLE: Final = Meaning(Status.UNREACHABLE, "carrier-unreachable-number", permanent=False)
NOT_A_PHONE: Final = Meaning(Status.UNREACHABLE, "carrier-not-a-mobile")
SPAM: Final = Meaning(Status.SPAM, "carrier-spam")
OPTED_OUT: Final = Meaning(Status.BLOCKED_BY_RECIPIENT, "carrier-opted-out", opted_out=True)
REGION: Final = Meaning(Status.RECIPIENT_BLOCKED, "carrier-region-off", elsewhere=True)
SENDER_UNKNOWN: Final = Meaning(Status.OTHER, "carrier-sender-unknown", elsewhere=True)
SENDER_UNVERIFIED: Final = Meaning(Status.OTHER, "carrier-sender-unverified", elsewhere=True)
NOT_SIGNED_IN: Final = Meaning(Status.OTHER, "carrier-not-signed-in", elsewhere=True)
SUSPENDED: Final = Meaning(Status.OTHER, "carrier-account-suspended", elsewhere=True)
NO_FUNDS: Final = Meaning(Status.OTHER, "carrier-no-funds", elsewhere=True)
MISCONFIGURED: Final = Meaning(Status.OTHER, "carrier-address-wrong", elsewhere=True)
MESSAGE_WRONG: Final = Meaning(Status.OTHER, "carrier-message-wrong")
LIMIT: Final = Meaning(Status.OTHER, "carrier-limit", permanent=False, elsewhere=True)
PASSING: Final = Meaning(Status.OTHER, "carrier-failed", permanent=False)
REFUSED: Final = Meaning(Status.OTHER, "carrier-refused", elsewhere=True)
WITHDRAWN: Final = Meaning(Status.OTHER, "carrier-withdrawn")


def busy(wait: float | None, phase: str = SEND) -> TooMany:
    """The carrier wants us slower."""
    return TooMany("carrier-busy", "The carrier asks us to go slower.", phase=phase, retry_after=wait)


def unavailable(wait: float | None = None, phase: str = SEND) -> Unavailable:
    """The carrier says itself that it cannot do it now."""
    return Unavailable("carrier-unavailable", "The carrier cannot do it now.", phase=phase, retry_after=wait)


def unreachable(wait: float | None = None, phase: str = SEND) -> Unavailable:
    """Nobody was asked."""
    return Unavailable("carrier-unreachable", "The carrier cannot be reached.", phase=phase, retry_after=wait)


def lost(phase: str = SEND) -> OutsideFailed:
    """It was asked, and what came back is no answer: nobody knows whether it was done."""
    return OutsideFailed("carrier-answer-lost", "The carrier's answer was lost.", phase=phase, permanent=False)


def senseless(phase: str = SEND) -> OutsideFailed:
    """It answered something that no carrier of this kind says."""
    return OutsideFailed("carrier-answer-senseless", "The carrier's answer makes no sense.", phase=phase, permanent=False)


def no(meaning: Meaning) -> Refused:
    """The carrier's no to a message it was given: for good as an answer, for now as an error; it has not been sent either way.

    Raises:
        TooMany: this sender has said enough for a while.
        Unavailable: the carrier has a fault that passes.
    """
    if meaning.permanent:
        return meaning.refused()
    raise busy(None) if meaning is LIMIT else unavailable()


def forged() -> NotAllowed:
    """A request without proof."""
    return NotAllowed("carrier-hook-forged", "This request does not come from the carrier.", phase=HOOK)


def not_signed_in(meaning: Meaning, phase: str = CHECK) -> VestibuleError:
    """The account is not one that may send: as an error, where nothing was to be sent."""
    if meaning is SUSPENDED:
        return NotAllowed("carrier-account-suspended", "The carrier has suspended this account.", phase=phase)
    return NotAllowed("carrier-not-signed-in", "The carrier does not accept this account's name and secret.", phase=phase)
