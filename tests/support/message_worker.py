"""A worker of messages for the crash tests: `python -m support.message_worker DATABASE_URL CARRIER_URL TENANT`. SIGTERM ends it orderly."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from uuid import UUID

import aiohttp

from support.message_carrier import OverHttp
from support.messaging import Post, wired
from vestibule.errors import Unavailable
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId
from vestibule.messages.model import KIND
from vestibule.platform.db import Database, Listener
from vestibule.platform.effects import Policy, Worker

POLICY = Policy(tries=50, first=0.02, cap=0.1)


async def find_lost(p: Post) -> None:
    """The chore that says what became of a vanished worker's messages."""
    while True:
        with suppress(Unavailable):
            await p.outcomes.find_lost(p.db, p.tenant)
        await asyncio.sleep(0.1)


async def main(url: str, carrier: str, tenant: TenantId) -> None:
    """Work until SIGTERM."""
    db, ear = await Database.open(url, min_size=1, max_size=6), Listener(url)
    async with aiohttp.ClientSession() as session:
        p = wired(db, tenant, OverHttp(session, carrier))
        handlers, mourners = {KIND: p.sending.handle}, {KIND: p.outcomes.mourn}
        worker = Worker(
            db,
            handlers,
            SystemClock(),
            mourners=mourners,
            listener=ear,
            policy=POLICY,
            concurrency=8,
            per_destination=8,
            lease=0.6,
            poll=0.1,
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(worker.stop()))
        await ear.start()
        chore = asyncio.create_task(find_lost(p))
        await worker.run()
        chore.cancel()
    await ear.stop()
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], TenantId(UUID(sys.argv[3]))))
