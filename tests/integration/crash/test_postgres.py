"""kill -9 of PostgreSQL, and of the program that keeps it, under writers: every acknowledged commit is there."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from support.crash import code, kill_at, running, seeds
from support.folders import quick_folder
from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.platform.db import Database, EmbeddedPostgres, migrate
from vestibule.platform.db.holders import holders

pytestmark = pytest.mark.crash

_TABLE = "create table kept (n bigint primary key, writer int not null); grant select, insert on kept to vestibule_app"

# Writes rows and says of each, after its COMMIT, that it is there. It starts where its predecessor may have stopped.
WRITER = """
import asyncio, pathlib, sys
from vestibule.platform.db import Database, EmbeddedPostgres

async def write(db, first, step):
    n = first
    while True:
        async with db.anyone() as tx:
            await tx.execute("insert into kept values ($1, $2)", n, first % step)
        sys.stdout.write(f"committed {n}\\n")
        sys.stdout.flush()
        n += step

async def main():
    server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
    db = await Database.open(await server.start())
    await asyncio.gather(*(write(db, int(sys.argv[2]) + i, 4) for i in range(4)))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def seed_home() -> Iterator[Path]:
    """A migrated cluster with an empty table, with all its safety on, made once."""

    async def make(home: Path) -> None:
        server = EmbeddedPostgres(home)
        url = await server.start()
        await migrate(url)
        conn = await asyncpg.connect(url)
        await conn.execute(_TABLE)
        await conn.close()
        await server.stop()

    with quick_folder() as folder:
        asyncio.run(make(folder / "pg"))
        yield folder / "pg"


@pytest.fixture
def home(seed_home: Path, quick_path: Path) -> Path:
    copy = quick_path / "pg"
    shutil.copytree(seed_home, copy, ignore=lambda _, names: [name for name in names if name == "s"])
    return copy


@pytest.fixture
async def server(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    it = EmbeddedPostgres(home)
    await it.start()
    yield it
    await it.stop()


async def rows(url: str) -> set[int]:
    conn = await asyncpg.connect(url)
    try:
        return {row["n"] for row in await conn.fetch("select n from kept")}
    finally:
        await conn.close()


class Writers:
    """Four tasks that write numbered rows for as long as they are let, and remember what was acknowledged."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.tried: set[int] = set()
        self.acknowledged: set[int] = set()
        self.stop = asyncio.Event()
        self._numbers = count()

    async def write(self, writer: int) -> None:
        while not self.stop.is_set():
            n = next(self._numbers)
            self.tried.add(n)
            with suppress(Unavailable):
                async with self.db.anyone() as tx:
                    await tx.execute("insert into kept values ($1, $2)", n, writer)
                self.acknowledged.add(n)


@pytest.mark.parametrize("seed", seeds())
async def test_a_killed_postmaster_loses_nothing_that_was_acknowledged(server: EmbeddedPostgres, seed: int) -> None:
    rng = random.Random(seed)
    db = await Database.open(server.url(), max_size=4)
    writers = Writers(db)
    async with asyncio.TaskGroup() as group:
        for writer in range(4):
            group.create_task(writers.write(writer))
        for _ in range(rng.randint(1, 3)):
            before = len(writers.acknowledged)
            await until(lambda before=before: len(writers.acknowledged) > before and server.ready, what="work goes on")
            await asyncio.sleep(rng.uniform(0, 0.15))
            killed = server.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await until(lambda killed=killed: server.pid != killed and server.ready, what="a new postmaster")
        before = len(writers.acknowledged)
        await until(lambda: len(writers.acknowledged) > before, what="work goes on after the last blow")
        writers.stop.set()
    there = await rows(server.url())
    await db.close()
    assert writers.acknowledged <= there, "an acknowledged commit is missing"
    assert there <= writers.tried, "a row nobody wrote"


@pytest.mark.parametrize("seed", seeds())
async def test_a_killed_program_loses_nothing_that_was_acknowledged(home: Path, seed: int) -> None:
    rng = random.Random(1_000 + seed)
    acknowledged: set[int] = set()
    for life in range(rng.randint(1, 3)):
        async with running(code(WRITER, str(home), str(life * 1_000_000))) as program:
            await program.said("^committed")
            await kill_at(program, rng, within=(0, 0.2))
            acknowledged |= {int(line.split()[1]) for line in program.lines if line.startswith("committed ")}
    server = EmbeddedPostgres(home)
    there = await rows(await server.start())
    await server.stop()
    assert acknowledged
    assert acknowledged <= there, "an acknowledged commit is missing"
    assert not holders(server.data)
