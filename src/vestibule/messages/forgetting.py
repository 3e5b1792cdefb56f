"""How a patient can be reached is forgotten when the appointment is over: at once when it has ended or was cancelled and they know of it,
and in any case soon after the time it was for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import EventKind, Outcome, PersonState, Visit, VisitEvent, VisitState
from vestibule.visits.service import Visits

_K = EventKind
# A visit of which nobody said how long it takes.
USUAL: Final = timedelta(minutes=60)
# After its end, as long as nobody is connected: well within the hour.
AFTER_END: Final = timedelta(minutes=45)
# A cancelled one, after the time it would have begun, whether or not a carrier has said that the patient knows.
AFTER_CANCELLED: Final = timedelta(hours=1)
# A visit without an appointment.
AD_HOC: Final = timedelta(hours=12)
# While somebody is still connected we look again so often.
AGAIN: Final = timedelta(minutes=5)
_PORTION: Final = 100


class Forgetting:
    """Says when, and does it."""

    def __init__(self, *, clock: Clock, visits: Visits) -> None:
        self._clock = clock
        self._visits = visits

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent, *, cancellation_waits: bool) -> None:
        """What an event means for the contacts of a visit's people; in the event's transaction.

        Args:
            tx: the event's.
            visit: after the event.
            event: what happened.
            cancellation_waits: the patient is still to be told that it does not take place.
        """
        if event.kind is _K.ENDED:
            await self._visits.contacts.erase(tx, visit.id, why="ended")
        elif event.kind is _K.CANCELLED:
            await self._cancelled(tx, visit, waits=cancellation_waits)
        elif event.kind is _K.OUTCOME_MARKED and visit.outcome is Outcome.NO_SHOW and _nobody_in(visit):
            await self._visits.contacts.erase(tx, visit.id, why="ended")
        elif event.kind in {_K.RESCHEDULED, _K.CONTACT_NOTED, _K.MERGED} and not visit.over:
            await self._visits.contacts.forget_at(tx, visit.id, self._over_at(visit))

    async def told(self, tx: Tx, visit: Visit) -> None:
        """What a patient had to be told of a cancelled visit has been settled."""
        if visit.state is VisitState.CANCELLED:
            await self._visits.contacts.erase(tx, visit.id, why="cancelled")

    async def _cancelled(self, tx: Tx, visit: Visit, *, waits: bool) -> None:
        if not waits:
            await self._visits.contacts.erase(tx, visit.id, why="cancelled")
            return
        await self._visits.contacts.forget_at(tx, visit.id, (visit.starts_at or self._clock.now()) + AFTER_CANCELLED)

    def _over_at(self, visit: Visit) -> datetime:
        if visit.starts_at is None:
            return (visit.created_at or self._clock.now()) + AD_HOC
        return max(visit.ends_at or visit.starts_at + USUAL, visit.starts_at) + AFTER_END

    # ------------------------------------------------------------------ the chore

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have contacts to forget."""
        return await self._visits.contacts.whose_to_forget(db, self._clock.now(), after, most)

    async def forget(self, db: Database, tenant: TenantId) -> int:
        """Forget an organisation's that are due; of how many visits. One that fails holds up no other: each has its own transaction."""
        done = 0
        while True:
            async with db.tenant(tenant) as tx:
                found = await self._visits.contacts.to_forget(tx, self._clock.now(), limit=_PORTION)
            for visit in found:
                async with db.tenant(tenant) as tx:
                    await self._forget(tx, await self._visits.get(tx, visit, lock=True))
            done += len(found)
            if len(found) < _PORTION:
                return done

    async def _forget(self, tx: Tx, visit: Visit) -> None:
        """Look again inside the transaction: it may have been moved, or somebody may be in it."""
        if visit.state is VisitState.CANCELLED:
            await self._visits.contacts.erase(tx, visit.id, why="cancelled")
        elif visit.state is VisitState.ENDED:
            await self._visits.contacts.erase(tx, visit.id, why="ended")
        elif self._over_at(visit) > self._clock.now():
            await self._visits.contacts.forget_at(tx, visit.id, self._over_at(visit))
        elif not _nobody_in(visit):
            await self._visits.contacts.forget_at(tx, visit.id, self._clock.now() + AGAIN)
        else:
            await self._visits.contacts.erase(tx, visit.id, why="time")


def _nobody_in(visit: Visit) -> bool:
    return not any(person.state is PersonState.CONNECTED for person in visit.people)
