"""What is left to be done when a meeting's call is over: its attendance report is merged, its quality kept, its subscription ended.

Microsoft makes a report each time a meeting ends, some seconds or some hours later, and tells nobody. So it is looked for: after 10
seconds, 20, 40, then every two minutes, after ten minutes every four, for a day; then four times a day until Microsoft keeps nothing of it
any more, 30 days after. Call records come later than reports, and finding one means reading the list of all the organisation's: they are
tried less often, and for a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from vestibule.errors import NotAllowed, TooMany, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.attended import Named, intervals, whose
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.model import Account, CallRecord, Meeting, MeetingState, Report
from vestibule.meetings.ports import Cloud
from vestibule.meetings.roster import Around, identity_key
from vestibule.meetings.store.reports import Merged, ReportStore
from vestibule.meetings.store.roster import Present, RosterStore
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.visits.model import EventKind, Visit, VisitEvent
from vestibule.visits.service import Visits

FIRST: Final = timedelta(seconds=10)
_OFTEN, _OFTEN_FOR = timedelta(minutes=2), timedelta(minutes=10)
_STEADY, _STEADY_FOR = timedelta(minutes=4), timedelta(days=1)
_RECORDS, _RECORDS_FOR = timedelta(minutes=15), timedelta(hours=2)
_RARELY, KEPT = timedelta(hours=6), timedelta(days=30)
_HOUR: Final = timedelta(hours=1)
_OVERRUN: Final = timedelta(minutes=15)
# A newer version of a call record knows more: it is read once more.
_AGAIN: Final = timedelta(minutes=30)
# A report's times and the roster's are not to the second the same.
_APART: Final = timedelta(minutes=2)
# Call records are asked for by when they began, and that is not to the second when the report says so.
_MARGIN: Final = timedelta(minutes=15)
_LEASE: Final = timedelta(minutes=3)
_AT_ONCE: Final = 8
# Where something was not told, it may have been the call's end.
_REMINDS: Final = frozenset({EventKind.CALL_ENDED, EventKind.ENDED, EventKind.CANCELLED, EventKind.LIVE_DELAYED})

# A meeting's call was over at a time, whatever we were told of it; in the caller's transaction.
CallOver = Callable[[Tx, VisitId, datetime], Awaitable[None]]


class Accounts(Protocol):
    """Who says how an organisation is connected."""

    async def account(self, tx: Tx) -> Account:
        """What every call to Microsoft takes."""
        ...


class People(Protocol):
    """Who knows whose the accounts of the directory are."""

    async def of_people(self, tx: Tx, visit: Visit) -> Mapping[str, ParticipantId]:
        """Of the people of a visit, by object id."""
        ...


class Watching(Protocol):
    """Who keeps our subscriptions."""

    async def over(self, account: Account, visit: VisitId) -> None:
        """Nothing more is to be told about this visit's meeting."""
        ...


class Reminding:
    """A subscriber of visits: says when somebody is to look what is left to do.

    That a call ended may never be told, and nothing else tells it but its report: so one that goes on long after its time is looked at too.
    """

    def __init__(self, *, clock: Clock, kept: MeetingsKept) -> None:
        self._clock = clock
        self._kept = kept

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """In the event's transaction."""
        if event.kind not in _REMINDS and event.kind is not EventKind.CONNECTED:
            return
        meeting, now = await self._kept.get(tx, visit.id, lock=True), self._clock.now()
        if meeting is None:
            return
        if event.kind in _REMINDS:
            await self._kept.change(tx, visit.id, look_at=now + FIRST, looks=0)
        elif meeting.look_at is None:
            due = now + _HOUR if visit.ends_at is None else max(visit.ends_at, now) + _OVERRUN
            await self._kept.change(tx, visit.id, look_at=due)


@dataclass(frozen=True, slots=True)
class Left:
    """What one look begins with, and what it found.

    Attributes:
        ways: somebody was shown the way in.
        reports: those that are merged.
        measurable: call records may be read at all.
    """

    account: Account
    visit: Visit
    meeting: Meeting
    ways: bool
    reports: tuple[Merged, ...] = ()
    measurable: bool = True

    @property
    def over_at(self) -> datetime | None:
        """Since when there is something to look for."""
        return max((at for at in (self.meeting.call_ended_at, self.visit.ended_at) if at), default=self.meeting.made_at)

    def running(self, now: datetime) -> bool:
        """Whether its call goes on, as far as we were told; not for longer than a day after the visit's end."""
        began, ended = self.meeting.call_started_at, self.meeting.call_ended_at
        forgotten = self.visit.ended_at is not None and now - self.visit.ended_at > _STEADY_FOR
        return began is not None and (ended is None or ended < began) and not forgotten

    @property
    def awaited(self) -> bool:
        """Whether there must be a report: somebody was in it, or may have been without our being told."""
        return (self.meeting.call_started_at is not None or self.ways) and self.meeting.state is not MeetingState.DELETED

    @property
    def settled(self) -> bool:
        """Whether the report of the last call is merged."""
        ended = self.meeting.call_ended_at
        return any(ended is None or report.ended_at >= ended - _APART for report in self.reports)


