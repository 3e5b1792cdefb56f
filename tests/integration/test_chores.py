"""The worker's chores: whoever has something to do has its turn, whatever another's is like, and nobody else is visited."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from support.house import settings
from vestibule.errors import Unavailable
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.platform.db import Database
from vestibule.retention.service import Retention
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.wiring import Parts, open_parts
from vestibule.wiring.chores import Tidying

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATE = 60  # minutes after its start until which a visit may be joined


async def organisation(parts: Parts) -> tuple[TenantId, ConnectionId]:
    """One with a connection, and a secret."""
    tenant, connection = TenantId(new_id()), ConnectionId(new_id())
    async with parts.db.tenant(tenant) as tx:
        await parts.tenancy.add_tenant(tx, name="Alder Clinic")
        wanted = Connection(
            connection, tenant, "A", Vendor.EPIC, Environment.TEST, "https://a.example/fhir", client_secret="s", join_late_minutes=LATE
        )
        await parts.tenancy.add_connection(tx, wanted)
    return tenant, connection


async def insert(owner: asyncpg.Connection, table: str, **columns: Any) -> None:
    """A row."""
    places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    await owner.execute(f"insert into {table} ({', '.join(columns)}) values ({places})", *columns.values())


@dataclass
class Things:
    """Rows of one organisation that are over since a while, or not yet: with `over` negative they will be."""

    owner: asyncpg.Connection
    tenant: TenantId
    connection: ConnectionId
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def mine(self, **columns: Any) -> dict[str, Any]:
        return {"tenant_id": self.tenant, "id": new_id(), **columns}

    async def visit_with_window(self, over: timedelta, **more: Any) -> Any:
        start = self.now - over - timedelta(minutes=LATE)
        row = self.mine(connection_id=self.connection, starts_at=start, created_at=start, **more)
        await insert(self.owner, "visits", **row)
        return row["id"]

    async def visit_with_late_end(self, over: timedelta) -> None:
        await self.visit_with_window(over + 5 * HOUR, ends_at=self.now - over)

    async def visit_without_appointment(self, over: timedelta) -> None:
        began = self.now - over - 12 * HOUR
        row = self.mine(connection_id=self.connection, created_at=began - HOUR, opened_at=began, state="open")
        await insert(self.owner, "visits", **row)

    async def visit_without_connection(self, over: timedelta) -> None:
        began = self.now - over - 12 * HOUR
        await insert(self.owner, "visits", **self.mine(starts_at=began, created_at=began))

    async def visit_somebody_is_in(self, over: timedelta) -> None:
        await self.person(await self.visit_with_window(over), state="connected")

    async def person(self, visit: Any, **more: Any) -> None:
        await insert(self.owner, "participants", **self.mine(visit_id=visit, role="patient", since=self.now, **more))

    async def known(self, over: timedelta) -> None:
        ended = self.now - over - 7 * DAY
        visit = await self.visit_with_window(7 * DAY, state="ended", ended_at=ended)
        await self.person(visit, person_key=b"somebody")

    async def session_expired(self, over: timedelta, **more: Any) -> None:
        row = {"secret_hash": b"", "role": "patient", "opened_at": self.now, "last_seen_at": self.now, "expires_at": self.now - over - DAY}
        await insert(self.owner, "sessions", **self.mine(**(row | more)))

    async def session_closed(self, over: timedelta) -> None:
        await self.session_expired(over, expires_at=self.now + DAY, closed_at=self.now - over - DAY)

    async def ticket(self, over: timedelta) -> None:
        row = {"tenant_id": self.tenant, "hash": new_id().bytes, "role": "patient", "purpose": "p", "destination": "d"}
        await insert(self.owner, "tickets", **row, expires_at=self.now - over - DAY)

    async def token_expired(self, over: timedelta, **more: Any) -> None:
        row = {"name": "T", "roles": [], "secret_hash": new_id().bytes, "made_at": self.now, "expires_at": self.now - over - 90 * DAY}
        await insert(self.owner, "api_tokens", **self.mine(**(row | more)))

    async def token_withdrawn(self, over: timedelta) -> None:
        await self.token_expired(over, expires_at=self.now + DAY, withdrawn_at=self.now - over - 90 * DAY)

    async def launch(self, over: timedelta) -> None:
        row = {"connection_id": self.connection, "kind": "patient", "reference": "OLD", "expires_at": self.now}
        await insert(self.owner, "launches", **self.mine(**row, started_at=self.now - over - 90 * DAY))

    async def ehr_sign_in(self, started: datetime, expires: datetime, sealed: bytes | None) -> None:
        row = {"connection_id": self.connection, "version": 1, "revision": 1, "member_id": new_id(), "session_id": new_id()}
        row |= {"state_hash": new_id().bytes, "browser_hash": b"", "sealed": sealed, "started_at": started, "expires_at": expires}
        await insert(self.owner, "ehr_sign_ins", **self.mine(**row))

    async def ehr_sign_in_left_open(self, over: timedelta) -> None:
        expired = self.now - over - 5 * MINUTE
        await self.ehr_sign_in(expired - 10 * MINUTE, expired, b"sealed")

    async def ehr_sign_in_of_long_ago(self, over: timedelta) -> None:
        await self.ehr_sign_in(self.now - over - 30 * DAY, self.now - 29 * DAY, None)


KINDS = [
    Things.visit_with_window,
    Things.visit_with_late_end,
    Things.visit_without_appointment,
    Things.visit_without_connection,
    Things.known,
    Things.session_expired,
    Things.session_closed,
    Things.ticket,
    Things.token_expired,
    Things.token_withdrawn,
    Things.launch,
    Things.ehr_sign_in_left_open,
    Things.ehr_sign_in_of_long_ago,
]
# What is still there, as (is over, how many): by the words of the rules, not by the questions that the chores ask.
LEFT = """
    select 'visits', count(*) from visits v left join connections c on c.id = v.connection_id
      where v.state in ('scheduled', 'open') and not exists (select from participants p where p.visit_id = v.id and p.state = 'connected')
      and case when v.starts_at is null or c.id is null then coalesce(v.starts_at, v.opened_at) + interval '12 hours' < $1
          else v.starts_at + interval '1 hour' <= $1 and coalesce(v.ends_at <= $1, true) end
    union all select 'known', count(*) from participants p join visits v on v.id = p.visit_id
      where v.ended_at <= $1 - interval '7 days' and p.person_key is not null
    union all select 'sessions', count(*) from sessions
      where expires_at < $1 - interval '1 day' or coalesce(closed_at < $1 - interval '1 day', false)
    union all select 'tickets', count(*) from tickets where expires_at < $1 - interval '1 day'
    union all select 'tokens', count(*) from api_tokens
      where expires_at < $1 - interval '90 days' or coalesce(withdrawn_at < $1 - interval '90 days', false)
    union all select 'launches', count(*) from launches where started_at < $1 - interval '90 days'
    union all select 'sealed', count(*) from ehr_sign_ins where sealed is not null and expires_at < $1 - interval '5 minutes'
    union all select 'ehr sign-ins', count(*) from ehr_sign_ins where started_at < $1 - interval '30 days'
