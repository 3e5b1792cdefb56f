"""One real round trip: a write that commits, and the notification of it coming back on this node's own listener."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from vestibule.kit.clock import Clock
from vestibule.kit.ids import new_id
from vestibule.platform.db import Database
from vestibule.platform.health.store import beat
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import READY

CHANNEL = "vestibule_heartbeat"
KEEP_SECONDS = 1.0  # however often somebody asks, the database is asked once a second
_GONE = timedelta(days=1)


class Channel(Protocol):
    """What hears notifications: platform/db's Listener."""

    def subscribe(self, channel: str, fn: Callable[[str], None], on_gap: Callable[[], None] | None = None) -> None:
        """Call `fn` with each payload."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What the round trip found; each check is `ok` or `failing`."""

    ready: bool
    write: str
    notify: str


STOPPING = Report(ready=False, write="stopping", notify="stopping")


class Pulse:
    """Feels this node's pulse when asked."""

    def __init__(self, db: Database, channel: Channel, clock: Clock, *, patience: float = 3.0) -> None:
        """Subscribe to our own heartbeat.

        Args:
            db: written through.
            channel: brings the notification back.
            clock: tells the time.
            patience: seconds until a notification counts as lost.
        """
        self._db = db
        self._clock = clock
        self._patience = patience
        self._node = new_id()
        self._lock = asyncio.Lock()
        self._last: tuple[Report, float] | None = None
        self._waiting: dict[str, asyncio.Event] = {}
        channel.subscribe(CHANNEL, self._heard)

    async def check(self) -> Report:
        """The state of this node; at most a second old."""
        async with self._lock:
            now = self._clock.monotonic()
            if self._last is None or now - self._last[1] >= KEEP_SECONDS:
                self._last = (await self._feel(), now)
            READY.set(1 if self._last[0].ready else 0)
            return self._last[0]

    async def _feel(self) -> Report:
        nonce = str(new_id())
        heard = self._waiting[nonce] = asyncio.Event()
        try:
            return await self._round_trip(nonce, heard)
        finally:
            del self._waiting[nonce]

    async def _round_trip(self, nonce: str, heard: asyncio.Event) -> Report:
        try:
            async with asyncio.timeout(self._patience), self._db.anyone() as tx:
                now = self._clock.now()
                await beat(tx, self._node, now, now - _GONE)
                await tx.notify(CHANNEL, nonce)
        except Exception as error:  # noqa: BLE001  whatever it is, this node cannot write
            log.error("not-ready", where="write", exc_info=error)
            return Report(ready=False, write="failing", notify="unknown")
        try:
            await asyncio.wait_for(heard.wait(), self._patience)
        except TimeoutError:
            log.error("not-ready", where="notify")
            return Report(ready=False, write="ok", notify="failing")
        return Report(ready=True, write="ok", notify="ok")

    def _heard(self, payload: str) -> None:
        if event := self._waiting.get(payload):
            event.set()
