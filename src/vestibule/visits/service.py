"""Visits: who comes, who waits, who is let in, and how it ends. Every step goes through the state tables and leaves an event.

All methods take the caller's transaction first and never commit. A step that has happened already changes nothing and says nothing;
one that cannot happen now is a Conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from vestibule.errors import BadInput, Conflict, NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, VisitId
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Tx
from vestibule.visits.appointments import Appointment, Appointments
from vestibule.visits.attending import Attending
from vestibule.visits.book import Book, Subscriber, about, tenant_of
from vestibule.visits.contacts import Contact, Contacts, Reach
from vestibule.visits.door import Door
from vestibule.visits.links import Link, Links
from vestibule.visits.lobby import CANNED, Window, WindowState, clean_checks, clean_name, join_window
from vestibule.visits.model import (
    ALREADY,
    NEEDS_DISCONNECT,
    EventKind,
    Identifier,
    Outcome,
    Participant,
    PersonRole,
    PersonState,
    Visit,
    VisitEvent,
    VisitState,
    decide_outcome,
)
from vestibule.visits.presence import Presence
from vestibule.visits.store import ContactStore, LinkStore, PresenceStore, VisitStore
from vestibule.visits.telling import MadeLink, Telling, WantedLink, Word

# What features above may use of us; the rest is our inside.
__all__ = ["Appointment", "Contact", "Link", "MadeLink", "Reach", "Visits", "WantedLink", "Window", "WindowState", "Word", "join_window"]

_PHASE = "visit.step"
_K = EventKind
_HERE = frozenset({PersonState.TESTING, PersonState.WAITING, PersonState.HELD})


class Visits:
    """The one way to change a visit."""

    def __init__(self, clock: Clock, box: SecretBox) -> None:
        self.store = VisitStore()
        self.book = Book(self.store, clock, box)
        self.presence = Presence(self.book, PresenceStore())
        self.links = Links(self.book, LinkStore())
        self.telling = Telling(self.book, LinkStore())
        self.contacts = Contacts(self.book, ContactStore())
        self.door = Door(self.book, self.contacts)
        self.appointments = Appointments(self.book, self.door)
        self.attending = Attending(self.book)
        self._clock = clock

    @property
    def subscribers(self) -> list[Subscriber]:
        """Called with every event, inside the transaction that writes it."""
        return self.book.subscribers

    # ------------------------------------------------------------------ finding

    async def get(self, tx: Tx, visit: VisitId, *, lock: bool = False) -> Visit:
        """The visit with everybody in it, or the older one it turned out to be; with `lock` nothing happens to it until the commit."""
        return await self.book.read(tx, visit, lock=lock)

    async def events(self, tx: Tx, visit: VisitId, *, after: int = 0, limit: int = 1000) -> list[VisitEvent]:
        """What happened, from a number on."""
        return await self.store.events(tenant_of(tx), tx, visit, after=after, limit=limit)

    async def identifiers(self, tx: Tx, visit: VisitId) -> list[Identifier]:
        """Every name the outside world has for a visit."""
        return await self.store.identifiers(tenant_of(tx), tx, visit)

    async def day(self, tx: Tx, department: DepartmentId | None, begin: datetime, end: datetime) -> list[Visit]:
        """A department's visits between two times, and those still open from before."""
        return await self.book.read_day(tx, await self.store.find_day(tenant_of(tx), tx, department, begin, end))

    async def find(self, tx: Tx, identifiers: Sequence[Identifier]) -> VisitId | None:
        """The visit that carries any of these names; None when nobody has come by any of them yet."""
        found = await self.store.find_by_identifiers(tenant_of(tx), tx, identifiers)
        return found[0] if found else None

    async def unfinished(self, tx: Tx, before: datetime, *, after: Visit | None = None, limit: int = 200) -> list[Visit]:
        """Visits whose time lies before and that nobody has ended, behind `after`; those people are still in are among them."""
        place = (after.starts_at or after.opened_at or after.created_at, after.id) if after and after.created_at else None
        return await self.book.read_day(tx, await self.store.find_unfinished(tenant_of(tx), tx, before, place, limit))

    # ------------------------------------------------------------------ coming

    async def open_or_join(
        self,
        tx: Tx,
        *,
        connection: ConnectionId | None,
        identifiers: Sequence[Identifier],
        role: PersonRole,
        person: str,
        person_type: str,
        name: str,
        department: DepartmentId | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        participant_key: str | None = None,
        leads: bool = False,
    ) -> tuple[Visit, Participant]:
        """The visit that carries any of the identifiers, or a new one, and this person's place in it.

        Several visits found are one visit, and are merged. The person is `expected` until they do something (`join`, `arrive`).

        Args:
            tx: bound to the tenant.
            connection: through which EHR connection they came.
            identifiers: whatever the launch knows the visit by; none makes a new visit.
            role: what they are in it.
            person: who they are to the record; sealed. Empty for who came by a link.
            person_type: what kind of id that is.
            name: to be shown to staff; sealed; erased at the end.
            department: whose board it stands on.
            starts_at: the appointment, where known; a later time than the known one is a reschedule.
            ends_at: likewise.
            participant_key: recognises somebody without a person id when they come again.
            leads: the record names them as the visit's provider.
        """
        visit = await self.door.meet(tx, connection, identifiers, department, starts_at, ends_at)
        return await self.door.seat(
            tx,
            visit,
            role=role,
            person=person,
            person_type=person_type,
            name=clean_name(name),
            participant_key=participant_key,
            leads=leads,
        )

    async def expect(
        self, tx: Tx, visit: VisitId | Visit, *, role: PersonRole, person: str, person_type: str, name: str = ""
    ) -> Participant:
        """Give somebody a place who has not come yet: the patient whom the clinician's launch names.

        A Visit that this transaction has just got from `open_or_join` is locked and need not be read again.
        """
        found = visit if isinstance(visit, Visit) else await self.book.read(tx, visit, lock=True)
        seated = await self.door.seat(
            tx, found, role=role, person=person, person_type=person_type, name=clean_name(name), participant_key=None
        )
        return seated[1]

    async def join_by_code(self, tx: Tx, code: str) -> tuple[Visit, Participant]:
        """Come in by a short link: each link is one person's place. Gone `link-over` when it is revoked or has expired."""
        link = await self.links.use(tx, code)
        visit = await self.book.read(tx, link.visit, lock=True)
        mine = visit.person(link.participant) if link.participant else None
        if mine is not None:
            return visit, mine
        return await self.door.seat(tx, visit, role=link.role, person="", person_type="", name="", participant_key=f"link:{link.id}")

    async def join(self, tx: Tx, visit: VisitId, participant: ParticipantId) -> Visit:
        """They are at the door, doing the device check."""
        return await self._step(tx, visit, participant, _K.JOINED)

    async def set_name(self, tx: Tx, visit: VisitId, participant: ParticipantId, name: str) -> Visit:
        """What they want to be called; BadInput `name-empty` when nothing is left of it."""
        clean = clean_name(name)
        if not clean:
            raise BadInput("name-empty", "Please type a name.", phase="lobby.name")
        found, who = await self._locked(tx, visit, participant)
        self._must_go_on(found)
        tenant = tenant_of(tx)
        sealed = self.book.box.seal(clean, about=about("name", tenant, who.id))
        await self.store.change_person(tenant, tx, who.id, name_sealed=sealed)
        if who.name != clean:
            found = await self.book.add(tx, found, _K.NAMED, who.id)
        people = tuple(replace(p, name=clean) if p.id == who.id else p for p in found.people)
        return replace(found, people=people)

    async def tested(self, tx: Tx, visit: VisitId, participant: ParticipantId, checks: Mapping[str, str]) -> Visit:
        """What their device check said; codes only."""
        return await self._step(tx, visit, participant, _K.TESTED, clean_checks(checks))

    async def arrive(self, tx: Tx, visit: VisitId, participant: ParticipantId) -> Visit:
        """They are in the waiting room; a provider is let in at once."""
        found, who = await self._locked(tx, visit, participant)
        if who.role is PersonRole.PROVIDER:
            return await self._apply(tx, found, who, _K.ADMITTED, {"by": str(who.id)})
        return await self._apply(tx, found, who, _K.ARRIVED, {})

    # ------------------------------------------------------------------ the clinician's steps

    async def admit(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, by: ParticipantId | None = None) -> Visit:
        """Let them in."""
        return await self._step(tx, visit, participant, _K.ADMITTED, _by(by))

    async def hold(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, by: ParticipantId | None = None) -> Visit:
        """Keep them waiting on purpose."""
        return await self._step(tx, visit, participant, _K.HELD, _by(by))

    async def put_back(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, by: ParticipantId | None = None) -> Visit:
        """Back into the waiting room; whoever is connected is disconnected first."""
        return await self._step(tx, visit, participant, _K.PUT_BACK, _by(by))

    async def remove(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, by: ParticipantId | None = None) -> Visit:
        """Out of the visit for good; a new link lets them in again as somebody new."""
        return await self._step(tx, visit, participant, _K.REMOVED, _by(by))

    async def message(
        self, tx: Tx, visit: VisitId, code: str, *, to: ParticipantId | None = None, by: ParticipantId | None = None
    ) -> Visit:
        """One of the clinic's ready-made sentences, to one person or to everybody who waits."""
        if code not in CANNED:
            raise BadInput("message-unknown", "There is no such message.", phase="visit.message")
        found = await self.book.read(tx, visit, lock=True)
        self._must_go_on(found)
        if to is not None:
            who = self._person(found, to)
            if who.state not in _HERE:
                raise Conflict("visit-step-impossible", "This person is not in the waiting room.", phase="visit.message")
            to = who.id
        return await self.book.add(tx, found, _K.MESSAGED, to, {"message": code, **_by(by)})

    # ------------------------------------------------------------------ the room

    async def connected(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, holder: str = "", lease_seconds: float = 20) -> Visit:
        """Their socket is up. `holder` names it and now owns their presence; it must `renew` before the lease runs out."""
        found, who = await self._locked(tx, visit, participant)
        self._must_go_on(found)
        after = await self._apply(tx, found, who, _K.CONNECTED, {})
        await self.presence.hold(tx, after.id, who.id, holder, lease_seconds)
        return after

    async def disconnected(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, holder: str | None = None) -> Visit:
        """Their socket is gone for good. Nothing happens when another holder has taken them over, or when it was said before."""
        found, who = await self._locked(tx, visit, participant)
        if holder is not None and await self.presence.taken_over(tx, who.id, holder):
            return found
        return await self._apply(tx, found, who, _K.DISCONNECTED, {})

    async def leave(self, tx: Tx, visit: VisitId, participant: ParticipantId) -> Visit:
        """They go; the visit goes on."""
        return await self._step(tx, visit, participant, _K.LEFT)

    # ------------------------------------------------------------------ the whole visit

    async def end_for_all(self, tx: Tx, visit: VisitId, *, by: ParticipantId | None = None, why: str = "") -> Visit:
        """End it: everybody connected is disconnected first, so that the record hears it, then names are erased.

        `why` is a code where no person did it: `time`.
        """
        found = await self.book.read(tx, visit, lock=True)
        if found.state is VisitState.ENDED:
            return found
        self._must_go_on(found)
        found = await self._disconnect_all(tx, found)
        outcome = found.outcome if found.outcome_by_person and found.outcome else decide_outcome(found)
        return await self._close(tx, found, _K.ENDED, {"outcome": outcome, **({"why": why} if why else {}), **_by(by)})

    async def cancel(self, tx: Tx, visit: VisitId, *, reason: str = "", by: ParticipantId | None = None) -> Visit:
        """It does not take place; `reason` is a code, e.g. `entered-in-error`."""
        found = await self.book.read(tx, visit, lock=True)
        if found.state is VisitState.CANCELLED:
            return found
        self._must_go_on(found)
        found = await self._disconnect_all(tx, found)
        return await self._close(tx, found, _K.CANCELLED, {**({"reason": reason} if reason else {}), **_by(by)})

    async def reschedule(self, tx: Tx, visit: VisitId, *, starts_at: datetime | None, ends_at: datetime | None = None) -> Visit:
        """It takes place at another time."""
        found = await self.book.read(tx, visit, lock=True)
        self._must_go_on(found)
        return await self.door.move(tx, found, starts_at, ends_at)

    async def mark_outcome(self, tx: Tx, visit: VisitId, outcome: Outcome, *, by: ParticipantId | None = None) -> Visit:
        """A person says what became of it; nothing automatic overwrites that."""
        found = await self.book.read(tx, visit, lock=True)
        if found.state is VisitState.CANCELLED:
            raise Conflict("visit-over", "A cancelled visit has no outcome.", phase="visit.outcome")
        if found.outcome_by_person and found.outcome is outcome:
            return found
        return await self.book.add(tx, found, _K.OUTCOME_MARKED, None, {"outcome": outcome, **_by(by)})

    async def unmark_outcome(self, tx: Tx, visit: VisitId) -> Visit:
        """What was said of its outcome holds no longer: what happens decides again. Nothing of a visit that is over, or was not marked."""
        found = await self.book.read(tx, visit, lock=True)
        if found.over or not found.outcome_by_person:
            return found
        return await self.book.add(tx, found, _K.OUTCOME_MARKED, None, {"outcome": ""})

    async def told_record(self, tx: Tx, visit: VisitId, participant: ParticipantId | None, body: Mapping[str, Any]) -> Visit:
        """The record has accepted something about them; `body` says which event (`of`) and which effect."""
        return await self.book.add(tx, await self.book.read(tx, visit, lock=True), _K.RECORD_TOLD, participant, body)

    async def record_failed(self, tx: Tx, visit: VisitId, participant: ParticipantId | None, body: Mapping[str, Any]) -> Visit:
        """The record would not; `body` says which event (`of`), which effect, and the error's code."""
        return await self.book.add(tx, await self.book.read(tx, visit, lock=True), _K.RECORD_FAILED, participant, body)

    async def erase_person_ids(self, tx: Tx, visit: VisitId) -> bool:
        """Forget who people were to the record, once nothing is owed to it. False, and nothing done, while the visit is not over."""
        found = await self.book.read(tx, visit, lock=True)
        if not found.over:
            return False
        await self.store.erase_persons(tenant_of(tx), tx, found.id)
        return True

    async def erase_persons_before(self, tx: Tx, before: datetime) -> int:
        """Forget who people were in visits that were over by then, even where something is still owed to the record; how many."""
        return await self.store.erase_persons_before(tenant_of(tx), tx, before)

    # ------------------------------------------------------------------ links

    async def make_link(
        self,
        tx: Tx,
        visit: VisitId,
        *,
        role: PersonRole,
        expires_at: datetime,
        by: ParticipantId | None = None,
        participant: ParticipantId | None = None,
    ) -> str:
        """A short link's code; only its hash is kept, so it is shown once. With a participant it leads to that person's place."""
        found = await self.book.read(tx, visit, lock=True)
        self._must_go_on(found)
        return (await self.links.make(tx, found, role=role, expires_at=expires_at, by=by, participant=participant))[0]

    async def revoke_link(self, tx: Tx, visit: VisitId, link: UUID, *, by: ParticipantId | None = None) -> Visit:
        """The link leads nowhere from now on."""
        return await self.links.revoke(tx, await self.book.read(tx, visit, lock=True), link, by=by)

    async def find_link(self, tx: Tx, code: str) -> Link:
        """What a code leads to, whatever has become of it; NotFound `link-unknown` for a code nobody made."""
        return await self.links.find(tx, code)

    # ------------------------------------------------------------------ inside

    async def _step(
        self, tx: Tx, visit: VisitId, participant: ParticipantId, kind: EventKind, body: Mapping[str, Any] | None = None
    ) -> Visit:
        found, who = await self._locked(tx, visit, participant)
        return await self._apply(tx, found, who, kind, body or {})

    async def _apply(self, tx: Tx, visit: Visit, who: Participant, kind: EventKind, body: Mapping[str, Any]) -> Visit:
        """One step of one person, with what must come before it; nothing when it has happened already."""
        if who.state in ALREADY.get(kind, frozenset()):
            return visit
        self._must_go_on(visit)
        if kind in NEEDS_DISCONNECT and who.state is PersonState.CONNECTED:
            visit = await self.book.add(tx, visit, _K.DISCONNECTED, who.id)
        if kind in {_K.JOINED, _K.ARRIVED, _K.ADMITTED} and visit.state is VisitState.SCHEDULED:
            visit = await self.book.add(tx, visit, _K.OPENED)
        visit = await self.book.add(tx, visit, kind, who.id, body)
        if kind in NEEDS_DISCONNECT or kind is _K.DISCONNECTED:
            await self.presence.release(tx, who.id)
        return visit

    async def _locked(self, tx: Tx, visit: VisitId, participant: ParticipantId) -> tuple[Visit, Participant]:
        found = await self.book.read(tx, visit, lock=True)
        return found, self._person(found, participant)

    def _person(self, visit: Visit, participant: ParticipantId) -> Participant:
        who = visit.person(participant)
        if who is None:
            raise NotFound("participant-not-found", "This person is not in the visit.", phase=_PHASE)
        return who

    def _must_go_on(self, visit: Visit) -> None:
        if visit.over:
            raise Conflict("visit-over", "This visit is over.", phase=_PHASE)

    async def _disconnect_all(self, tx: Tx, visit: Visit) -> Visit:
        for person in visit.people:
            if person.state is PersonState.CONNECTED:
                visit = await self.book.add(tx, visit, _K.DISCONNECTED, person.id)
        return visit

    async def _close(self, tx: Tx, visit: Visit, kind: EventKind, body: Mapping[str, Any]) -> Visit:
        visit = await self.book.add(tx, visit, kind, None, body)
        tenant = tenant_of(tx)
        await self.store.erase_names(tenant, tx, visit.id)
        await self.presence.release_all(tx, visit.id)
        return visit


def _by(by: ParticipantId | None) -> dict[str, str]:
    return {} if by is None else {"by": str(by)}
