"""No sender sends faster than its carrier takes, over all workers together.

PostgreSQL holds one row a sender, the next free moment, and hands out moments by the portion: whoever takes n of them moves it on by n
steps. A worker sends each message at its moment, not before.

What is sent in step does not arrive in step: a busy machine or line holds some back, and then many arrive at once. So a worker has as many
places as the carrier takes in a second, and a message gives its place back only a second after it must have arrived. That is when its
answer came, less the time the quickest answer takes: the way there and back is the same for all, and only what comes on top may lie
before the arrival.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Final
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.messages.model import Sender
from vestibule.messages.portions import Portions
from vestibule.messages.store.pacing import PacingStore
from vestibule.platform.db import Database

# Of the limit, so much is used.
SHARE: Final = 0.997
# Where two workers take turns, neither knows when the other's messages arrived.
_SHARE_OF_TWO: Final = 0.98
# For how long a place stays taken after an arrival, in seconds: clocks do not agree to the millisecond.
_WINDOW: Final = 1.001
# An answer that takes longer says nothing of when the message arrived; what is sent meanwhile need not wait for it.
_SLOWEST: Final = 2.0
# Where every place is in the air, so often somebody looks for an answer.
_LOOK: Final = 0.005
# The first answers are slow, for the lines are new: how quick one can be is known after so many.
_LEARNT: Final = 20
# The quickest answer is forgotten after so many seconds: a line may become a longer one.
_REMEMBERED: Final = 60.0
# A moment that is missed by more than this is lost, and another is taken.
_LATE: Final = 1.0
# Where two workers take turns, neither may use its moments late: the other's have begun.
_LATE_SHARED: Final = 0.02
_MOST: Final = 500
# Those who ask within so many seconds take their moments together.
_GATHER: Final = 0.005
# A worker stops minding the other so long after its last turn, in seconds.
_ALONE_AFTER: Final = 10.0


class _Lane:
    """What this worker knows of a sender: how many places there are, who has one, and when the others are free again."""

    def __init__(self, room: int) -> None:
        self.room, self.blocked_until, self.late = room, 0.0, _LATE
        self.order = asyncio.Lock()
        self._in_the_air: dict[float, int] = {}  # when they were sent, the first first, and how many at that moment
        self._flying = 0
        self._free_at: deque[float] = deque()
        self._quickest = self._before = math.inf
        self._since = 0.0
        self._answers = 0

    def free_in(self, now: float) -> float:
        """Seconds until there is a place; none when there is one."""
        while self._in_the_air and now - (first := next(iter(self._in_the_air))) > _SLOWEST:
            self._down(first, first + _SLOWEST, self._in_the_air[first])
        while self._free_at and self._free_at[0] <= now:
            self._free_at.popleft()
        if self._flying + len(self._free_at) < self.room:
            return 0.0
        return self._free_at[0] - now if self._free_at else _LOOK

    def take(self, now: float) -> None:
        """A message goes."""
        self._in_the_air[now] = self._in_the_air.get(now, 0) + 1
        self._flying += 1

    def answered(self, sent: float, now: float) -> None:
        """One that went at a moment has its answer."""
        if sent not in self._in_the_air:
            return  # given up long ago
        if now - self._since > _REMEMBERED:
            self._before, self._quickest, self._since = self._quickest, math.inf, now
        self._quickest = min(self._quickest, now - sent)
        self._answers += 1
        self._down(sent, now - (min(self._quickest, self._before) if self._answers > _LEARNT else 0.0), 1)

    def _down(self, sent: float, arrived: float, count: int) -> None:
        """So many of those in the air have arrived; their places are free a second later, and never before those of others."""
        self._flying -= count
        self._in_the_air[sent] -= count
        if not self._in_the_air[sent]:
            del self._in_the_air[sent]
        free_at = max(arrived + _WINDOW, self._free_at[-1] if self._free_at else 0.0)
        self._free_at.extend([free_at] * count)


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

    async def turn(self, sender: Sender, moment: float) -> float | None:
        """Wait for a moment, and for a place: when it goes, to be told to `answered`; None when it was missed and another must be taken."""
        lane = self._lane(sender)
        if (early := moment - self._clock.monotonic()) > 0:
            await asyncio.sleep(early)
        async with lane.order:
            while True:
                now = self._clock.monotonic()
                wait = max(lane.free_in(now), lane.blocked_until - now, 0.0)
                if now + wait - moment > lane.late:
                    return None
                if wait <= 0:
                    lane.take(now)
                    return now
                await asyncio.sleep(wait)

    def answered(self, sender: Sender, sent: float) -> None:
        """The carrier has answered what `turn` let go, or will not."""
        self._lane(sender).answered(sent, self._clock.monotonic())

    async def slow_down(self, tenant: TenantId, sender: Sender, seconds: float) -> None:
        """The carrier wants us slower: nobody sends from here for so long."""
        self._lane(sender).blocked_until = self._clock.monotonic() + seconds
        async with self._db.tenant(tenant) as tx:
            await self._store.block(tenant, tx, sender.id, seconds)

    def _lane(self, sender: Sender) -> _Lane:
        room = max(1, math.ceil(sender.per_minute / 60))
        lane = self._lanes.get(sender.id)
        if lane is None:
            self._lanes[sender.id] = lane = _Lane(room)
        lane.room = room
        return lane

    async def _reserve(self, _: Hashable, asked: Sequence[Sender]) -> Sequence[float | Exception]:
        sender, tenant = asked[-1], asked[-1].account.tenant
        share = _SHARE_OF_TWO if self._lane(sender).late == _LATE_SHARED else SHARE
        step = 60.0 / (sender.per_minute * share)
        async with self._db.tenant(tenant) as tx:
            first, shared = await self._store.take(
                tenant, tx, sender.id, count=len(asked), step=step, holder=self._holder, alone_after=_ALONE_AFTER
            )
            # The database said "in so many seconds" a moment ago: counted from now, none of them is too early.
            first += self._clock.monotonic()
        self._lane(sender).late = _LATE_SHARED if shared else _LATE
        return [first + number * step for number in range(len(asked))]
