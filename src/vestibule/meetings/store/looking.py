"""The SQL of how meetings elsewhere go on the whole, for pages and the doctor: counts and moments, nothing of a single visit."""

from __future__ import annotations

from datetime import date, datetime

import asyncpg

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Tx

Row = asyncpg.Record


class LookingStore:
    """Reads `meetings`, `meeting_quality`, `meeting_bindings` and `meeting_counts`."""

    async def going(self, tenant: TenantId, tx: Tx, since: datetime) -> Row:
        """Since then: how many were `made` and `failed`, how many were `delayed`; and when anything was `heard` last."""
        [row] = await tx.fetch(
            "select count(*) filter (where state in ('made', 'shut') and made_at >= $2) as made, "
            "count(*) filter (where state = 'failed' and wanted_at >= $2) as failed, "
            "count(*) filter (where delayed_at >= $2) as delayed, max(heard_at) as heard from meetings where tenant_id = $1",
            tenant,
            since,
        )
        return row

    async def heard(self, tenant: TenantId, tx: Tx, since: datetime) -> Row:
        """Since then: how many connections were `measured`, and on average what part of the sound was lost (`loss`, of 1), how long it took
        there and back (`delay`, ms) and how unevenly it came (`jitter`, ms); None where no connection says.
        """
        [row] = await tx.fetch(
            "select count(*) as measured, avg((measures->>'audio_loss')::float) as loss, avg((measures->>'rtt_ms')::float) as delay, "
            "avg((measures->>'audio_jitter_ms')::float) as jitter from meeting_quality where tenant_id = $1 and began_at >= $2",
            tenant,
            since,
        )
        return row

    async def organizers(self, tenant: TenantId, tx: Tx, most: int) -> list[str]:
        """Object ids of those who signed in, whoever went in last first."""
        rows = await tx.fetch(
            "select object_id from meeting_bindings where tenant_id = $1 group by object_id "
            "order by max(coalesce(used_at, bound_at)) desc, object_id limit $2",
            tenant,
            most,
        )
        return [row["object_id"] for row in rows]

    async def months(self, tenant: TenantId, tx: Tx, since: date) -> list[Row]:
        """`month`, `organizer` and how many were `made` for each, the latest month and the most first."""
        return await tx.fetch(
            "select month, organizer, made from meeting_counts where tenant_id = $1 and month >= $2 "
            "order by month desc, made desc, organizer",
            tenant,
            since,
        )
