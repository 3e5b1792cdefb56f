"""That live status is late: found out, said once in the visit, and said again when it is over.

There is nothing to ask while a meeting runs: who is in it is told or not known. So what was not told has to be noticed. Reasons, which
stand in the event's body:

- `removed`: Microsoft ended our subscription, or it could not be kept; what happened meanwhile was told to nobody.
- `missed`: Microsoft says that it could not deliver something.
- `gap`: a number of the roster never came.
- `silence`: somebody was shown the way in, and then nothing was heard for 45 seconds.

The next notification that is proved ends it. What was lost meanwhile the meeting's report tells afterwards.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.meetings.store.roster import RosterStore
from vestibule.meetings.store.subscriptions import SubscriptionStore
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import EventKind, Visit
from vestibule.visits.service import Visits

REMOVED: Final = "removed"
MISSED: Final = "missed"
GAP: Final = "gap"
SILENCE: Final = "silence"

_SILENT: Final = timedelta(seconds=45)  # from the way's being given; who has just pressed is still on their way
_MISSING: Final = timedelta(seconds=10)  # what overtook another on its way is not a gap
_LATELY: Final = timedelta(minutes=10)  # who has not come by then does not come
_PORTION: Final = 100


class Delays:
    """Says it. Methods taking `tx` act within its organisation."""

    def __init__(self, *, visits: Visits, clock: Clock) -> None:
        self._visits = visits
        self._clock = clock
        self._roster = RosterStore()
        self._subscriptions = SubscriptionStore()

    async def say(self, tx: Tx, meeting: VisitId, code: str) -> bool:
        """Live status is late; False where that was said, or the visit is over. The subscription is looked at as well.

        Args:
            tx: bound to the tenant.
            meeting: the visit under whose id the meeting is kept.
            code: why.
        """
        visit = await self._visits.get(tx, meeting, lock=True)
        now = self._clock.now()
        subscription = await self._subscriptions.of_visit(bound(tx), tx, meeting)
        if subscription is not None:
            await self._subscriptions.check(bound(tx), tx, subscription.id, code, now)
        if visit.over or not await self._roster.delayed(bound(tx), tx, meeting, code, now):
            return False
        await self._visits.attending.note(tx, visit.id, EventKind.LIVE_DELAYED, {"code": code})
        return True

    async def whose_silent(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with meetings of which more should have been heard."""
        now = self._clock.now()
        return await self._roster.whose_silent(db, now - _LATELY, now - _SILENT, now - _MISSING, after, most)

    async def find(self, db: Database, tenant: TenantId) -> int:
        """Find those of one organisation and say so; of how many."""
        now = self._clock.now()
        async with db.tenant(tenant) as tx:
            gaps = await self._roster.with_gap(tenant, tx, now - _MISSING, _PORTION)
            silent = await self._roster.silent(tenant, tx, now - _LATELY, now - _SILENT, _PORTION)
        said = 0
        for meeting, code in {**dict.fromkeys(silent, SILENCE), **dict.fromkeys(gaps, GAP)}.items():
            async with db.tenant(tenant) as tx:
                if code is GAP or await self._awaited(tx, meeting):
                    said += await self.say(tx, meeting, code)
        return said

    async def _awaited(self, tx: Tx, meeting: VisitId) -> bool:
        """Whether somebody who was shown the way may still go it, and is not known to be there."""
        try:
            visit = await self._visits.get(tx, meeting)
        except NotFound:
            return False
        now = self._clock.now()
        unheard = await self._roster.unheard(bound(tx), tx, meeting, now - _LATELY, now - _SILENT)
        return not visit.over and any(_may_go_in(visit, one) for one in unheard)


def _may_go_in(visit: Visit, participant: ParticipantId) -> bool:
    who = visit.person(participant)
    return who is not None and who.inside
