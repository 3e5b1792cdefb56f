"""The visit as it is kept: reads rows into a Visit, and writes an event together with what it changes, in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, TenantId, VisitId
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Tx
from vestibule.visits.fold import apply
from vestibule.visits.live import CHANNEL, note
from vestibule.visits.model import EventKind, Outcome, Participant, PersonRole, PersonState, Place, Visit, VisitEvent, VisitState
from vestibule.visits.store import Row, VisitStore, to_json

Subscriber = Callable[[Tx, Visit, VisitEvent], Awaitable[None]]

_VISIT_FIELDS = ("state", "starts_at", "ends_at", "opened_at", "ended_at", "met_at", "outcome", "outcome_by_person", "place")
_PERSON_FIELDS = ("state", "since", "arrived_at", "connected_at", "checks")


def tenant_of(tx: Tx) -> TenantId:
    """The tenant a transaction is bound to; without one nothing of a visit can be read."""
    if tx.tenant is None:
        raise NotFound("visit-not-found", "There is no such visit.", phase="visit.read")
    return tx.tenant


class Book:
    """Reads visits and appends to their lists. Subscribers run inside the same transaction, after the event is written."""

    def __init__(self, store: VisitStore, clock: Clock, box: SecretBox) -> None:
        self.store = store
        self.clock = clock
        self.box = box
        self.subscribers: list[Subscriber] = []

    async def read(self, tx: Tx, visit: VisitId, *, lock: bool = False) -> Visit:
        """The visit, or the older one it turned out to be; NotFound `visit-not-found` otherwise."""
        tenant = tenant_of(tx)
        row = await self.store.find(tenant, tx, visit, lock=lock)
        while row is not None and row["merged_into"] is not None:
            row = await self.store.find(tenant, tx, VisitId(row["merged_into"]), lock=lock)
        if row is None:
            raise NotFound("visit-not-found", "There is no such visit.", phase="visit.read")
        return self.visit(row, await self.store.people(tenant, tx, [VisitId(row["id"])]))

    async def read_day(self, tx: Tx, rows: Sequence[Row]) -> list[Visit]:
        """Many visits with two statements."""
        people = await self.store.people(tenant_of(tx), tx, [VisitId(r["id"]) for r in rows])
        return [self.visit(r, [p for p in people if p["visit_id"] == r["id"]]) for r in rows]

    def visit(self, row: Row, people: Sequence[Row]) -> Visit:
        """Rows as a Visit, names opened."""
        tenant = TenantId(row["tenant_id"])
        return Visit(
            id=VisitId(row["id"]),
            tenant=tenant,
            connection=None if row["connection_id"] is None else ConnectionId(row["connection_id"]),
            department=None if row["department_id"] is None else DepartmentId(row["department_id"]),
            state=VisitState(row["state"]),
            seq=row["seq"],
            outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
            place=Place(row["place"]),
            merged_into=None if row["merged_into"] is None else VisitId(row["merged_into"]),
            people=tuple(self.participant(tenant, p) for p in people if p["same_as"] is None),
            aliases={ParticipantId(p["id"]): ParticipantId(p["same_as"]) for p in people if p["same_as"] is not None},
            **{name: row[name] for name in ("starts_at", "ends_at", "opened_at", "ended_at", "created_at", "met_at", "outcome_by_person")},
        )

    def participant(self, tenant: TenantId, row: Row) -> Participant:
        """One row as a Participant, name and person id opened."""
        who = ParticipantId(row["id"])
        return Participant(
            id=who,
            role=PersonRole(row["role"]),
            state=PersonState(row["state"]),
            since=row["since"],
            name=self._open(row["name_sealed"], "name", tenant, who),
            person=self._open(row["person_sealed"], "person", tenant, who),
            person_type=row["person_type"],
            arrived_at=row["arrived_at"],
            connected_at=row["connected_at"],
            checks=msgspec.json.decode(row["checks"]),
            leads=row["leads"],
        )

    def _open(self, sealed: bytes | None, what: str, tenant: TenantId, who: ParticipantId) -> str:
        return "" if sealed is None else self.box.open(sealed, about=about(what, tenant, who))

    async def add(
        self, tx: Tx, visit: Visit, kind: EventKind, participant: ParticipantId | None = None, body: Mapping[str, Any] | None = None
    ) -> Visit:
        """Append an event to a visit that is locked, and write what it changes; returns the visit after it.

        Raises Conflict `visit-step-impossible` when the step cannot happen now; nothing is written then.
        """
        tenant = tenant_of(tx)
        event = VisitEvent(tenant, visit.id, visit.seq + 1, self.clock.now(), kind, participant, body or {})
        after = apply(visit, event)
        columns = {f: getattr(after, f) for f in _VISIT_FIELDS if getattr(after, f) != getattr(visit, f)}
        await self._write_people(tenant, tx, visit, after)
        seq = await self.store.append(
            tenant, tx, visit.id, at=event.at, kind=kind, participant=participant, body=event.body, columns=columns
        )
        if seq != event.seq:
            raise RuntimeError("a visit was stepped without holding its row")
        await tx.notify(CHANNEL, note(after, event))
        for subscriber in self.subscribers:
            await subscriber(tx, after, event)
        return after

    async def _write_people(self, tenant: TenantId, tx: Tx, before: Visit, after: Visit) -> None:
        was = {p.id: p for p in before.people}
        for person in after.people:
            await self._write_person(tenant, tx, was.get(person.id), person)

    async def _write_person(self, tenant: TenantId, tx: Tx, before: Participant | None, after: Participant) -> None:
        if before is None:
            return  # whoever is new has been written by who brought them
        columns = {f: getattr(after, f) for f in _PERSON_FIELDS if getattr(after, f) != getattr(before, f)}
        if "checks" in columns:
            columns["checks"] = to_json(columns["checks"])
        if columns:
            await self.store.change_person(tenant, tx, after.id, **columns)


def about(what: str, tenant: TenantId, who: ParticipantId) -> str:
    """What a sealed value belongs to, so that it cannot be opened in anybody else's place."""
    return f"participant.{what}:{tenant}:{who}"
