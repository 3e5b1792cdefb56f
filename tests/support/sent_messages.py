"""Messages that were sent, put into the database as sending leaves them there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from typing import Any
from uuid import UUID

import asyncpg

from vestibule.kit.ids import ConnectionId, TenantId, new_id

_KINDS = (("delivered", "sent"), ("accepted", None), ("failed", "spam"), ("failed", "no_such_number"), ("unknown", None))


async def sender(owner: asyncpg.Connection, tenant: TenantId, address: str = "+18335550100") -> UUID:
    """A sender of a console account."""
    account, one = new_id(), new_id()
    await owner.execute(
        "insert into message_accounts (tenant_id, id, kind, name, added_at, changed_at) values ($1, $2, 'console', 'C', now(), now())",
        tenant,
        account,
    )
    await owner.execute(
        "insert into message_senders (tenant_id, id, account_id, channel, address, added_at) values ($1, $2, $3, 'sms', $4, now())",
        tenant,
        one,
        account,
        address,
    )
    return one


async def sent(
    owner: asyncpg.Connection,
    tenant: TenantId,
    connection: ConnectionId,
    *,
    times: Sequence[datetime],
    source: UUID | None = None,
    **fixed: Any,
) -> list[UUID]:
    """One message a time, of every state and status in turn; `fixed` columns are the same for all."""
    source = source or await sender(owner, tenant)
    found = []
    purposes = cycle(("scheduled", "reminder", "updated", "cancelled", "direct"))
    for (state, status), purpose, at in zip(cycle(_KINDS), purposes, times, strict=False):
        row = {"state": state, "status": status, "purpose": purpose, "channel": "sms", "test": False, "sender_id": source, "segments": 1}
        row |= {"tenant_id": tenant, "id": new_id(), "visit_id": new_id(), "participant_id": new_id(), "connection_id": connection}
        row |= {"key": str(new_id()), "due_at": at, "planned_at": at, "sent_at": at, **fixed}
        columns = ", ".join(row)
        marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await owner.execute(f"insert into messages ({columns}) values ({marks})", *row.values())
        found.append(row["id"])
    return found
