"""The pool of connections, and the three ways to begin a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from vestibule.errors import Unavailable
from vestibule.kit.backoff import backoff
from vestibule.kit.ids import TenantId
from vestibule.platform.db.connect import BUSY, LOST, busy, unavailable
from vestibule.platform.db.tx import Tx

T = TypeVar("T")

# Every session's own brakes: no statement, lock or forgotten transaction may hold others up for long.
_SESSION = {
    "role": "vestibule_app",
    "application_name": "vestibule",
    "timezone": "UTC",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}
_PHASE = "database.transaction"
# A queue's statistics are always stale: the planner takes a full table for an empty one and reads it whole, or joins what it should look
# up. The queue's order and its keys are indexes; this makes statements walk there, and stop when they have enough.
_WALK = "".join(f"; set local enable_{way} = off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"))
# A transaction of its own that says nothing to anybody.
_WAIT_FOR_DISK = "select pg_logical_emit_message(true, 'vestibule', '')"
_DISPATCH = f"begin; set local role vestibule_dispatch{_WALK}"


class Database:
    """A pool whose sessions act as `vestibule_app`, which owns nothing and sees only the tenant of its transaction."""

    def __init__(self, pool: Any, url: str, patience: float) -> None:
        """Use `Database.open`."""
        self._pool: asyncpg.Pool = pool
        self.url = url
        self._patience = patience

    @classmethod
    async def open(cls, url: str, *, min_size: int = 1, max_size: int = 10, patience: float = 5) -> Database:
        """Connect.

        Args:
            url: of the login role; it must have been granted `vestibule_app` (the first migration does).
            min_size: connections kept open.
            max_size: connections at most; who comes later waits.
            patience: seconds to wait for a free and living connection before `database-unavailable`.
        """
        try:
            pool = await asyncpg.create_pool(
                url, min_size=min_size, max_size=max_size, server_settings=_SESSION, reset=_reset, timeout=patience, command_timeout=30
            )
        except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
            raise Unavailable(
                "database-not-migrated", "The database has no schema yet; run `vestibule migrate`.", phase="database.open"
            ) from error
        except LOST as error:
            raise unavailable("database.open") from error
        return cls(pool, url, patience)

    async def close(self) -> None:
        """Wait a little for open transactions, then close every connection."""
        try:
            await asyncio.wait_for(self._pool.close(), 10)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def tenant(self, tenant: TenantId) -> AsyncIterator[Tx]:
        """A transaction that sees one tenant's rows."""
        # A UUID is hexadecimal, so it may stand in the text: BEGIN and the setting travel in one round trip.
        async with self._begin(f"begin; select set_config('vestibule.tenant', '{UUID(str(tenant))}', true)", tenant) as tx:
            yield tx

    @asynccontextmanager
    async def anyone(self) -> AsyncIterator[Tx]:
        """A transaction without a tenant: it sees only what SECURITY DEFINER functions named whose_* give."""
        async with self._begin("begin", None) as tx:
            yield tx

    @asynccontextmanager
    async def dispatcher(self) -> AsyncIterator[Tx]:
        """A transaction of `vestibule_dispatch`, whose policies show the queue of every tenant and nothing else."""
        async with self._begin(_DISPATCH, None) as tx:
            yield tx

    async def ask(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """The rows of one statement without a tenant: a whose_* function, or anything else that only reads.

        One round trip instead of the three of a transaction. It may be said twice, should the connection turn out to be dead.
        """
        return await self._patiently(lambda timeout: self._try_ask(sql, args, timeout))

    async def ping(self) -> None:
        """Prove that a statement goes through."""
        await self.ask("select 1")

    @asynccontextmanager
    async def _begin(self, opening: str, tenant: TenantId | None) -> AsyncIterator[Tx]:
        conn = await self._acquire(opening)
        tx = Tx(conn, tenant)
        try:
            try:
                yield tx
            except BaseException:
                await _roll_back(conn)
                raise
            await _finish(conn, tx)
        except LOST as error:
            if _was_ours(error, conn):
                raise unavailable(_PHASE) from error
            raise
        except BUSY as error:
            raise busy(_PHASE) from error
        finally:
            await self._pool.release(conn)
        tx.committed()

    async def _acquire(self, opening: str) -> Any:
        """A connection on which the transaction has begun."""
        return await self._patiently(lambda timeout: self._try_begin(opening, timeout))

    async def _patiently(self, step: Callable[[float], Awaitable[T]]) -> T:
        """Do a first step on a connection.

        A connection the server has closed behind our back is found out by that step. Nothing has happened yet, so the next one is tried
        until patience ends; a restart of the server is a pause for the caller, not an error.
        """
        deadline = asyncio.get_running_loop().time() + self._patience
        attempt = 0
        while True:
            left = deadline - asyncio.get_running_loop().time()
            try:
                return await step(max(left, 0.001))
            except (*LOST, asyncpg.QueryCanceledError) as error:  # BEGIN itself waits for nobody; cancelled, it may simply be said again
                attempt += 1
                pause = backoff(attempt, base=0.02, ceiling=0.5)
                if left <= pause or self._pool.is_closing():
                    raise unavailable(_PHASE) from error
                await asyncio.sleep(pause)

    async def _try_begin(self, opening: str, timeout: float) -> Any:
        conn = await self._pool.acquire(timeout=timeout)
        try:
            await conn.execute(opening, timeout=timeout)
        except BaseException:
            _discard(conn)  # in what state it is, nobody knows
            await self._pool.release(conn)
            raise
        return conn

    async def _try_ask(self, sql: str, args: tuple[Any, ...], timeout: float) -> list[asyncpg.Record]:
        conn = await self._pool.acquire(timeout=timeout)
        try:
            return await conn.fetch(sql, *args, timeout=timeout)
        except BaseException:
            _discard(conn)
            raise
        finally:
            await self._pool.release(conn)


async def _finish(conn: Any, tx: Tx) -> None:
    """The last statements and COMMIT; if that fails, ROLLBACK, for nothing else would end the transaction."""
    try:
        await tx.flush()
        parting = tx.parting()
        await (_commit_with(conn, parting) if parting else _commit(conn))
    except BaseException:
        await _roll_back(conn)
        raise


async def _commit_with(conn: Any, parting: str) -> None:
    """COMMIT together with a statement that takes a lock which others of the tenant wait for.

    Waiting for the disk while holding it would let through only as many of them as the disk can do one after the other. So they commit
    without waiting, and the wait follows without the lock, for many at once: a record written after COMMIT is durable no sooner than it.
    """
    try:
        await conn.execute(f"set local synchronous_commit = off; {parting}; commit; {_WAIT_FOR_DISK}")
    except (*LOST, *BUSY):
        raise
    except asyncpg.PostgresError as error:
        raise Unavailable(
            "act-not-recorded",
            "This could not be written into the audit, so it was not done. Nothing was changed; try again shortly.",
            phase="database.commit",
            retry_after=1,
        ) from error


async def _commit(conn: Any) -> None:
    """COMMIT, and believe it only when the server says so: after a failed statement it answers ROLLBACK without complaint."""
    if await conn.execute("commit") != "COMMIT":
        raise RuntimeError("a failed statement was swallowed inside the transaction; use Tx.savepoint() for a part that may fail")


async def _roll_back(conn: Any) -> None:
    """End the transaction whatever happens; a connection that cannot is thrown away, and with it the server rolls back."""
    try:
        await conn.execute("rollback", timeout=2)
    except Exception:  # noqa: BLE001  the caller's own exception is the one to tell
        _discard(conn)
    except BaseException:
        _discard(conn)
        raise


def _was_ours(error: BaseException, conn: Any) -> bool:
    """True when it is the database that was lost, not a socket of the caller's own or a wrong argument."""
    if isinstance(error, asyncpg.PostgresError | asyncpg.InternalClientError):
        return True
    try:
        return bool(conn.is_closed())
    except asyncpg.InterfaceError:  # the pool has taken it away already, which it does when a connection breaks
        return True


def _discard(conn: Any) -> None:
    """Close without a word to the server; the pool opens another when one is needed."""
    with suppress(asyncpg.InterfaceError):
        conn.terminate()


async def _reset(conn: Any) -> None:
    """Nothing: every setting of ours is local to its transaction, so a connection needs no round trip before the next caller."""
