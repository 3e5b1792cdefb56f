"""A loop over rows that wait: at once when something came, when the next of them is due, and now and then in case nobody told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from vestibule.errors import Unavailable
from vestibule.kit.backoff import backoff
from vestibule.platform.db.pool import Database

_SOONEST = 0.005  # seconds; what is due already is claimed in the next turn anyway


class Wakes(Protocol):
    """What we need of the listener to the database's notifications."""

    def subscribe(self, channel: str, fn: Callable[[str], None], on_gap: Callable[[], None] | None = None) -> None:
        """Call `fn` with the payload of each message, and `on_gap` when some may have been missed."""
        ...


class Turns:
    """Takes turns until told to stop. A database that is away is asked again, ever more slowly."""

    def __init__(
        self, db: Database, turn: Callable[[], Awaitable[int]], *, next_due: str, channel: str, listener: Wakes | None, poll: float
    ) -> None:
        """Prepare; nothing runs before `run`.

        Args:
            db: where the rows are.
            turn: claims what is due and works through it; says how many it were.
            next_due: SQL for the seconds until the next row is due, null for none; asked as the dispatcher.
            channel: of the notifications that something came.
            listener: hears them; without it only the slow poll looks.
            poll: seconds between looks when nothing wakes us.
        """
        self._db, self._turn, self._next_due, self._poll = db, turn, next_due, poll
        self._wake = asyncio.Event()
        self.stopping = False
        if listener is not None:
            listener.subscribe(channel, lambda _: self._wake.set(), self._wake.set)

    async def run(self) -> None:
        """Take turns until `stop`; what a turn has begun is finished."""
        failures = 0
        while not self.stopping:
            self._wake.clear()
            try:
                if not await self._turn():
                    await self._rest()
                failures = 0
            except Unavailable:
                failures += 1
                await self._sleep(backoff(failures, base=0.1, ceiling=5.0))

    def stop(self) -> None:
        """Ask `run` to end."""
        self.stopping = True
        self._wake.set()

    async def _rest(self) -> None:
        async with self._db.dispatcher() as tx:
            due: float | None = await tx.fetchval(self._next_due)
        await self._sleep(self._poll if due is None else min(self._poll, max(due, _SOONEST)))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
