"""The hub of live pages: order, resume, silence, watchers that do not read, sessions that end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import new_id
from vestibule.platform.web.live import RING, Entry, Hub, Past, frame

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


class Store:
    """A list of events, as the database keeps it; `gate` holds a read back, after it has seen what it will answer."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.reads: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def add(self, only: str | None = None) -> Entry:
        seq = len(self.entries) + 1
        self.entries.append(Entry(seq, frame(seq, "", b"{}"), only))
        return self.entries[-1]

    async def backfill(self, _topic: str, _context: Any, after: int) -> Past:
        self.reads.append(after)
        found = Past([e for e in self.entries if e.seq > after], len(self.entries))
        await self.gate.wait()
        return found


class Browser:
    """One watcher: what arrived, whether it reads, when it goes."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 0
        self.ended = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")
        self.ended = message["type"] == "http.response.body" and not message["more_body"]

    @property
    def ids(self) -> list[int]:
        return [int(line[4:]) for line in self.body.decode().splitlines() if line.startswith("id: ")]


@asynccontextmanager
async def watch(hub: Hub, *, after: int = 0, group: str = "", session: UUID | None = None, ready: bool = True) -> AsyncIterator[Browser]:
    browser = Browser()
    work = hub.serve(browser.receive, browser.send, topic="t", group=group, after=after, context=None, session=session or new_id())
    browser.task = asyncio.create_task(work)
    if ready:
        await until(lambda: b"retry" in browser.body)
    try:
        yield browser
    finally:
        browser.gone.set()
        browser.reads.set()
        with suppress(asyncio.CancelledError):
            await browser.task


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something holds; a hundred turns are plenty where nothing waits for the outside."""
    for _ in range(100):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to be")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
async def hub(store: Store, clock: FrozenClock) -> AsyncIterator[Hub]:
    made = Hub(store.backfill, clock, stall=0.05)
    yield made
    await made.stop()


def happen(hub: Hub, store: Store, times: int = 1, only: str | None = None) -> None:
    for _ in range(times):
        entry = store.add(only)
        hub.publish("t", entry.seq, "", b"{}", only=only)


async def test_a_watcher_gets_what_was_and_what_comes_in_order_once(hub: Hub, store: Store) -> None:
    happen(hub, store, 3)
    async with watch(hub, after=1) as browser:
        happen(hub, store, 2)
        assert browser.ids == [2, 3, 4, 5]
        assert browser.status == 200


async def test_what_happens_while_the_past_is_read_is_neither_lost_nor_doubled(hub: Hub, store: Store) -> None:
    happen(hub, store, 2)
    store.gate.clear()
    async with watch(hub, ready=False) as browser:
        await until(lambda: store.reads == [0])
        happen(hub, store, 2)  # after the read has seen 1 and 2
        store.gate.set()
        await until(lambda: browser.ids == [1, 2, 3, 4])
        happen(hub, store)
        assert browser.ids == [1, 2, 3, 4, 5]


async def test_whoever_comes_back_within_the_ring_costs_no_read(hub: Hub, store: Store) -> None:
    async with watch(hub):
        happen(hub, store, 10)
        async with watch(hub, after=7) as again:
            assert again.ids == [8, 9, 10]
        assert store.reads == [0]


async def test_whoever_comes_back_later_than_the_ring_reaches_is_served_from_the_database(hub: Hub, store: Store) -> None:
    async with watch(hub):
        happen(hub, store, RING + 20)
        async with watch(hub, after=5) as again:
            happen(hub, store)
            assert again.ids == list(range(6, RING + 22))
        assert store.reads == [0, 5]


async def test_a_ring_is_bounded_by_bytes_too(hub: Hub, store: Store) -> None:
    async with watch(hub) as browser:
        for n in range(1, 31):
            hub.publish("t", n, "", b"x" * 10_000)
            store.entries.append(Entry(n, frame(n, "", b"x" * 10_000)))
        assert browser.ids == list(range(1, 31))
        assert sum(len(e.frame) for t in hub._topics.values() for e in t.ring) < 140_000
        async with watch(hub, after=2) as again:
            assert again.ids == list(range(3, 31))


async def test_an_event_for_one_reaches_that_one_only(hub: Hub, store: Store) -> None:
    async with watch(hub, group="amy") as amy, watch(hub, group="jon") as jon:
        happen(hub, store, only="amy")
        happen(hub, store)
        async with watch(hub, group="jon", after=0) as late:
            assert (amy.ids, jon.ids, late.ids) == ([1, 2], [2], [2])


async def test_a_gap_in_the_feed_is_read_again(hub: Hub, store: Store) -> None:
    async with watch(hub) as browser:
        happen(hub, store)
        store.add()
        store.add()  # told to nobody here
        store.gate.clear()
        hub.gap()
        happen(hub, store)
        store.gate.set()
        await until(lambda: browser.ids == [1, 2, 3, 4])


async def test_a_number_seen_before_is_ignored(hub: Hub, store: Store) -> None:
    async with watch(hub) as browser:
        happen(hub, store, 2)
        hub.publish("t", 1, "", b"{}")
        hub.publish("t", 2, "", b"{}")
        assert browser.ids == [1, 2]


async def test_a_slow_watcher_gets_the_rest_when_it_reads_again(hub: Hub, store: Store) -> None:
    async with watch(hub) as slow:
        slow.reads.clear()
        happen(hub, store, 5)
        assert slow.ids == []
        slow.reads.set()
        await until(lambda: slow.ids == [1, 2, 3, 4, 5])


