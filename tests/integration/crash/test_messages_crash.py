"""kill -9 of the worker, and of PostgreSQL, while texts go out: none goes twice, none is lost. The carrier's book judges."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from conftest import ServerThread
from support.crash import many_seeds, running
from support.effects import working
from support.folders import quick_folder
from support.message_carrier import Book, OverHttp
from support.message_worker import POLICY, find_lost
from support.messaging import post, wired
from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.kit.ids import TenantId, new_id
from vestibule.messages.model import KIND
from vestibule.platform.db import Database, EmbeddedPostgres, migrate

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]
TEXTS = 12
MOMENTS = ("before", "after", "after")


async def fill(db: Database, tenant: TenantId) -> None:
    """An organisation with some appointments, each of which is to be confirmed now."""
    async with db.tenant(tenant) as tx:
        await tx.execute("insert into tenants (id, name) values ($1, 'Alder Clinic')", tenant)
    p = await post(db, tenant)
    await p.do(lambda tx: p.office.policy(tx, p.connection, reminders=()))
    for number in range(TEXTS):
        await p.appoint(timedelta(days=3), csn=f"n{number}")


async def ends(db: Database, tenant: TenantId) -> dict[str, str]:
    async with db.tenant(tenant) as tx:
        return {str(row["id"]): row["state"] for row in await tx.fetch("select id, state from messages")}


async def all_over(db: Database, tenant: TenantId) -> bool:
    with suppress(Unavailable):
        return not set((await ends(db, tenant)).values()) & {"planned", "sending"}
    return False


@asynccontextmanager
async def book_of(seed: int, *, kills: int) -> AsyncIterator[Book]:
    dice = random.Random(seed)
    book = Book(kills={number: dice.choice(MOMENTS) for number in dice.sample(range(TEXTS - 2), kills)}, dice=dice)
    await book.start()
    yield book
    await book.stop()


@pytest.fixture(scope="module")
def planned(postgres: ServerThread) -> tuple[str, TenantId]:
    """The name of a database in which texts are due, to be copied, and whose they are."""
    tenant = TenantId(new_id())

    async def make() -> str:
        url = await postgres.fresh()
        db = await Database.open(url, max_size=4)
        await fill(db, tenant)
        await db.close()
        return url.split("@/")[1].split("?", maxsplit=1)[0]

    return asyncio.run(make()), tenant


@pytest.mark.parametrize("seed", many_seeds())
async def test_a_worker_killed_while_texts_go_out_sends_none_twice_and_loses_none(
    seed: int, postgres: ServerThread, planned: tuple[str, TenantId]
) -> None:
    template, tenant = planned
    url = await postgres.fresh(template=template)
    db = await Database.open(url, max_size=6)
    async with book_of(seed, kills=1) as book, aiohttp.ClientSession() as session:
        async with running(["-m", "support.message_worker", url, book.url, str(tenant)]) as first:
            book.kill = first.kill
            await first.ended(seconds=60)
        await go_on(db, tenant, session, book, seed)
        book.judge(await ends(db, tenant))
        assert len(set(book.calls)) >= TEXTS - 8, "of those under way at the kill nobody can say more; the rest arrived"
    await db.close()
    await postgres.drop(url)


async def go_on(db: Database, tenant: TenantId, session: aiohttp.ClientSession, book: Book, seed: int) -> None:
    """Another worker, until every message is settled."""
    p = wired(db, tenant, OverHttp(session, book.url))
    chore = asyncio.create_task(find_lost(p))
    async with working(db, {KIND: p.sending.handle}, mourners={KIND: p.outcomes.mourn}, policy=POLICY, concurrency=8, lease=3.0):
        await until(lambda: all_over(db, tenant), seconds=60, what=f"seed {seed}: every message settled")
    chore.cancel()


# ---------------------------------------------------------------------- PostgreSQL


@pytest.fixture(scope="module")
def planned_home() -> Iterator[tuple[Path, TenantId]]:
    """A cluster with texts that are due, made once."""
    tenant = TenantId(new_id())

    async def make(home: Path) -> None:
        server = EmbeddedPostgres(home)
        url = await server.start()
        await migrate(url)
        db = await Database.open(url, max_size=4)
        await fill(db, tenant)
        await db.close()
        await server.stop()

    with quick_folder() as folder:
        asyncio.run(make(folder / "pg"))
        yield folder / "pg", tenant


@pytest.mark.parametrize("seed", many_seeds())
async def test_postgresql_killed_while_texts_go_out_sends_none_twice_and_loses_none(
    seed: int, planned_home: tuple[Path, TenantId], quick_path: Path
) -> None:
    home, tenant = planned_home
    shutil.copytree(home, quick_path / "pg", ignore=lambda _, names: [name for name in names if name == "s"])
    server = EmbeddedPostgres(quick_path / "pg")
    db = await Database.open(await server.start(), max_size=6)
    try:
        async with book_of(seed, kills=1) as book, aiohttp.ClientSession() as session:
            book.kill = lambda: os.kill(server.pid or 0, signal.SIGKILL)
            await go_on(db, tenant, session, book, seed)
            assert not book.kills, "it was killed"
            book.judge(await ends(db, tenant))
    finally:
        await db.close()
        await server.stop()


async def test_the_judge_convicts_whoever_sends_twice_or_loses_a_text() -> None:
    """The judge's own test."""
    book = Book(calls=["a", "a"])
    with pytest.raises(AssertionError, match="went out 2 times"):
        book.judge({"a": "accepted"})
    with pytest.raises(AssertionError, match="never arrived"):
        Book().judge({"a": "accepted"})
    with pytest.raises(AssertionError, match="is planned"):
        Book().judge({"a": "planned"})
