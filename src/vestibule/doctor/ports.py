"""What the doctor needs from outside: the door to other systems, and the register of connections."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from vestibule.kit.exchange import Answer, Ask
from vestibule.platform.http import Handshake
from vestibule.tenancy.model import Connection
from vestibule.tenancy.service import ConnectionKey

T = TypeVar("T")


class Outside(Protocol):
    """The outbound door: platform/http."""

    async def perform(self, ask: Ask, *, timeout: float = 10, max_bytes: int = 1_000_000) -> Answer:
        """Make one request; a redirect is an answer like any other."""
        ...

    async def drive(self, steps: Generator[Ask, Answer, T], **limits: Any) -> T:
        """Run a flow and return what it returns."""
        ...

    async def handshake(self, url: str, phase: str, *, timeout: float = 10) -> Handshake:
        """Connect, and say nothing."""
        ...

    async def kinds(self, url: str, phase: str, *, timeout: float = 10) -> tuple[str, ...]:
        """The kinds of address a URL's host has, without calling it."""
        ...


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another connection, as far as the doctor compares it."""

    name: str
    environment: str
    iss: str
    own: bool  # of the same organisation


@dataclass(frozen=True, slots=True)
class Kept:
    """What the register keeps about a connection besides the connection itself."""

    keys: tuple[ConnectionKey, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


class Register(Protocol):
    """The register of connections. It is asked before anything is called, and holds no transaction open afterwards."""

    async def kept(self, connection: Connection) -> Kept:
        """The connection's keys, and those it might be confused with."""
        ...
