"""What the feed gives to the sockets that take messages."""

from __future__ import annotations

from typing import Protocol

from vestibule.feed.model import PlainPort, Received, Sender, Verdict


class Inbox(Protocol):
    """Takes messages durably."""

    async def take(self, message: Received) -> Verdict:
        """Returns after COMMIT; waits, as long as need be, while the database is away.

        Raises:
            Unavailable: `feed-closed` when the process is stopping, `feed-full` when more waits than memory should hold, `feed-disk-full`:
                nothing was taken and nothing may be acknowledged.
        """
        ...


class Senders(Protocol):
    """Who may send."""

    async def by_key(self, key_hash: bytes) -> Sender | None:
        """Whose public key this is (SHA-256 of its SubjectPublicKeyInfo), None for nobody's or one that is not valid now."""
        ...

    async def certificates(self) -> list[bytes]:
        """Every certificate that may be shown, DER."""
        ...

    async def plain_ports(self) -> list[PlainPort]:
        """Where plain MLLP is to be listened for."""
        ...
