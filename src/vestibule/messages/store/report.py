"""The SQL of the report of what was sent, and of counts beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from vestibule.kit.ids import ConnectionId, TenantId, VisitId
from vestibule.messages.model import Channel, MessageState, Purpose, Status
from vestibule.platform.db import Tx

# What a message counts as: what its receipt said; sent while a carrier has it; anything else did not arrive as far as anybody knows.
_STATUS: Final = "coalesce(m.status, case when m.state in ('accepted', 'delivered') then 'sent' else 'other' end)"
# What was given to a carrier; test recipients never were.
_WHERE: Final = (
    "m.tenant_id = $1 and m.sent_at >= $2 and m.sent_at <= coalesce($3, 'infinity'::timestamptz) and not m.test "
    "and m.state in ('accepted', 'delivered', 'failed', 'unknown') and m.channel = $4 "
    f"and ($5::text is null or m.purpose = $5) and ($6::text is null or {_STATUS} = $6) "
    "and ($7::uuid is null or m.sender_id = $7) and ($8::uuid is null or m.connection_id = $8)"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of it."""

    since: datetime
    channel: Channel
    until: datetime | None = None
    purpose: Purpose | None = None
    status: Status | None = None
    sender: UUID | None = None
    connection: ConnectionId | None = None

    def values(self) -> tuple[Any, ...]:
        """As they stand in the statement."""
        return self.since, self.until, self.channel.value, _of(self.purpose), _of(self.status), self.sender, self.connection


@dataclass(frozen=True, slots=True)
class Line:
    """A message that was sent.

    Attributes:
        sender: the number it came from; empty where that is not known any more.
    """

    id: UUID
    sent_at: datetime
    sender: str
    purpose: Purpose
    status: Status
    state: MessageState
    segments: int
    connection: ConnectionId | None
    visit: VisitId


class ReportStore:
    """Reads `messages`, and what they were sent from."""

    async def lines(self, tenant: TenantId, tx: Tx, asked: Asked, after: tuple[datetime, UUID] | None, limit: int) -> list[Line]:
        """The newest first, from behind `after` on."""
        rows = await tx.fetch(
            f"select m.id, m.sent_at, coalesce(s.address, '') as sender, m.purpose, {_STATUS} as status, m.state, m.segments, "
            "m.connection_id, m.visit_id from messages m left join message_senders s on s.tenant_id = m.tenant_id and s.id = m.sender_id "
            f"where {_WHERE} and ($9::timestamptz is null or (m.sent_at, m.id) < ($9, $10)) order by m.sent_at desc, m.id desc limit $11",
            tenant,
            *asked.values(),
            after[0] if after else None,
            after[1] if after else None,
            limit,
        )
        return [_line(row) for row in rows]

    async def months(self, tenant: TenantId, tx: Tx, asked: Asked) -> list[asyncpg.Record]:
        """How many were sent and did not arrive, and their segments, by month (UTC), the oldest first."""
        return await tx.fetch(
            f"select to_char(m.sent_at at time zone 'UTC', 'YYYY-MM') as month, count(*) filter (where {_STATUS} = 'sent') as sent, "
            f"count(*) filter (where {_STATUS} <> 'sent') as failed, coalesce(sum(m.segments), 0) as segments "
            f"from messages m where {_WHERE} group by 1 order by 1",
            tenant,
            *asked.values(),
        )

    async def senders(self, tenant: TenantId, tx: Tx) -> list[tuple[UUID, str]]:
        """Every sender of texts there was, by its address."""
        rows = await tx.fetch(
            "select id, address from message_senders where tenant_id = $1 and channel = 'sms' order by address, added_at", tenant
        )
        return [(row["id"], row["address"]) for row in rows]

    async def opted_out(self, tenant: TenantId, tx: Tx) -> int:
        """How many numbers want no messages."""
        return int(await tx.fetchval("select count(*) from opt_outs where tenant_id = $1", tenant))

    async def pending(self, tenant: TenantId, tx: Tx) -> dict[ConnectionId, int]:
        """How many messages are planned, by connection."""
        rows = await tx.fetch(
            "select connection_id, count(*) as count from messages where tenant_id = $1 and state = 'planned' "
            "and connection_id is not null group by connection_id",
            tenant,
        )
        return {ConnectionId(row["connection_id"]): row["count"] for row in rows}

    async def attention(self, tenant: TenantId, tx: Tx) -> int:
        """How many failed or have an unknown outcome, and nobody has dealt with them."""
        return int(
            await tx.fetchval(
                "select count(*) from messages where tenant_id = $1 and state in ('failed', 'unknown') and dealt_at is null", tenant
            )
        )


def _line(row: asyncpg.Record) -> Line:
    connection = row["connection_id"]
    return Line(
        id=row["id"],
        sent_at=row["sent_at"],
        sender=row["sender"],
        purpose=Purpose(row["purpose"]),
        status=Status(row["status"]),
        state=MessageState(row["state"]),
        segments=row["segments"],
        connection=None if connection is None else ConnectionId(connection),
        visit=VisitId(row["visit_id"]),
    )


def _of(choice: Purpose | Status | None) -> str | None:
    return None if choice is None else choice.value
