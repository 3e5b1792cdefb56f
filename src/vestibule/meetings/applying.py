"""From proved notifications to the visit: the roster folded, written, and told as visit events, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.model import CallEvent, CallEventKind
from vestibule.meetings.roster import Around, Roster, Step, StepKind, counted, identity_key
from vestibule.meetings.store.roster import Call, RosterStore
from vestibule.meetings.store.subscriptions import SubscriptionRow, SubscriptionStore
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import PERSON_STEPS, EventKind, PersonState, Visit
from vestibule.visits.service import Visits

_TOLD_AS: Final = {StepKind.CAME: EventKind.CONNECTED, StepKind.WENT: EventKind.DISCONNECTED, StepKind.KNOCKED: EventKind.IN_LOBBY}

# Teams ends a meeting after 30 hours.
LONGEST_CALL: Final = timedelta(hours=30)
_PORTION: Final = 100


class People(Protocol):
    """Who knows whose the accounts of the directory are."""

    async def of_people(self, tx: Tx, visit: Visit) -> Mapping[str, ParticipantId]:
        """Of the people of a visit, by object id."""
        ...


class Applying:
    """Writes down what Microsoft told. The visit is locked first, then its meeting."""

    def __init__(self, *, visits: Visits, clock: Clock, box: SecretBox, kept: MeetingsKept, people: People) -> None:
        self._visits = visits
        self._clock = clock
        self._box = box
        self._kept = kept
        self._people = people
        self._roster = RosterStore()
        self._subscriptions = SubscriptionStore()

    async def apply(self, tx: Tx, known: UUID, directory: str, events: Sequence[tuple[CallEvent, datetime]]) -> None:
        """Proved notifications of one meeting, in the order in which they came, each with the time at which it did.

        Args:
            tx: bound to the tenant.
            known: our id of the subscription through which they came.
            directory: the organisation's own.
            events: at least one.
        """
        subscription = await self._subscriptions.find(bound(tx), tx, known)
        if subscription is None:
            return
        visit = await self._visits.get(tx, subscription.visit, lock=True)
        call = await self._roster.call(bound(tx), tx, subscription.visit)
        subscription = await self._subscriptions.find(bound(tx), tx, known)  # as it is now that nobody else changes it
        if call is None or subscription is None:
            return
        visit, late = await self._resumed(tx, visit, call), call.delayed_at is not None
        roster = await self._known(tx, subscription.visit, replace(call, delayed_at=None))
        around = await self._around(tx, subscription.visit, visit, directory)
        for event, came_at in events:
            for step in roster.take(event, around, came_at):
                visit = await self._tell(tx, visit, step)
            visit = await self._call_ended(tx, visit, roster)
        await self._roster.put(bound(tx), tx, subscription.visit, list(roster.changed.values()))
        await self._roster.heard(bound(tx), tx, subscription.visit, replace(roster.call, heard_at=self._clock.now()))
        await self._count(tx, subscription, [event for event, _ in events], late=late)

    async def call_over(self, tx: Tx, meeting: VisitId, at: datetime) -> None:
        """The call was over then, as something else than a notification says: whoever is in it for all we know is gone."""
        visit = await self._visits.get(tx, meeting, lock=True)
        call = await self._roster.call(bound(tx), tx, meeting)
        if call is None:
            return
        roster = await self._known(tx, meeting, call)
        if not call.running and not roster.anybody:
            return
        for step in roster.over(at):
            visit = await self._tell(tx, visit, step)
        await self._call_ended(tx, visit, roster)
        await self._roster.put(bound(tx), tx, meeting, list(roster.changed.values()))
        await self._roster.heard(bound(tx), tx, meeting, roster.call)

    async def whose_stale(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with a call that began longer ago than any call lasts."""
        return await self._roster.whose_stale(db, self._clock.now() - LONGEST_CALL, after, most)

    async def end_stale(self, db: Database, tenant: TenantId) -> int:
        """Nobody told of its end, and no report did: a visit would be open, and its people's names kept, for ever. How many calls."""
        now = self._clock.now()
        async with db.tenant(tenant) as tx:
            found = await self._roster.stale(tenant, tx, now - LONGEST_CALL, _PORTION)
        for meeting in found:
            async with db.tenant(tenant) as tx:
                await self.call_over(tx, meeting, now)
        return len(found)

    async def look(self, tx: Tx, meeting: VisitId) -> None:
        """Compare who is in the meeting with what the visit says of them, and tell it where it says otherwise."""
        visit = await self._visits.get(tx, meeting, lock=True)
        roster = await self._known(tx, meeting, Call())
        for participant in {row.participant for row in roster.rows.values() if row.participant is not None}:
            who, since = visit.person(participant), roster.here(participant)
            if who is None:
                continue
            if since is not None:
                visit = await self._tell(tx, visit, Step(StepKind.CAME, participant, max(since, who.since)))
            elif who.state is PersonState.CONNECTED:
                visit = await self._tell(tx, visit, Step(StepKind.WENT, participant, self._clock.now()))

    async def _known(self, tx: Tx, meeting: VisitId, call: Call) -> Roster:
        return Roster({row.graph_id: row for row in await self._roster.of(bound(tx), tx, meeting)}, call)

    async def _around(self, tx: Tx, meeting: VisitId, visit: Visit, directory: str) -> Around:
        accounts = await self._people.of_people(tx, visit)
        return Around(
            visit=visit,
            ways=await self._kept.ways(tx, meeting),
            accounts={name.lower(): who for name, who in accounts.items()},
            directory=directory,
            key=lambda identity: identity_key(self._box, identity),
        )

    async def _tell(self, tx: Tx, visit: Visit, step: Step) -> Visit:
        """What cannot be now (they were not admitted, they are connected already, the visit is over) is not said."""
        who = visit.person(step.participant)
        if who is None or visit.over or who.state not in PERSON_STEPS[_TOLD_AS[step.kind]]:
            return visit
        attending = self._visits.attending
        tell = {StepKind.CAME: attending.came, StepKind.WENT: attending.went, StepKind.KNOCKED: attending.knocked}[step.kind]
        return await tell(tx, visit.id, who.id, step.at)

    async def _call_ended(self, tx: Tx, visit: Visit, roster: Roster) -> Visit:
        if roster.ended_at is None:
            return visit
        at, roster.ended_at = roster.ended_at, None
        return await self._visits.attending.note(tx, visit.id, EventKind.CALL_ENDED, {"at": at.isoformat()})

    async def _resumed(self, tx: Tx, visit: Visit, call: Call) -> Visit:
        """We hear of it again."""
        if call.delayed_at is None or visit.over:
            return visit
        return await self._visits.attending.note(tx, visit.id, EventKind.LIVE_RESUMED, {})

    async def _count(self, tx: Tx, row: SubscriptionRow, events: Sequence[CallEvent], *, late: bool) -> None:
        """Whether a number of the roster is missing. A call's beginning and end may have numbers of their own, which nobody tells us.

        Args:
            tx: bound to the tenant.
            row: as it was before these.
            events: in the order in which they came.
            late: what was missing before was said to be, and is forgiven.
        """
        number, missing = row.roster_number, 0 if late else row.missing
        for event in events:
            if event.kind is CallEventKind.ROSTER:
                number, missing = counted(number, missing, [seen.sequence for seen in event.people if seen.sequence is not None])
            else:
                number, missing = None, 0
        since = None if missing == 0 else (row.missing_since or self._clock.now())
        if (number, missing, since) != (row.roster_number, row.missing, row.missing_since):
            await self._subscriptions.counted(bound(tx), tx, row.id, number=number, missing=missing, missing_since=since)
