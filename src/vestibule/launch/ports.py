"""What a launch needs from outside."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol, TypeVar

from vestibule.kit.exchange import Answer, Ask

T = TypeVar("T")


class Outside(Protocol):
    """Performs what the protocols ask for: platform/http."""

    async def drive(self, steps: Generator[Ask, Answer, T], **limits: Any) -> T:
        """Run a flow and return what it returns."""
        ...
