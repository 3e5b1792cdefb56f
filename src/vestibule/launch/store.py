"""The SQL of launch attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from vestibule.kit.ids import ConnectionId, TenantId, VisitId
from vestibule.launch.model import LaunchKind
from vestibule.platform.db import Database, Tx

Row = asyncpg.Record
_SHOWN = (
    "select l.id, l.reference, l.connection_id, c.name as connection_name, c.environment, l.kind, l.outcome, l.phase, l.code, "
    "l.started_at, l.expires_at, l.used_at, l.ended_at, l.phases, l.visit_id "
    "from launches l join connections c on c.tenant_id = l.tenant_id and c.id = l.connection_id where l.tenant_id = $1 "
)
# By the words of the history: an attempt whose time is over and that never came back is lost.
_OUTCOMES = {
    "joined": "l.outcome = 'joined'",
    "failed": "l.outcome = 'failed'",
    "under-way": "l.outcome = 'open' and l.expires_at > $2",
    "lost": "l.outcome = 'open' and l.expires_at <= $2",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the history looks for."""

    reference: str = ""
    outcome: str = ""
    code: str = ""
    connection: ConnectionId | None = None
    begin: datetime | None = None
    end: datetime | None = None

    def conditions(self) -> list[tuple[str, Any]]:
        """Each with the value it is about; `{}` stands for its place."""
        given = [
            ("l.reference = {}", self.reference),
            ("l.code = {}", self.code),
            ("l.connection_id = {}", self.connection),
            ("l.started_at >= {}", self.begin),
            ("l.started_at < {}", self.end),
        ]
        return [(condition, value) for condition, value in given if value]


