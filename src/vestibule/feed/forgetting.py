"""What the feed forgets, and when: the messages themselves soonest, that they came a week later."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from vestibule.feed.store import FeedAppointmentStore, QueueStore
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, VisitId
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import EventKind, Visit, VisitEvent

KEPT: Final = timedelta(days=7)
_ERASES: Final = frozenset({EventKind.ENDED, EventKind.CANCELLED, EventKind.CONTACT_ERASED})


class FeedForgetting:
    """Erases bodies and rows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue = QueueStore()
        self._appointments = FeedAppointmentStore()

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """A subscriber of visits: what a contact was told by lives no longer than the contact."""
        if event.kind in _ERASES:
            await self._queue.erase_of_visit(bound(tx), tx, visit.id)
        elif event.kind is EventKind.MERGED:
            await self._appointments.become(bound(tx), tx, VisitId(UUID(event.body["from"])), visit.id)

    async def due_bodies(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that keep a message whose time is over."""
        return await self._queue.whose_bodies(db, self._clock.now(), after=after, most=most)

    async def erase_bodies(self, tx: Tx) -> int:
        """Erase an organisation's messages whose time is over; how many."""
        return await self._queue.erase_over(bound(tx), tx, self._clock.now())

    async def due_rows(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that remember what is a week over."""
        return await self._queue.whose_rows(db, self._clock.now() - KEPT, after=after, most=most)

    async def forget(self, tx: Tx) -> None:
        """Forget an organisation's messages that came more than a week ago, and appointments that are over for as long."""
        before = self._clock.now() - KEPT
        await self._queue.forget(bound(tx), tx, before)
        await self._appointments.forget(bound(tx), tx, before)