def next_look(left: Left, now: datetime) -> datetime | None:
    """When to look again; None when nothing is left. Pure."""
    age = now - (left.over_at or now)
    if age > KEPT:
        return None
    if left.awaited and not left.settled:
        return now + pause(age, left.meeting.looks)
    if left.running(now):
        return now + _STEADY
    if left.reports and left.measurable and age <= _STEADY_FOR:
        measured = left.meeting.quality_at
        if measured is None:
            return now + record_pause(age, left.meeting.looks)
        return measured + _AGAIN if now < measured + _AGAIN else None
    return None


def pause(age: timedelta, looks: int) -> timedelta:
    """How long to wait between two looks.

    Args:
        age: since it is over.
        looks: how many there were.
    """
    if age < _OFTEN_FOR:
        return min(FIRST * (1 << min(looks, 10)), _OFTEN)
    return _STEADY if age < _STEADY_FOR else _RARELY


def record_pause(age: timedelta, looks: int) -> timedelta:
    """The same for call records."""
    if age < _OFTEN_FOR:
        return pause(age, looks)
    return _RECORDS if age < _RECORDS_FOR else _RECORDS_FOR


class Afterwards:
    """A chore of the worker. Nobody is called while a transaction is open."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        box: SecretBox,
        visits: Visits,
        kept: MeetingsKept,
        accounts: Accounts,
        people: People,
        cloud: Cloud,
        watching: Watching,
        call_over: CallOver,
    ) -> None:
        """Say what it works with.

        Args:
            db: where rows are.
            clock: says what is due.
            box: by its hash guests are known again.
            visits: hear what a report says.
            kept: meetings.
            accounts: how organisations are connected.
            people: whose accounts are whose.
            cloud: Microsoft.
            watching: our subscriptions.
            call_over: hears when a report says that a call ended.
        """
        self._db, self._clock, self._box, self._visits, self._kept = db, clock, box, visits, kept
        self._accounts, self._people, self._cloud, self._watching = accounts, people, cloud, watching
        self._call_over = call_over
        self._store, self._roster = ReportStore(), RosterStore()

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations behind `after` that have a meeting to look at."""
        return await self._kept.whose_due(db, after, most)

    async def do(self, db: Database, tenant: TenantId) -> int:
        """Look at what is due of one organisation; how many. One that fails keeps no other."""
        async with db.tenant(tenant) as tx:
            found = await self._kept.due(tx)
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(visit: VisitId) -> None:
            async with places:
                await self.look(tenant, visit)

        ended = await asyncio.gather(*(one(meeting.visit) for meeting in found), return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):  # a mistake of ours about one meeting
                log.error("meeting-not-looked-at", code="internal-error", exc_info=error)
        return len(found)

    async def look(self, tenant: TenantId, visit: VisitId) -> None:
        """Look at one meeting, if it is due and nobody else does."""
        meeting = await self._claimed(tenant, visit)
        if meeting is None:
            return
        try:
            left = await self._left(tenant, meeting)
            await self._unwatched(left)  # first: an organisation that lets us read no reports is told nothing more all the same
            if left.meeting.meeting_id:
                await self._reports(left)
                left = await self._left(tenant, meeting)
                left = await self._measured(left)
            at = next_look(left, self._clock.now())
        except VestibuleError as error:
            log.warning("meeting-not-looked-at", visit=visit, code=error.code)
            at = self._after(error, meeting)
        async with self._db.tenant(tenant) as tx:
            now = await self._kept.get(tx, visit, lock=True)
            if now is not None and now.looks == meeting.looks:  # else something has happened meanwhile, and said when to look
                await self._kept.change(tx, visit, look_at=at)

    async def _claimed(self, tenant: TenantId, visit: VisitId) -> Meeting | None:
        """The meeting, for this process and a few minutes; who dies over it leaves it to the next."""
        async with self._db.tenant(tenant) as tx:
            meeting, now = await self._kept.get(tx, visit, lock=True), self._clock.now()
            if meeting is None or meeting.look_at is None or meeting.look_at > now:
                return None
            await self._kept.change(tx, visit, look_at=now + _LEASE, looks=meeting.looks + 1)
            return await self._kept.get(tx, visit)

    async def _left(self, tenant: TenantId, meeting: Meeting) -> Left:
        async with self._db.tenant(tenant) as tx:
            return Left(
                account=await self._accounts.account(tx),
                visit=await self._visits.get(tx, meeting.visit),
                meeting=await self._kept.get(tx, meeting.visit) or meeting,
                ways=bool(await self._kept.ways(tx, meeting.visit)),
                reports=tuple(await self._store.merged(tenant, tx, meeting.visit)),
            )

    def _after(self, error: VestibuleError, meeting: Meeting) -> datetime | None:
        """When to try again what failed: as they say, soon, or where only a person can mend it, each hour; not for ever."""
        now = self._clock.now()
        begun = meeting.call_ended_at or meeting.made_at or meeting.wanted_at
        if begun is not None and now - begun > KEPT:
            return None
        if isinstance(error, TooMany) and error.retry_after:
            return now + timedelta(seconds=error.retry_after)
        return now + (_HOUR if error.permanent else pause(timedelta(), meeting.looks))

    # ------------------------------------------------------------------ who was there

    async def _reports(self, left: Left) -> None:
        """Merge what there is that was not merged before."""
        if not left.awaited:
            return
        known = [report.id for report in left.reports]
        found = await self._cloud.reports(left.account, left.meeting.organizer, left.meeting.meeting_id, known=known)
        for report in found:
            async with self._db.tenant(left.account.tenant) as tx:
                await self._merge(tx, left, report)

    async def _merge(self, tx: Tx, left: Left, report: Report) -> None:
        """Once for each report, whoever else tries: the row of it and the visit's events are one transaction."""
        kept_under = left.meeting.visit
        visit = await self._visits.get(tx, kept_under, lock=True)
        if await self._store.merge(left.account.tenant, tx, kept_under, report, self._clock.now()):
            await self._call_over(tx, kept_under, report.ended_at)
            rows, around = await self._known(tx, left, visit)
            told = intervals(report, rows, around)
            await self._visits.attending.settle(tx, visit.id, told, {"report": report.id})
            await self._kept.change(tx, kept_under, settled_at=self._clock.now())

    async def _known(self, tx: Tx, left: Left, visit: Visit) -> tuple[list[Present], Around]:
        accounts = await self._people.of_people(tx, visit)
        around = Around(
            visit=visit,
            ways=await self._kept.ways(tx, left.meeting.visit),
            accounts={name.lower(): who for name, who in accounts.items()},
            directory=left.account.directory,
            key=lambda identity: identity_key(self._box, identity),
        )
        return await self._roster.of(left.account.tenant, tx, left.meeting.visit), around

    # ------------------------------------------------------------------ how well they heard and saw

    async def _measured(self, left: Left) -> Left:
        """Keep what call records measured, of the times in which the reports say that there was a call."""
        now = self._clock.now()
        done = left.meeting.quality_at is not None and now < left.meeting.quality_at + _AGAIN
        if not left.settled or done or now - (left.over_at or now) > _STEADY_FOR + _AGAIN:
            return left
        since = min(report.started_at for report in left.reports) - _MARGIN
        until = max(report.ended_at for report in left.reports) + _MARGIN
        try:
            records = await self._cloud.call_records(left.account, left.meeting.join_url, since=since, until=until)
        except NotAllowed as error:  # an organisation may well not let us read them; that is no reason to ask for ever
            log.warning("meeting-not-measured", visit=left.meeting.visit, code=error.code)
            return replace(left, measurable=False)
        async with self._db.tenant(left.account.tenant) as tx:
            for record in records:
                await self._keep(tx, left, record)
            if len(records) >= len(left.reports) and left.meeting.quality_at is None:
                await self._kept.change(tx, left.meeting.visit, quality_at=now)
            return replace(left, meeting=await self._kept.get(tx, left.meeting.visit) or left.meeting)

    async def _keep(self, tx: Tx, left: Left, record: CallRecord) -> None:
        rows, around = await self._known(tx, left, await self._visits.get(tx, left.meeting.visit))
        people = whose([Named(leg.identity, leg.began_at) for leg in record.legs], rows, around)
        await self._store.keep(left.account.tenant, tx, left.meeting.visit, record, list(zip(people, record.legs, strict=True)))

    # ------------------------------------------------------------------ nobody is told any more

    async def _unwatched(self, left: Left) -> None:
        """End the subscription once the visit is over and nobody is in its meeting."""
        if left.visit.over and not left.running(self._clock.now()):
            await self._watching.over(left.account, left.meeting.visit)
