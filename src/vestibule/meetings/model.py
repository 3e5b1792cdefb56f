"""Meetings elsewhere, as plain data: how an organisation is connected to its Microsoft 365, a meeting, who is in it, what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.visits.model import MeetingKind, Opens

# Kinds of effects on the meeting's side; their lane is `meeting` for each visit, so that they happen in order.
MAKE: Final = "meeting.make"
MOVE: Final = "meeting.move"
SHUT: Final = "meeting.shut"
DELETE: Final = "meeting.delete"
DESTINATION: Final = "meeting"
# Microsoft's published limit: meetings a user may have made in a month (Graph throttling limits, "meeting information").
MONTHLY_LIMIT: Final = 2_000


class ProofKind(StrEnum):
    """How we prove ourselves at Microsoft's token endpoint."""

    CERTIFICATE = "certificate"
    SECRET = "secret"  # noqa: S105  the kind's name


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator sets.

    Attributes:
        directory: the Microsoft 365 tenant, as a GUID.
        client_id: our application there.
        secret: where the proof is one.
        default_host: the Entra object id of who organises where no clinician is known; empty for nobody.
        teams_lobby: Teams' own lobby also holds people who were admitted in ours.
        recording: meetings are recorded from the start.
        announce: Teams announces who comes and goes.
        revision: grows with every change; whoever saves says which one they looked at.
        test_code: what the last test of the connection said; empty when all was well, or when nobody tested (`tested_at` is None then).
    """

    kind: MeetingKind = MeetingKind.ROOM
    directory: str = ""
    client_id: str = ""
    proof: ProofKind = ProofKind.CERTIFICATE
    secret: str = field(default="", repr=False)
    default_host: str = ""
    teams_lobby: bool = False
    recording: bool = False
    announce: bool = False
    opens: Opens = Opens.WINDOW
    revision: int = 0
    tested_at: datetime | None = None
    test_code: str = ""

    @property
    def connected(self) -> bool:
        """Whether enough is entered to ask Microsoft for anything."""
        return bool(self.directory and self.client_id)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair of ours with its certificate.

    Attributes:
        id: what we call it towards Microsoft (`encryptionCertificateId`); at most 128 characters.
        private: the private key, PKCS#8 DER.
        certificate: X.509, DER.
    """

    id: str
    private: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    made_at: datetime
    not_after: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An organisation's Microsoft 365, ready to be asked: what every call of `Cloud` takes first.

    Attributes:
        key: with which we prove ourselves, where the proof is a certificate.
    """

    tenant: TenantId
    directory: str
    client_id: str
    proof: ProofKind
    secret: str = field(default="", repr=False)
    key: KeyPair | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """The meeting we want.

    Attributes:
        external_id: our visit's id: asking again finds the first.
        organizer: Entra object id.
        subject: says nothing of anybody.
        presenters: further object ids that are presenters.
    """

    external_id: str
    organizer: str
    subject: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    teams_lobby: bool = False
    recording: bool = False
    announce: bool = False
    presenters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A meeting as Microsoft keeps it.

    Attributes:
        join_url: for people with an account there, and the name by which notifications and call records call it.
        visitor_url: takes somebody without an account into the meeting in their browser; `join_url` where there is no better one.
    """

    id: str
    join_url: str = field(repr=False)
    visitor_url: str = field(repr=False)
    new: bool = True


class MeetingState(StrEnum):
    """How far a meeting is."""

    WANTED = "wanted"
    MADE = "made"
    FAILED = "failed"
    SHUT = "shut"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Meeting:
    """A visit's meeting elsewhere, as we keep it.

    Attributes:
        code: why it could not be made, where it could not.
        look_at: when somebody should look what is left to do after it: the report, the quality, the subscription's end.
    """

    visit: VisitId
    state: MeetingState
    code: str = ""
    organizer: str = ""
    meeting_id: str = ""
    join_url: str = field(default="", repr=False)
    visitor_url: str = field(default="", repr=False)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    wanted_at: datetime | None = None
    made_at: datetime | None = None
    round: int = 0
    call_started_at: datetime | None = None
    call_ended_at: datetime | None = None
    heard_at: datetime | None = None
    delayed_at: datetime | None = None
    delay_code: str = ""
    look_at: datetime | None = None
    looks: int = 0
    settled_at: datetime | None = None
    quality_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """Somebody of the record, and who they are in the Microsoft directory. Ids only.

    Attributes:
        person: the EHR's user id.
        object_id: Entra's.
    """

    id: UUID
    person: str = field(repr=False)
    object_id: str
    bound_at: datetime
    used_at: datetime | None = None


