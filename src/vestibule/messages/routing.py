"""Through which sender a message goes: those a connection has, in their order, the ones whose carrier has trouble just now last."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.messages.model import Account, Channel, Sender
from vestibule.messages.portions import Portions
from vestibule.messages.setting import MessageSettings
from vestibule.platform.db import Database

# Seconds for which what was read is believed: a changed setting is in force that soon.
_FRESH: Final = 2.0
# So many failures running, and an account is tried last ...
_ENOUGH: Final = 3
# ... for so many seconds; then one message tries it again.
_REST: Final = 30.0


_Key = tuple[TenantId, ConnectionId, Channel]


@dataclass(slots=True)
class _Health:
    failures: int = 0
    failed_at: float = 0.0


class Routes:
    """Reads routes, and remembers how their accounts do."""

    def __init__(self, *, db: Database, clock: Clock, settings: MessageSettings) -> None:
        self._db, self._clock, self._settings = db, clock, settings
        self._read: dict[_Key, tuple[float, list[Sender]]] = {}
        self._health: dict[UUID, _Health] = {}
        # A thousand messages that find it stale read it once.
        self._reading: Portions[_Key, list[Sender]] = Portions(self._look, most=100_000)

    async def of(self, tenant: TenantId, connection: ConnectionId | None, channel: Channel) -> list[Sender]:
        """In the order in which to try them."""
        if connection is None:
            return []
        key, now = (tenant, connection, channel), self._clock.monotonic()
        read_at, senders = self._read.get(key, (-_FRESH, []))
        if now - read_at >= _FRESH:
            senders = await self._reading.ask(key, key)
        if len(senders) < 2:  # noqa: PLR2004  nothing to choose
            return senders
        return sorted(senders, key=lambda sender: self._troubled(sender.account, now))

    async def _look(self, _: Hashable, asked: Sequence[_Key]) -> Sequence[list[Sender] | Exception]:
        tenant, connection, channel = asked[0]
        async with self._db.tenant(tenant) as tx:
            senders = await self._settings.route(tx, connection, channel)
        self._read[asked[0]] = (self._clock.monotonic(), senders)
        return [senders] * len(asked)

    def went(self, account: Account, *, well: bool) -> None:
        """How a call ended: the account's doing, not the recipient's."""
        health = self._health.setdefault(account.id, _Health())
        health.failures = 0 if well else health.failures + 1
        health.failed_at = health.failed_at if well else self._clock.monotonic()

    def _troubled(self, account: Account, now: float) -> bool:
        health = self._health.get(account.id)
        return health is not None and health.failures >= _ENOUGH and now - health.failed_at < _REST
