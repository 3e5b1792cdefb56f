"""Rows of programs' tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vestibule.identity.model import StaffRole, Token
from vestibule.kit.ids import TenantId, TokenId
from vestibule.platform.db import Database, Tx

_COLUMNS = "id, name, roles, made_at, expires_at, used_at, withdrawn_at"


class ProgramStore:
    """All SQL of programs' tokens."""

    async def whose(self, db: Database, secret_hash: bytes) -> TenantId | None:
        """The organisation a token is of."""
        found = (await db.ask("select whose_token($1)", secret_hash))[0][0]
        return None if found is None else TenantId(found)

    async def add(self, tenant: TenantId, tx: Tx, token: Token, secret_hash: bytes, made_by: str) -> None:
        """Insert a token."""
        await tx.execute(
            "insert into api_tokens (tenant_id, id, name, roles, secret_hash, made_by, made_at, expires_at) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8)",
            tenant,
            token.id,
            token.name,
            sorted(role.value for role in token.roles),
            secret_hash,
            made_by,
            token.made_at,
            token.expires_at,
        )

    async def by_secret(self, tenant: TenantId, tx: Tx, secret_hash: bytes) -> Token | None:
        """The token of this secret, good or not."""
        row = await tx.fetchrow(f"select {_COLUMNS} from api_tokens where tenant_id = $1 and secret_hash = $2", tenant, secret_hash)
        return _token(row) if row else None

    async def used(self, tenant: TenantId, tx: Tx, token: TokenId, at: datetime) -> None:
        """Note that a token is in use; not worth waiting for."""
        await tx.execute(
            "update api_tokens set used_at = $3 where tenant_id = $1 and id in "
            "(select id from api_tokens where tenant_id = $1 and id = $2 for update skip locked)",
            tenant,
            token,
            at,
        )

    async def listing(self, tenant: TenantId, tx: Tx, search: str, after: tuple[str, str], limit: int) -> list[Token]:
        """Tokens by name, behind `after`."""
        rows = await tx.fetch(
            f"select {_COLUMNS} from api_tokens where tenant_id = $1 and (lower(name), id::text) > ($2, $3) "
            "and ($4 = '' or strpos(lower(name), lower($4)) > 0) order by lower(name), id::text limit $5",
            tenant,
            *after,
            search,
            limit,
        )
        return [_token(row) for row in rows]

    async def withdraw(self, tenant: TenantId, tx: Tx, token: TokenId, at: datetime) -> str | None:
        """End a token; its name, or None when there is no such token in force."""
        found = await tx.fetchval(
            "update api_tokens set withdrawn_at = $3 where tenant_id = $1 and id = $2 and withdrawn_at is null returning name",
            tenant,
            token,
            at,
        )
        return None if found is None else str(found)

    async def whose_over(self, db: Database, before: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next tenants with tokens that ended before then."""
        return [TenantId(row[0]) for row in await db.ask("select whose_tokens_over($1, $2, $3)", before, after, most)]

    async def sweep(self, tenant: TenantId, tx: Tx, before: datetime) -> int:
        """Forget tokens that ended before then."""
        status = await tx.execute("delete from api_tokens where tenant_id = $1 and least(withdrawn_at, expires_at) < $2", tenant, before)
        return int(status.split()[-1])


def _token(row: Any) -> Token:
    return Token(
        id=TokenId(row["id"]),
        name=row["name"],
        roles=frozenset(StaffRole(role) for role in row["roles"]),
        made_at=row["made_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        withdrawn_at=row["withdrawn_at"],
    )
