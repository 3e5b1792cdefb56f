"""Group commit: rows of many callers, written durably by one writer, many to a commit.

Waiting for the disk is what a durable insert costs. One writer on a connection of its own takes everything that came while it waited for
the disk, and commits it as one batch: callers that come together share one wait. A caller hears of its row only after COMMIT.

What can go wrong, and what is done about it:

- A row the database refuses fails alone: its batch is repeated row by row.
- The database is away: rows are held, the writer reconnects with a growing pause, and says so in the log now and then, not each time.
- The disk is full: every row of the batch fails, and nothing else is tried for a while. Nobody is told that a row is safe.
- More waits than memory should hold: `put` refuses.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

import asyncpg

from vestibule.errors import BadInput, Unavailable, VestibuleError
from vestibule.kit.backoff import backoff
from vestibule.platform.db.connect import BUSY, LOST, connect

_log = logging.getLogger(__name__)
R = TypeVar("R")
A = TypeVar("A")

_SAY_EVERY: Final = 30.0  # seconds between two lines of log that say the same
_CONNECT_SECONDS: Final = 5.0
# A standby says so until it is told to lead; another connection may reach the one that does.
_ELSEWHERE = (asyncpg.ReadOnlySQLTransactionError,)
_NO_ROOM = (asyncpg.InsufficientResourcesError, asyncpg.PostgresIOError)
# Durable whatever the server's or the database's own setting is: an acknowledgement rests on it.
_SESSION = {"synchronous_commit": "on", "statement_timeout": "15s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"}


class Session(Protocol):
    """What a write is given: the writer's connection."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Run one statement, in a transaction of its own; returns its rows after COMMIT."""
        ...


