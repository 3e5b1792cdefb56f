"""A visit with a clinician and a patient in it, on a real database, without pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from vestibule.kit.ids import ConnectionId, TenantId, VisitId, new_id
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import Identifier, Participant, PersonRole, Visit
from vestibule.visits.service import Visits

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
EPIC = ConnectionId(new_id())


def csn(value: str) -> Identifier:
    return Identifier(EPIC, "csn", value)


async def come(
    visits: Visits, tx: Tx, *identifiers: Identifier, role: PersonRole = PersonRole.PATIENT, person: str = "", name: str = ""
) -> tuple[Visit, Participant]:
    return await visits.open_or_join(tx, connection=EPIC, identifiers=identifiers, role=role, person=person, person_type="id", name=name)


async def kinds(visits: Visits, db: Database, tenant: TenantId, visit: VisitId) -> list[str]:
    async with db.tenant(tenant) as tx:
        return [e.kind.value for e in await visits.events(tx, visit)]


class Met:
    """A visit with a clinician and a patient, both connected."""

    def __init__(self, visits: Visits, db: Database, tenant: TenantId) -> None:
        self.visits, self.db, self.tenant = visits, db, tenant

    async def begin(self) -> Met:
        async with self.db.tenant(self.tenant) as tx:
            visit, self.doctor = await come(self.visits, tx, csn("1853"), role=PersonRole.PROVIDER, person="doc-1", name="Dr. Okafor")
            _, self.patient = await come(self.visits, tx, csn("1853"), person="pat-1", name="Amy Shaw")
            self.id = visit.id
            await self.visits.arrive(tx, self.id, self.doctor.id)
            await self.visits.connected(tx, self.id, self.doctor.id, holder="d1")
            await self.visits.arrive(tx, self.id, self.patient.id)
            await self.visits.admit(tx, self.id, self.patient.id, by=self.doctor.id)
            await self.visits.connected(tx, self.id, self.patient.id, holder="p1")
        return self

    async def do(self, step: Callable[[Tx], Awaitable[Visit]]) -> Visit:
        async with self.db.tenant(self.tenant) as tx:
            return await step(tx)
