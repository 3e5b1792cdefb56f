"""The SQL behind the feed's pages: counts, lag, who was seen last, and what waits for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from vestibule.feed.model import InboxRow, InboxState, Via
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.db import Tx

_ROW: Final = "id, connection_id, control_id, via, state, event, code, size, received_at, processed_at, body is not null as has_body, twin"


class LookingStore:
    """Reads of one organisation."""

    async def counts(self, tenant: TenantId, tx: Tx, connection: ConnectionId, at: datetime) -> list[Any]:
        """By state: how many came within an hour and within a day."""
        return list(
            await tx.fetch(
                "select state, count(*) filter (where received_at > $3::timestamptz - interval '1 hour') as hour,"
                " count(*) as day from feed_inbox where tenant_id = $1 and connection_id = $2"
                " and received_at > $3::timestamptz - interval '1 day' group by state",
                tenant,
                connection,
                at,
            )
        )

    async def lag(self, tenant: TenantId, tx: Tx, connection: ConnectionId, at: datetime) -> Any:
        """Seconds from receipt to end within the last hour, in the middle and at most; how many wait, and since when the oldest."""
        return await tx.fetchrow(
            "select percentile_cont(0.5) within group (order by extract(epoch from processed_at - received_at)) filter"
            " (where processed_at is not null and not twin)::float8 as middle,"
            " max(extract(epoch from processed_at - received_at)) filter (where processed_at is not null and not twin)::float8 as most,"
            " count(*) filter (where state = 'new') as waiting, min(received_at) filter (where state = 'new') as oldest from feed_inbox"
            " where tenant_id = $1 and connection_id = $2 and (received_at > $3::timestamptz - interval '1 hour' or state = 'new')",
            tenant,
            connection,
            at,
        )

    async def senders(self, tenant: TenantId, tx: Tx, connection: ConnectionId, at: datetime) -> list[Any]:
        """By way and certificate: the last message of the last day, and how many."""
        return list(
            await tx.fetch(
                "select via, certificate_id, max(received_at) as last, count(*) as many from feed_inbox"
                " where tenant_id = $1 and connection_id = $2 and received_at > $3::timestamptz - interval '1 day'"
                " group by 1, 2 order by 3 desc",
                tenant,
                connection,
                at,
            )
        )

    async def last(self, tenant: TenantId, tx: Tx, connection: ConnectionId) -> datetime | None:
        """When the last message came."""
        found: datetime | None = await tx.fetchval(
            "select max(received_at) from feed_inbox where tenant_id = $1 and connection_id = $2", tenant, connection
        )
        return found

    async def busy_hours(self, tenant: TenantId, tx: Tx, connection: ConnectionId, at: datetime) -> list[bool]:
        """Of each hour of the last week, the oldest first, whether anything came."""
        rows = await tx.fetch(
            "select exists (select from feed_inbox i where i.tenant_id = $1 and i.connection_id = $2 and i.received_at > h"
            " and i.received_at <= h + interval '1 hour') as busy"
            " from generate_series($3::timestamptz - interval '7 days', $3::timestamptz - interval '1 hour', interval '1 hour') as h"
            " order by h",
            tenant,
            connection,
            at,
        )
        return [row["busy"] for row in rows]

    async def waiting(self, tenant: TenantId, tx: Tx) -> dict[ConnectionId, int]:
        """By connection: how many stand in quarantine."""
        rows = await tx.fetch(
            "select connection_id, count(*) as many from feed_inbox where tenant_id = $1 and state = 'quarantined' group by 1", tenant
        )
        return {ConnectionId(row["connection_id"]): row["many"] for row in rows}

    async def codes(self, tenant: TenantId, tx: Tx, connection: ConnectionId) -> list[tuple[str, int]]:
        """Why messages stand in quarantine, and how many for each reason."""
        rows = await tx.fetch(
            "select code, count(*) as many from feed_inbox where tenant_id = $1 and connection_id = $2 and state = 'quarantined'"
            " group by code order by many desc, code",
            tenant,
            connection,
        )
        return [(row["code"], row["many"]) for row in rows]

    async def quarantine(
        self, tenant: TenantId, tx: Tx, connection: ConnectionId, *, code: str, before: int | None, limit: int
    ) -> list[InboxRow]:
        """What stands in quarantine, the newest first, from behind `before` on."""
        rows = await tx.fetch(
            f"select {_ROW} from feed_inbox where tenant_id = $1 and connection_id = $2 and state = 'quarantined'"
            " and ($3 = '' or code = $3) and ($4::bigint is null or id < $4) order by id desc limit $5",
            tenant,
            connection,
            code,
            before,
            limit,
        )
        return [_row(row) for row in rows]

    async def one(self, tenant: TenantId, tx: Tx, connection: ConnectionId, row: int) -> tuple[InboxRow, bytes, bytes | None] | None:
        """One message: its line, its name, its sealed body."""
        found = await tx.fetchrow(
            f"select {_ROW}, name, body from feed_inbox where tenant_id = $1 and connection_id = $2 and id = $3", tenant, connection, row
        )
        return None if found is None else (_row(found), found["name"], found["body"])

    async def redrive(self, tenant: TenantId, tx: Tx, connection: ConnectionId, *, row: int | None, code: str) -> int:
        """Apply what stands in quarantine once more: one message, or all of a code; how many."""
        rows = await tx.fetch(
            "update feed_inbox set state = 'new', run_at = now(), tries = 0, code = '', processed_at = null"
            " where tenant_id = $1 and connection_id = $2 and state = 'quarantined' and body is not null"
            " and ($3::bigint is null or id = $3) and ($4 = '' or code = $4) returning id",
            tenant,
            connection,
            row,
            code,
        )
        return len(rows)

    async def drop(self, tenant: TenantId, tx: Tx, connection: ConnectionId, *, row: int | None, code: str) -> int:
        """Let go of what stands in quarantine, and erase it; how many."""
        rows = await tx.fetch(
            "update feed_inbox set state = 'dropped', body = null where tenant_id = $1 and connection_id = $2 and state = 'quarantined'"
            " and ($3::bigint is null or id = $3) and ($4 = '' or code = $4) returning id",
            tenant,
            connection,
            row,
            code,
        )
        return len(rows)


def _row(row: Any) -> InboxRow:
    return InboxRow(
        id=row["id"],
        connection=ConnectionId(row["connection_id"]),
        via=Via(row["via"]),
        state=InboxState(row["state"]),
        **{name: row[name] for name in ("control_id", "event", "code", "size", "received_at", "processed_at", "has_body", "twin")},
    )