"""


async def left(owner: asyncpg.Connection, at: datetime) -> dict[str, int]:
    """What was over at that moment and is still there."""
    return {kind: count for kind, count in await owner.fetch(LEFT, at) if count}


@pytest.fixture
def visited(monkeypatch: pytest.MonkeyPatch) -> list[TenantId]:
    """The organisations for which a transaction was begun."""
    seen: list[TenantId] = []
    real = Database.tenant

    def tenant(self: Database, one: TenantId) -> Any:
        seen.append(one)
        return real(self, one)

    monkeypatch.setattr(Database, "tenant", tenant)
    return seen


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_what_is_over_is_found_and_what_is_not_over_costs_no_visit(
    db_url: str, owner: asyncpg.Connection, tmp_path: Path, visited: list[TenantId], kind: Any
) -> None:
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        due, early, bare = [await organisation(parts) for _ in range(3)]
        await kind(Things(owner, *due), MINUTE)
        await kind(Things(owner, *early), -MINUTE)
        before = await left(owner, datetime.now(UTC))
        assert sum(before.values()) == 1
        visited.clear()
        await Tidying(parts).round()
        assert set(visited) == {due[0]}
        assert bare[0] not in visited
        assert await left(owner, datetime.now(UTC)) == {}
        visited.clear()
        await Tidying(parts).round()
        assert visited == []


async def test_a_visit_that_somebody_is_in_is_no_reason_to_come(
    db_url: str, owner: asyncpg.Connection, tmp_path: Path, visited: list[TenantId]
) -> None:
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        await Things(owner, *await organisation(parts)).visit_somebody_is_in(HOUR)
        visited.clear()
        await Tidying(parts).round()
        assert visited == []
        assert await owner.fetchval("select state from visits") == "scheduled"


@pytest.mark.parametrize("seed", range(3))
async def test_after_a_round_nothing_is_left_that_was_over_and_everything_else_is(
    db_url: str, owner: asyncpg.Connection, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        young = 0
        for _ in range(7):
            things = Things(owner, *await organisation(parts))
            for _ in range(chance.randrange(12)):
                over = chance.choice([-1, 1]) * chance.choice([MINUTE, HOUR, DAY, 20 * DAY])
                kind = chance.choice([*KINDS, Things.visit_somebody_is_in])
                await kind(things, over)
                young += kind is Things.launch and over < timedelta(0)
        began = datetime.now(UTC)
        assert await left(owner, began)
        await Tidying(parts, portion=2).round()
        assert await left(owner, began) == {}
        assert await owner.fetchval("select count(*) from launches") == young
        inside = await owner.fetch("select v.state from visits v join participants p on p.visit_id = v.id where p.state = 'connected'")
        assert all(row["state"] == "scheduled" for row in inside)


async def test_visits_behind_many_that_are_not_over_are_ended_too(db_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        things = Things(owner, *await organisation(parts))
        for _ in range(5):
            await things.visit_somebody_is_in(3 * HOUR)
        for _ in range(5):
            await things.visit_with_window(HOUR)
        retention = Retention(visits=parts.visits, tenancy=parts.tenancy, clock=parts.clock, portion=2)
        assert await retention.end_overdue(parts.db, things.tenant) == 5
        assert await left(owner, datetime.now(UTC)) == {}


async def test_an_organisation_that_cannot_be_tidied_keeps_no_others_data(db_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        (broken, one), (other, two) = [await organisation(parts) for _ in range(2)]
        assert await parts.tenancy.tenants(parts.db) == [broken, other]
        await Things(owner, broken, one).launch(DAY)
        await Things(owner, other, two).launch(DAY)
        await owner.execute(
            "create function fail() returns trigger language plpgsql as $$ begin raise exception 'a fault of ours'; end $$; "
            f"create trigger fail before delete on launches for each row when (old.tenant_id = '{broken}') execute function fail()"
        )
        await Tidying(parts, portion=1).round()
    assert [row["tenant_id"] for row in await owner.fetch("select tenant_id from launches")] == [broken]


async def test_a_secret_that_cannot_be_read_keeps_no_data(db_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        tenant, connection = await organisation(parts)
        await Things(owner, tenant, connection).launch(DAY)
        await owner.execute("update connections set client_secret = $2 where id = $1", connection, b"not sealed by us")
        async with parts.db.tenant(tenant) as tx:
            with pytest.raises(Unavailable):
                await parts.tenancy.connections(tx)
        await Tidying(parts).round()
    assert await owner.fetchval("select count(*) from launches") == 0
