"""What one message says of one appointment, as this connection's settings read it. Pure.

notice -> which appointment (names), where (department), when (zone), who can be reached how
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from vestibule.errors import BadInput
from vestibule.feed.model import FeedSettings
from vestibule.feed.ordering import Word, tie
from vestibule.feed.rules import Ruling, rule_on, said
from vestibule.kit.ids import ConnectionId
from vestibule.kit.phone import e164
from vestibule.protocols.hl7v2 import choose_email, choose_phone, interval, language_tag, resolve
from vestibule.protocols.hl7v2.notice import Named, Notice, Stamp
from vestibule.tenancy.model import Department
from vestibule.visits.model import Identifier
from vestibule.visits.service import Contact

PHASE: Final = "feed.read"
_LONGEST: Final = 200
# How long an appointment is taken to last whose length nobody says, where it matters whether it is past.
_USUAL: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """An appointment as a message tells it.

    Attributes:
        identifiers: its names in the record; the first is the one that every message about it has.
        word: the message's place among those about the same appointment.
        ruling: what the connection's rules say of it.
        silent: the message says nothing that any rule looks at.
        department: None where it is not known, or the message does not say.
        starts_at: None where the message does not say, which only a cancel may.
        contact: what it says of how the patient can be reached; `forgets` names what it says is to be deleted.
        name: the patient's, for staff.
    """

    event: str
    identifiers: tuple[Identifier, ...]
    word: Word
    ruling: Ruling
    silent: bool
    department: Department | None
    starts_at: datetime | None
    ends_at: datetime | None
    contact: Contact
    forgets: frozenset[str] = frozenset()
    name: str = field(default="", repr=False)

    @property
    def key(self) -> str:
        """What the appointment is called wherever one name is enough."""
        first = self.identifiers[0]
        return f"{first.system}:{first.value}"

    @property
    def over_at(self) -> datetime | None:
        """When it is past."""
        return self.ends_at or (self.starts_at + _USUAL if self.starts_at else None)


def department_name(notice: Notice, settings: FeedSettings) -> str:
    """What the record calls the appointment's department, from where the settings say; empty where it does not stand there."""
    found = {
        "pv1-3": [notice.department.code],
        "rgs-3": [one.code for one in notice.groups],
        "ail-3": [one.id.code for one in notice.resources if one.segment == "AIL"],
        "aig-3": [one.id.code for one in notice.resources if one.segment == "AIG"],
    }.get(settings.department_from, [])
    return next((name[:_LONGEST] for name in found if name), "")


def read(notice: Notice, settings: FeedSettings, department: Department | None, received_at: datetime) -> Reading:
    """The appointment in a message.

    Args:
        notice: the message.
        settings: of its connection.
        department: the one the message names, where it is known.
        received_at: when it came: the time of a message that has none, and what decides between two readings of a local time.

    Raises:
        BadInput: `hl7-appointment-nameless`, `hl7-no-start`, and what `resolve` raises where the zone is not known.
    """
    word = Word(notice.status, _said_at(notice, settings, received_at), tie(notice.event, notice.control_id))
    starts_at, ends_at = _times(notice, settings, department)
    return Reading(
        event=notice.event,
        identifiers=_identifiers(notice, settings),
        word=word,
        ruling=rule_on(settings.rules, notice),
        silent=not any(coded.code or coded.text for rule in settings.rules for coded in said(rule.field, notice)),
        department=department,
        starts_at=starts_at,
        ends_at=ends_at,
        contact=_contact(notice, settings),
        forgets=_forgets(notice),
        name=" ".join(part for part in (notice.given, notice.family) if part),
    )


def needs_start(reading: Reading) -> Reading:
    """The reading, when it says from when on.

    Raises:
        BadInput: `hl7-no-start`.
    """
    if reading.starts_at is None:
        raise BadInput("hl7-no-start", "The message does not say when the appointment begins.", phase=PHASE)
    return reading


def _identifiers(notice: Notice, settings: FeedSettings) -> tuple[Identifier, ...]:
    """Every name of the appointment that is worth something.

    The filler's comes first: SCH-2 is what the application that keeps the schedule calls it. The placer's counts where it says who gave it,
    or where there is no other: several real senders write `1` there for every appointment.
    """
    csn = {"sch-1": notice.placer, "sch-2": notice.filler, "pv1-19": notice.visit_number}[settings.csn_from]
    found = [("filler", _value(notice.filler)), ("csn", csn.id)]
    if notice.placer.authority or not (notice.filler.id or csn.id):
        found.append(("placer", _value(notice.placer)))
    named = [_identifier(settings.connection, system, value) for system, value in found if value]
    if not named:
        raise BadInput("hl7-appointment-nameless", "The message does not say which appointment it is about.", phase=PHASE)
    return tuple(named)


def _identifier(connection: ConnectionId, system: str, value: str) -> Identifier:
    if len(value) > _LONGEST:
        raise BadInput("hl7-appointment-nameless", "The appointment's id is longer than any id.", phase=PHASE)
    return Identifier(connection, system, value)


def _value(named: Named) -> str:
    return f"{named.id}^{named.authority}" if named.id and named.authority else named.id


def _times(notice: Notice, settings: FeedSettings, department: Department | None) -> tuple[datetime | None, datetime | None]:
    return interval(notice, department.zone if department else settings.zone)


def _said_at(notice: Notice, settings: FeedSettings, received_at: datetime) -> datetime:
    """When what the message says was so: EVN-2, else MSH-7, by the sender's clock; else when it came.

    A department's zone plays no part: all of a sender's messages must be measured by one clock.
    """
    stamp = notice.happened_at or notice.sent_at
    if stamp is None:
        return received_at
    return _nearest(stamp, settings.zone or "UTC", received_at)


def _nearest(stamp: Stamp, zone: str, received_at: datetime) -> datetime:
    """The instant; in the hour that comes twice in autumn, the one nearer to when the message came."""
    first = resolve(stamp, zone)
    if stamp.offset_minutes is not None:
        return first
    again = first + timedelta(hours=1)
    if _wall(again, zone) != stamp.local:
        return first
    return min(first, again, key=lambda at: abs(at - received_at))


def _wall(at: datetime, zone: str) -> datetime:
    """What the clock on the wall shows."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _contact(notice: Notice, settings: FeedSettings) -> Contact:
    """Numbers that are none are left out: better no message than one to a stranger."""
    phone = choose_phone(notice.telecoms)
    return Contact(e164(phone, settings.region) if phone else "", choose_email(notice.telecoms), language_tag(notice.language))


def _forgets(notice: Notice) -> frozenset[str]:
    """What the message deletes (HL7 v2 2.5.3): what it merely does not say stays as it was."""
    told = {"PID-13": ("phone", "email"), "PID-15": ("language",), "PID-40": ("phone", "email")}
    return frozenset(part for place in notice.deleted for part in told.get(place, ()))


def merged(known: Contact | None, reading: Reading) -> Contact:
    """How the patient can be reached now that this was said too."""
    was, now = known or Contact(), reading.contact
    parts = {name: getattr(now, name) or ("" if name in reading.forgets else getattr(was, name)) for name in ("phone", "email", "language")}
    return Contact(**parts)


def says_all(reading: Reading) -> bool:
    """Nothing of the contact known so far could stay."""
    now: Sequence[str] = (reading.contact.phone, reading.contact.email, reading.contact.language)
    return all(now)
