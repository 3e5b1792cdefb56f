"""What write-back needs from outside: a record that can be told."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol, TypeVar

from vestibule.kit.exchange import Answer, Ask
from vestibule.platform.http import Credentials
from vestibule.protocols.jose import SigningKey
from vestibule.tenancy.model import Connection
from vestibule.writeback.model import Status

T = TypeVar("T")


class Record(Protocol):
    """A vendor's status API."""

    def listens(self, connection: Connection) -> bool:
        """Whether this connection's record wants to be told at all."""
        ...

    def would_say(self, connection: Connection, status: Status) -> str:
        """The request that `tell` would make, for a person to read: method, address and parameters, no credentials.

        Raises:
            VestibuleError: what stands against saying it.
        """
        ...

    async def tell(self, connection: Connection, status: Status) -> None:
        """Say one thing; returns when the record has accepted it.

        Raises:
            VestibuleError: permanent when saying it again cannot help.
        """
        ...


class Outside(Protocol):
    """The outbound door: platform/http."""

    async def perform(self, ask: Ask, *, timeout: float = 10, bearer: Credentials | None = None) -> Answer:
        """Make one request."""
        ...

    async def drive(self, steps: Generator[Ask, Answer, T], **limits: Any) -> T:
        """Run a flow and return what it returns."""
        ...


class SigningKeys(Protocol):
    """Gives the key with which a connection's backend client proves itself."""

    async def __call__(self, connection: Connection, algs: Sequence[str]) -> SigningKey:
        """The key to sign with now."""
        ...
