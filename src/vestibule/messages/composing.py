"""A text that a clinician sends by hand: whom it may go to, how it will read, and what became of those sent before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from vestibule.errors import BadInput, Conflict
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, ParticipantId, VisitId
from vestibule.kit.phone import e164, mask
from vestibule.kit.smstext import Segments, segments
from vestibule.messages.model import Channel, Message, Policy, Purpose
from vestibule.messages.readymade import LANGUAGE_NAMES, LANGUAGES, nearest
from vestibule.messages.rendering import Facts, render
from vestibule.messages.setting import MessageSettings
from vestibule.platform.audit import Actor
from vestibule.platform.db import Tx
from vestibule.tenancy.model import Tenant
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import Participant, PersonRole, Visit
from vestibule.visits.service import Contact, Visits

PHASE: Final = "messages.direct"
_CODE: Final = "x" * 24  # as long as the link's own code, which is made for the message that is sent; shown as …
_SHOWN: Final = 6

# In which country a number without its code is, for a connection (ISO 3166-1 alpha-2).
Regions = Callable[[Tx, ConnectionId], Awaitable[str]]


class ByHand(Protocol):
    """What composing needs of whoever plans messages."""

    async def send_direct(
        self, tx: Tx, visit: VisitId, participant: ParticipantId, *, phone: str = "", language: str = "", by: Actor
    ) -> Message:
        """Text the link to somebody's place now."""
        ...

    async def of_visit(self, tx: Tx, visit: VisitId) -> list[Message]:
        """What was planned and sent about a visit, the oldest first."""
        ...

    async def opted_out(self, tx: Tx, visit: VisitId) -> set[ParticipantId]:
        """Those of a visit's patients whose number wants no texts."""
        ...


@dataclass(frozen=True, slots=True)
class Whom:
    """A patient to whom it may go.

    Attributes:
        number: what may be shown of the number that came with the appointment; empty when none did.
        stopped: that number wants no texts.
    """

    id: ParticipantId
    name: str = field(repr=False)
    number: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """How it reads in one language."""

    language: str
    name: str
    text: str
    size: Segments


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the page shows.

    Attributes:
        ready: somebody is set up to send texts for this visit.
        language: the one that is chosen at first.
        sent: by hand, the newest first.
    """

    visit: Visit
    organisation: str
    support_phone: str
    zone: str
    people: tuple[Whom, ...]
    ready: bool
    language: str
    previews: tuple[Preview, ...]
    sent: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a clinician wants sent.

    Attributes:
        person: None for the only patient there is.
        phone: as typed; empty for the number that came with the appointment.
        keep: the typed number is the patient's from now on.
    """

    person: ParticipantId | None = None
    phone: str = field(default="", repr=False)
    keep: bool = False
    language: str = ""


class Composing:
    """Reads and sends. Methods take the caller's transaction, which is bound to the organisation."""

    def __init__(
        self, *, messages: ByHand, settings: MessageSettings, visits: Visits, tenancy: Tenancy, clock: Clock, regions: Regions, origin: str
    ) -> None:
        self._messages, self._settings, self._visits, self._tenancy = messages, settings, visits, tenancy
        self._clock, self._regions, self._origin = clock, regions, origin

    async def sheet(self, tx: Tx, visit: Visit) -> Sheet:
        """Everything about texting the patients of a visit."""
        organisation = await self._tenancy.tenant(tx)
        department = await self._tenancy.department(tx, visit.department) if visit.department else None
        known = {one.participant: one.contact for one in await self._visits.contacts.of_visit(tx, visit.id)}
        stopped = await self._messages.opted_out(tx, visit.id)
        patients = _patients(visit)
        spoken = next((known[one.id].language for one in patients if one.id in known and known[one.id].language), "")
        zone = department.zone if department else "UTC"
        policy = await self._settings.policy(tx, visit.connection) if visit.connection else None
        sent = [one for one in await self._messages.of_visit(tx, visit.id) if one.purpose is Purpose.DIRECT]
        return Sheet(
            visit=visit,
            organisation=organisation.name,
            support_phone=organisation.support_phone,
            zone=zone,
            people=tuple(_whom(one, known.get(one.id), stopped=one.id in stopped) for one in patients),
            ready=await self._ready(tx, visit, policy),
            language=nearest(spoken, policy.language if policy else "en"),
            previews=await self._previews(tx, visit, organisation, zone),
            sent=tuple(reversed(sent[-_SHOWN:])),
        )

    async def send(self, tx: Tx, visit: Visit, wish: Wish, *, by: Actor) -> Message:
        """Send it.

        Raises:
            BadInput: `message-phone-wrong`; `message-person-missing` when it is not said to which of several patients.
            Conflict: what planning refuses: no number, STOP, nobody set up, a visit that is over.
            TooMany: `message-direct-too-many`.
        """
        person = _person(visit, wish)
        typed = await self._number(tx, visit, wish.phone) if wish.phone.strip() else ""
        if typed and wish.keep:
            known = await self._visits.contacts.of(tx, person)
            await self._visits.contacts.note(tx, visit.id, person, replace(known.contact if known else Contact(), phone=typed))
        language = wish.language if wish.language in LANGUAGES else ""
        return await self._messages.send_direct(tx, visit.id, person, phone=typed, language=language, by=by)

    async def _number(self, tx: Tx, visit: Visit, typed: str) -> str:
        region = await self._regions(tx, visit.connection) if visit.connection else "US"
        number = e164(typed.strip(), region)
        if not number:
            raise BadInput("message-phone-wrong", "This is no complete telephone number.", phase=PHASE)
        return number

    async def _ready(self, tx: Tx, visit: Visit, policy: Policy | None) -> bool:
        if visit.connection is None or policy is None or not policy.consented:
            return False
        return bool(await self._settings.route(tx, visit.connection, Channel.SMS))

    async def _previews(self, tx: Tx, visit: Visit, organisation: Tenant, zone: str) -> tuple[Preview, ...]:
        if visit.connection is None:
            return ()
        starts_at, link = visit.starts_at or self._clock.now(), f"{self._origin}/j/{_CODE}"
        facts = Facts(organisation.name, starts_at, zone, link, organisation.support_phone)
        found = []
        for language in LANGUAGES:
            wording = await self._settings.wording(tx, visit.connection, language, Channel.SMS, Purpose.DIRECT, visit.place)
            text = render(wording, facts)
            found.append(Preview(language, LANGUAGE_NAMES[language], text.replace(_CODE, "…"), segments(text)))
        return tuple(found)


def _patients(visit: Visit) -> list[Participant]:
    return [one for one in visit.people if one.role is PersonRole.PATIENT]


def _whom(one: Participant, contact: Contact | None, *, stopped: bool) -> Whom:
    return Whom(one.id, one.name, mask(contact.phone) if contact and contact.phone else "", stopped)


def _person(visit: Visit, wish: Wish) -> ParticipantId:
    """One of the visit's patients."""
    patients = [one.id for one in _patients(visit)]
    if not patients:
        raise Conflict("message-no-patient", "Nobody is expected in this visit yet.", phase=PHASE)
    if wish.person is None and len(patients) == 1:
        return patients[0]
    if wish.person not in patients:
        raise BadInput("message-person-missing", "Say to which patient it shall go.", phase=PHASE)
    return wish.person
