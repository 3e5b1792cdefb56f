"""Kill -9 in the middle of a visit: of the web, of the worker between the record's answer and our commit, of PostgreSQL.

Real processes, and a hospital that nobody kills: its ledger is held against the visit's own list of events.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from support.crash import kill_at, seeds
from support.folders import quick_folder
from support.people import Person
from support.waiting import until
from support.whole import Visit, Whole, whole
from vestibule.platform.db.holders import holders

if TYPE_CHECKING:
    from conftest import ServerThread

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

VISIT = "(select visit_id from visit_identifiers where system = 'csn' and value = $1)"
# The twenty seconds are over after which nobody believes any more that a killed process's people are there.
LATER = (
    "update presence set until = until - interval '20 seconds' from participants p"
    f" where p.id = presence.participant_id and p.visit_id = {VISIT} and p.role <> all($2::text[])"
)
MESSAGES = f"select body ->> 'message' as code from visit_events where kind = 'messaged' and visit_id = {VISIT} order by seq"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with quick_folder() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(postgres: ServerThread, folder: Path) -> AsyncIterator[Whole]:
    """An installation beside a PostgreSQL that stays up."""
    url = await postgres.fresh()
    async with whole(folder / "outside", url) as made:
        yield made
    await postgres.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_house(folder: Path) -> AsyncIterator[Whole]:
    """An installation with the embedded PostgreSQL, which `serve` keeps and `worker` shares."""
    async with whole(folder / "own") as made:
        yield made


# ---------------------------------------------------------------------- the web


async def come_and_go(visit: Visit, dice: random.Random) -> None:
    """What may happen while two people talk, until the web is gone."""
    while True:
        person = dice.choice(visit.people)
        await dice.choice([person.drop, person.leave_room, visit.clinician.drop])()
        await asyncio.gather(*(one.join() for one in visit.people if one.socket is None))


@pytest.mark.parametrize("seed", seeds())
async def test_a_killed_web_leaves_nobody_connected_and_disconnects_each_once(seed: int, house: Whole, own_house: Whole) -> None:
    """Every other time the web keeps the database too, which then goes with it and comes back with it."""
    dice = random.Random(seed)
    house = own_house if seed % 2 else house
    visit = await house.visit()
    await visit.meet()
    await visit.clinician.watch()
    walk = asyncio.create_task(come_and_go(visit, dice))
    await kill_at(house.serve, dice, within=(0.0, 0.5))
    await ended(walk)
    await house.start("serve")
    await visit.clinician.watch()
    back = [person for person in visit.people if dice.random() < 0.5]
    await asyncio.gather(*(person.join() for person in back))
    await lease_runs_out(house, visit, except_for=back)
    for person in visit.people:
        assert (await visit.happened(person.kind))[-1] == (person in back)
    await visit.clinician.must("end")
    await visit.judge()
    await until(partial(saw_everything, visit), what="the console has every event, once, in order")


async def ended(doing: asyncio.Task[None]) -> None:
    """Let somebody stop what they do without end; what was refused to them meanwhile is raised here."""
    doing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await doing


async def lease_runs_out(house: Whole, visit: Visit, *, except_for: list[Person]) -> None:
    """Let the promise of the killed process run out for all but these, without waiting for it, and wait for what follows."""
    await house.rows(LATER, visit.csn, [person.kind for person in except_for])
    for person in visit.people:
        if person not in except_for:
            await person.drop()
            await until(partial(ends_disconnected, visit, person), what=f"{person.kind} is disconnected")


async def ends_disconnected(visit: Visit, person: Person) -> bool:
    return not (await visit.happened(person.kind))[-1]


# ---------------------------------------------------------------------- the worker


@pytest.mark.parametrize("seed", seeds())
async def test_what_a_killed_worker_had_told_is_told_again_and_the_last_word_is_the_truth(seed: int, house: Whole) -> None:
    dice = random.Random(seed)
    trouble = ["late", "off", "lost"][seed % 3]
    visit, hospital = await house.visit(), house.hospital
    nth, since = dice.randint(1, 2 if trouble == "lost" else 4), len(hospital.ledger())
    hospital.setup(trouble={"status": {"mode": trouble, "seconds": 0.5}})
    life = asyncio.create_task(live_through(visit))
    assert len(await hospital.wait("status", since=since, count=nth, seconds=30)) >= nth
    await kill_at(house.worker, dice, within=(0.0, 0.02 if trouble == "off" else 0.3))
    hospital.setup(trouble={"status": {"mode": "off"}})
    await life
    await house.rows("update effects set lease_until = lease_until - interval '1 hour' where state = 'running'")
    await house.start("worker")
    await visit.judge(repeats=True, seconds=30)
    said = [len(visit.told(person.kind)) - len(await visit.happened(person.kind)) for person in visit.people]
    assert sum(said) <= {"late": 1, "off": 1, "lost": nth + 1}[trouble], "told again without need"
    if trouble == "late":  # the answer was surely still under way: telling it again is the promise kept
        assert sum(said) == 1


async def live_through(visit: Visit) -> None:
    """A whole visit, with one drop that counts."""
    await visit.meet()
    await visit.patient.leave_room()
    await visit.patient.join()
    await visit.clinician.must("end")


# ---------------------------------------------------------------------- PostgreSQL


async def presses(visit: Visit, dice: random.Random, done: list[str]) -> None:
    """People press buttons all the time; what was answered with a yes is noted."""
    while True:
        code = dice.choice(["almost_ready", "running_late_5", "thank_you"])
        await visit.clinician.must("message", message=code)
        done.append(code)


def kill_postgres(data: Path, dice: random.Random) -> None:
    """kill -9 of the postmaster and its whole family, in any order; sometimes of a backend only, which takes everybody's session too."""
    family = holders(data)
    assert len(family) > 3, "PostgreSQL is not up"
    dice.shuffle(family)
    for pid in family if dice.random() < 0.8 else family[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", seeds())
async def test_both_processes_outlive_postgres_and_lose_nothing_they_said_yes_to(seed: int, own_house: Whole) -> None:
    dice, visit = random.Random(seed), await own_house.visit()
    await visit.meet()
    await visit.clinician.watch()
    done: list[str] = []
    pressing = asyncio.create_task(presses(visit, dice, done))
    going = asyncio.create_task(come_and_go(visit, dice))
    await asyncio.sleep(dice.uniform(0.0, 0.5))
    killed = time.monotonic()
    kill_postgres((own_house.settings.data / "postgres" / "data").resolve(), dice)
    before = len(done)
    await until(lambda: len(done) > before + 1, seconds=30, what="buttons work again")
    await ended(pressing)
    await ended(going)
    await asyncio.gather(*(person.join() for person in visit.people))
    await visit.clinician.must("end")
    await visit.judge()
    assert time.monotonic() - killed < 30
    await until(partial(saw_everything, visit), what="the console has every event, once, in order")
    kept = [row["code"] for row in await own_house.rows(MESSAGES, visit.csn)]
    assert is_part(done, kept), f"said yes to {done}, kept {kept}"
    assert [line for line in own_house.said if "broke" in line or "internal-error" in line] == [], "an outage is no mistake of ours"
    assert own_house.serve.lives, own_house.serve.output
    assert own_house.worker.lives, own_house.worker.output


async def saw_everything(visit: Visit) -> bool:
    """Whether the open page has heard of each event up to the last, none twice, though the line between nodes was cut meanwhile."""
    seen = visit.clinician.seen
    assert seen == list(range(seen[0], seen[0] + len(seen))) if seen else True, f"the page saw {seen}"
    last = max(event["seq"] for event in await visit.events() if event["kind"] == "ended")
    return bool(seen) and seen[-1] >= last


def is_part(part: list[str], whole_list: list[str]) -> bool:
    """Whether everything in the first list stands in the second, in the same order."""
    rest = iter(whole_list)
    return all(one in rest for one in part)
