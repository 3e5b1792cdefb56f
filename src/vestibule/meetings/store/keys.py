"""The SQL of our key pairs towards Microsoft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database, Tx

_COLUMNS = "id, purpose, private_sealed, certificate, made_at, not_after, retired_at, waits"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of `meeting_keys`.

    Attributes:
        waits: made, and not in use before somebody says so.
    """

    id: str
    purpose: str
    private_sealed: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    made_at: datetime
    not_after: datetime
    retired_at: datetime | None
    waits: bool


class KeyStore:
    """Rows of `meeting_keys`."""

    async def some(self, tenant: TenantId, tx: Tx, purpose: str | None) -> list[KeyRow]:
        """Those of a purpose, or all; the newest first."""
        where = "tenant_id = $1 and ($2::text is null or purpose = $2)"
        sql = f"select {_COLUMNS} from meeting_keys where {where} order by made_at desc, id desc"
        return [KeyRow(**dict(row)) for row in await tx.fetch(sql, tenant, purpose)]

    async def add(self, tenant: TenantId, tx: Tx, row: KeyRow) -> bool:
        """Keep one; False where one of that purpose is in use already, or waits."""
        done = await tx.fetchval(
            f"insert into meeting_keys (tenant_id, {_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            " on conflict do nothing returning true",
            tenant,
            row.id,
            row.purpose,
            row.private_sealed,
            row.certificate,
            row.made_at,
            row.not_after,
            row.retired_at,
            row.waits,
        )
        return bool(done)

    async def retire(self, tenant: TenantId, tx: Tx, key: str, at: datetime) -> bool:
        """It is not used for anything new; False where that was so already."""
        sql = "update meeting_keys set retired_at = $3 where tenant_id = $1 and id = $2 and retired_at is null returning true"
        return bool(await tx.fetchval(sql, tenant, key, at))

    async def use(self, tenant: TenantId, tx: Tx, key: str, at: datetime) -> bool:
        """The key that waits is in use, and the one before is not; False where none of that name waits."""
        known = "select purpose from meeting_keys where tenant_id = $1 and id = $2 and waits for update"
        purpose = await tx.fetchval(known, tenant, key)
        if purpose is None:
            return False
        retire = "update meeting_keys set retired_at = $3 where tenant_id = $1 and purpose = $2 and retired_at is null and not waits"
        await tx.execute(retire, tenant, purpose, at)
        await tx.execute("update meeting_keys set waits = false where tenant_id = $1 and id = $2", tenant, key)
        return True

    async def forget(self, tenant: TenantId, tx: Tx, before: datetime, in_use: Sequence[str]) -> int:
        """Delete those retired before then, but for some."""
        rows = await tx.fetch(
            "delete from meeting_keys where tenant_id = $1 and retired_at < $2 and not id = any($3::text[]) returning id",
            tenant,
            before,
            list(in_use),
        )
        return len(rows)

    async def whose_ending(self, db: Database, end: datetime, retired: datetime, after: TenantId, most: int) -> list[TenantId]:
        """Organisations with a `notify` key that ends by then, or one retired before then."""
        rows = await db.ask("select whose_meeting_keys_ending($1, $2, $3, $4)", end, retired, after, most)
        return [TenantId(row[0]) for row in rows]
