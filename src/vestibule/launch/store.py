"""The SQL of launch attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from vestibule.kit.ids import ConnectionId, TenantId, VisitId
from vestibule.launch.model import LaunchKind
from vestibule.platform.db import Database, Tx

Row = asyncpg.Record


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

    async def forget(self, tenant: TenantId, tx: Tx, before: datetime) -> int:
        """Delete attempts that began before `before`; says how many."""
        status = await tx.execute("delete from launches where tenant_id = $1 and started_at < $2", tenant, before)
        return int(status.split()[1])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
