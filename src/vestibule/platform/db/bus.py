"""Small messages between nodes, through NOTIFY, because the database is the one thing all nodes share.

Made for what is worthless a moment later: a signalling message, a canned line to the lobby. Nothing is stored and nothing is promised;
what must arrive is a visit event. A message longer than one NOTIFY travels in pieces, all in one transaction, so they arrive together.

    <node> <message> <index>/<count> <topic> <base64>
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from vestibule.errors import TooLarge
from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.ids import random_bytes
from vestibule.platform.db.connect import unavailable
from vestibule.platform.db.notify import Listener
from vestibule.platform.db.pool import Database

_log = logging.getLogger(__name__)
CHANNEL = "vestibule_bus"
LARGEST = 64_000
_PIECE = 5_700  # bytes; in base64, with the header, still below the 8,000 of NOTIFY
_MOST_PIECES = -(-LARGEST // _PIECE)
_TOPIC = re.compile(r"[A-Za-z0-9:_.-]{1,200}\Z")
_WIRE = re.compile(r"([0-9a-f]{16}) (\d{1,15}) (\d{1,3})/(\d{1,3}) ([A-Za-z0-9:_.-]{1,200}) ([A-Za-z0-9+/=]*)\Z")
# What may lie about unfinished; more is either an attack or a node dying again and again.
_MOST_UNFINISHED = 256
_MOST_WAITING = 1_000
_UNFINISHED_SECONDS = 5.0

_SEND = "select pg_notify($1, piece) from unnest($2::text[]) with ordinality as p(piece, n) order by n"

Subscriber = Callable[[str, bytes], None]


@dataclass(slots=True)
class _Unfinished:
    since: float
    count: int
    pieces: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Batch:
    """Pieces that wait for the transaction before theirs to end."""

    pieces: list[str] = field(default_factory=list)


def _look_at(task: asyncio.Task[None]) -> None:
    """Its publishers were told, or had stopped waiting; asyncio need not complain that nobody looked."""
    if not task.cancelled():
        task.exception()


class Bus:
    """Topic messages to every node, this one at once and the others when the database has passed them on."""

    def __init__(self, db: Database, listener: Listener, *, clock: Clock | None = None) -> None:
        """Join; the listener must be running, or be started later, for other nodes to be heard."""
        self._db = db
        self._clock = clock or SystemClock()
        self._node = random_bytes(8).hex()
        self._count = 0
        self._subscribers: list[tuple[str, Subscriber]] = []
        self._unfinished: OrderedDict[tuple[str, int], _Unfinished] = OrderedDict()
        self._batch: _Batch | None = None
        self._sending: asyncio.Task[None] | None = None
        listener.subscribe(CHANNEL, self._arrived, on_gap=self._unfinished.clear)

    def subscribe(self, topic_prefix: str, fn: Subscriber) -> Callable[[], None]:
        """Have `fn` called with topic and body of each message whose topic begins so; returns a function that ends it.

        Meant for a handful of subscribers a process, each with its own lookup; not for one a visit.
        """
        entry = (topic_prefix, fn)
        self._subscribers.append(entry)
        return lambda: self._subscribers.remove(entry) if entry in self._subscribers else None

    async def publish(self, topic: str, body: bytes) -> None:
        """Send to all nodes. Returns when the database has taken it; raises `database-unavailable` when only this node was told.

        Raises:
            TooLarge: `bus-message-too-large`, over 64 kB; nobody was told.
        """
        if not _TOPIC.match(topic):
            raise ValueError("a topic is 1-200 of A-Z a-z 0-9 : _ . -")
        if len(body) > LARGEST:
            raise TooLarge("bus-message-too-large", "The message is larger than 64 kB.", phase="bus.publish")
        self._hand_out(topic, body)
        pieces = self._pieces(topic, body)
        if self._batch is None:
            self._batch = _Batch()
            self._sending = asyncio.create_task(self._send(self._sending, self._batch))
            self._sending.add_done_callback(_look_at)
        if len(self._batch.pieces) > _MOST_WAITING:
            raise unavailable("bus.publish")
        self._batch.pieces.extend(pieces)
        sending = self._sending
        if sending is not None:
            await asyncio.shield(sending)

    def _pieces(self, topic: str, body: bytes) -> list[str]:
        self._count += 1
        parts = [body[i : i + _PIECE] for i in range(0, len(body), _PIECE)] or [b""]
        head = f"{self._node} {self._count}"
        return [f"{head} {i}/{len(parts)} {topic} {base64.b64encode(part).decode()}" for i, part in enumerate(parts)]

    async def _send(self, before: asyncio.Task[None] | None, batch: _Batch) -> None:
        """One transaction carries whatever has gathered while the last one was under way."""
        if before is not None:
            await asyncio.wait([before])
        self._batch = None
        async with self._db.anyone() as tx:
            await tx.execute("set local synchronous_commit = off")  # a message that a power cut takes is no loss
            await tx.execute(_SEND, CHANNEL, batch.pieces)

    def _arrived(self, payload: str) -> None:
        """One piece from the database; our own come back too and were handed out long ago."""
        match = _WIRE.match(payload)
        if match is None:
            _log.warning("an unreadable message on the bus was dropped")
            return
        node, number, index, count, topic, text = match.groups()
        if node == self._node:
            return
        try:
            piece = base64.b64decode(text, validate=True)
        except binascii.Error:
            _log.warning("an unreadable message on the bus was dropped")
            return
        body = self._complete((node, int(number)), int(index), int(count), piece)
        if body is not None:
            self._hand_out(topic, body)

    def _complete(self, key: tuple[str, int], index: int, count: int, piece: bytes) -> bytes | None:
        """The whole body once its last piece is here."""
        if not index < count <= _MOST_PIECES or len(piece) > _PIECE:
            return None
        if count == 1:
            return piece
        now = self._clock.monotonic()
        self._forget_old(now)
        entry = self._unfinished.setdefault(key, _Unfinished(now, count))
        if entry.count != count:
            return None
        entry.pieces[index] = piece
        if len(entry.pieces) < count:
            return None
        del self._unfinished[key]
        return b"".join(entry.pieces[i] for i in range(count))

    def _forget_old(self, now: float) -> None:
        """Drop what will never be whole, oldest first."""
        while self._unfinished:
            key, entry = next(iter(self._unfinished.items()))
            if len(self._unfinished) < _MOST_UNFINISHED and now - entry.since < _UNFINISHED_SECONDS:
                return
            del self._unfinished[key]

    def _hand_out(self, topic: str, body: bytes) -> None:
        for prefix, fn in [*self._subscribers]:
            if topic.startswith(prefix):
                try:
                    fn(topic, body)
                except Exception:  # noqa: BLE001  one subscriber's mistake is not another's silence
                    _log.exception("a subscriber of the bus failed")
