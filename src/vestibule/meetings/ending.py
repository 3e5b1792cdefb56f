"""Ends a visit by itself once people have met in its meeting elsewhere, its call is over, and nobody has come back.

Where the clinician ends the call in Teams and closes the window, nobody presses End here; the record, the messages and the patient's name
should not have to wait for the visit's time to be over.
"""

from __future__ import annotations

from vestibule.kit.ids import TenantId, VisitId
from vestibule.meetings.kept import MeetingsKept
from vestibule.platform.db import Database
from vestibule.visits.model import PersonState, Visit
from vestibule.visits.service import Visits

# Somebody in one of these states is with us, and the clinician may still want to see them.
_WITH_US = frozenset({PersonState.CONNECTED, PersonState.TESTING, PersonState.WAITING, PersonState.HELD})


class Ending:
    """A chore of the worker."""

    def __init__(self, *, visits: Visits, kept: MeetingsKept) -> None:
        self._visits = visits
        self._kept = kept

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations behind `after` that have a visit to look at."""
        return await self._kept.whose_to_end(db, after, most)

    async def do(self, db: Database, tenant: TenantId) -> int:
        """End what is to be ended of one organisation; how many. Each in a transaction of its own."""
        async with db.tenant(tenant) as tx:
            found = await self._kept.to_end(tx)
        return sum([await self._end(db, tenant, visit) for visit in found])

    async def _end(self, db: Database, tenant: TenantId, visit: VisitId) -> bool:
        """Look again with the visit locked: somebody may have come in meanwhile."""
        async with db.tenant(tenant) as tx:
            found = await self._visits.get(tx, visit, lock=True)
            if visit not in await self._kept.to_end(tx, only=visit):
                return False
            await self._kept.change(tx, visit, end_at=None)
            if not deserted(found):
                return False
            await self._visits.end_for_all(tx, found.id, why="meeting")
            return True


def deserted(visit: Visit) -> bool:
    """Whether people met in it and nobody is left, neither in the meeting nor in our waiting room."""
    return not visit.over and visit.met_at is not None and not any(person.state in _WITH_US for person in visit.people)
