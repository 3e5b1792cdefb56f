"""Two small rules that keep one sick system from making the others sick: a circuit breaker and a lane. Neither does I/O.

Only what happens to the *connection* counts: a server that answers 500 is there, and pacing repeats to it is the
business of whoever repeats (see platform/effects, which obeys Retry-After).
"""

from __future__ import annotations

import asyncio


class Breaker:
    """Stops calling a system that does not answer, and finds out carefully when it is back.

    Closed: everything goes. It opens after `failures` failed calls in a row, or as soon as calls have been failing
    without a success for `patience` seconds: quick failures are judged by number, slow ones by time.
    Open: everything is refused at once for a pause. Then one call, the probe, is let through; its success closes the
    breaker, its failure opens it again for twice as long.
    """

    def __init__(self, *, failures: int = 3, patience: float = 2.0, first_pause: float = 1.0, longest_pause: float = 30.0) -> None:
        self._failures = failures
        self._patience = patience
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._pause = first_pause
        self._streak = 0
        self._failing_since = 0.0
        self._last_success = 0.0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def open(self) -> bool:
        """True from the first opening until a success."""
        return self._opened_at is not None

    def wait(self, now: float) -> float:
        """Seconds for which calls are refused; 0 when one may go."""
        if self._opened_at is None:
            return 0.0
        if self._probing:
            return self._pause
        return max(0.0, self._opened_at + self._pause - now)

    def enter(self, now: float) -> float:
        """As `wait`; and when it says 0 on an open breaker, the caller is the probe and owes a verdict."""
        wait = self.wait(now)
        if wait == 0.0 and self.open:
            self._probing = True
        return wait

    def succeeded(self, now: float) -> None:
        """Somebody got an answer."""
        self._last_success = now
        self._streak = 0
        self._opened_at = None
        self._probing = False
        self._pause = self._first_pause

    def failed(self, started: float, now: float) -> None:
        """A call that began at `started` got no answer."""
        if self._opened_at is not None:
            if self._probing and started >= self._opened_at:
                self._reopen(now)
            return  # an older call that was still under way when we opened: nothing new
        if self._streak == 0:
            # While others were answered, one that hung says nothing about the time before its end.
            self._failing_since = started if started > self._last_success else now
        self._streak += 1
        if self._streak >= self._failures or now - self._failing_since >= self._patience:
            self._opened_at = now

    def gave_up(self, started: float) -> None:
        """The caller went away before there was a verdict; the next one may probe."""
        if self._opened_at is not None and started >= self._opened_at:
            self._probing = False

    def _reopen(self, now: float) -> None:
        self._probing = False
        self._opened_at = now
        self._pause = min(self._pause * 2, self._longest_pause)


class LaneFull(Exception):
    """As many wait as may wait."""


class Lane:
    """At most `width` inside at once, at most `queue` waiting in order, everybody else turned away at once."""

    def __init__(self, *, width: int, queue: int) -> None:
        self._inside = asyncio.Semaphore(width)
        self._queue = queue
        self._present = 0
        self._width = width

    @property
    def idle(self) -> bool:
        """Nobody inside and nobody waiting."""
        return self._present == 0

    async def enter(self) -> None:
        """Take a place, waiting for one if need be; LaneFull when too many wait already."""
        if self._present >= self._width + self._queue:
            raise LaneFull
        self._present += 1
        try:
            await self._inside.acquire()
        except BaseException:
            self._present -= 1
            raise

    def leave(self) -> None:
        """Give the place to the next."""
        self._present -= 1
        self._inside.release()
