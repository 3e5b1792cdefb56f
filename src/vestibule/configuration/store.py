"""The one question of a configuration that the features do not answer: which organisations are called so."""

from __future__ import annotations

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database


class NameStore:
    """Names of organisations."""

    async def whose_name(self, db: Database, name: str) -> list[TenantId]:
        """The organisations of exactly this name."""
        return [TenantId(row[0]) for row in await db.ask("select whose_name($1)", name)]
