"""Live pages: one event, encoded once, the same bytes to everybody who watches its topic, in bounded memory.

There is no queue and no task per watcher. `publish` calls each watcher's ASGI `send` itself and looks whether it was taken at once; it is,
as long as the browser reads. When it is not, the watcher is left alone until its one outstanding write is through and is then given what
it missed from the topic's ring; if that takes too long, or the ring has moved on, it is dropped, and comes back with its last id.

A watcher who comes (back) is served from the ring, else from the database by `backfill`; what is published meanwhile is held back, so
that nothing is missed and nothing comes twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.platform.telemetry.logs import log
from vestibule.platform.web.steps import Pending, step
from vestibule.platform.web.topics import RING, Backfill, Entry, Past, Topic, Watcher, frame

__all__ = ["RING", "Backfill", "Entry", "Hub", "Past", "frame"]

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
# Not a comment: a page must be able to tell a silent line from a dead one, and EventSource shows it no comments.
_KEEP_ALIVE = b"event: beat\ndata: 1\n\n"


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}


class Hub:
    """All open streams of this node."""

    def __init__(
        self,
        backfill: Backfill,
        clock: Clock,
        *,
        keep_alive: float = 20,
        stall: float = 10,
        max_age: float = 1800,
        linger: float = 60,
    ) -> None:
        """Make it.

        Args:
            backfill: reads from the database what the ring has no more.
            clock: for ages.
            keep_alive: seconds of silence after which the line is shown to be alive.
            stall: seconds a watcher may leave one write untaken.
            max_age: seconds after which a stream is closed, so that the session is proved anew when it comes back.
            linger: seconds for which a topic nobody watches keeps its ring.
        """
        self._backfill = backfill
        self._clock = clock
        self._keep_alive = keep_alive
        self._stall = stall
        self._max_age = max_age
        self._linger = linger
        self._topics: dict[str, Topic] = {}
        self._sessions: dict[UUID, set[Watcher]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self.delivered = 0
        self.dropped = 0

    # ------------------------------------------------------------------ publishing

    def wants(self, topic: str) -> bool:
        """Whether anybody here watches it, or did a moment ago; what nobody wants need not be encoded."""
        return topic in self._topics

    def top(self, topic: str) -> int:
        """The latest number of a topic, what is held back included."""
        found = self._topics.get(topic)
        return 0 if found is None else max([found.top, *(e.seq for e in found.held or ())])

    def publish(self, topic: str, seq: int, event: str, data: bytes, *, only: str | None = None) -> None:
        """Give an event to whoever watches the topic, in order of its numbers; a number seen before is ignored."""
        found = self._topics.get(topic)
        if found is None:
            return
        entry = Entry(seq, frame(seq, event, data), only)
        if found.held is not None:
            found.held.append(entry)
        elif entry.seq > found.top:
            self._pass_on(found, entry)

    def _pass_on(self, topic: Topic, entry: Entry) -> None:
        topic.append(entry)
        now = self._clock.monotonic()
        only = entry.only
        message = _body(entry.frame)  # one for all, as the bytes are: the server only reads it
        for watcher in tuple(topic.watchers):
            if only is None or watcher.group == only:
                self._push(watcher, message, entry.seq, now)

    def _push(self, watcher: Watcher, message: dict[str, Any], seq: int, now: float) -> None:
        """Write to one watcher, unless a write is outstanding: then the ring will serve it."""
        if watcher.pending is not None or watcher.verdict:
            return
        watcher.seq = seq
        watcher.fed = now
        self.delivered += 1
        try:
            rest = step(watcher.send(message))
        except Exception:  # noqa: BLE001  gone, whatever the server calls it; the others are still told
            self._close(watcher, "dropped")
            return
        if rest is not None:
            watcher.pending = asyncio.create_task(self._wait_for(watcher, rest))

    async def _wait_for(self, watcher: Watcher, rest: Pending) -> None:
        """A watcher whose write was not taken at once: give it time, then what it missed."""
        try:
            async with asyncio.timeout(self._stall):
                await rest
        except Exception:  # noqa: BLE001  too slow or gone, whatever the server calls it
            self.dropped += 1
            self._close(watcher, "dropped")
            return
        watcher.pending = None
        if watcher.topic.floor is not None and watcher.seq < watcher.topic.floor:
            self.dropped += 1
            self._close(watcher, "dropped")
            return
        if missed := watcher.topic.after(watcher.seq, watcher.group):
            self._push(watcher, _body(b"".join(e.frame for e in missed)), missed[-1].seq, self._clock.monotonic())

    # ------------------------------------------------------------------ catching up

    def gap(self) -> None:
        """Something may have been published that never came here: read every topic again from its last number."""
        for topic in self._topics.values():
            topic.stale = True
            if topic.loading is None:
                self._load(topic, topic.top)

    def _load(self, topic: Topic, after: int) -> asyncio.Task[None]:
        topic.held = []
        topic.loading = asyncio.create_task(self._loaded(topic, after))
        return topic.loading

    async def _loaded(self, topic: Topic, after: int) -> None:
        """Read until nothing can have been missed, then let out what was held back."""
        topic.stale = True
        while topic.stale:
            topic.stale = False
            try:
                past = await self._backfill(topic.name, topic.context, after)
            except BaseException:
                self._forget(topic)  # whoever watches comes back, and the next one reads again
                raise
            topic.floor = after if topic.floor is None else topic.floor
            self._let_out(topic, past.entries)
            after = topic.top = max(topic.top, past.upto)
        held, topic.held, topic.loading = topic.held or [], None, None
        self._let_out(topic, held)

    def _let_out(self, topic: Topic, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.seq > topic.top:
                self._pass_on(topic, entry)

    def _forget(self, topic: Topic) -> None:
        self._topics.pop(topic.name, None)
        for watcher in tuple(topic.watchers):
            self._close(watcher, "dropped")

    async def _ready(self, name: str, context: Any, after: int) -> Topic:
        """The topic, loaded."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name, context, self._clock.monotonic())
            self._load(topic, after)
        topic.used = self._clock.monotonic()
        while topic.loading is not None:
            await asyncio.shield(topic.loading)
        return topic

    # ------------------------------------------------------------------ watching

    async def serve(
        self,
        receive: Any,
        send: Any,
        *,
        topic: str,
        session: UUID,
        group: str = "",
        after: int = 0,
        context: Any = None,
        wire: Any = None,
    ) -> None:
        """Be the ASGI answer to one watcher: everything of the topic after a number, then whatever happens, until either side goes.

        Args:
            receive: ASGI's.
            send: ASGI's, with whatever the application has put round it; the answer begins and ends through it.
            topic: what they watch.
            session: whose stream it is.
            group: which entries of the topic are for them besides those for all.
            after: the number of the last entry they have.
            context: what `backfill` needs to know of the topic.
            wire: the server's own `send`: what lies between costs more than the write itself, and events pass here by the thousand.
        """
        self._start()
        watcher = Watcher(await self._ready(topic, context, after), group, session, wire or send, self._clock.monotonic())
        await self._begin(watcher, send, after)
        try:
            while not watcher.verdict and (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if watcher.verdict not in {"over", "age"}:
                raise
        finally:
            self._leave(watcher)
        await _say_goodbye(watcher, send)

    async def _begin(self, watcher: Watcher, send: Any, after: int) -> None:
        """The head of the answer, and everything after a number."""
        topic, group = watcher.topic, watcher.group
        older = await self._older(topic, after)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        if self._topics.get(topic.name) is not topic:
            watcher.verdict = "dropped"  # it was forgotten while we read: nobody would ever speak to this stream
            return
        # From here on nothing else runs: what is published next comes after what is written now.
        last = max([after, *(e.seq for e in older)])
        known = [e for e in older if e.only is None or e.only == group] + topic.after(last, group)
        self._enter(watcher)
        self._push(watcher, _body(b"retry: 1000\n\n" + b"".join(e.frame for e in known)), max(last, topic.top), watcher.born)

    async def _older(self, topic: Topic, after: int) -> list[Entry]:
        """What the ring has no more."""
        older: list[Entry] = []
        last = after
        while topic.floor is not None and last < topic.floor:
            past = await self._backfill(topic.name, topic.context, last)
            older += past.entries
            if past.upto <= last:
                break
            last = past.upto
        return older

    def _enter(self, watcher: Watcher) -> None:
        watcher.topic.watchers.add(watcher)
        self._sessions.setdefault(watcher.session, set()).add(watcher)

    def _leave(self, watcher: Watcher) -> None:
        watcher.verdict = watcher.verdict or "gone"
        watcher.topic.watchers.discard(watcher)
        watcher.topic.used = self._clock.monotonic()
        mine = self._sessions.get(watcher.session, set())
        mine.discard(watcher)
        if not mine:
            self._sessions.pop(watcher.session, None)
        if watcher.pending is not None and watcher.pending is not asyncio.current_task():
            watcher.pending.cancel()

    def _close(self, watcher: Watcher, verdict: str) -> None:
        if not watcher.verdict:
            watcher.verdict = verdict
            watcher.topic.watchers.discard(watcher)
            if watcher.task is not None:
                watcher.task.cancel()

    def close_session(self, session: UUID) -> None:
        """The session is over, and so are its streams; they do not come back."""
        for watcher in tuple(self._sessions.get(session, ())):
            self._close(watcher, "over")

    @property
    def watching(self) -> int:
        """How many streams are open."""
        return sum(len(t.watchers) for t in self._topics.values())

    # ------------------------------------------------------------------ housekeeping

    def _start(self) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Close every stream; browsers come back, to another node."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None
        for topic in tuple(self._topics.values()):
            self._forget(topic)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(min(self._keep_alive / 4, 5))
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001  a mistake in one sweep must not end keep-alives for all
                log.error("live-sweep-failed", exc_info=error)

    async def sweep(self) -> None:
        """Speak to who has heard nothing for a while, close who is old, forget what nobody watches. In slices, so that events go first."""
        for topic in tuple(self._topics.values()):
            for part in _slices(tuple(topic.watchers)):
                self._tend(part)
                await asyncio.sleep(0)
            if not topic.watchers and topic.loading is None and self._clock.monotonic() - topic.used > self._linger:
                self._topics.pop(topic.name, None)

    def _tend(self, watchers: Iterable[Watcher]) -> None:
        now = self._clock.monotonic()
        for watcher in watchers:
            if now - watcher.born > self._max_age:
                self._close(watcher, "age")
            elif now - watcher.fed > self._keep_alive:
                self._push(watcher, _body(_KEEP_ALIVE), watcher.seq, now)


async def _say_goodbye(watcher: Watcher, send: Any) -> None:
    """End the answer properly; a page whose session is over is told not to come back."""
    task = asyncio.current_task()
    if task is not None and watcher.verdict in {"over", "age"}:
        task.uncancel()
    last = b"event: session-over\ndata: {}\n\n" if watcher.verdict == "over" else b""
    with suppress(Exception):  # they may be gone already
        await send({"type": "http.response.body", "body": last, "more_body": False})


def _slices(watchers: tuple[Watcher, ...], size: int = 500) -> Iterable[tuple[Watcher, ...]]:
    return (watchers[n : n + size] for n in range(0, len(watchers), size))