# Writes rows, in order, and returns an answer for each, after COMMIT. It may be repeated for rows that it has written already.
Write = Callable[[Session, Sequence[R]], Awaitable[Sequence[A]]]
# Hears of its row, after COMMIT or after a failure: the answer, or what went wrong.
Tell = Callable[[A | VestibuleError], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once.

    Attributes:
        rows: in one commit.
        batch_bytes: in one commit, though a single larger row is written alone.
        waiting_bytes: held in memory for all callers together.
        pause: longest seconds between two tries to reach the database.
        refusal: seconds before rows fail for want of room on the disk, so that callers who try again at once do not spin.
    """

    rows: int = 512
    batch_bytes: int = 8_000_000
    waiting_bytes: int = 32_000_000
    pause: float = 5.0
    refusal: float = 0.5


@dataclass(slots=True)
class _Item(Generic[R, A]):
    row: R
    size: int
    tell: Tell[A] | None  # None once it was told


class Group(Generic[R, A]):
    """One writer for rows of one kind."""

    def __init__(self, url: str, write: Write[R, A], *, role: str, name: str, limits: Limits | None = None) -> None:
        """Describe it; nothing happens before `start`.

        Args:
            url: of the login role.
            write: writes rows.
            role: as which the connection acts.
            name: how the log calls it, and the phase of its errors.
            limits: how much at once.
        """
        self._url = url
        self._write = write
        self._role = role
        self._name = name
        self._limits = limits or Limits()
        self._queue: deque[_Item[R, A]] = deque()
        self._batch: list[_Item[R, A]] = []
        self._came = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._conn: asyncpg.Connection | None = None
        self._lost_since = self._said_at = 0.0
        self.waiting_bytes = 0

    @property
    def waiting(self) -> int:
        """Rows that wait for the next commit."""
        return len(self._queue)

    @property
    def away(self) -> bool:
        """True while the database cannot be reached."""
        return bool(self._lost_since)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name=f"group-{self._name}")

    async def stop(self, *, patience: float = 5.0) -> None:
        """Take nothing more, write what waits for so many seconds, refuse the rest. Safe to call twice."""
        self._closing = True
        self._came.set()
        if self._task:
            await asyncio.wait([self._task], timeout=patience)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._refuse_all()
        await self._hang_up()

    def put(self, row: R, size: int) -> asyncio.Future[A]:
        """Have a row written.

        Args:
            row: what to write.
            size: about how many bytes of memory it holds.

        Returns:
            What comes true after COMMIT. It fails with BadInput `row-refused` when the database will not have this row, and with
            Unavailable `database-disk-full` or `group-closed`; then the row is not to be taken for written.

        Raises:
            Unavailable: `group-closed` when it is stopping, `group-full` when more waits than memory should hold.
        """
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self.hand(row, size, partial(_settle, answer))
        return answer

    def hand(self, row: R, size: int, tell: Tell[A]) -> None:
        """Have a row written, as `put`; `tell` is called with the answer or the error. For those who have very many: it costs no future.

        Args:
            row: what to write.
            size: about how many bytes of memory it holds.
            tell: quick, for the next commit waits for it. It may hand in more.

        Raises:
            Unavailable: as `put`.
        """
        if self._closing or self._task is None:
            raise self._closed()
        if self.waiting_bytes + size > self._limits.waiting_bytes and self._queue:
            raise Unavailable(
                "group-full", "More is waiting to be stored than can be held. Try again shortly.", phase=self._name, retry_after=1
            )
        self._queue.append(_Item(row, size, tell))
        self.waiting_bytes += size
        if len(self._queue) == 1:
            self._came.set()

    async def _run(self) -> None:
        """What came until a commit's answers are out is the next batch; the first of a quiet time waits for the rest of its tick only."""
        while True:
            while self._queue:
                self._batch = self._next_batch()
                await self._carry(self._batch)
                await asyncio.sleep(0)  # one turn of the loop: answers go out before the next commit, and what has come joins it
            if self._closing:
                return
            self._came.clear()
            await self._came.wait()

    def _next_batch(self) -> list[_Item[R, A]]:
        batch: list[_Item[R, A]] = []
        size = 0
        while self._queue and len(batch) < self._limits.rows and (not batch or size + self._queue[0].size <= self._limits.batch_bytes):
            item = self._queue.popleft()
            size += item.size
            batch.append(item)
        return batch

    async def _carry(self, batch: list[_Item[R, A]]) -> None:
        """Until every row of the batch has its answer."""
        try:
            answers = await self._patiently([item.row for item in batch])
        except _NO_ROOM:
            await self._no_room(batch)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one row, its caller is told and the next one is written
            if len(batch) > 1:
                for item in batch:
                    await self._carry([item])
                return
            _log.warning("%s: the database refuses a row (%s)", self._name, type(error).__name__)
            refusal = BadInput("row-refused", "The database does not accept this.", phase=self._name)
            refusal.__cause__ = error
            self._fail(batch, refusal)
        else:
            for item, answer in zip(batch, answers, strict=True):
                self._tell(item, answer)

    async def _patiently(self, rows: list[R]) -> Sequence[A]:
        """Write; where the database is away or busy, hold the rows and try again until it is back."""
        failures = 0
        while True:
            try:
                conn = await self._connected()
                answers = await self._write(conn, rows)
            except (*LOST, *_ELSEWHERE, Unavailable) as error:
                if isinstance(error, asyncpg.InterfaceError) and self._conn and not self._conn.is_closed():
                    raise  # nothing was lost: it was asked for something impossible
                await self._hang_up()
            except BUSY as error:
                _log.info("%s: the database was busy (%s)", self._name, type(error).__name__)
            else:
                self._back()
                return answers
            failures += 1
            self._say_away()
            await asyncio.sleep(backoff(failures, base=0.05, ceiling=self._limits.pause))

    async def _connected(self) -> asyncpg.Connection:
        if self._conn is None or self._conn.is_closed():
            try:
                self._conn = await connect(self._url, timeout=_CONNECT_SECONDS, role=self._role, **_SESSION)
            except asyncpg.PostgresError as error:  # whatever it says while it starts or changes hands, it may say otherwise soon
                raise Unavailable("database-unavailable", "The database cannot be reached right now.", phase=self._name) from error
        return self._conn

    async def _hang_up(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None and not conn.is_closed():
            with suppress(*LOST, asyncpg.PostgresError):
                await conn.close(timeout=1)

    async def _no_room(self, batch: list[_Item[R, A]]) -> None:
        self._say("%s: the database has no room for more; rows are refused", self._name)
        await asyncio.sleep(self._limits.refusal)
        self._fail(
            batch, Unavailable("database-disk-full", "There is no room to store this. Nothing was kept.", phase=self._name, retry_after=30)
        )

    def _fail(self, batch: Sequence[_Item[R, A]], error: VestibuleError) -> None:
        for item in batch:
            self._tell(item, error)

    def _tell(self, item: _Item[R, A], answer: A | VestibuleError) -> None:
        tell, item.tell = item.tell, None
        if tell is None:
            return
        self.waiting_bytes -= item.size
        try:
            tell(answer)
        except Exception:  # noqa: BLE001  a mistake of one caller must not leave the others without their answers
            _log.exception("%s: a caller could not be told", self._name)

    def _refuse_all(self) -> None:
        self._fail([*self._batch, *self._queue], self._closed())
        self._queue.clear()

    def _closed(self) -> Unavailable:
        return Unavailable(
            "group-closed", "This process is stopping and takes nothing more. Try again shortly.", phase=self._name, retry_after=1
        )

    def _say_away(self) -> None:
        self._lost_since = self._lost_since or asyncio.get_running_loop().time()
        self._say("%s: the database is away; what came is held until it is back", self._name)

    def _say(self, text: str, *args: object) -> None:
        now = asyncio.get_running_loop().time()
        if not self._said_at or now - self._said_at >= _SAY_EVERY:
            self._said_at = now
            _log.warning(text, *args)

    def _back(self) -> None:
        if self._lost_since:
            seconds = asyncio.get_running_loop().time() - self._lost_since
            _log.warning("%s: the database is back after %.1f s", self._name, seconds)
            self._lost_since = self._said_at = 0.0


def _settle(future: asyncio.Future[A], answer: A | VestibuleError) -> None:
    """For callers that wait."""
    if future.done():  # its caller may have gone
        return
    if isinstance(answer, VestibuleError):
        future.set_exception(answer)
        future.exception()  # a caller who has gone away asks no more; that is no mistake
    else:
        future.set_result(answer)