# ---------------------------------------------------------------------- what Microsoft tells while it goes on


class IdentityKind(StrEnum):
    """As what somebody is in a meeting."""

    USER = "user"  # with an account in a directory
    GUEST = "guest"  # without one: came by the browser or an app, gave a name
    PHONE = "phone"
    APPLICATION = "application"  # a bot, a recorder
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody in a meeting is, as Microsoft says.

    Attributes:
        id: the object id of a user; for others a name that lasts as long as the meeting.
        name: what they call themselves; used to find out who they are, and kept nowhere.
        directory: of a user.
    """

    kind: IdentityKind
    id: str = ""
    name: str = field(default="", repr=False)
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One line of a roster notification.

    Attributes:
        id: of this person's presence in the call; the same until they leave.
        gone: they have left, or became inactive.
        sequence: the roster's own number, where it has one.
    """

    id: str
    identity: Identity
    in_lobby: bool = False
    gone: bool = False
    sequence: int | None = None


class CallEventKind(StrEnum):
    """What a notification is about."""

    STARTED = "started"
    ENDED = "ended"
    ROSTER = "roster"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CallEvent:
    """A notification, verified and opened.

    Attributes:
        id: the event's own, where it has one.
        at: when it happened there; None where it does not say.
        people: those who changed.
    """

    kind: CallEventKind
    id: str = ""
    at: datetime | None = None
    people: Sequence[Seen] = ()


class Lifecycle(StrEnum):
    """What Microsoft says of a subscription itself."""

    REAUTHORIZE = "reauthorizationRequired"
    REMOVED = "subscriptionRemoved"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription as Microsoft keeps it."""

    id: str
    expires_at: datetime


# ---------------------------------------------------------------------- what it tells afterwards


@dataclass(frozen=True, slots=True)
class Attended:
    """One record of an attendance report: somebody, and when they were there."""

    identity: Identity
    role: str
    intervals: Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class Report:
    """An attendance report: one for each time the meeting ended."""

    id: str
    started_at: datetime
    ended_at: datetime
    people: int
    records: Sequence[Attended] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """One person's connection in a call record, reduced to numbers.

    Attributes:
        seat: its place in the record.
        measures: e.g. `audio_jitter_ms`, `audio_loss`, `video_fps`, `rtt_ms`, `network` (`wifi`, `wired`, `mobile`), `platform`: no
            address of a network or a machine.
    """

    seat: int
    identity: Identity
    began_at: datetime | None
    over_at: datetime | None
    measures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call record of one meeting."""

    id: str
    version: int
    legs: Sequence[Leg] = ()


# ---------------------------------------------------------------------- looking whether it would work


@dataclass(frozen=True, slots=True)
class Judged:
    """One thing looked at, for pages that must not know the doctor: its words are the doctor's.

    Attributes:
        level: `good`, `look`, `stops`.
        docs: where the runbook speaks of it.
    """

    level: str
    code: str
    what: str
    remedy: str = ""
    docs: str = ""


@dataclass(frozen=True, slots=True)
class OrganizerSeen:
    """How one organizer stands.

    Attributes:
        object_id: whom we asked about.
        code: empty when a meeting could be made for them; else e.g. `teams-policy-missing`, `teams-licence-missing`, `teams-user-unknown`.
        made: how many meetings of this month.
    """

    object_id: str
    code: str = ""
    made: int = 0


@dataclass(frozen=True, slots=True)
class CloudSeen:
    """What asking Microsoft showed.

    Attributes:
        signed_in: a token was given; else `code` says why not.
        permissions: the application permissions in the token.
        clock_skew: seconds by which Microsoft's clock is ahead of ours.
        proof_ends: when the certificate by which we prove ourselves ends.
    """

    signed_in: bool
    code: str = ""
    what: str = ""
    permissions: frozenset[str] = frozenset()
    clock_skew: float | None = None
    proof_ends: datetime | None = None
    notify_ends: datetime | None = None
    organizers: Sequence[OrganizerSeen] = ()
    premium: bool | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """Somebody whom we gave the way into the meeting.

    Attributes:
        identity: a keyed hash of their account, where we know it.
    """

    participant: ParticipantId
    given_at: datetime
    identity: bytes | None = field(default=None, repr=False)
