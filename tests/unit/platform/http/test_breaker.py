"""The circuit breaker and the lane."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.platform.http.breaker import Breaker, Lane, LaneFull


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed(at, at)
    return breaker


def test_a_healthy_system_is_never_refused() -> None:
    breaker = Breaker()
    for now in range(100):
        assert breaker.enter(now) == 0
        breaker.succeeded(now)


def test_three_quick_failures_in_a_row_open_it() -> None:
    breaker = Breaker()
    for now in (0.0, 0.1):
        breaker.failed(now, now)
        assert not breaker.open
    breaker.failed(0.2, 0.2)
    assert breaker.wait(0.2) == pytest.approx(1.0)


def test_one_call_that_hung_for_the_patience_opens_it() -> None:
    breaker = Breaker()
    breaker.failed(started=10.0, now=12.0)
    assert breaker.open


def test_a_silent_network_opens_it_within_three_seconds() -> None:
    connect_deadline = 2.0
    breaker = Breaker()
    now = 100.0
    while not breaker.open:
        breaker.failed(now, now + connect_deadline)
        now += connect_deadline
    assert now - 100.0 <= 3.0


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(1.0, 1.0)
        breaker.failed(1.0, 1.0)
        breaker.succeeded(1.0)
    assert not breaker.open


def test_one_slow_call_among_answered_ones_does_not_open_it() -> None:
    breaker = Breaker()
    breaker.succeeded(9.0)  # somebody was answered while the slow one hung
    breaker.failed(started=0.0, now=10.0)
    assert not breaker.open


def test_after_the_pause_exactly_one_probe_goes() -> None:
    breaker = opened(at=0.0)
    assert breaker.enter(0.5) == pytest.approx(0.5)
    assert breaker.enter(1.0) == 0
    assert breaker.enter(1.0) > 0
    assert breaker.wait(1.5) > 0


def test_the_probes_success_closes_it() -> None:
    breaker = opened()
    breaker.enter(1.0)
    breaker.succeeded(1.1)
    assert not breaker.open
    assert breaker.enter(1.1) == 0


def test_the_probes_failure_doubles_the_pause_up_to_the_longest() -> None:
    breaker = opened()
    now, pauses = 0.0, []
    for _ in range(7):
        wait = breaker.wait(now)
        pauses.append(round(wait))
        now += wait
        assert breaker.enter(now) == 0
        breaker.failed(now, now)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_recovery_forgets_the_long_pauses() -> None:
    breaker = opened()
    breaker.enter(1.0)
    breaker.failed(1.0, 1.0)
    breaker.enter(3.0)
    breaker.succeeded(3.0)
    for _ in range(3):
        breaker.failed(4.0, 4.0)
    assert breaker.wait(4.0) == pytest.approx(1.0)


def test_late_failures_of_older_calls_neither_lengthen_the_pause_nor_count_as_the_probes() -> None:
    breaker = opened(at=5.0)
    breaker.failed(started=4.0, now=5.5)
    assert breaker.wait(5.5) == pytest.approx(0.5)
    breaker.enter(6.0)
    breaker.failed(started=4.5, now=6.1)
    breaker.succeeded(6.2)
    assert not breaker.open


def test_a_probe_that_goes_away_lets_another_try() -> None:
    breaker = opened()
    breaker.enter(1.0)
    breaker.gave_up(started=1.0)
    assert breaker.enter(1.0) == 0


STEPS = st.lists(st.tuples(st.sampled_from(["ok", "fail", "gone"]), st.floats(0, 5)), max_size=60)


@given(STEPS)
def test_whatever_happens_it_never_shuts_for_longer_than_the_longest_pause(steps: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for what, seconds in steps:
        started = now
        went = breaker.enter(now) == 0
        now += seconds
        if went and what == "ok":
            breaker.succeeded(now)
        elif went and what == "fail":
            breaker.failed(started, now)
        elif went:
            breaker.gave_up(started)
        assert breaker.wait(now) <= 30
        assert breaker.wait(now + 30) == 0


async def test_a_lane_lets_so_many_in_and_the_others_wait_in_order() -> None:
    lane, order = Lane(width=2, queue=10), []

    async def pass_through(number: int, go_on: asyncio.Event) -> None:
        await lane.enter()
        order.append(number)
        await go_on.wait()
        lane.leave()

    gates = [asyncio.Event() for _ in range(4)]
    tasks = []
    for number, gate in enumerate(gates):
        tasks.append(asyncio.create_task(pass_through(number, gate)))
        await asyncio.sleep(0)
    assert order == [0, 1]
    gates[1].set()
    await tasks[1]
    await asyncio.sleep(0)
    assert order == [0, 1, 2]
    for gate in gates:
        gate.set()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]
    assert lane.idle


async def test_a_full_lane_turns_away_at_once() -> None:
    lane = Lane(width=1, queue=1)
    await lane.enter()
    waiting = asyncio.create_task(lane.enter())
    await asyncio.sleep(0)
    with pytest.raises(LaneFull):
        await lane.enter()
    lane.leave()
    await waiting


async def test_who_goes_away_while_waiting_leaves_no_trace() -> None:
    lane = Lane(width=1, queue=1)
    await lane.enter()
    waiting = asyncio.create_task(lane.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    lane.leave()
    assert lane.idle
    await lane.enter()
