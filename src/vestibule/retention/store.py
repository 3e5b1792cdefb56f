"""Which organisations have something that must end or be forgotten."""

from __future__ import annotations

from datetime import datetime

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database


class RetentionStore:
    """Questions about all organisations; each answer is the next of them by id, at most so many."""

    async def whose_over(
        self, db: Database, at: datetime, *, began: datetime, ad_hoc: datetime, after: TenantId, most: int
    ) -> list[TenantId]:
        """Those with a visit whose time is over at `at`: begun before `began`, and before `ad_hoc` where it has no window."""
        rows = await db.ask("select whose_visits_over($1, $2, $3, $4, $5)", at, began, ad_hoc, after, most)
        return [TenantId(row[0]) for row in rows]

    async def whose_known(self, db: Database, before: datetime, *, after: TenantId, most: int) -> list[TenantId]:
        """Those who still know somebody of a visit that was over by then."""
        return [TenantId(row[0]) for row in await db.ask("select whose_people_known($1, $2, $3)", before, after, most)]
