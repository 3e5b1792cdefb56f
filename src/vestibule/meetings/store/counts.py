"""The SQL of `meeting_counts`: how many meetings were made under somebody's name in a month."""

from __future__ import annotations

from datetime import date

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Tx


class CountStore:
    """Rows of `meeting_counts`."""

    async def add(self, tenant: TenantId, tx: Tx, organizer: str, month: date) -> int:
        """One more; how many there are now."""
        made: int = await tx.fetchval(
            "insert into meeting_counts (tenant_id, organizer, month, made) values ($1, $2, $3, 1)"
            " on conflict (tenant_id, organizer, month) do update set made = meeting_counts.made + 1 returning made",
            tenant,
            organizer,
            month,
        )
        return made

    async def of_month(self, tenant: TenantId, tx: Tx, month: date) -> dict[str, int]:
        """Everybody's of a month, most first."""
        rows = await tx.fetch(
            "select organizer, made from meeting_counts where tenant_id = $1 and month = $2 order by made desc, organizer", tenant, month
        )
        return {str(row["organizer"]): int(row["made"]) for row in rows}

    async def forget(self, tenant: TenantId, tx: Tx, before: date) -> None:
        """Months long over."""
        await tx.execute("delete from meeting_counts where tenant_id = $1 and month < $2", tenant, before)
