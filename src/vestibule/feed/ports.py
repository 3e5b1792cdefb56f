"""What the feed gives to the sockets that take messages."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from typing import Protocol

from vestibule.errors import VestibuleError
from vestibule.feed.model import PlainPort, Received, Sender, Verdict


class Inbox(Protocol):
    """Takes messages durably."""

    def take(self, message: Received) -> Future[Verdict]:
        """What comes true after COMMIT, and waits, as long as need be, while the database is away. No coroutine: a task a message is dear.

        It fails with Unavailable `database-disk-full` or `group-closed`, or with BadInput `row-refused`: nothing was taken, and nothing may
        be acknowledged.

        Raises:
            Unavailable: `group-closed` when the process is stopping, `group-full` when more waits than memory should hold.
        """
        ...

    def hand(self, message: Received, tell: Callable[[Verdict | VestibuleError], None]) -> None:
        """The same for sockets that have very many: `tell` is called with the verdict or the error.

        Raises:
            Unavailable: as `take`.
        """
        ...


class Senders(Protocol):
    """Who may send."""

    async def by_key(self, key_hash: bytes) -> Sender | None:
        """Whose public key this is (SHA-256 of its SubjectPublicKeyInfo), None for nobody's or one that is not valid now."""
        ...

    async def certificates(self) -> list[bytes]:
        """Every certificate that may be shown, DER; those that are not valid now among them."""
        ...

    async def plain_ports(self) -> list[PlainPort]:
        """Where plain MLLP is to be listened for."""
        ...


class Refusals(Protocol):
    """Keeps book of who was turned away."""

    def refused(self, reason: str, address: str, sender: Sender | None) -> None:
        """Note that somebody was not let in.

        Args:
            reason: kebab-case.
            address: from where.
            sender: whose port or key it was; None when nobody can tell.
        """
        ...
