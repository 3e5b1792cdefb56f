"""A worker process for the crash tests: `python -m support.effects_worker DATABASE_URL LEDGER_URL`. SIGTERM ends it orderly."""

from __future__ import annotations

import asyncio
import signal
import sys

import aiohttp

from vestibule.errors import OutsideFailed
from vestibule.kit.clock import SystemClock
from vestibule.platform.db import Database, Listener
from vestibule.platform.effects import Done, Effect, Handler, Outcome, Policy, Worker


def teller(session: aiohttp.ClientSession, ledger: str) -> Handler:
    """A handler that tells the ledger; a lost answer is an OutsideFailed, as from our own outbound door."""

    async def tell(effect: Effect) -> Outcome:
        try:
            async with session.post(f"{ledger}/{effect.key}", headers={"Idempotency-Key": effect.key}) as answer:
                answer.raise_for_status()
                await answer.read()
        except aiohttp.ClientError as error:
            raise OutsideFailed("outside-unreachable", "The ledger did not answer.", phase="test") from error
        return Done()

    return tell


async def main(url: str, ledger: str) -> None:
    """Work until SIGTERM."""
    db, ear = await Database.open(url, min_size=1, max_size=4), Listener(url)
    async with aiohttp.ClientSession() as session:
        policy = Policy(tries=50, first=0.02, cap=0.1)
        worker = Worker(
            db, {"test": teller(session, ledger)}, SystemClock(), listener=ear, policy=policy, concurrency=16, lease=0.8, poll=0.1
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(worker.stop()))
        await ear.start()
        await worker.run()
    await ear.stop()
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
