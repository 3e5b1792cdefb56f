"""Waiting for what cannot call us: another process, a row, a file. The one place where tests poll."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any


async def until(happened: Callable[[], Awaitable[Any] | Any], *, seconds: float = 15, what: str = "") -> Any:
    """Ask until the answer is true, and return it; fail with `what` when it never is."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        answer = happened()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"never happened within {seconds} s: {what or happened}")
        await asyncio.sleep(0.02)
