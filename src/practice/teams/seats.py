"""Whose page is open: a meeting's page holds a stream, and whoever's stream is gone for some seconds is gone from the meeting."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from practice.teams.calls import Calls

GRACE = 6.0  # seconds: a page that is loaded anew, or a short trouble on the way, is no going
RETURN = 60.0  # after a start: pages that were open before find their way back


class Seats:
    """The open pages. Who joined without a page (a program in a test) has no seat, and stays until told to go."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._open: Counter[str] = Counter()
        self._going: dict[str, asyncio.TimerHandle] = {}

    def start(self) -> None:
        """After a start: everybody who was in a meeting is given time to come back."""
        for meeting in self._calls.meetings():
            for one in self._calls.present(meeting):
                self._expect(one.id, RETURN)

    @contextmanager
    def taken(self, presence: str) -> Iterator[None]:
        """While a page of somebody's is open."""
        self._open[presence] += 1
        self._stay(presence)
        try:
            yield
        finally:
            self._open[presence] -= 1
            if not self._open[presence]:
                del self._open[presence]
                self._expect(presence, GRACE)

    def _stay(self, presence: str) -> None:
        if (timer := self._going.pop(presence, None)) is not None:
            timer.cancel()

    def _expect(self, presence: str, seconds: float) -> None:
        self._stay(presence)
        self._going[presence] = asyncio.get_running_loop().call_later(seconds, self._gone, presence)

    def _gone(self, presence: str) -> None:
        self._going.pop(presence, None)
        if self._calls.get(presence) is not None:
            self._calls.leave(presence, "noResponse")

    def close(self) -> None:
        """Wait for nobody any more."""
        for timer in self._going.values():
            timer.cancel()
        self._going.clear()
