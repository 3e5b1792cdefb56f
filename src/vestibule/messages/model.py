"""Messages to patients as plain data: what for, by which way, how far they have come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from vestibule.kit.ids import ConnectionId, EffectId, ParticipantId, TenantId, VisitId
from vestibule.visits.model import Place

KIND = "message.send"  # of effects


class Channel(StrEnum):
    """By which way."""

    SMS = "sms"
    EMAIL = "email"


class Purpose(StrEnum):
    """What a message is for."""

    SCHEDULED = "scheduled"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    REMINDER = "reminder"
    DIRECT = "direct"


class MessageState(StrEnum):
    """How far a message has come.

    `unknown`: it was given to the carrier and the answer was lost; a receipt or a person decides, and it is never sent again blindly.
    """

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


# It has been told, or may have been.
GIVEN = frozenset({MessageState.SENDING, MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNKNOWN})


class Status(StrEnum):
    """What the SMS report says of a message; the published values."""

    SENT = "sent"
    BLOCKED_BY_RECIPIENT = "blocked_by_recipient"
    INVALID_NUMBER = "invalid_number"
    NO_SUCH_NUMBER = "no_such_number"
    BLOCKED_NUMBER = "blocked_number"
    UNREACHABLE = "unreachable"
    SPAM = "spam"
    RECIPIENT_BLOCKED = "recipient_blocked"
    OTHER = "other"


class CarrierKind(StrEnum):
    """Whose interface an account speaks."""

    TWILIO = "twilio"
    AZURE = "azure"
    SMTP = "smtp"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's account at a carrier.

    Attributes:
        endpoint: base URL, or `host:port` of a mail server; empty for the carrier's usual one.
        user: account SID, resource name, or user of a mail server.
        secret: auth token, access key (base64), password.
        hook_secret: what its receipts are proved by, where that is not `secret`.
        order: accounts of lower numbers are tried first.
        settings: what only this kind of carrier has, e.g. Twilio's `messaging_service_sid`, SMTP's `tls`: `starttls|implicit|none`.
    """

    id: UUID
    tenant: TenantId
    kind: CarrierKind
    name: str
    endpoint: str = ""
    user: str = ""
    secret: str = field(default="", repr=False)
    hook_secret: str = field(default="", repr=False)
    order: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)


class Verification(StrEnum):
    """How far a toll-free number's verification has come; carriers filter what is not verified."""

    NOT_NEEDED = "not_needed"
    UNVERIFIED = "unverified"
    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Sender:
    """A number or address that messages come from.

    Attributes:
        address: E.164, a short code, an alphanumeric sender, or an e-mail address.
        per_minute: how many messages the carrier takes from it in a minute; never more are sent.
        excluded: prefixes of numbers that are never texted from here, e.g. `+1900`.
    """

    id: UUID
    account: Account
    channel: Channel
    address: str
    name: str = ""
    per_minute: int = 200
    verification: Verification = Verification.NOT_NEEDED
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What is sent for the appointments of one connection (one FHIR base URL).

    Attributes:
        consented: both boxes of the wizard were ticked; without them nothing is sent.
        reminders: minutes before the start, each one reminder.
        gap_minutes: a reminder that would come so soon after the patient was told, or before another reminder, is not sent.
        quiet_from, quiet_to: local wall clock of the appointment's place, between which nothing is sent; equal for none.
        language: of patients of whom none is known.
        channels: in which a patient who can be reached by both is written to.
    """

    connection: ConnectionId
    consented: bool = False
    on_scheduled: bool = True
    on_updated: bool = True
    on_cancelled: bool = True
    reminders: tuple[int, ...] = (1440, 60)
    quiet_from: time = time(21, 0)
    quiet_to: time = time(8, 0)
    gap_minutes: int = 5
    language: str = "en"
    channels: tuple[Channel, ...] = (Channel.SMS,)
    revision: int = 0

    @property
    def active(self) -> bool:
        """Whether anything is sent at all."""
        return self.consented and bool(self.channels)


@dataclass(frozen=True, slots=True)
class Wording:
    """The text of a message with its placeholders: `{organisation} {day} {time} {zone} {link} {phone}`, and no others.

    Attributes:
        subject: of an e-mail; empty for SMS.
    """

    purpose: Purpose
    channel: Channel
    language: str
    place: Place
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The appointment as an attachment of an e-mail (RFC 5545, METHOD REQUEST or CANCEL).

    Attributes:
        uid: the same for every message about one appointment.
        sequence: grows with every change.
    """

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    summary: str
    url: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it is given to a carrier.

    Attributes:
        id: ours; carriers that honour a key are shown it.
        hook_url: where receipts are to go; empty for none.
    """

    id: UUID
    sender: Sender
    to: str = field(repr=False)
    text: str = field(repr=False)
    subject: str = ""
    calendar: Calendar | None = None
    hook_url: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier has taken it. `final` where no receipt will follow."""

    carrier_id: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier said no, and would say it again.

    Attributes:
        code: ours, e.g. `carrier-invalid-number`; documented.
        opted_out: the carrier says that this person does not want messages from this sender.
        elsewhere: another account might take it: the fault is ours or this carrier's (wrong key, no funds, sender unknown).
    """

    status: Status
    code: str
    opted_out: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a carrier says afterwards of a message it took.

    Attributes:
        state: ACCEPTED (on its way), DELIVERED or FAILED.
        permanent: of a failure: sending it again could not help.
        message: ours, where the carrier gives it back: it names a message whose answer was lost, and one whose answer is still on its way.
    """

    carrier_id: str
    state: MessageState
    status: Status = Status.SENT
    code: str = ""
    permanent: bool = True
    opted_out: bool = False
    message: UUID | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text from a patient's phone. Only keywords are acted on; the text itself is not kept."""

    sender_address: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    carrier_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept: ids, times and codes; nothing of the patient.

    Attributes:
        key: one message a (tenant, key): what it is for, of which appointment time, by which channel.
        about: the appointment's start that it speaks of.
        minutes: of a reminder, how long before.
        due_at: when it is to go.
        test: for a test recipient; never reached a carrier.
        place: where the patient is during the visit, as the message says it.
        nth: of a confirmation: how many had been given before it, so that moving there and back again is told again.
        turn: its place in the order in which messages were given to carriers, whatever clocks did meanwhile; 0 before that.
        tries: how often it was sent again after a failure that might pass.
        round: how often it was planned; each time has an effect of its own.
        account: through which it went.
        carrier_id: what the carrier calls it.
        language: the one somebody chose for it; empty for the patient's own.
    """

    id: UUID
    tenant: TenantId
    visit: VisitId
    participant: ParticipantId
    connection: ConnectionId | None
    purpose: Purpose
    channel: Channel
    key: str
    state: MessageState
    due_at: datetime
    about: datetime | None = None
    minutes: int = 0
    status: Status | None = None
    code: str = ""
    sender: UUID | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    segments: int = 0
    test: bool = False
    place: Place = Place.HOME
    nth: int = 0
    turn: int = 0
    tries: int = 0
    round: int = 1
    account: UUID | None = None
    carrier_id: str = ""
    effect: EffectId | None = None
    planned_at: datetime | None = None
    language: str = ""

    @property
    def given(self) -> bool:
        """Whether the patient has been told by it, or may have been."""
        return self.state in GIVEN
