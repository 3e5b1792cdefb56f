"""kill -9 of PostgreSQL under audited acts: what was acknowledged is there, whole and with its entry, and the chain is unbroken.

An audited commit lets go of the chain before it waits for the disk; this is the test that it does wait.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from support.crash import seeds
from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database, EmbeddedPostgres, migrate

pytestmark = pytest.mark.crash

_TABLE = "create table kept (n bigint primary key); grant select, insert on kept to vestibule_app"
# Left alone, PostgreSQL writes down five times a second what nobody waits for; the slower it is, the more would be lost.
_LAZY = {"wal_writer_delay": "10s"}


@pytest.fixture
async def server(quick_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    it = EmbeddedPostgres(quick_path / "pg", settings=_LAZY)
    await migrate(await it.start())
    conn = await asyncpg.connect(it.url())
    await conn.execute(_TABLE)
    await conn.close()
    yield it
    await it.stop()


class Actors:
    """Tasks that act in one organisation for as long as they are let, and remember what was acknowledged."""

    def __init__(self, db: Database) -> None:
        self.db, self.audit, self.tenant = db, Audit(), TenantId(new_id())
        self.acknowledged: set[int] = set()
        self.stop = asyncio.Event()
        self._numbers = count()

    async def act(self) -> None:
        while not self.stop.is_set():
            n = next(self._numbers)
            with suppress(Unavailable):
                async with self.db.tenant(self.tenant) as tx:
                    await tx.execute("insert into kept values ($1)", n)
                    self.audit.note(tx, "thing.made", by=SYSTEM, about=("thing", n))
                self.acknowledged.add(n)


async def told(server: EmbeddedPostgres) -> tuple[set[int], set[int]]:
    """What was done, and what was written of it."""
    conn = await asyncpg.connect(server.url())
    try:
        done = {row["n"] for row in await conn.fetch("select n from kept")}
        return done, {int(row["about_id"]) for row in await conn.fetch("select about_id from audit_entries")}
    finally:
        await conn.close()


@pytest.mark.parametrize("seed", seeds())
async def test_a_killed_postmaster_loses_no_audited_act_that_was_acknowledged(server: EmbeddedPostgres, seed: int) -> None:
    rng = random.Random(seed)
    db = await Database.open(server.url(), max_size=8)
    actors = Actors(db)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(actors.act())
        for _ in range(2):
            before = len(actors.acknowledged)
            await until(lambda before=before: len(actors.acknowledged) > before and server.ready, what="work goes on")
            await asyncio.sleep(rng.uniform(0, 0.15))
            killed = server.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await until(lambda killed=killed: server.pid != killed and server.ready, what="a new postmaster")
        before = len(actors.acknowledged)
        await until(lambda: len(actors.acknowledged) > before, what="work goes on after the last blow")
        actors.stop.set()
    done, noted = await told(server)
    check = await actors.audit.verify(db, actors.tenant)
    await db.close()
    assert actors.acknowledged <= done, "an acknowledged act is missing"
    assert done == noted, "each act has its entry, each entry its act"
    assert (check.flaw, check.at.seq) == (None, len(noted))
