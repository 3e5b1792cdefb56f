"""Who has been asked to wait: an organisation, for one of the services Microsoft counts by itself. No I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId

# Where a 429 does not say how long. Microsoft's advice is to back off exponentially then; whoever repeats does that from here on.
_USUAL: Final = 10.0
_LONGEST: Final = 3_600.0


class Service(StrEnum):
    """What is counted by itself: quality that is read afterwards must not hold up a meeting that is to be made now."""

    TOKEN = "token"  # noqa: S105  the service's name
    MEETINGS = "meetings"
    SUBSCRIPTIONS = "subscriptions"
    REPORTS = "reports"
    RECORDS = "records"
    PEOPLE = "people"


class Pauses:
    """Remembers until when nobody asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[tuple[TenantId, Service], float] = {}

    def pause(self, tenant: TenantId, service: Service, wait: float | None) -> float:
        """Microsoft asked for a pause; how many seconds it is. A shorter one never ends a longer one."""
        chosen = min(_USUAL if wait is None else max(wait, 1.0), _LONGEST)
        until = self._clock.monotonic() + chosen
        self._until[tenant, service] = max(until, self._until.get((tenant, service), until))
        return chosen

    def left(self, tenant: TenantId, service: Service) -> float:
        """Seconds for which it must not be asked; 0 when it may."""
        left = self._until.get((tenant, service), 0.0) - self._clock.monotonic()
        if left <= 0:
            self._until.pop((tenant, service), None)
        return max(0.0, left)
