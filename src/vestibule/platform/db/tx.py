"""A transaction: what features hold while they read and write."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from vestibule.kit.ids import TenantId

_log = logging.getLogger(__name__)
# What was put off to COMMIT -> the SQL, without parameters, that writes it.
Writer = Callable[[list[Any]], str]
# PostgreSQL refuses a NOTIFY payload of 8,000 bytes or more.
NOTIFY_LIMIT = 7_999


class Tx:
    """An open transaction, bound to one tenant or to none.

    Never commit or roll back by SQL; leaving the `async with` of `Database` does that. Never call the outside world while one is open.
    """

    def __init__(self, conn: asyncpg.Connection, tenant: TenantId | None) -> None:
        """Made by `Database` only.

        Args:
            conn: with the transaction already begun.
            tenant: whom row-level security lets through, or None.
        """
        self.tenant = tenant
        self._conn = conn
        self._notes: list[tuple[str, str]] = []
        self._after: list[Callable[[], None]] = []
        self._parting: list[tuple[Writer, Any]] = []

    async def execute(self, sql: str, *args: Any) -> str:
        """Run a statement; returns its status, e.g. `UPDATE 1`."""
        return await self._conn.execute(sql, *args)

    async def executemany(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Run one statement for each row of arguments, in one round trip."""
        await self._conn.executemany(sql, rows)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """All rows."""
        return await self._conn.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self._conn.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._conn.fetchval(sql, *args)

    async def notify(self, channel: str, payload: str) -> None:
        """Tell every listener, on COMMIT; a rolled-back transaction tells nobody."""
        if len(payload.encode()) > NOTIFY_LIMIT:
            raise ValueError("too long for NOTIFY: send ids, not contents")
        self._notes.append((channel, payload))

    def with_commit(self, writer: Writer, item: Any) -> None:
        """Have `writer` write `item` in the very message that commits: a lock which many want, taken there, is held for no round trip.

        The commit becomes visible first and durable a moment later; the caller hears of it when it is durable. What is noted inside a
        savepoint that is undone is not written. If writing fails, nothing of the transaction is done: Unavailable `act-not-recorded`.
        """
        self._parting.append((writer, item))

    def parting(self) -> str:
        """Called by `Database`: the SQL to send with COMMIT, empty when there is none."""
        writers = dict.fromkeys(writer for writer, _ in self._parting)
        return "; ".join(writer([item for w, item in self._parting if w is writer]) for writer in writers)

    async def flush(self) -> None:
        """Called by `Database` before COMMIT: everything to tell, in one round trip."""
        if self._notes:
            channels, payloads = zip(*self._notes, strict=True)
            await self._conn.execute(
                "select pg_notify(c, p) from unnest($1::text[], $2::text[]) with ordinality as t(c, p, n) order by n", channels, payloads
            )

    def after_commit(self, fn: Callable[[], None]) -> None:
        """Run `fn` in this process once the transaction is committed; not at all when it is not."""
        self._after.append(fn)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail alone: an exception inside undoes the part and goes on to the caller, the transaction stays useable."""
        await self._conn.execute("savepoint part")
        told, parting = len(self._notes), len(self._parting)
        try:
            yield
        except BaseException:
            del self._notes[told:], self._parting[parting:]
            await self._conn.execute("rollback to savepoint part")
            raise
        finally:
            await self._conn.execute("release savepoint part")

    def committed(self) -> None:
        """Called by `Database` after COMMIT. A failing function is logged: the commit stands, the caller must not believe otherwise."""
        for fn in self._after:
            try:
                fn()
            except Exception:  # noqa: BLE001  whatever it is, the commit stands
                _log.exception("after_commit function failed")
