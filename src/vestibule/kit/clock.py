"""The one door for time. Everything that needs the time is given a Clock; tests give a FrozenClock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


class FrozenClock:
    """A clock that moves only when told to."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._mono = 1000.0

    def now(self) -> datetime:
        """The time it was last set to."""
        return self._at

    def monotonic(self) -> float:
        """Moves in step with `advance`."""
        return self._mono

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self._at += timedelta(seconds=seconds)
        self._mono += seconds

    def jump(self, seconds: float) -> None:
        """Move the time of day only, as a corrected wall clock does; may be negative."""
        self._at += timedelta(seconds=seconds)
