"""Durable no-op jobs: our effects against procrastinate, on one PostgreSQL server with fsync on.

1. How many a second one worker process completes (each with the concurrency that served it best here).
2. How long a single one waits in an idle system until its handler starts.
3. The same work while the worker is killed three times; nothing may be lost.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from bench._effects_worker import KIND, peer_app
from bench.support import database, fact, interleave, pairs_wanted, postgres, row
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId, VisitId, new_id
from vestibule.platform.db import Database, Listener, migrate
from vestibule.platform.effects import Done, Effect, Effects, Outcome, Promise, Worker

PEER = "procrastinate 3 (psycopg)"
OUR_JOBS, PEER_JOBS = 20_000, 4_000
OUR_CONCURRENCY, PEER_CONCURRENCY = 200, 50
PICKUPS = 200
KILLED_JOBS, KILLS = 6_000, 3
TENANT = TenantId(new_id())
EFFECTS = Effects()


def run() -> list[dict[str, Any]]:
    """All three."""
    return uvloop.run(_run())


async def _run() -> list[dict[str, Any]]:
    async with postgres() as server:
        ours, peer = await database(server, "ours"), await database(server, "peer")
        await migrate(ours)
        app = peer_app(peer)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
        pairs = pairs_wanted()
        speed = await interleave("jobs/s", lambda: our_speed(ours), lambda: peer_speed(peer), pairs=pairs)
        wait = await interleave("pickup ms", lambda: our_pickup(ours), lambda: peer_pickup(peer), pairs=pairs)
        mine, theirs = Survivor("ours", ours, OUR_CONCURRENCY), Survivor("peer", peer, PEER_CONCURRENCY)
        killed = await interleave("jobs/s through kills", mine.measure, theirs.measure, pairs=pairs, warm=False)
        return [
            row("effects, no-op", *speed, peer_name=PEER, unit="jobs/s", goal=10.0),
            row("effects, pickup when idle (p50)", *wait, peer_name=PEER, unit="ms", goal=1.0, better="lower"),
            row("effects, worker killed 3 times", *killed, peer_name=PEER, unit="jobs/s", goal=1.0, repeated=mine.repeated),
            fact("effects, lost under kill", float(mine.lost), unit="jobs", goal=0.0, better="lower", of=mine.total, peer_lost=theirs.lost),
        ]


async def enqueue_ours(db: Database, count: int) -> None:
    """Each effect in a lane of its own, eight destinations; the caller's transaction, as always."""
    for start in range(0, count, 1000):
        async with db.tenant(TENANT) as tx:
            for n in range(start, min(count, start + 1000)):
                await EFFECTS.enqueue(
                    tx,
                    kind=KIND,
                    destination=f"d{n % 8}",
                    promise=Promise.STATUS,
                    key=f"k{n}",
                    payload={"n": n},
                    visit=VisitId(new_id()),
                )


async def _clean(url: str, tables: str) -> None:
    conn = await asyncpg.connect(url)
    await conn.execute(f"truncate {tables}")
    await conn.close()


async def our_speed(url: str) -> float:
    """Jobs a second, from the worker's start to the last commit."""
    await _clean(url, "effects, effect_attempts")
    db = await Database.open(url)
    await enqueue_ours(db, OUR_JOBS)
    left, over = OUR_JOBS, asyncio.Event()

    async def handler(_: Effect) -> Outcome:
        nonlocal left
        left -= 1
        if left == 0:
            over.set()
        return Done()

    worker = Worker(db, {KIND: handler}, SystemClock(), concurrency=OUR_CONCURRENCY, per_destination=OUR_CONCURRENCY)
    began = time.perf_counter()
    running = asyncio.create_task(worker.run())
    await over.wait()
    await worker.stop()
    await running  # ends when the last outcome is committed
    seconds = time.perf_counter() - began
    async with db.tenant(TENANT) as tx:
        assert await tx.fetchval("select count(*) from effects where state = 'done'") == OUR_JOBS
    await db.close()
    return OUR_JOBS / seconds


async def peer_speed(url: str) -> float:
    """Jobs a second, from the worker's start until it finds no more."""
    await _clean(url, "procrastinate_jobs, procrastinate_events, procrastinate_workers cascade")
    app = peer_app(url)
    async with app.open_async():
        await app.tasks[KIND].batch_defer_async(*({"n": n} for n in range(PEER_JOBS)))
        began = time.perf_counter()
        await app.run_worker_async(concurrency=PEER_CONCURRENCY, wait=False, install_signal_handlers=False)
        return PEER_JOBS / (time.perf_counter() - began)


