"""The worker processes that bench/effects.py kills: `python -m bench._effects_worker ours|peer DATABASE_URL BOOK CONCURRENCY`.

Every job appends one line to the book with O_APPEND before it answers; what stands there has happened, whoever is killed afterwards.
"""

from __future__ import annotations

import asyncio
import os
import sys

import uvloop
from procrastinate import App, PsycopgConnector

from vestibule.kit.clock import SystemClock
from vestibule.platform.db import Database, Listener
from vestibule.platform.effects import Done, Effect, Outcome, Worker

LEASE = 2.0
KIND = "bench"


def write(book: int, number: int) -> None:
    """One line of eight bytes."""
    os.write(book, b"%07d\n" % number)


async def ours(url: str, book: int, concurrency: int) -> None:
    """Vestibule's worker with its listener, as `vestibule worker` runs it."""
    db, ear = await Database.open(url, min_size=2, max_size=4), Listener(url)
    await ear.start()

    async def handler(effect: Effect) -> Outcome:
        write(book, effect.payload["n"])
        return Done()

    await Worker(
        db, {KIND: handler}, SystemClock(), listener=ear, concurrency=concurrency, per_destination=concurrency, lease=LEASE, poll=0.25
    ).run()


def peer_app(url: str, book: int = -1) -> App:
    """Procrastinate with a pool large enough for its worker."""
    app = App(connector=PsycopgConnector(conninfo=url, min_size=4, max_size=20))

    @app.task(name=KIND)
    async def job(n: int) -> None:
        if book >= 0:
            write(book, n)

    return app


async def peer(url: str, book: int, concurrency: int) -> None:
    """Procrastinate's worker, with the rescue its manual recommends (a periodic retry of stalled jobs) run as often as ours looks."""
    app = peer_app(url, book)
    async with app.open_async():
        rescuing = asyncio.create_task(_retry_stalled(app))
        await app.run_worker_async(
            concurrency=concurrency,
            update_heartbeat_interval=0.5,
            stalled_worker_timeout=LEASE,
            fetch_job_polling_interval=0.25,
            install_signal_handlers=False,
        )
        rescuing.cancel()


async def _retry_stalled(app: App) -> None:
    while True:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=LEASE):
            await app.job_manager.retry_job(job)
        await asyncio.sleep(0.25)


if __name__ == "__main__":
    who, url, book, concurrency = sys.argv[1:]
    fd = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    uvloop.run((ours if who == "ours" else peer)(url, fd, int(concurrency)))
