"""kill -9 of `vestibule worker` around the record's answer: nothing is lost and the end is told last, says the practice ledger."""

import asyncio
import base64
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import asyncpg
import pytest

from support.recorded import PATIENT, PROVIDER, Recorded, recorded
from support.waiting import until
from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.platform.db import Database
from vestibule.visits.model import EventKind, PersonRole

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]
SEEDS = range(int(os.environ.get("VESTIBULE_CRASH_SEEDS", "1")))
ROOT = Path(__file__).parents[3]
KEYS = "k1:" + base64.b64encode(b"k" * 32).decode()


class ARealWorker:
    """`vestibule worker`, started again whenever it is killed."""

    def __init__(self, database_url: str, data: Path) -> None:
        self._env = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "DATABASE_URL": database_url,
            "VESTIBULE_DATA": str(data),
            "VESTIBULE_KEYS": KEYS,
            "VESTIBULE_ALLOW_LOOPBACK_HTTP": "true",
        }
        self.deaths = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-m", "vestibule", "worker", env=self._env)

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self.deaths += 1

    async def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await self._process.wait()


async def a_restless_visit(r: Recorded, dice: random.Random) -> tuple[VisitId, dict[PersonRole, ParticipantId]]:
    """Both come and go a few times, and in the end everybody has left."""
    visit, people = await r.visit()
    for role in (PROVIDER, PATIENT):
        await r.do("connected", visit, people[role])
    for _ in range(8):
        role = dice.choice((PROVIDER, PATIENT))
        await r.do("disconnected", visit, people[role])
        await r.do("connected", visit, people[role])
    await r.do("end_for_all", visit)
    return visit, people


async def happened(r: Recorded, visit: VisitId, who: ParticipantId) -> list[bool]:
    told = {EventKind.CONNECTED: True, EventKind.DISCONNECTED: False}
    return [told[e.kind] for e in await r.events(visit) if e.participant == who and e.kind in told]


def without_repeats(told: Sequence[bool]) -> list[bool]:
    return [said for said, _ in groupby(told)]


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_worker_killed_around_the_records_answer_loses_nothing_and_tells_the_end_last(
    seed: int, db: Database, db_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    dice = random.Random(seed)
    async with recorded(db) as r:
        visit, people = await a_restless_visit(r, dice)
        ledger: Callable[[], int] = lambda: len(r.here.hospital.ledger("status"))  # noqa: E731
        worker = ARealWorker(db_url, tmp_path)
        await worker.start()
        for mark in sorted(dice.sample(range(1, 15), 2)):
            await until(lambda mark=mark: ledger() >= mark, seconds=40, what=f"seed {seed}: call {mark}")
            await asyncio.sleep(dice.random() * 0.006)  # somewhere between the record's answer and our commit, or just past it
            await worker.kill()
            await owner.execute("update effects set lease_until = now() where state = 'running'")  # ten seconds pass
            await worker.start()
        await until(lambda: _nothing_open(r), seconds=60, what=f"seed {seed}: everything told")
        assert await worker.stop() == 0
        for role, kind in ((PROVIDER, "1"), (PATIENT, "2")):
            told = [connected for who, connected in r.told() if who == kind]
            assert without_repeats(told) == await happened(r, visit, people[role]), f"seed {seed}: {role} in order, the end last"


async def _nothing_open(r: Recorded) -> bool:
    return all(row.state.value == "done" for row in await r.rows())
