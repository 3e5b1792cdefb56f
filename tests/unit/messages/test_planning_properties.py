"""Whatever happens in whatever order: nothing goes twice, nothing gets lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from support.plans import BERLIN, CONNECTION, NIGHTS, NOON, S, World, patient
from vestibule.kit.localtime import quiet
from vestibule.messages import planning
from vestibule.messages.model import Channel, Policy, Purpose
from vestibule.messages.planning import Leave, plan
from vestibule.visits.model import Place

_starts = st.integers(1, 12 * 24).map(lambda hours: NOON + timedelta(minutes=15 * hours))
_policies = st.builds(
    lambda scheduled, updated, reminders, begin, end, channels: Policy(
        CONNECTION,
        consented=True,
        on_scheduled=scheduled,
        on_updated=updated,
        reminders=tuple(reminders),
        quiet_from=time(begin),
        quiet_to=time(end),
        channels=tuple(channels),
    ),
    st.booleans(),
    st.booleans(),
    st.lists(st.sampled_from([5, 30, 60, 120, 1440, 2880]), max_size=4),
    st.integers(0, 23),
    st.integers(0, 23),
    st.lists(st.sampled_from(list(Channel)), max_size=3),
)
_steps = st.one_of(
    st.tuples(st.just("starts_at"), _starts),
    st.tuples(st.just("place"), st.sampled_from(list(Place))),
    st.tuples(st.just("phone"), st.booleans()),
    st.tuples(st.just("opted_out"), st.booleans()),
    st.tuples(st.just("cancelled"), st.just(True)),
    st.tuples(st.just("policy"), _policies),
    st.tuples(st.just("again"), st.none()),
    st.tuples(st.just("pass"), st.integers(1, 48 * 60)),
    st.tuples(st.just("back"), st.just(60)),
)


def step(world: World, what: str, value: object) -> list[planning.Change]:
    if what == "pass":
        world.run(world.now + timedelta(minutes=value))  # type: ignore[arg-type]
        return world.plan(news=False)
    if what == "back":  # the clock is put back by an hour
        world.now -= timedelta(minutes=value)  # type: ignore[arg-type]
        return world.plan(news=False)
    if what == "policy":
        world.policy = value  # type: ignore[assignment]
        return world.plan(news=False)
    if what == "again" or world.who.cancelled:
        return world.plan(news=True)
    return world.plan(news=True, **{what: value})


@settings(max_examples=300, deadline=None)
@given(
    starts=_starts, policy=_policies, steps=st.lists(_steps, max_size=12), zone=st.sampled_from([BERLIN, "America/New_York", "Asia/Seoul"])
)
def test_whatever_happens_nothing_goes_twice_and_nothing_is_dropped_without_a_word(
    starts: datetime, policy: Policy, steps: list[tuple[str, object]], zone: str
) -> None:
    world = World(patient(starts, zone=zone, email=True), policy)
    world.plan()
    for what, value in [*steps, ("pass", 14 * 24 * 60)]:
        changes = step(world, what, value)
        _judge_silence(world, changes)
        repeated = plan(world.who, world.policy, list(world.messages.values()), world.now)
        assert [c for c in repeated if not isinstance(c, Leave)] == [], "planned once more, nothing changes"
    _judge(world)


def _judge_silence(world: World, changes: list[planning.Change]) -> None:
    """Each reminder the policy asks for has a message, or a reason why it has none; what is withdrawn has one too."""
    assert all(m.code for m in world.messages.values() if m.state is S.WITHDRAWN)
    who, rules = world.who, world.policy
    if rules is None or who.cancelled or who.starts_at is None or who.starts_at <= world.now:
        return
    left = {(c.channel, c.minutes) for c in changes if isinstance(c, Leave)}
    for channel in set(rules.channels):
        for minutes in set(rules.reminders):
            known = [m for m in world.messages.values() if m.about == who.starts_at and (m.channel, m.minutes) == (channel, minutes)]
            assert known or (channel, minutes) in left


def _judge(world: World) -> None:
    reminders = [(m.channel, m.about, m.minutes) for m in world.given if m.purpose is Purpose.REMINDER]
    assert len(reminders) == len(set(reminders)), "a reminder went twice"
    for channel in Channel:
        news = [(m.purpose is Purpose.CANCELLED, m.about, m.place) for m in world.given if m.channel is channel and m.minutes == 0]
        assert all(a != b for a, b in pairwise(news)), "the same news went twice running"
        assert True not in [cancelled for cancelled, *_ in news[:-1]], "something was told after the cancellation"


@settings(max_examples=100, deadline=None)
@given(starts=_starts, begin=st.integers(0, 23), end=st.integers(0, 23), minutes=st.lists(st.integers(0, 3000), max_size=4))
def test_no_reminder_comes_in_quiet_hours_or_after_the_start(starts: datetime, begin: int, end: int, minutes: list[int]) -> None:
    policy = replace(NIGHTS, quiet_from=time(begin), quiet_to=time(end), reminders=tuple(minutes))
    world = World(patient(starts), policy)
    world.plan()
    for message in world.messages.values():
        if message.purpose is Purpose.REMINDER:
            assert not quiet(message.due_at, BERLIN, policy.quiet_from, policy.quiet_to)
            assert message.due_at <= starts
