"""A practice hospital whose record is told: write-back wired to visits, and a worker that does the telling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from practice.seed import BACKEND_CLIENT
from support.effects import working
from support.launching import World, world
from vestibule.adapters.ehr.epic.status import EpicStatus
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.platform.db import Database
from vestibule.platform.effects import EffectRow, Effects, Policy, Worker
from vestibule.platform.http import Http
from vestibule.protocols.jose import SigningKey
from vestibule.tenancy.model import Connection, Vendor
from vestibule.visits.model import Identifier, PersonRole, VisitEvent
from vestibule.writeback.jobs import Teller
from vestibule.writeback.model import KIND
from vestibule.writeback.service import WriteBack

PROVIDER, PATIENT = PersonRole.PROVIDER, PersonRole.PATIENT


@dataclass
class Recorded:
    """Everything a write-back test needs."""

    here: World
    effects: Effects
    writeback: WriteBack
    teller: Teller
    http: Http

    @asynccontextmanager
    async def working(self, **more: Any) -> AsyncIterator[Worker]:
        """A worker that tells the record as long as the block."""
        policy = Policy(tries=6, first=0.02, cap=0.05)
        handlers, mourners = {KIND: self.teller.handle}, {KIND: self.teller.mourn}
        async with working(self.here.db, handlers, **({"mourners": mourners, "policy": policy} | more)) as worker:
            yield worker

    async def visit(self) -> tuple[VisitId, dict[PersonRole, ParticipantId]]:
        """The visit of now, its clinician and its patient expected, as a clinician's launch makes it."""
        here, people = self.here, {}
        book = here.hospital.hospital.book
        booked = book.appointment(here.csn)
        assert booked is not None
        person = {PROVIDER: (booked.practitioner, "Practitioner"), PATIENT: (booked.patient, "Patient")}
        async with here.db.tenant(here.tenant) as tx:
            for role, (who, kind) in person.items():
                visit, one = await here.visits.open_or_join(
                    tx,
                    connection=here.connection.id,
                    identifiers=[Identifier(here.connection.id, "csn", here.csn)],
                    role=role,
                    person=who,
                    person_type=kind,
                    name="Amy Canary-Shaw" if role is PATIENT else "",
                    department=here.department.id,
                )
                people[role] = one.id
            await here.visits.arrive(tx, visit.id, people[PROVIDER])
            await here.visits.arrive(tx, visit.id, people[PATIENT])
            await here.visits.admit(tx, visit.id, people[PATIENT], by=people[PROVIDER])
        return visit.id, people

    async def do(self, step: str, *args: Any, **more: Any) -> None:
        """One step of a visit in a transaction of its own."""
        async with self.here.db.tenant(self.here.tenant) as tx:
            await getattr(self.here.visits, step)(tx, *args, **more)

    async def rows(self) -> list[EffectRow]:
        """All effects, oldest first."""
        async with self.here.db.tenant(self.here.tenant) as tx:
            return list(reversed(await self.effects.list(self.here.tenant, tx)))

    async def events(self, visit: VisitId) -> Sequence[VisitEvent]:
        """The visit's list."""
        async with self.here.db.tenant(self.here.tenant) as tx:
            return await self.here.visits.events(tx, visit)

    def told(self) -> list[tuple[str, bool]]:
        """What the record applied, in order: (1 clinician or 2 patient, connected)."""
        entries = self.here.hospital.ledger("status")
        return [(e["applied"]["type"], e["applied"]["connected"]) for e in entries if "applied" in e]


@asynccontextmanager
async def recorded(db: Database, **changes: Any) -> AsyncIterator[Recorded]:
    """A hospital and us, introduced to each other, with a backend client; `changes` are the connection's."""
    async with world(db, **({"backend_client_id": BACKEND_CLIENT} | changes)) as here:
        jwks = f"{here.own}/connections/{here.connection.id}/jwks.json"
        here.hospital.setup(apps=[{"client_id": BACKEND_CLIENT, "auth": "private_key_jwt", "jwks_url": jwks}])
        http, clock, effects = Http(allow_loopback_http=True), SystemClock(), Effects()

        async def key(connection: Connection, algs: Sequence[str]) -> SigningKey:
            async with db.tenant(connection.tenant) as tx:
                return await here.tenancy.signing_key(tx, connection.id, algs)

        records = {Vendor.EPIC: EpicStatus(http, key, clock, loopback_http=True)}
        writeback = WriteBack(visits=here.visits, tenancy=here.tenancy, effects=effects, records=records)
        here.visits.subscribers.append(writeback.on_event)
        teller = Teller(db=db, visits=here.visits, tenancy=here.tenancy, writeback=writeback, records=records)
        try:
            yield Recorded(here, effects, writeback, teller, http)
        finally:
            await http.close()
