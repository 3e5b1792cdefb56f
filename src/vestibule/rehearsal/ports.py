"""What a rehearsal needs from outside."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol, TypeVar

from vestibule.identity.model import Principal
from vestibule.kit.exchange import Answer, Ask

T = TypeVar("T")


class Outside(Protocol):
    """The outbound door: platform/http."""

    async def perform(self, ask: Ask, *, timeout: float = 10) -> Answer:
        """Make one request."""
        ...

    async def drive(self, steps: Generator[Ask, Answer, T], **limits: Any) -> T:
        """Run a flow and return what it returns."""
        ...


class Room(Protocol):
    """The video side, from the server's end: no camera, no media."""

    async def is_shut_to(self, principal: Principal) -> bool:
        """Whether somebody who has not been let in gets nothing of the room."""
        ...

    async def meet(self, one: Principal, other: Principal) -> None:
        """Both take a seat, a word goes from each to the other, and both leave.

        Raises:
            VestibuleError: whatever keeps them out. TimeoutError: a word did not arrive.
        """
        ...
