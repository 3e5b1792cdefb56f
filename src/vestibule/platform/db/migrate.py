"""Brings a database to the present schema: numbered SQL files, each applied once, in its own transaction, by one runner at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

import asyncpg

from vestibule.errors import Conflict, Unavailable
from vestibule.platform.db.connect import connect

# Any number does, as long as it is ours; it names the lock that one runner holds.
_LOCK = 0x76657374_6962756C
_PHASE = "database.migrate"
# A migration may never queue behind a long transaction while the whole program queues behind the migration.
_LOCK_TIMEOUT = "4s"
_STATEMENT_TIMEOUT = "10min"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text; an applied file must never change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Every migration this version knows, in order."""
    folder = resources.files("vestibule.platform.db.migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name.removesuffix(".sql"), f.read_text(encoding="utf-8")) for f in files]


async def migrate(url: str, *, steps: list[Migration] | None = None) -> list[str]:
    """Apply what is missing; returns the names applied now. Several runners at once are fine: one works, the rest wait and find it done.

    Args:
        url: of the role that owns the schema.
        steps: instead of the program's own, for tests.
    """
    steps = migrations() if steps is None else steps
    conn = await connect(url, statement_timeout=_STATEMENT_TIMEOUT)
    try:
        await conn.execute(f"select pg_advisory_lock({_LOCK})")
        await conn.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
        return [step.name for step in await _missing(conn, steps) if await _apply(conn, step)]
    finally:
        await conn.close()  # and with the session goes the lock


async def pending(url: str) -> list[str]:
    """Names of the migrations not applied yet; changes nothing."""
    conn = await connect(url)
    try:
        if await conn.fetchval("select to_regclass('schema_migration')") is None:
            return [step.name for step in migrations()]
        done = {row["name"] for row in await conn.fetch("select name from schema_migration")}
        return [step.name for step in migrations() if step.name not in done]
    finally:
        await conn.close()


async def _missing(conn: asyncpg.Connection, steps: list[Migration]) -> list[Migration]:
    """The steps not applied yet; an applied one whose text has changed is refused, for then nobody knows what the schema is."""
    await conn.execute(
        "create table if not exists schema_migration"
        " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
    )
    applied = {row["name"]: row["checksum"] for row in await conn.fetch("select name, checksum from schema_migration")}
    for step in steps:
        if applied.get(step.name, step.checksum) != step.checksum:
            raise Conflict("migration-edited", f"Migration {step.name} was changed after it had been applied.", phase=_PHASE)
    return [step for step in steps if step.name not in applied]


async def _apply(conn: asyncpg.Connection, step: Migration) -> bool:
    """One step, wholly or not at all."""
    try:
        async with conn.transaction():
            await conn.execute(step.sql)
            await conn.execute("insert into schema_migration (name, checksum) values ($1, $2)", step.name, step.checksum)
    except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError) as error:
        raise Unavailable(
            "migration-blocked", f"Migration {step.name} waited too long for a busy table; run it again.", phase=_PHASE
        ) from error
    return True
