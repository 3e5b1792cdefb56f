"""What every message needs to know and what seldom changes: the connection's settings, and departments by their names in the record."""

from __future__ import annotations

from typing import Final

from vestibule.feed.model import CHANGED, FeedSettings
from vestibule.feed.service import FeedSettingsService
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.db import Listener, Tx
from vestibule.tenancy.model import Department
from vestibule.tenancy.service import Tenancy, bound

_SECONDS: Final = 5.0  # departments are changed by hand, and nobody is told: they are believed for so long
_MOST: Final = 20_000


class Knowing:
    """Remembers for a moment. Settings are forgotten as soon as somebody changes any."""

    def __init__(self, settings: FeedSettingsService, tenancy: Tenancy, clock: Clock, listener: Listener | None = None) -> None:
        self._service = settings
        self._tenancy = tenancy
        self._clock = clock
        self._changes = 0
        self._settings: dict[ConnectionId, tuple[float, FeedSettings]] = {}
        self._departments: dict[tuple[TenantId, str], tuple[float, Department | None]] = {}
        if listener is not None:
            listener.subscribe(CHANGED, lambda _: self._forget(), self._forget)

    async def settings(self, tx: Tx, connection: ConnectionId) -> FeedSettings:
        """How the connection's feed is read."""
        known = self._settings.get(connection)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        before = self._changes
        found = await self._service.get(tx, connection)
        if before == self._changes:
            self._settings[connection] = (self._clock.monotonic() + _SECONDS, found)
        return found

    async def department(self, tx: Tx, external: str) -> Department | None:
        """The department that the record calls so."""
        if not external:
            return None
        key = (bound(tx), external)
        known = self._departments.get(key)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        found = await self._tenancy.department_by_external(tx, external)
        if len(self._departments) >= _MOST:  # whatever strangers write into messages, memory has an end
            self._departments.clear()
        self._departments[key] = (self._clock.monotonic() + _SECONDS, found)
        return found

    def _forget(self) -> None:
        self._changes += 1
        self._settings.clear()
