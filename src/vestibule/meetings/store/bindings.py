"""The SQL of one-time sign-ins: who of the record is who in the Microsoft directory, and sign-ins under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.db import Database, Tx

Row = asyncpg.Record
_BINDING = "id, connection_id, person_key, person_sealed, object_id, bound_at, used_at"


@dataclass(frozen=True, slots=True)
class SignInRow:
    """A sign-in as it was found."""

    id: UUID
    browser_hash: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    expires_at: datetime
    used_at: datetime | None


class BindingStore:
    """Rows of `meeting_bindings`."""

    async def of_keys(self, tenant: TenantId, tx: Tx, connection: ConnectionId, keys: Sequence[bytes]) -> list[Row]:
        """Those of some people of one connection."""
        return await tx.fetch(
            f"select {_BINDING} from meeting_bindings where tenant_id = $1 and connection_id = $2 and person_key = any($3) "
            "order by bound_at",
            tenant,
            connection,
            list(keys),
        )

    async def put(
        self, tenant: TenantId, tx: Tx, connection: ConnectionId, key: bytes, *, binding: UUID, sealed: bytes, object_id: str, at: datetime
    ) -> None:
        """Bind somebody."""
        await tx.execute(
            "insert into meeting_bindings (tenant_id, connection_id, person_key, id, person_sealed, object_id, bound_at) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            tenant,
            connection,
            key,
            binding,
            sealed,
            object_id,
            at,
        )

    async def drop_keys(self, tenant: TenantId, tx: Tx, connection: ConnectionId, keys: Sequence[bytes]) -> list[Row]:
        """Unbind one person, under whichever key their row was written; what was there."""
        return await tx.fetch(
            f"delete from meeting_bindings where tenant_id = $1 and connection_id = $2 and person_key = any($3) returning {_BINDING}",
            tenant,
            connection,
            list(keys),
        )

    async def hold(self, tenant: TenantId, tx: Tx, connection: ConnectionId, key: bytes) -> None:
        """Let nobody else bind or unbind this person until the transaction ends."""
        await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"meeting-binding|{tenant}|{connection}|{key.hex()}")

    async def find(self, tenant: TenantId, tx: Tx, binding: UUID) -> Row | None:
        """One, by its own id."""
        return await tx.fetchrow(f"select {_BINDING} from meeting_bindings where tenant_id = $1 and id = $2", tenant, binding)

    async def drop(self, tenant: TenantId, tx: Tx, binding: UUID) -> Row | None:
        """Unbind by the binding's id; what was there."""
        return await tx.fetchrow(f"delete from meeting_bindings where tenant_id = $1 and id = $2 returning {_BINDING}", tenant, binding)

    async def used(self, tenant: TenantId, tx: Tx, binding: UUID, at: datetime) -> None:
        """They went into a meeting by it; noted to the hour, for a page asks often."""
        await tx.execute(
            "update meeting_bindings set used_at = $3 where tenant_id = $1 and id = $2 "
            "and (used_at is null or used_at < $3::timestamptz - interval '1 hour')",
            tenant,
            binding,
            at,
        )

    async def listing(self, tenant: TenantId, tx: Tx, *, after: UUID, most: int) -> list[Row]:
        """A part of the list, by id (which is in the order of time)."""
        return await tx.fetch(
            f"select {_BINDING} from meeting_bindings where tenant_id = $1 and id > $2 order by id limit $3", tenant, after, most
        )

    async def count(self, tenant: TenantId, tx: Tx) -> int:
        """How many there are."""
        return int(await tx.fetchval("select count(*) from meeting_bindings where tenant_id = $1", tenant))

    async def with_object(self, tenant: TenantId, tx: Tx, object_ids: Sequence[str]) -> list[Row]:
        """Those of some accounts."""
        return await tx.fetch(
            f"select {_BINDING} from meeting_bindings where tenant_id = $1 and object_id = any($2) order by id", tenant, list(object_ids)
        )


class SignInStore:
    """Rows of `meeting_sign_ins`."""

    async def add(self, tenant: TenantId, tx: Tx, row: SignInRow, state_hash: bytes, at: datetime) -> None:
        """Insert one that begins."""
        await tx.execute(
            "insert into meeting_sign_ins (tenant_id, id, state_hash, browser_hash, sealed, started_at, expires_at) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            tenant,
            row.id,
            state_hash,
            row.browser_hash,
            row.sealed,
            at,
            row.expires_at,
        )

    async def whose(self, db: Database, state_hash: bytes) -> TenantId | None:
        """The organisation whose clinician signs in."""
        found = (await db.ask("select whose_meeting_sign_in($1)", state_hash))[0][0]
        return None if found is None else TenantId(found)

    async def take(self, tenant: TenantId, tx: Tx, state_hash: bytes, browser_hash: bytes, at: datetime) -> SignInRow | None:
        """The sign-in as it was found. If it was good, nothing can use it again from here on, and its secrets are gone from the row.

        It is good for the browser that left, in time, and once; the lock lets one of two callbacks come first.
        """
        row = await tx.fetchrow(
            "with found as (select id, browser_hash, sealed, expires_at, used_at from meeting_sign_ins "
            "where tenant_id = $1 and state_hash = $2 for update), "
            "taken as (update meeting_sign_ins s set used_at = $4, sealed = '' from found f "
            "where s.tenant_id = $1 and s.id = f.id and f.used_at is null and f.expires_at > $4 and f.browser_hash = $3) "
            "select * from found",
            tenant,
            state_hash,
            browser_hash,
            at,
        )
        return SignInRow(**dict(row)) if row else None

    async def whose_over(self, db: Database, at: datetime, after: TenantId, most: int) -> list[TenantId]:
        """Organisations with sign-ins whose time is over."""
        return [TenantId(row[0]) for row in await db.ask("select whose_meeting_sign_ins_over($1, $2, $3)", at, after, most)]

    async def sweep(self, tenant: TenantId, tx: Tx, at: datetime) -> int:
        """Forget those."""
        return int((await tx.execute("delete from meeting_sign_ins where tenant_id = $1 and expires_at <= $2", tenant, at)).split()[-1])
