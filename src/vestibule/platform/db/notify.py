"""Being told at once what other nodes did: LISTEN on one connection that comes back when it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from vestibule.errors import Unavailable
from vestibule.kit.backoff import backoff
from vestibule.platform.db.connect import LOST, connect, unavailable

_log = logging.getLogger(__name__)
_PHASE = "database.listen"


@dataclass(frozen=True, slots=True)
class _Subscriber:
    fn: Callable[[str], None]
    on_gap: Callable[[], None] | None


class Listener:
    """Hands the payloads of NOTIFY to subscribers.

    A notification is a hint, not a message: while the connection was away, some were missed, and nobody knows which. Then `on_gap` is
    called, after LISTEN stands again, so that whoever reads from a sequence inside it misses nothing.
    """

    def __init__(self, url: str, *, heartbeat: float = 15) -> None:
        """Describe it; nothing happens before `start`.

        Args:
            url: of the login role.
            heartbeat: seconds between proofs that the connection still carries anything.
        """
        self._url = url
        self._heartbeat = heartbeat
        self._subscribers: dict[str, list[_Subscriber]] = {}
        self._changed = asyncio.Event()
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, channel: str, fn: Callable[[str], None], on_gap: Callable[[], None] | None = None) -> None:
        """Have `fn` called with each payload on the channel, on the event loop; it must be quick.

        Subscribing after `start` is allowed; `on_gap` is then called once LISTEN stands, for what was before was not heard.
        """
        self._subscribers.setdefault(channel, []).append(_Subscriber(fn, on_gap))
        self._changed.set()

    @property
    def listening(self) -> bool:
        """True while notifications arrive."""
        return self._listening.is_set()

    async def start(self, *, patience: float = 10) -> None:
        """Connect and listen; returns when every channel subscribed so far is heard."""
        self._task = asyncio.create_task(self._run(), name="database-listener")
        try:
            await asyncio.wait_for(self._listening.wait(), patience)
        except TimeoutError as error:
            await self.stop()
            raise unavailable(_PHASE) from error

    async def stop(self) -> None:
        """Close the connection. Safe to call twice."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        failures, first = 0, True
        while True:
            try:
                await self._session(first=first)
            except (*LOST, asyncpg.PostgresError, Unavailable):  # whatever the server says now, it may say otherwise soon
                failures = 1 if self._listening.is_set() else failures + 1
                first = first and not self._listening.is_set()
                self._listening.clear()
                _log.warning("the database listener lost its connection; reconnecting")
                await asyncio.sleep(backoff(failures, base=0.1, ceiling=5))
            finally:
                self._listening.clear()

    async def _session(self, *, first: bool) -> None:
        """One connection's life; ends by an exception only."""
        conn = await connect(self._url, timeout=5, role="vestibule_app")
        try:
            conn.add_termination_listener(lambda _: self._changed.set())
            heard: set[str] = set()
            while True:
                self._changed.clear()
                await self._listen_to_new(conn, heard, gap=not first or self._listening.is_set())
                self._listening.set()
                with suppress(TimeoutError):
                    # Not wait_for: on Python 3.11 it swallows a cancellation that comes with the event, and `stop` would wait for ever.
                    async with asyncio.timeout(self._heartbeat):
                        await self._changed.wait()
                await conn.execute("select 1", timeout=5)
        finally:
            with suppress(*LOST):
                await conn.close(timeout=1)

    async def _listen_to_new(self, conn: asyncpg.Connection, heard: set[str], *, gap: bool) -> None:
        for channel in [name for name in self._subscribers if name not in heard]:
            await conn.add_listener(channel, self._deliver)
            heard.add(channel)
            for subscriber in self._subscribers[channel] if gap else ():
                _call(subscriber.on_gap)

    def _deliver(self, _conn: Any, _pid: int, channel: str, payload: Any) -> None:
        for subscriber in self._subscribers.get(channel, ()):
            _call(subscriber.fn, str(payload))


def _call(fn: Callable[..., None] | None, *args: str) -> None:
    """One subscriber's mistake is not another's silence."""
    if fn is None:
        return
    try:
        fn(*args)
    except Exception:  # noqa: BLE001  whatever it is, the next subscriber is still told
        _log.exception("a subscriber of the database listener failed")
