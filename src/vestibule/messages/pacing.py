"""No sender sends faster than its carrier takes, over all workers together.

PostgreSQL holds one row a sender, the next free moment, and hands out moments by the portion: whoever takes n of them moves it on by n
steps. A worker sends each message at its moment, not before. Moments stand a little further apart than the limit asks, for what is sent
in step arrives a little out of step; and a worker never lets through more in any second than the limit, however late it is with some.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.messages.model import Sender
from vestibule.messages.portions import Portions
from vestibule.messages.store.pacing import PacingStore
from vestibule.platform.db import Database

# Of the limit, so much is used.
SHARE: Final = 0.9815
# Any window of a second, and a little, for what arrives out of step.
_WINDOW: Final = 1.0185
# A moment that is missed by more than this is lost, and another is taken.
_LATE: Final = 1.0
# Where two workers take turns, neither may use its moments late: the other's have begun.
_LATE_SHARED: Final = 0.02
_MOST: Final = 500
# Those who ask within so many seconds take their moments together.
_GATHER: Final = 0.005
# A worker stops minding the other so long after its last turn, in seconds.
_ALONE_AFTER: Final = 10.0


@dataclass(slots=True)
class _Lane:
    """What this worker knows of a sender."""

    sent: deque[float]
    blocked_until: float = 0.0
    late: float = _LATE


class Pacing:
    """Hands out moments, in seconds of the clock's `monotonic`, and keeps to them."""

    def __init__(self, *, db: Database, clock: Clock, holder: str) -> None:
        """Prepare; `holder` names this worker."""
        self._db, self._clock, self._holder = db, clock, holder
        self._store = PacingStore()
        self._portions: Portions[Sender, float] = Portions(self._reserve, most=_MOST, gather=_GATHER)
        self._lanes: dict[UUID, _Lane] = {}

    async def moment(self, tenant: TenantId, sender: Sender) -> float:
        """A moment of one's own, at which to send one message."""
        return await self._portions.ask((tenant, sender.id), sender)

    def moment_ago(self, seconds: float) -> float:
        """A moment that was taken before and waited for elsewhere, and that came so long ago."""
        return self._clock.monotonic() - seconds

    def missed(self, sender: Sender, moment: float) -> bool:
        """Whether it is too late for a moment."""
        return self._clock.monotonic() - moment > self._lane(sender).late

    async def turn(self, sender: Sender, moment: float) -> bool:
        """Wait for a moment, and for the second before it to have room; False when it was missed and another must be taken."""
        lane = self._lane(sender)
        while True:
            now = self._clock.monotonic()
            if now - moment > lane.late:
                return False
            room = lane.sent[0] + _WINDOW if len(lane.sent) == lane.sent.maxlen else 0.0
            wait = max(moment, room, lane.blocked_until) - now
            if wait <= 0:
                lane.sent.append(now)
                return True
            if max(room, lane.blocked_until) - moment > lane.late:
                return False
            await asyncio.sleep(wait)

    async def slow_down(self, tenant: TenantId, sender: Sender, seconds: float) -> None:
        """The carrier wants us slower: nobody sends from here for so long."""
        self._lane(sender).blocked_until = self._clock.monotonic() + seconds
        async with self._db.tenant(tenant) as tx:
            await self._store.block(tenant, tx, sender.id, seconds)

    def _lane(self, sender: Sender) -> _Lane:
        room = max(1, math.ceil(sender.per_minute / 60))
        lane = self._lanes.get(sender.id)
        if lane is None or lane.sent.maxlen != room:
            self._lanes[sender.id] = lane = _Lane(deque(lane.sent if lane else (), maxlen=room))
        return lane

    async def _reserve(self, _: Hashable, asked: Sequence[Sender]) -> Sequence[float | Exception]:
        sender, step = asked[-1], 60.0 / (asked[-1].per_minute * SHARE)
        tenant = sender.account.tenant
        async with self._db.tenant(tenant) as tx:
            first, shared = await self._store.take(
                tenant, tx, sender.id, count=len(asked), step=step, holder=self._holder, alone_after=_ALONE_AFTER
            )
            # The database said "in so many seconds" a moment ago: counted from now, none of them is too early.
            first += self._clock.monotonic()
        self._lane(sender).late = _LATE_SHARED if shared else _LATE
        return [first + number * step for number in range(len(asked))]
