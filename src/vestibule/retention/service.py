"""What ends and is forgotten though nobody presses a button.

A visit whose time is over and that nobody is in is ended, which decides its outcome and erases the names of its people. Without this a
visit that a clinician simply walked away from would keep a patient's name for ever.
"""

from __future__ import annotations

from datetime import timedelta

from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database, Tx
from vestibule.retention.store import RetentionStore
from vestibule.tenancy.model import Connection
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import PersonState, Visit
from vestibule.visits.service import Visits, WindowState, join_window

# A visit without an appointment has no window; it is over when nobody has been in it for so long after it began.
AD_HOC = timedelta(hours=12)
# What the record was not told may wait for a person's decision; who it is about is kept for so long, and no longer.
KEPT_AT_MOST = timedelta(days=7)
# No window closes sooner than this after a visit's time; younger visits need not be looked at.
_YOUNGEST = timedelta(minutes=5)
_PORTION = 200  # visits that are read at once


class Retention:
    """Ends what is over, and forgets."""

    def __init__(self, *, visits: Visits, tenancy: Tenancy, clock: Clock, portion: int = _PORTION) -> None:
        self._visits = visits
        self._tenancy = tenancy
        self._clock = clock
        self._portion = portion
        self._store = RetentionStore()

    async def end_overdue(self, db: Database, tenant: TenantId) -> int:
        """End an organisation's visits that are over; how many. Each in a transaction of its own, so that one cannot hold up the rest."""
        async with db.tenant(tenant) as tx:
            connections = {one.id: one for one in await self._tenancy.past_connections(tx)}
        ended, last = 0, None
        while True:
            async with db.tenant(tenant) as tx:
                found = await self._visits.unfinished(tx, self._clock.now() - _YOUNGEST, after=last, limit=self._portion)
            pairs = [(visit, connections.get(visit.connection) if visit.connection else None) for visit in found]
            overdue = [(visit, connection) for visit, connection in pairs if self._over(visit, connection)]
            for visit, connection in overdue:
                async with db.tenant(tenant) as tx:
                    await self._end(tx, visit, connection)
            ended += len(overdue)
            if len(found) < self._portion:
                return ended
            last = found[-1]  # those behind it may be over though many before them are not: each record has its own window

    async def due_to_end(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have visits to end: the same judgement as `_over`, made for all of them at once."""
        now = self._clock.now()
        return await self._store.whose_over(db, now, began=now - _YOUNGEST, ad_hoc=now - AD_HOC, after=after, most=most)

    async def due_to_forget(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have people to forget."""
        return await self._store.whose_known(db, self._clock.now() - KEPT_AT_MOST, after=after, most=most)

    async def forget(self, db: Database, tenant: TenantId) -> int:
        """Erase who people were in visits long over, though the record may not have been told everything; how many people."""
        async with db.tenant(tenant) as tx:
            return await self._visits.erase_persons_before(tx, self._clock.now() - KEPT_AT_MOST)

    async def _end(self, tx: Tx, visit: Visit, connection: Connection | None) -> None:
        """Look again inside the transaction: somebody may have come in meanwhile."""
        now = await self._visits.get(tx, visit.id, lock=True)
        if not now.over and self._over(now, connection):
            await self._visits.end_for_all(tx, now.id, why="time")

    def _over(self, visit: Visit, connection: Connection | None) -> bool:
        now = self._clock.now()
        if any(person.state is PersonState.CONNECTED for person in visit.people):
            return False
        if visit.starts_at is None or connection is None:
            began = visit.starts_at or visit.opened_at or visit.created_at
            return began is not None and now - began > AD_HOC
        window = join_window(visit, now, early_minutes=connection.join_early_minutes, late_minutes=connection.join_late_minutes)
        return window.state is WindowState.OVER
