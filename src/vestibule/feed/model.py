"""What the feed is about, as plain data: who may send, which appointments count, and what became of a message."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.visits.model import Place

CHANNEL = "vestibule_feed"  # notified when something new stands in the inbox
CHANGED = "vestibule_feed_settings"  # notified when a port, a network or a certificate changed


class Via(StrEnum):
    """How a message came."""

    MLLP = "mllp"
    MLLPS = "mllps"
    HTTPS = "https"
    SIGNED = "signed"


class InboxState(StrEnum):
    """What became of a message.

    `late`: older than what is known already, and therefore not applied. `ignored`: no virtual visit, or nothing that concerns one.
    `dropped`: a person looked at it in quarantine and let it go. `expired`: its body was erased before anybody did.
    """

    NEW = "new"
    APPLIED = "applied"
    LATE = "late"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"
    DROPPED = "dropped"
    EXPIRED = "expired"


class RuleField(StrEnum):
    """What of an appointment a rule looks at."""

    APPOINTMENT_TYPE = "appointment_type"
    VISIT_TYPE = "visit_type"
    REASON = "reason"
    DEPARTMENT = "department"
    RESOURCE = "resource"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Rule:
    """Which appointments are virtual. The first rule that fits decides; where none fits, the appointment is not kept.

    Attributes:
        matches: compared with the field's code and text, whole, without regard to case; `*` stands for anything. Ignored for ANY.
        virtual: False makes it a rule that says which appointments are not.
        place: where the patient of such a visit is.
    """

    field: RuleField
    matches: str = ""
    virtual: bool = True
    place: Place = Place.HOME


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """How a connection's feed is read.

    Attributes:
        csn_from: where the contact serial number stands: `sch-2`, `sch-1` or `pv1-19`.
        department_from: where the department stands: `pv1-3`, `ail-3`, `rgs-3`, `aig-3` or `none`.
        zone: the IANA zone of times without one where the department has none or is not known; empty to refuse such messages.
        region: of phone numbers without a country code, ISO 3166-1 alpha-2.
        raw_hours: how long the message itself is kept, at most 72.
        http_status: answer AR with 400 and AE with 500 over HTTPS, as some senders want it; otherwise always 200.
        plain_port: where this connection's plain MLLP is listened for; None for none.
        networks: from where plain MLLP is taken (CIDR).
    """

    connection: ConnectionId
    enabled: bool = False
    csn_from: str = "sch-2"
    department_from: str = "pv1-3"
    zone: str = ""
    region: str = "US"
    raw_hours: int = 72
    http_status: bool = False
    plain_port: int | None = None
    networks: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message is from, as its key or its port proves it.

    Attributes:
        certificate: None for plain MLLP.
        http_status: over HTTPS it wants AR and AE told by the status too.
    """

    tenant: TenantId
    connection: ConnectionId
    certificate: UUID | None = None
    http_status: bool = False


@dataclass(frozen=True, slots=True)
class PlainPort:
    """A port on which one connection's plain MLLP is taken, and from where."""

    port: int
    sender: Sender
    networks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came off a socket, with what was read of it to acknowledge it.

    Attributes:
        name: what `name_of` gives: two messages of one name must be one message.
    """

    sender: Sender
    via: Via
    control_id: str
    name: bytes
    body: bytes = field(repr=False)


def name_of(sender: Sender, application: str, facility: str, control_id: str) -> bytes:
    """SHA-256 of who sent a message and of its control id.

    Args:
        sender: as its key or port proves.
        application: the sending application (MSH-3), for several may stand behind one key and number their messages each for itself.
        facility: the sending facility (MSH-4).
        control_id: the message's (MSH-10).
    """
    return named(naming(sender, application, facility), control_id)


def naming(sender: Sender, application: str, facility: str) -> bytes:
    """What the names of all messages of one application begin with: see `name_of`."""
    said = f"{application}\0{facility}\0".encode("utf-8", "backslashreplace")
    return sender.tenant.bytes + sender.connection.bytes + said


def named(beginning: bytes, control_id: str) -> bytes:
    """`name_of` a message, when what its application's begin with is known."""
    return hashlib.sha256(beginning + control_id.encode("utf-8", "backslashreplace")).digest()


class Verdict(StrEnum):
    """What the inbox says to a message. It is durable when this is said."""

    TAKEN = "taken"  # new, committed
    AGAIN = "again"  # committed earlier, the same bytes
    CONFLICT = "conflict"  # its name belongs to other bytes; committed as quarantined


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A message as a person sees it in a list."""

    id: int
    connection: ConnectionId
    control_id: str
    via: Via
    state: InboxState
    event: str
    code: str
    size: int
    received_at: datetime
    processed_at: datetime | None
    has_body: bool
    twin: bool = False


@dataclass(frozen=True, slots=True)
class FeedCertificate:
    """A public key by which a sender proves itself, as it was uploaded.

    Attributes:
        key_hash: SHA-256 of its SubjectPublicKeyInfo: who shows it is known by this, never by a name in it.
        key: what kind of key it is, e.g. `RSA 2048`.
    """

    id: UUID
    connection: ConnectionId
    subject: str
    key: str
    key_hash: bytes
    not_before: datetime
    not_after: datetime
    added_at: datetime
