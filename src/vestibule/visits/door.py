"""Through the door: which visit somebody means, and which place in it is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, TenantId, VisitId, new_id
from vestibule.platform.db import Tx
from vestibule.visits.book import Book, about, tenant_of
from vestibule.visits.contacts import Contacts
from vestibule.visits.merging import plan, survivors
from vestibule.visits.model import EventKind, Identifier, Participant, PersonRole, PersonState, Visit, VisitState
from vestibule.visits.store import Row


@dataclass(frozen=True, slots=True)
class _Known:
    """What somebody who comes brings along."""

    person: str = field(repr=False)
    person_type: str
    name: str = field(repr=False)
    person_key: bytes | None = field(repr=False)
    door_key: bytes | None = field(repr=False)
    leads: bool = False


class Door:
    """Finds or makes the visit, merges what turns out to be one, and seats people."""

    def __init__(self, book: Book, contacts: Contacts) -> None:
        self._book = book
        self._contacts = contacts
        self._store = book.store

    # ------------------------------------------------------------------ which visit

    async def meet(
        self,
        tx: Tx,
        connection: ConnectionId | None,
        identifiers: Sequence[Identifier],
        department: DepartmentId | None,
        starts_at: datetime | None,
        ends_at: datetime | None,
    ) -> Visit:
        """The visit that carries any of these, locked; a new one when none does."""
        tenant = tenant_of(tx)
        await self._store.lock_identifiers(tenant, tx, identifiers)
        found = await self._found(tx, identifiers)
        if not found:
            visit = await self._new(tx, connection, department, starts_at, ends_at)
        else:
            visit = await self._one_of(tx, found)
            if starts_at is not None and not visit.over:
                visit = await self.move(tx, visit, starts_at, ends_at or visit.ends_at)
        await self._store.add_identifiers(tenant, tx, visit.id, identifiers)
        return visit

    async def move(self, tx: Tx, visit: Visit, starts_at: datetime | None, ends_at: datetime | None) -> Visit:
        """Another time; nothing when it is the same to the minute: HL7 often tells no seconds, and FHIR does, of one and the same start."""
        if (_minute(starts_at), _minute(ends_at)) == (_minute(visit.starts_at), _minute(visit.ends_at)):
            return visit
        return await self._book.add(tx, visit, EventKind.RESCHEDULED, None, _times(starts_at, ends_at))

    async def _found(self, tx: Tx, identifiers: Sequence[Identifier]) -> list[Visit]:
        ids = await self._store.find_by_identifiers(tenant_of(tx), tx, identifiers) if identifiers else []
        return [await self._book.read(tx, one, lock=True) for one in ids]

    async def _new(
        self, tx: Tx, connection: ConnectionId | None, department: DepartmentId | None, starts_at: datetime | None, ends_at: datetime | None
    ) -> Visit:
        """Nobody else can see the row before we commit, so what we have written need not be read."""
        tenant, now = tenant_of(tx), self._book.clock.now()
        visit = Visit(VisitId(new_id()), tenant, connection, department, VisitState.SCHEDULED, 0, created_at=now)
        await self._store.insert(tenant, tx, visit.id, connection=connection, department=department, starts_at=None, ends_at=None, at=now)
        return await self._book.add(tx, visit, EventKind.SCHEDULED, None, _times(starts_at, ends_at))

    async def _one_of(self, tx: Tx, found: list[Visit]) -> Visit:
        """Several visits found by one launch are one visit. Those that are over stay as they ended."""
        living = survivors(found)
        if not living:
            return found[-1]
        visit = living[0]
        for other in living[1:]:
            visit = await self.merge(tx, visit, other)
        return visit

    async def merge(self, tx: Tx, one: Visit, other: Visit) -> Visit:
        """Two visits that are one: the older survives; identifiers, people, links and presence of the other go to it."""
        tenant = tenant_of(tx)
        rows = await self._store.people(tenant, tx, [one.id, other.id])
        keys = {ParticipantId(r["id"]): bytes(r["person_key"]) for r in rows if r["person_key"] is not None}
        merger = plan(one, other, keys)
        await self._store.move_to(tenant, tx, merger.loser.id, merger.survivor.id)
        for goes, stays in merger.same.items():
            await self._become(tx, one, other, goes, stays)
        await self._book.add(tx, merger.loser, EventKind.MERGED_AWAY, None, {"into": str(merger.survivor.id)})
        survivor, loser = merger.survivor, merger.loser
        if loser.opened_at and not survivor.opened_at:
            survivor = await self._book.add(tx, survivor, EventKind.OPENED)
        if loser.starts_at and not survivor.starts_at:
            survivor = await self.move(tx, survivor, loser.starts_at, loser.ends_at)
        await self._book.add(tx, survivor, EventKind.MERGED, None, merger.merged_body())
        if loser.department and not survivor.department:
            await self._store.change(tenant, tx, survivor.id, department_id=loser.department)
        return await self._book.read(tx, survivor.id, lock=True)

    async def _become(self, tx: Tx, one: Visit, other: Visit, goes: ParticipantId, stays: ParticipantId) -> None:
        """Somebody was seated twice; what they called themselves in the place they give up is kept if the other has no name."""
        tenant = tenant_of(tx)
        people = {p.id: p for p in (*one.people, *other.people)}
        await self._store.alias(tenant, tx, goes, stays)
        await self._contacts.become(tx, goes, stays)
        if people[goes].name and not people[stays].name:
            sealed = self._book.box.seal(people[goes].name, about=about("name", tenant, stays))
            await self._store.change_person(tenant, tx, stays, name_sealed=sealed)

    # ------------------------------------------------------------------ which place

    async def seat(
        self,
        tx: Tx,
        visit: Visit,
        *,
        role: PersonRole,
        person: str,
        person_type: str,
        name: str,
        participant_key: str | None,
        appointed: bool = False,
        leads: bool = False,
    ) -> tuple[Visit, Participant]:
        """Somebody's place in a locked visit: the one they had, the one kept for them, or a new one.

        A visit that is over takes nobody new in: the participant returned then stands nowhere.
        """
        known = _Known(
            person,
            person_type,
            name,
            self._key("person", role, person) if person else None,
            self._key("door", role, participant_key) if participant_key else None,
            leads,
        )
        # Only somebody of the same role can be them; in a locked visit without any there is nobody to look up.
        maybe = visit.aliases or any(p.role is role for p in visit.people)
        rows = await self._store.people(tenant_of(tx), tx, [visit.id]) if maybe else []
        row = _recognise(rows, role, known.person_key, known.door_key, appointed=appointed)
        if row is None and visit.over:
            return visit, Participant(ParticipantId(new_id()), role, PersonState.LEFT, self._book.clock.now())
        if row is None:
            visit, who = await self._newcomer(tx, visit, role, known)
            row = {"id": who, "same_as": None, "person_key": None, "name_sealed": None}
        elif not visit.over:
            await self._remember(tx, row, known)
        seated = _with(visit, row, known)
        found = seated.person(ParticipantId(row["same_as"] or row["id"]))
        assert found is not None  # noqa: S101  we have just written or read them
        return seated, found

    async def _newcomer(self, tx: Tx, visit: Visit, role: PersonRole, known: _Known) -> tuple[Visit, ParticipantId]:
        tenant, who = tenant_of(tx), ParticipantId(new_id())
        columns = self._learned(tenant, who, known, {"person_key": None, "door_key": None, "name_sealed": None, "same_as": None})
        await self._store.insert_person(tenant, tx, visit.id, who, role=role, at=self._book.clock.now(), leads=known.leads, **columns)
        body = {"role": role, **({"leads": True} if known.leads else {})}
        return await self._book.add(tx, visit, EventKind.EXPECTED, who, body), who

    async def _remember(self, tx: Tx, row: Row, known: _Known) -> None:
        tenant, who = tenant_of(tx), ParticipantId(row["id"])
        columns = self._learned(tenant, who, known, row)
        if columns:
            await self._store.change_person(tenant, tx, who, **columns)

    def _learned(self, tenant: TenantId, who: ParticipantId, known: _Known, row: Row) -> dict[str, Any]:
        """What we have learned of them; what they said themselves (a name) is not overwritten."""
        columns: dict[str, Any] = {}
        if known.person_key is not None and row["person_key"] is None:
            sealed = self._book.box.seal(known.person, about=about("person", tenant, who))
            columns |= {"person_sealed": sealed, "person_key": known.person_key, "person_type": known.person_type}
        if known.door_key is not None and row["door_key"] is None:
            columns["door_key"] = known.door_key
        if known.name and row["name_sealed"] is None and row["same_as"] is None:
            columns["name_sealed"] = self._book.box.seal(known.name, about=about("name", tenant, who))
        return columns

    def _key(self, what: str, role: PersonRole, text: str) -> bytes:
        return self._book.box.keyed_hash(f"{what}|{role}|{text}")


def _with(visit: Visit, row: Row, known: _Known) -> Visit:
    """The visit with what has just been learned of one person in it; nothing is learned of who is known already, or once it is over."""
    if visit.over:
        return visit
    learned: dict[str, Any] = {}
    if known.person_key is not None and row["person_key"] is None:
        learned |= {"person": known.person, "person_type": known.person_type}
    if known.name and row["name_sealed"] is None:
        learned["name"] = known.name
    if not learned or row["same_as"] is not None:
        return visit
    return replace(visit, people=tuple(replace(p, **learned) if p.id == row["id"] else p for p in visit.people))


def _recognise(rows: Sequence[Row], role: PersonRole, person_key: bytes | None, door_key: bytes | None, *, appointed: bool) -> Row | None:
    """Whose place it is: by who they are, by the link they hold, else the place kept for the one patient of the visit.

    An appointment that the record tells of (`appointed`) is that of the one patient who came without any, whatever they are doing.
    """
    rows = [r for r in rows if r["role"] == role]
    for column, key in (("person_key", person_key), ("door_key", door_key)):
        for row in rows:
            if key is not None and row[column] == key:
                return row
    if role is not PersonRole.PATIENT:
        return None
    free = [r for r in rows if r["same_as"] is None and r["state"] != PersonState.REMOVED]
    if appointed:
        free = [r for r in free if r["door_key"] is None]
    elif person_key is not None:
        free = [r for r in free if r["person_key"] is None]
    else:
        free = [r for r in free if r["state"] == PersonState.EXPECTED]
    return free[0] if len(free) == 1 else None


def _minute(at: datetime | None) -> datetime | None:
    return at and at.replace(second=0, microsecond=0)


def _times(starts_at: datetime | None, ends_at: datetime | None) -> dict[str, str]:
    return {k: t.isoformat() for k, t in (("starts_at", starts_at), ("ends_at", ends_at)) if t is not None}
