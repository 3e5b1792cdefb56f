"""A sender's moments, over several workers, on a real database."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from support.messaging import post
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId
from vestibule.messages.model import Sender
from vestibule.messages.pacing import SHARE, Pacing
from vestibule.platform.db import Database

CLOCK = SystemClock()


async def sender_of(db: Database, tenant: TenantId, per_minute: int) -> Sender:
    return replace((await post(db, tenant)).sender, per_minute=per_minute)


def pacing(db: Database, name: str = "one") -> Pacing:
    return Pacing(db=db, clock=CLOCK, holder=name)


async def test_moments_are_a_step_apart_whoever_takes_them(db: Database, tenant: TenantId) -> None:
    sender = await sender_of(db, tenant, 60)
    workers = [pacing(db, "one"), pacing(db, "two")]
    moments = sorted(await asyncio.gather(*(workers[n % 2].moment(tenant, sender) for n in range(20))))
    step = 60 / (60 * SHARE)
    assert moments[-1] - moments[0] >= 18 * step
    assert all(b - a > 0.5 * step for a, b in pairwise(moments))


async def test_who_comes_after_a_pause_goes_at_once_and_saves_up_nothing(db: Database, tenant: TenantId) -> None:
    sender = await sender_of(db, tenant, 60)
    one = pacing(db)
    first = await one.moment(tenant, sender)
    assert first - CLOCK.monotonic() < 0.2
    async with db.tenant(tenant) as tx:
        await tx.execute("update message_pacing set next_at = now() - interval '1 hour'")
    later = await asyncio.gather(*(one.moment(tenant, sender) for _ in range(3)))
    assert later[0] - CLOCK.monotonic() < 0.2
    assert later[2] - later[0] > 1.9


def most_in_a_second(moments: list[float]) -> int:
    """How many lie in the fullest second."""
    return max(sum(begin <= at < begin + 1.0 for at in moments) for begin in moments)


class Hours:
    """A clock that stands while anybody has something to do, and then goes on to the next moment that somebody waits for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self._waiting, self._turns = 1_000.0, list[tuple[float, int, asyncio.Future[None]]](), count()
        monkeypatch.setattr("vestibule.messages.pacing.asyncio", SimpleNamespace(sleep=self.sleep, Lock=asyncio.Lock))

    def now(self) -> datetime:
        return CLOCK.now()

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (self.at + seconds, next(self._turns), woken))
        await woken

    async def pass_until(self, work: asyncio.Future[Any]) -> None:
        """Until it is done."""
        while not work.done():
            await asyncio.sleep(0)  # whoever was woken does what there is to do, up to the next wait
            if self._waiting:
                self.at, _, woken = heappop(self._waiting)
                woken.set_result(None)
        await work


async def test_no_second_ever_has_more_than_the_limit_though_everybody_is_late(
    db: Database, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Hours(monkeypatch)
    sender, one = await sender_of(db, tenant, 6_000), Pacing(db=db, clock=hours, holder="one")
    moments = await asyncio.gather(*(one.moment(tenant, sender) for _ in range(150)))
    hours.at += 0.4  # a worker that was held up: forty moments have passed
    sent: list[float] = []

    async def send(moment: float) -> None:
        if (gone := await one.turn(sender, moment)) is not None:
            sent.append(gone)
            one.answered(sender, gone)

    await hours.pass_until(asyncio.gather(*(send(moment) for moment in moments)))
    assert len(sent) >= 100
    assert most_in_a_second(sent) <= 100


async def test_no_second_has_more_than_the_limit_where_messages_arrive_though_the_line_holds_some_back(
    db: Database, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours, chance = Hours(monkeypatch), random.Random(7)
    sender, one = await sender_of(db, tenant, 6_000), Pacing(db=db, clock=hours, holder="one")
    arrived: list[float] = []
    jams = [hours.at + 0.5 + n * 0.7 for n in range(8)]

    async def send(moment: float) -> None:
        while (gone := await one.turn(sender, moment)) is None:
            moment = await one.moment(tenant, sender)
        there = gone + 0.1 + chance.random() * 0.01
        there = next((jam + 0.06 for jam in jams if jam < there < jam + 0.06), there)  # whatever comes in a jam comes at its end
        await hours.sleep(there - hours.at)
        arrived.append(hours.at)
        await hours.sleep(0.1)
        one.answered(sender, gone)

    moments = await asyncio.gather(*(one.moment(tenant, sender) for _ in range(500)))
    await hours.pass_until(asyncio.gather(*(send(moment) for moment in moments)))
    assert len(arrived) == 500
    assert most_in_a_second(arrived) <= 100
    assert max(arrived) - min(arrived) < 500 / 100 / 0.9, "and the line is used"


async def test_an_answer_that_never_comes_holds_nobody_for_long(db: Database, tenant: TenantId, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours(monkeypatch)
    sender, one = await sender_of(db, tenant, 60), Pacing(db=db, clock=hours, holder="one")
    assert await one.turn(sender, hours.at)

    async def next_one() -> None:
        while (gone := await one.turn(sender, hours.at)) is None:
            pass
        assert 2 < gone - 1_000 < 4

    await hours.pass_until(asyncio.ensure_future(next_one()))


async def test_a_moment_long_past_is_lost_and_where_two_share_a_sender_even_one_just_past(db: Database, tenant: TenantId) -> None:
    sender = await sender_of(db, tenant, 6_000)
    one, two = pacing(db, "one"), pacing(db, "two")
    assert not await one.turn(sender, CLOCK.monotonic() - 2)
    assert await one.turn(sender, CLOCK.monotonic() - 0.1)
    await one.moment(tenant, sender)
    await two.moment(tenant, sender)
    await one.moment(tenant, sender)
    assert not await one.turn(sender, CLOCK.monotonic() - 0.1)


async def test_a_carrier_that_wants_us_slower_is_obeyed_by_every_worker(db: Database, tenant: TenantId) -> None:
    sender = await sender_of(db, tenant, 60_000)
    one, two = pacing(db, "one"), pacing(db, "two")
    moment = await one.moment(tenant, sender)
    began = CLOCK.monotonic()
    await one.slow_down(tenant, sender, 0.3)
    assert await two.moment(tenant, sender) - began > 0.25
    assert await one.turn(sender, moment)
    assert CLOCK.monotonic() - began > 0.25


async def test_senders_do_not_wait_for_each_other(db: Database, tenant: TenantId) -> None:
    slow = await sender_of(db, tenant, 1)
    one = pacing(db)
    await asyncio.gather(*(one.moment(tenant, slow) for _ in range(5)))
    assert await one.moment(tenant, replace(slow, id=UUID(int=7))) - CLOCK.monotonic() < 0.3