class LaunchStore:
    """Rows of `launches`."""

    async def whose(self, db: Database, state_hash: bytes) -> TenantId | None:
        """The tenant whose attempt this is."""
        found = (await db.ask("select whose_launch($1)", state_hash))[0][0]
        return None if found is None else TenantId(found)

    async def insert(
        self,
        tenant: TenantId,
        tx: Tx,
        launch: UUID,
        *,
        connection: ConnectionId,
        kind: LaunchKind,
        reference: str,
        state_hash: bytes,
        browser_hash: bytes,
        launch_hash: bytes,
        sealed: bytes,
        at: datetime,
        expires_at: datetime,
        phases: list[Any],
    ) -> bool:
        """Keep an attempt; False when its `launch` value was seen before."""
        status = await tx.execute(
            "insert into launches (tenant_id, id, connection_id, kind, reference, state_hash, browser_hash, launch_hash, sealed, "
            "started_at, expires_at, phase, phases) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'launch.authorize', $12) "
            "on conflict (tenant_id, connection_id, launch_hash) do nothing",
            tenant,
            launch,
            connection,
            kind,
            reference,
            state_hash,
            browser_hash,
            launch_hash,
            sealed,
            at,
            expires_at,
            _json(phases),
        )
        return status == "INSERT 0 1"

    async def insert_failed(
        self,
        tenant: TenantId,
        tx: Tx,
        launch: UUID,
        *,
        connection: ConnectionId,
        kind: LaunchKind,
        reference: str,
        at: datetime,
        ended_at: datetime,
        phase: str,
        code: str,
        phases: list[Any],
    ) -> None:
        """Write down an attempt that never left for the record."""
        await tx.execute(
            "insert into launches (tenant_id, id, connection_id, kind, reference, started_at, expires_at, ended_at, outcome, phase, code, "
            "phases) values ($1, $2, $3, $4, $5, $6, $7, $7, 'failed', $8, $9, $10)",
            tenant,
            launch,
            connection,
            kind,
            reference,
            at,
            ended_at,
            phase,
            code,
            _json(phases),
        )

    async def take(self, tenant: TenantId, tx: Tx, state_hash: bytes, browser_hash: bytes, at: datetime) -> Row | None:
        """The attempt as it was found. If it was good, nothing can use it again from here on, and its secrets are gone from the row.

        It is good for the browser that left, in time, and once; the lock lets one of two callbacks come first.
        """
        return await tx.fetchrow(
            "with found as (select id, connection_id, kind, reference, browser_hash, sealed, expires_at, used_at from launches "
            "where tenant_id = $1 and state_hash = $2 for update), "
            "taken as (update launches l set used_at = $4, sealed = null, phase = 'launch.callback' from found f "
            "where l.tenant_id = $1 and l.id = f.id and f.used_at is null and f.expires_at > $4 and f.browser_hash = $3) "
            "select * from found",
            tenant,
            state_hash,
            browser_hash,
            at,
        )

    async def end(
        self,
        tenant: TenantId,
        tx: Tx,
        launch: UUID,
        *,
        at: datetime,
        outcome: str,
        phase: str,
        code: str,
        phases: list[Any],
        visit: VisitId | None,
    ) -> None:
        """How it ended."""
        await tx.execute(
            "update launches set ended_at = $3, outcome = $4, phase = $5, code = $6, phases = phases || $7, visit_id = $8 "
            "where tenant_id = $1 and id = $2",
            tenant,
            launch,
            at,
            outcome,
            phase,
            code,
            _json(phases),
            visit,
        )

    async def turned_away(
        self, tenant: TenantId, tx: Tx, launch: UUID, *, phases: list[Any], code: str, phase: str, ended_at: datetime | None
    ) -> None:
        """Somebody was not let in at the way back; with `ended_at`, an attempt that is still open ends there. At most forty such lines."""
        await tx.execute(
            "update launches set phases = case when jsonb_array_length(phases) < 40 then phases || $3 else phases end, "
            "outcome = case when outcome = 'open' and $4::timestamptz is not null then 'failed' else outcome end, "
            "code = case when outcome = 'open' and $4 is not null then $5 else code end, "
            "phase = case when outcome = 'open' and $4 is not null then $6 else phase end, "
            "ended_at = case when outcome = 'open' then coalesce($4, ended_at) else ended_at end "
            "where tenant_id = $1 and id = $2",
            tenant,
            launch,
            _json(phases),
            ended_at,
            code,
            phase,
        )

    async def listing(
        self, tenant: TenantId, tx: Tx, wanted: Wanted, *, now: datetime, place: tuple[datetime, UUID] | None, limit: int
    ) -> list[Row]:
        """Attempts, the newest first, from a place on."""
        values: list[Any] = [tenant, now]
        where = ["$2::timestamptz is not null", *([_OUTCOMES[wanted.outcome]] if wanted.outcome else [])]
        for condition, value in wanted.conditions():
            values.append(value)
            where.append(condition.format(f"${len(values)}"))
        if place is not None:
            values += place
            where.append(f"(l.started_at, l.id) < (${len(values) - 1}, ${len(values)})")
        values.append(limit)
        sql = f"{_SHOWN} and {' and '.join(where)} order by l.started_at desc, l.id desc limit ${len(values)}"
        return list(await tx.fetch(sql, *values))

    async def one(self, tenant: TenantId, tx: Tx, launch: UUID) -> Row | None:
        """One attempt."""
        return await tx.fetchrow(f"{_SHOWN} and l.id = $2", tenant, launch)

    async def codes(self, tenant: TenantId, tx: Tx) -> list[str]:
        """Which codes there are: a walk from one to the next, however many attempts there were."""
        rows = await tx.fetch(
            "with recursive met as (select min(code) as code from launches where tenant_id = $1 and code > '' union all "
            "select (select min(l.code) from launches l where l.tenant_id = $1 and l.code > '' and l.code > met.code) "
            "from met where met.code is not null) "
            "select code from met where code is not null limit 200",
            tenant,
        )
        return [row["code"] for row in rows]

    async def reference_of(self, tenant: TenantId, tx: Tx, connection: ConnectionId, launch_hash: bytes) -> str:
        """The reference of the attempt with this `launch` value."""
        sql = "select reference from launches where tenant_id = $1 and connection_id = $2 and launch_hash = $3"
        found = await tx.fetchrow(sql, tenant, connection, launch_hash)
        return str(found["reference"]) if found else ""

    async def whose_over(self, db: Database, before: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next tenants with attempts that began before `before`."""
        return [TenantId(row[0]) for row in await db.ask("select whose_launches_over($1, $2, $3)", before, after, most)]

    async def forget(self, tenant: TenantId, tx: Tx, before: datetime) -> int:
        """Delete attempts that began before `before`; says how many."""
        status = await tx.execute("delete from launches where tenant_id = $1 and started_at < $2", tenant, before)
        return int(status.split()[1])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