async def _pickup(put: Callable[[int], Awaitable[None]], started: asyncio.Queue[float]) -> float:
    waits = []
    for n in range(PICKUPS):
        began = time.perf_counter()
        await put(n)
        waits.append(await started.get() - began)
        await asyncio.sleep(0.002)  # let the worker go back to rest
    return statistics.median(waits) * 1000


async def our_pickup(url: str) -> float:
    """Milliseconds from the beginning of the enqueueing transaction to the handler, by NOTIFY."""
    await _clean(url, "effects, effect_attempts")
    db, ear, started = await Database.open(url), Listener(url), asyncio.Queue[float]()
    await ear.start()

    async def handler(_: Effect) -> Outcome:
        started.put_nowait(time.perf_counter())
        return Done()

    async def put(n: int) -> None:
        async with db.tenant(TENANT) as tx:
            await EFFECTS.enqueue(tx, kind=KIND, destination="d", promise=Promise.STATUS, key=f"p{n}", payload={"n": n})

    worker = Worker(db, {KIND: handler}, SystemClock(), listener=ear)
    running = asyncio.create_task(worker.run())
    result = await _pickup(put, started)
    await worker.stop()
    await running
    await ear.stop()
    await db.close()
    return result


async def peer_pickup(url: str) -> float:
    """The same for the peer, by its own LISTEN."""
    await _clean(url, "procrastinate_jobs, procrastinate_events, procrastinate_workers cascade")
    app, started = peer_app(url), asyncio.Queue[float]()

    @app.task(name="pickup")
    async def pickup() -> None:
        started.put_nowait(time.perf_counter())

    async def put(_: int) -> None:
        await pickup.defer_async()

    async with app.open_async():
        running = asyncio.create_task(app.run_worker_async(concurrency=PEER_CONCURRENCY, install_signal_handlers=False))
        await put(0)
        await started.get()  # the first one proves that it listens
        result = await _pickup(put, started)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return result


def _size(book: Path) -> int:
    return book.stat().st_size


class Survivor:
    """One side of the kill race: a worker process that is killed at random points of the book and started again."""

    def __init__(self, who: str, url: str, concurrency: int) -> None:
        self._who, self._url, self._concurrency = who, url, concurrency
        self._dice = random.Random(2)
        self.lost = self.repeated = self.total = 0

    async def measure(self) -> float:
        """Jobs a second from the first start until the queue itself says that all are over, restarts included."""
        await self._fill()
        with tempfile.TemporaryDirectory() as folder:
            book = Path(folder) / "book"
            book.touch()
            began = time.perf_counter()
            await self._work(book)
            seconds = time.perf_counter() - began
            self._count(book)
        return KILLED_JOBS / seconds

    async def _fill(self) -> None:
        if self._who == "ours":
            await _clean(self._url, "effects, effect_attempts")
            db = await Database.open(self._url)
            await enqueue_ours(db, KILLED_JOBS)
            await db.close()
            return
        await _clean(self._url, "procrastinate_jobs, procrastinate_events, procrastinate_workers cascade")
        app = peer_app(self._url)
        async with app.open_async():
            await app.tasks[KIND].batch_defer_async(*({"n": n} for n in range(KILLED_JOBS)))

    async def _work(self, book: Path) -> None:
        marks = sorted(self._dice.sample(range(200, KILLED_JOBS - 500), KILLS))
        conn = await asyncpg.connect(self._url)
        process = await self._start(book)
        while not await conn.fetchval(self._over):
            if marks and _size(book) >= marks[0] * 8:
                marks.pop(0)
                process.send_signal(signal.SIGKILL)
                await process.wait()
                process = await self._start(book)
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
        await conn.close()

    @property
    def _over(self) -> str:
        if self._who == "ours":
            return "select not exists (select from effects where holds)"
        return "select not exists (select from procrastinate_jobs where status in ('todo', 'doing'))"

    async def _start(self, book: Path) -> asyncio.subprocess.Process:
        args = (self._who, self._url, str(book), str(self._concurrency))
        return await asyncio.create_subprocess_exec(sys.executable, "-m", "bench._effects_worker", *args, env=dict(os.environ))

    def _count(self, book: Path) -> None:
        seen = Counter(book.read_bytes().split())
        self.total += KILLED_JOBS
        self.lost += KILLED_JOBS - len(seen)
        self.repeated += sum(n - 1 for n in seen.values())
