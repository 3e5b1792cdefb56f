"""The heartbeat row: one a node, no tenant."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from vestibule.platform.db import Tx


async def beat(tx: Tx, node: UUID, now: datetime, forget_before: datetime) -> None:
    """Write this node's beat, and forget nodes long gone."""
    await tx.execute(
        "insert into heartbeats (node, beat_at) values ($1, $2) on conflict (node) do update set beat_at = excluded.beat_at", node, now
    )
    await tx.execute("delete from heartbeats where beat_at < $1", forget_before)
