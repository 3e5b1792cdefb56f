"""Who may send: read from the database, and remembered until somebody changes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from vestibule.feed.model import CHANGED, PlainPort, Sender
from vestibule.feed.store import CERTIFICATES, KEY, PORTS
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.audit import Repeats
from vestibule.platform.db import Database, Listener
from vestibule.platform.telemetry.logs import log
from vestibule.tenancy.service import CHANNEL as CONNECTIONS

_MOST: Final = 10_000  # keys remembered, known ones and others


@dataclass(frozen=True, slots=True)
class _Known:
    """A sender's key with the time in which it counts."""

    sender: Sender
    not_before: datetime
    not_after: datetime


class KnownSenders:
    """Answers from memory; a change of settings anywhere empties it."""

    def __init__(self, db: Database, clock: Clock, listener: Listener) -> None:
        """Ask `db`, and hear of changes by `listener`."""
        self._db = db
        self._clock = clock
        self._keys: dict[bytes, _Known | None] = {}
        self._said = Repeats(clock, most=1, seconds=3600)
        self._changes = 0
        self._tell: list[Callable[[], None]] = []
        listener.subscribe(CHANGED, lambda _: self._changed(), self._changed)
        listener.subscribe(CONNECTIONS, lambda _: self._changed(), self._changed)  # one may have come into force, or been removed

    def on_change(self, tell: Callable[[], None]) -> None:
        """Have `tell` called, quickly, whenever certificates, ports or networks may have changed."""
        self._tell.append(tell)

    async def by_key(self, key_hash: bytes) -> Sender | None:
        """See `ports.Senders`."""
        known = self._keys[key_hash] if key_hash in self._keys else await self._ask(key_hash)
        if known is None:
            return None
        now = self._clock.now()
        if known.not_before <= now <= known.not_after:
            return known.sender
        if self._said.detail(known.sender.certificate) is not None:
            log.warning(
                "feed-certificate-not-valid", certificate=known.sender.certificate, reason="early" if now < known.not_before else "over"
            )
        return None

    async def certificates(self) -> list[bytes]:
        """See `ports.Senders`."""
        return [bytes(row[0]) for row in await self._db.ask(CERTIFICATES)]

    async def plain_ports(self) -> list[PlainPort]:
        """See `ports.Senders`."""
        rows = await self._db.ask(PORTS)
        return [PlainPort(port, Sender(TenantId(tenant), ConnectionId(connection)), tuple(nets)) for port, tenant, connection, nets in rows]

    async def _ask(self, key_hash: bytes) -> _Known | None:
        """What is read while something changes is not remembered: it may be what was."""
        while True:
            before = self._changes
            rows = await self._db.ask(KEY, key_hash)
            if before == self._changes:
                break
        if len(self._keys) >= _MOST:
            self._keys.clear()
        self._keys[key_hash] = known = _known(*rows[0]) if rows else None
        return known

    def _changed(self) -> None:
        self._changes += 1
        self._keys.clear()
        for tell in self._tell:
            tell()


def _known(tenant: UUID, connection: UUID, certificate: UUID, not_before: datetime, not_after: datetime, http_status: bool) -> _Known:  # noqa: FBT001  a row
    return _Known(Sender(TenantId(tenant), ConnectionId(connection), certificate, http_status), not_before, not_after)
