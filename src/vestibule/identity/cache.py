"""Sessions read a moment ago, kept for a few seconds in this process."""

from __future__ import annotations

from collections import OrderedDict

from vestibule.identity.store import SessionRow
from vestibule.kit.clock import Clock
from vestibule.kit.ids import SessionId

KEEP_SECONDS = 5.0


class ProofCache:
    """Bounded, and honest about races: what was read before a notice of change arrived is not kept after it."""

    def __init__(self, clock: Clock, *, max_sessions: int = 20_000) -> None:
        self._clock = clock
        self._max = max_sessions
        self._rows: OrderedDict[SessionId, tuple[SessionRow, float]] = OrderedDict()
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, sid: SessionId) -> SessionRow | None:
        """The session, when it was read within the last seconds."""
        row, until = self._rows.get(sid, (None, 0.0))
        return row if row is not None and self._clock.monotonic() < until else None

    def put(self, sid: SessionId, row: SessionRow, epoch: int) -> None:
        """Keep what was read, unless anything was dropped since `epoch` was noted."""
        if epoch != self.epoch:
            return
        self._rows[sid] = (row, self._clock.monotonic() + KEEP_SECONDS)
        self._rows.move_to_end(sid)
        if len(self._rows) > self._max:
            self._rows.popitem(last=False)

    def drop(self, sid: SessionId) -> None:
        """Forget one."""
        self.epoch += 1
        self._rows.pop(sid, None)

    def clear(self) -> None:
        """Forget all: notices may have been missed."""
        self.epoch += 1
        self._rows.clear()
