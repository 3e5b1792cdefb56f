"""What live pages are made of: entries, the topics that keep the latest of them, and who watches. See live.py for what happens to them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

# How much of a topic is kept for who comes back; older entries are read from the database again.
RING = 256
RING_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a topic. `only` names the one group it is for; None means every watcher of the topic."""

    seq: int
    frame: bytes
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What a backfill found: the entries after a number, and how far that reaches."""

    entries: list[Entry]
    upto: int


# (topic, its context, after) -> everything of the topic after that number.
Backfill = Callable[[str, Any, int], Awaitable[Past]]


def frame(seq: int, event: str, data: bytes) -> bytes:
    """An event as it travels (WHATWG HTML 9.2.6); `data` must be one line, as JSON is; without a name it is a `message`."""
    name = b"event: %s\n" % event.encode() if event else b""
    return b"id: %d\n%sdata: %s\n\n" % (seq, name, data)


class Watcher:
    """One open stream."""

    __slots__ = ("born", "fed", "group", "pending", "send", "seq", "session", "task", "topic", "verdict")

    def __init__(self, topic: Topic, group: str, session: UUID, send: Any, born: float) -> None:
        self.topic = topic
        self.group = group
        self.session = session
        self.send = send
        self.born = born
        self.fed = born
        self.seq = 0
        self.pending: asyncio.Task[None] | None = None
        self.task = asyncio.current_task()
        self.verdict = ""


@dataclass(slots=True, eq=False)
class Topic:
    """Who watches something, and its latest entries.

    Attributes:
        floor: every entry after this number is in the ring; None until the first backfill.
        held: what was published while a backfill is under way; None when none is.
        stale: something may have been missed since the backfill under way began.
    """

    name: str
    context: Any
    used: float
    watchers: set[Watcher] = field(default_factory=set)
    ring: deque[Entry] = field(default_factory=deque)
    floor: int | None = None
    top: int = 0
    held: list[Entry] | None = None
    loading: asyncio.Task[None] | None = None
    stale: bool = False
    size: int = 0

    def append(self, entry: Entry) -> None:
        """Into the ring; the oldest go when it is full."""
        self.ring.append(entry)
        self.top = entry.seq
        self.size += len(entry.frame)
        while len(self.ring) > RING or (self.size > RING_BYTES and len(self.ring) > 1):
            oldest = self.ring.popleft()
            self.floor = oldest.seq
            self.size -= len(oldest.frame)

    def after(self, seq: int, group: str) -> list[Entry]:
        """What the ring has for a group after a number."""
        return [e for e in self.ring if e.seq > seq and (e.only is None or e.only == group)]
