"""How long to wait before trying again: exponential, with jitter, so that a thousand waiting clients do not return in one instant."""

from __future__ import annotations

from collections.abc import Callable

from vestibule.kit.ids import chance


def backoff(attempt: int, *, base: float = 0.5, ceiling: float = 300.0, draw: Callable[[], float] = chance) -> float:
    """Seconds to wait after the attempt-th failure (the first is 1).

    The middle of the wait doubles with each failure up to `ceiling`; half of it is certain and half is drawn, so that a wait is
    never close to nothing and never above the ceiling.

    Args:
        attempt: how often it has failed by now, 1 or more.
        base: the longest wait after the first failure.
        ceiling: the longest wait ever.
        draw: an even draw from [0, 1).
    """
    if attempt < 1:
        raise ValueError("the first failure is attempt 1")
    longest = min(ceiling, base * 2.0 ** min(attempt - 1, 60))
    return longest * (0.5 + 0.5 * draw())
