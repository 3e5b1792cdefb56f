"""Visits that nobody ended are ended when their time is over, and their people's names are gone."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Database
from vestibule.retention.service import Retention
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import Identifier, Outcome, Participant, PersonRole, Visit, VisitState
from vestibule.visits.service import Visits

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


class House:
    """One organisation with one connection, whose visits may be joined until an hour after their start."""

    def __init__(self, db: Database, tenant: TenantId) -> None:
        self.db, self.tenant = db, tenant
        self.clock = FrozenClock(NOW)
        box = SecretBox([("test", b"k" * 32)])
        self.visits, self.tenancy = Visits(self.clock, box), Tenancy(self.clock, box)
        self.retention = Retention(visits=self.visits, tenancy=self.tenancy, clock=self.clock)
        self.connection = Connection(
            ConnectionId(new_id()), tenant, "Test", Vendor.EPIC, Environment.TEST, "https://ehr.example.org/R4", join_late_minutes=60
        )

    async def furnish(self) -> None:
        async with self.db.tenant(self.tenant) as tx:
            await self.tenancy.add_connection(tx, self.connection)

    async def come(self, csn: str, *, role: PersonRole = PersonRole.PATIENT, starts_at: datetime | None = NOW) -> tuple[Visit, Participant]:
        async with self.db.tenant(self.tenant) as tx:
            names = [Identifier(self.connection.id, "csn", csn)]
            came = await self.visits.open_or_join(
                tx,
                connection=self.connection.id,
                identifiers=names,
                role=role,
                person=csn,
                person_type="x",
                name="Ada",
                starts_at=starts_at,
            )
            await self.visits.arrive(tx, came[0].id, came[1].id)
            return came

    async def state(self, visit: Visit) -> Visit:
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.get(tx, visit.id)

    async def after(self, hours: float) -> int:
        self.clock.advance(hours * 3600)
        return await self.retention.end_overdue(self.db, self.tenant)


@pytest.fixture
async def house(db: Database, tenant: TenantId) -> House:
    made = House(db, tenant)
    await made.furnish()
    return made


async def test_a_visit_within_its_window_is_left_alone(house: House) -> None:
    visit, _ = await house.come("1")
    assert await house.after(0.9) == 0
    assert (await house.state(visit)).state is VisitState.OPEN


async def test_a_visit_whose_window_has_closed_is_ended_judged_and_forgets_the_name(house: House, owner: asyncpg.Connection) -> None:
    visit, who = await house.come("2")
    assert await house.after(1.1) == 1
    ended = await house.state(visit)
    assert ended.state is VisitState.ENDED
    assert ended.outcome in {Outcome.NO_SHOW, Outcome.UNDETERMINED}
    assert await owner.fetchval("select name_sealed from participants where id = $1", who.id) is None
    assert await house.after(0) == 0


async def test_people_who_are_still_talking_are_not_cut_off(house: House) -> None:
    visit, who = await house.come("3", role=PersonRole.PROVIDER)
    async with house.db.tenant(house.tenant) as tx:
        await house.visits.connected(tx, visit.id, who.id, holder="socket", lease_seconds=10**6)
    assert await house.after(5) == 0
    assert (await house.state(visit)).state is VisitState.OPEN


async def test_a_visit_without_an_appointment_ends_after_half_a_day(house: House) -> None:
    visit, _ = await house.come("4", starts_at=None)
    assert await house.after(11) == 0
    assert await house.after(1.1) == 1
    assert (await house.state(visit)).state is VisitState.ENDED


async def test_another_organisations_visits_are_not_touched(house: House, other_tenant: TenantId) -> None:
    visit, _ = await house.come("5")
    house.clock.advance(timedelta(days=2).total_seconds())
    assert await house.retention.end_overdue(house.db, other_tenant) == 0
    assert (await house.state(visit)).state is VisitState.OPEN


async def test_who_people_were_is_forgotten_after_a_week_though_the_record_was_never_told(
    house: House, db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    visit, _ = await house.come("1853")
    known = "select count(*) from participants where visit_id = $1 and (person_sealed is not null or person_key is not null)"
    await house.after(24)
    assert (await house.state(visit)).over
    assert await house.retention.forget(db, tenant) == 0
    assert await owner.fetchval(known, visit.id) == 1
    house.clock.advance(timedelta(days=7).total_seconds())
    assert await house.retention.forget(db, tenant) == 1
    assert await owner.fetchval(known, visit.id) == 0
