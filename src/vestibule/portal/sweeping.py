"""Sign-ins to an EHR that nobody came back from: what they kept sealed goes when their time is over, the rest after a month."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database, Tx
from vestibule.portal.ehr_sign_in import KEPT
from vestibule.portal.store import PortalStore
from vestibule.tenancy.service import bound

_GRACE: Final = timedelta(minutes=5)  # the clock of who receives a browser back may be behind ours


class EhrSignInSweep:
    """Forgets them, whether or not anybody signs in again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._store = PortalStore()

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have something to forget."""
        now = self._clock.now()
        return await self._store.whose_over(db, now - _GRACE, now - KEPT, after=after, most=most)

    async def sweep(self, tx: Tx) -> None:
        """Forget what is over in one organisation."""
        now = self._clock.now()
        await self._store.unseal(bound(tx), tx, now - _GRACE)
        await self._store.forget(bound(tx), tx, now - KEPT)