async def test_a_watcher_that_does_not_read_is_bounded_and_dropped_and_holds_nobody_up(hub: Hub, store: Store) -> None:
    async with watch(hub) as quick, watch(hub) as stuck:
        assert stuck.task is not None
        stuck.reads.clear()
        happen(hub, store, 3 * RING)
        assert quick.ids == list(range(1, 3 * RING + 1))
        await asyncio.wait([stuck.task], timeout=30)
        assert stuck.task.cancelled()
        assert hub.watching == 1
        assert hub.dropped == 1
        async with watch(hub, after=2 * RING) as back:
            assert back.ids == list(range(2 * RING + 1, 3 * RING + 1))


async def test_a_watcher_whose_ring_has_moved_on_is_dropped_rather_than_told_half(hub: Hub, store: Store) -> None:
    async with watch(hub) as slow:
        assert slow.task is not None
        slow.reads.clear()
        happen(hub, store, 2 * RING)
        slow.reads.set()
        await asyncio.wait([slow.task], timeout=30)
        assert slow.task.cancelled()
        assert slow.ids == [1], "what was under way, and nothing that pretends to follow it"


async def test_a_watcher_whose_send_fails_is_dropped_and_the_others_hear(hub: Hub, store: Store) -> None:
    async with watch(hub) as broken, watch(hub) as well:

        async def fail(_message: Any) -> None:
            raise ConnectionResetError

        next(w for t in hub._topics.values() for w in t.watchers if w.send == broken.send).send = fail
        happen(hub, store, 2)
        assert well.ids == [1, 2]
        assert hub.watching == 1


async def test_the_end_of_a_session_ends_its_streams_and_says_so(hub: Hub) -> None:
    mine = new_id()
    async with watch(hub, session=mine) as one, watch(hub) as other:
        hub.close_session(mine)
        await until(lambda: one.ended)
        assert b"event: session-over" in one.body
        assert not other.ended
        assert hub.watching == 1


async def test_silence_is_broken_by_a_beat_and_old_streams_end(hub: Hub, store: Store, clock: FrozenClock) -> None:
    async with watch(hub) as browser:
        clock.advance(19)
        await hub.sweep()
        assert b"beat" not in browser.body
        clock.advance(2)
        await hub.sweep()
        assert browser.body.endswith(b"event: beat\ndata: 1\n\n")
        clock.advance(1800)
        await hub.sweep()
        await until(lambda: browser.ended)
        assert b"session-over" not in browser.body


async def test_a_topic_nobody_watches_is_forgotten_after_a_while(hub: Hub, store: Store, clock: FrozenClock) -> None:
    async with watch(hub):
        pass
    assert hub.wants("t"), "whoever lost the connection for a moment comes back to the ring"
    clock.advance(61)
    await hub.sweep()
    assert not hub.wants("t")


async def test_a_failed_read_ends_the_stream_and_the_next_one_reads_again(clock: FrozenClock) -> None:
    store = Store()
    broken = True

    async def backfill(topic: str, context: Any, after: int) -> Past:
        if broken:
            raise ConnectionError
        return await store.backfill(topic, context, after)

    hub = Hub(backfill, clock)
    browser = Browser()
    with pytest.raises(ConnectionError):
        await hub.serve(browser.receive, browser.send, topic="t", session=new_id())
    broken = False
    async with watch(hub) as again:
        happen(hub, store)
        assert again.ids == [1]
    await hub.stop()


@pytest.mark.parametrize("after", [0, 5], ids=["at its first read", "beyond the ring"])
async def test_a_stream_whose_topic_is_forgotten_while_it_reads_ends_instead_of_staying_deaf(hub: Hub, store: Store, after: int) -> None:
    if after:
        async with watch(hub):
            happen(hub, store, RING + 20)
    store.gate.clear()
    async with watch(hub, after=after, ready=False) as browser:
        await until(lambda: after in store.reads)
        await hub.stop()
        store.gate.set()
        await until(lambda: browser.ended)
        assert hub.watching == 0
    async with watch(hub, after=len(store.entries)) as again:
        happen(hub, store)
        assert again.ids == [len(store.entries)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["event", "event", "unheard", "gap", "drop", "turn", "slow", "read", "hold", "let"]), max_size=60))
def test_whatever_happens_nothing_is_missed_and_nothing_comes_twice(story: list[str]) -> None:
    asyncio.run(_live_through(story))


class Life:
    """One browser that comes and goes, and what it has heard in all."""

    def __init__(self) -> None:
        self.store = Store()
        self.hub = Hub(self.store.backfill, FrozenClock(NOW))
        self.got: list[int] = []
        self.come()

    def come(self) -> None:
        self.browser = Browser()
        after = self.got[-1] if self.got else 0
        work = self.hub.serve(self.browser.receive, self.browser.send, topic="t", after=after, context=None, session=new_id())
        self.task = asyncio.create_task(work)

    async def go(self) -> None:
        self.store.gate.set()
        self.browser.reads.set()
        self.browser.gone.set()
        with suppress(asyncio.CancelledError):
            await self.task
        self.got += self.browser.ids

    async def drop(self) -> None:
        await self.go()
        self.come()

    async def event(self) -> None:
        happen(self.hub, self.store)

    async def unheard(self) -> None:
        self.store.add()
        self.hub.gap()  # the listener says so once it is back

    async def gap(self) -> None:
        self.hub.gap()

    async def turn(self) -> None:
        await asyncio.sleep(0)

    async def slow(self) -> None:
        self.browser.reads.clear()

    async def read(self) -> None:
        self.browser.reads.set()

    async def hold(self) -> None:
        self.store.gate.clear()

    async def let(self) -> None:
        self.store.gate.set()


async def _live_through(story: list[str]) -> None:
    life = Life()
    for what in story:
        await getattr(life, what)()
    life.browser.reads.set()
    life.store.gate.set()
    await until(lambda: life.got + life.browser.ids == list(range(1, len(life.store.entries) + 1)))
    await life.go()
    await life.hub.stop()
