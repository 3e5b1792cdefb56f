"""The SQL of pacing: one row a sender, the next moment at which it may send."""

from __future__ import annotations

from uuid import UUID

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Tx


class PacingStore:
    """Rows of `message_pacing`. Times are the database's, which all workers share."""

    async def take(
        self, tenant: TenantId, tx: Tx, sender: UUID, *, count: int, step: float, holder: str, alone_after: float
    ) -> tuple[float, bool]:
        """Take the next moments, `step` seconds apart: in how many seconds the first is, and whether another worker takes some too."""
        row = await tx.fetchrow(
            "insert into message_pacing as p (tenant_id, sender_id, next_at, holder)"
            " values ($1, $2, clock_timestamp() + make_interval(secs => $3::double precision), $4)"
            " on conflict (tenant_id, sender_id) do update set"
            " next_at = greatest(p.next_at, clock_timestamp()) + make_interval(secs => $3::double precision), holder = $4,"
            " shared_at = case when p.holder <> $4 then clock_timestamp() else p.shared_at end"
            " returning extract(epoch from next_at - clock_timestamp())::double precision - $3::double precision as first,"
            " coalesce(shared_at > clock_timestamp() - make_interval(secs => $5::double precision), false) as shared",
            tenant,
            sender,
            count * step,
            holder,
            alone_after,
        )
        assert row is not None  # noqa: S101  an upsert returns its row
        return max(0.0, row["first"]), row["shared"]

    async def block(self, tenant: TenantId, tx: Tx, sender: UUID, seconds: float) -> None:
        """Hand out no moment before then."""
        await tx.execute(
            "update message_pacing set next_at = greatest(next_at, clock_timestamp() + make_interval(secs => $3::double precision))"
            " where tenant_id = $1 and sender_id = $2",
            tenant,
            sender,
            seconds,
        )
