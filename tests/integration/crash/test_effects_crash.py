"""Kill -9 of the worker between the outside's answer and our commit, and of PostgreSQL in mid-run. The ledger is the judge."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from support.effects import put, states, working
from support.effects_worker import teller
from support.ledger import Ledger
from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.kit.ids import TenantId, VisitId, new_id
from vestibule.platform.db import Database, EmbeddedPostgres, migrate
from vestibule.platform.effects import Policy, Promise

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]
SEEDS = range(int(os.environ.get("VESTIBULE_CRASH_SEEDS", "1")))
ROOT = Path(__file__).parents[3]
MOMENTS = ("before the answer", "after the answer", "after the answer")


async def fill(db: Database, tenant: TenantId, dice: random.Random, *, per_lane: int) -> dict[str, int]:
    """Some lanes of each promise, enqueued in an order that the dice choose; returns how many each lane has."""
    lanes = {f"{p}/{n}": per_lane for p in Promise for n in range(3)}
    visits = {lane: VisitId(new_id()) for lane in lanes}
    order = [lane for lane in lanes for _ in range(per_lane)]
    dice.shuffle(order)
    nth = dict.fromkeys(lanes, 0)
    for lane in order:
        await put(db, tenant, f"{lane}/{nth[lane]}", visit=visits[lane], destination=f"ledger:{lane}", promise=Promise(lane.split("/")[0]))
        nth[lane] += 1
    return lanes


async def all_over(db: Database, tenant: TenantId) -> bool:
    with suppress(Unavailable):
        async with db.tenant(tenant) as tx:
            return await tx.fetchval("select count(*) from effects where state in ('ready', 'running')") == 0
    return False


class Workers:
    """One worker process at a time; whoever is killed is replaced, as a service manager does."""

    def __init__(self, url: str, ledger: str) -> None:
        self._args = (sys.executable, "-m", "support.effects_worker", url, ledger)
        self.process: asyncio.subprocess.Process | None = None
        self.deaths = 0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    async def keep(self) -> None:
        """Start it, and again whenever it is killed; ends when it ends in order."""
        env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
        while True:
            self.process = await asyncio.create_subprocess_exec(*self._args, env=env)
            if await self.process.wait() != -signal.SIGKILL:
                return
            self.deaths += 1

    async def end(self) -> int | None:
        if self.process and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait() if self.process else None


@asynccontextmanager
async def ledger_of(seed: int, *, kills: int, calls: int) -> AsyncIterator[Ledger]:
    dice = random.Random(seed)
    ledger = Ledger(kills={dice.randrange(1, calls): dice.choice(MOMENTS) for _ in range(kills)}, dice=dice)
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_worker_killed_around_the_outsides_answer_keeps_every_promise(
    seed: int, db: Database, db_url: str, tenant: TenantId
) -> None:
    async with ledger_of(seed, kills=3, calls=80) as ledger:
        lanes = await fill(db, tenant, ledger.dice, per_lane=10)
        workers = Workers(db_url, ledger.url)
        ledger.victim = lambda: workers.pid
        keeping = asyncio.create_task(workers.keep())
        await until(lambda: all_over(db, tenant), seconds=60, what=f"seed {seed}: all effects over")
        assert await workers.end() == 0, "SIGTERM ends a worker in order"
        await keeping
        assert workers.deaths >= 1, "a run without a kill proves nothing"
        ledger.judge(await states(db, tenant), lanes)


@pytest.mark.parametrize("seed", SEEDS)
async def test_postgresql_killed_in_mid_run_loses_nothing_and_the_worker_goes_on(seed: int, tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    url = await server.start()
    await migrate(url)
    db = await Database.open(url, max_size=6)
    tenant = TenantId(new_id())
    try:
        async with ledger_of(seed, kills=2, calls=80) as ledger, aiohttp.ClientSession() as session:
            lanes = await fill(db, tenant, ledger.dice, per_lane=10)
            ledger.victim = lambda: server.pid
            policy = Policy(tries=50, first=0.02, cap=0.1)
            async with working(db, teller(session, ledger.url), policy=policy, concurrency=8, lease=3.0):
                await until(lambda: all_over(db, tenant), seconds=60, what=f"seed {seed}: all effects over")
            assert not ledger.kills, "both kills happened"
            ledger.judge(await states(db, tenant), lanes)
    finally:
        await db.close()
        await server.stop()


async def test_the_judge_convicts_a_worker_that_repeats_texts_or_skips_ahead(db: Database, tenant: TenantId) -> None:
    """The judge's own test: a negative control."""
    async with ledger_of(0, kills=0, calls=2) as ledger, aiohttp.ClientSession() as session:
        for path in ("text/0/0", "text/0/0", "status/0/1", "status/0/0"):
            await session.post(f"{ledger.url}/{path}", headers={"Idempotency-Key": path})
        with pytest.raises(AssertionError, match="went out 2 times"):
            ledger.judge({"text/0/0": "done"}, {"text/0": 1})
        with pytest.raises(AssertionError, match="out of order"):
            ledger.judge({}, {"status/0": 2})
        with pytest.raises(AssertionError, match="lost"):
            ledger.judge({}, {"create/0": 1})
