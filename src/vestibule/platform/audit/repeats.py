"""So that nobody can fill the audit by knocking: of what anybody may cause again and again, the first are noted, the rest counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from vestibule.kit.clock import Clock

_KEYS: Final = 10_000


@dataclass(slots=True)
class _Window:
    until: float
    noted: int = 0
    passed_over: int = 0


class Repeats:
    """Counts per key; it forgets the key longest unheard of when there are too many."""

    def __init__(self, clock: Clock, *, most: int, seconds: float = 60, keys: int = _KEYS) -> None:
        """Let `most` of each key be noted in so many seconds."""
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._keys = keys
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()

    def detail(self, key: Hashable) -> dict[str, str] | None:
        """None when this one is not to be noted; otherwise what to add to its details: how many went unnoted before it."""
        now = self._clock.monotonic()
        window = self._windows.pop(key, None)
        before = 0
        if window is None or now >= window.until:
            before = window.passed_over if window else 0
            window = _Window(now + self._seconds)
        self._windows[key] = window
        while len(self._windows) > self._keys:
            self._windows.popitem(last=False)
        if window.noted >= self._most:
            window.passed_over += 1
            return None
        window.noted += 1
        return {"unnoted": str(before)} if before else {}
