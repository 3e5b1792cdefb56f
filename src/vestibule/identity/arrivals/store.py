"""Rows of sign-ins under way. They have no tenant: nobody knows yet to which organisation whoever signs in belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from vestibule.platform.db import Tx


@dataclass(frozen=True, slots=True)
class SignInRow:
    """A sign-in as it was found."""

    id: UUID
    provider: str
    browser_hash: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    expires_at: datetime
    used_at: datetime | None


class ArrivalStore:
    """All SQL of sign-ins."""

    async def add(self, tx: Tx, row: SignInRow, state_hash: bytes, at: datetime) -> None:
        """Insert a sign-in that begins; with an empty provider one that is proved and waits for a choice."""
        await tx.execute(
            "insert into sign_ins (id, state_hash, browser_hash, provider, sealed, started_at, expires_at) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            row.id,
            state_hash,
            row.browser_hash,
            row.provider,
            row.sealed,
            at,
            row.expires_at,
        )

    async def take(self, tx: Tx, state_hash: bytes, browser_hash: bytes, at: datetime) -> SignInRow | None:
        """The sign-in as it was found. If it was good, nothing can use it again from here on, and its secrets are gone from the row.

        It is good for the browser that left, in time, and once; the lock lets one of two callbacks come first.
        """
        row = await tx.fetchrow(
            "with found as (select id, provider, browser_hash, sealed, expires_at, used_at from sign_ins "
            "where state_hash = $1 for update), "
            "taken as (update sign_ins s set used_at = $3, sealed = '' from found f "
            "where s.id = f.id and f.used_at is null and f.expires_at > $3 and f.browser_hash = $2) "
            "select * from found",
            state_hash,
            browser_hash,
            at,
        )
        return SignInRow(**dict(row)) if row else None

    async def look(self, tx: Tx, state_hash: bytes, at: datetime) -> SignInRow | None:
        """A proved sign-in that waits for a choice; looking uses nothing up."""
        row = await tx.fetchrow(
            "select id, provider, browser_hash, sealed, expires_at, used_at from sign_ins "
            "where state_hash = $1 and provider = '' and used_at is null and expires_at > $2",
            state_hash,
            at,
        )
        return SignInRow(**dict(row)) if row else None

    async def sweep(self, tx: Tx, before: datetime) -> int:
        """Forget sign-ins that ended before then."""
        return int((await tx.execute("delete from sign_ins where expires_at < $1", before)).split()[-1])
