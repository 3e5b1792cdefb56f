"""Taking the first step of an awaitable without a task: most sends are through at once, and a task switch would cost more than they do."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any


class Pending:
    """The rest of an awaitable whose first step has been taken; await it from a task."""

    __slots__ = ("_first", "_steps")

    def __init__(self, first: Any, steps: Generator[Any, None, Any]) -> None:
        self._first = first
        self._steps = steps

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for what the first step is waiting for, then go on as if nothing had been between."""
        wanted = self._first
        while True:
            try:
                yield wanted
            except BaseException as error:  # noqa: BLE001  a cancellation belongs to whoever is waiting inside
                wanted = self._steps.throw(error)
            else:
                try:
                    wanted = next(self._steps)
                except StopIteration as end:
                    return end.value


def step(awaitable: Awaitable[Any]) -> Pending | None:
    """Take the first step; None when it was the last, too. What it raises is raised."""
    steps = awaitable.__await__()
    try:
        return Pending(next(steps), steps)
    except StopIteration:
        return None
