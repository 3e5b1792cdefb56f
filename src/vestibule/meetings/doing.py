"""The work behind a promise about a meeting: ask Microsoft, with no transaction open, then write down what came of it.

A visit's promises are kept in order, and one that could never be kept would hold up those behind it, so nothing here ends as a failure of
the effect. What Microsoft refuses is written to the meeting, where pages show it, and asked for again every minute while the visit lasts:
a policy takes up to half an hour until it holds, and nobody should have to press anything then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import VisitId
from vestibule.meetings.delays import REMOVED, Delays
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.model import DELETE, MAKE, MOVE, SHUT, Account, Made, Meeting, MeetingState, Settings, Wish
from vestibule.meetings.organizers import Organizers
from vestibule.meetings.ports import Cloud
from vestibule.meetings.setting import MeetingSettings
from vestibule.platform.db import Database, Tx
from vestibule.platform.effects import Done, Effect, Handler, Mourner, Outcome
from vestibule.platform.telemetry.logs import log
from vestibule.visits.model import EventKind, Visit
from vestibule.visits.service import Visits

SIGN_IN: Final = "teams-sign-in-needed"
# What stands in a calendar or a report of Microsoft's: it says nothing of anybody.
SUBJECT: Final = "Video visit"

# Has Microsoft tell us who comes and goes in a meeting whose address is known; no transaction may be open.
Watch = Callable[[Account, Meeting], Awaitable[object]]
# Plans one more round of making a visit's meeting, so many seconds from now.
Again = Callable[[Tx, Visit, float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a handler needs to know, read in one transaction.

    Attributes:
        visit: as it is; where it was merged, the older one.
        wish: what to ask for; None where nobody can organise it.
    """

    visit: Visit
    meeting: Meeting
    settings: Settings
    account: Account
    wish: Wish | None = None


class Doing:
    """Handles effects of the kinds `meeting.make`, `meeting.move`, `meeting.shut` and `meeting.delete`."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        visits: Visits,
        kept: MeetingsKept,
        settings: MeetingSettings,
        organizers: Organizers,
        cloud: Cloud,
        watch: Watch,
        delays: Delays,
        again: Again,
        patience: float = 60.0,
    ) -> None:
        """Say what it works with.

        Args:
            db: where meetings are kept.
            clock: says when they were made.
            visits: whose they are.
            kept: reads and writes them.
            settings: how the organisation is connected.
            organizers: under whose name.
            cloud: Microsoft.
            watch: has Microsoft tell us who comes and goes.
            delays: hears that it does not tell us yet.
            again: plans one more round of making.
            patience: seconds until Microsoft is asked again for what it refused.
        """
        self._db = db
        self._clock = clock
        self._visits = visits
        self._kept = kept
        self._settings = settings
        self._organizers = organizers
        self._cloud = cloud
        self._watch = watch
        self._delays = delays
        self._again = again
        self.patience = patience

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By kind of effect."""
        return {MAKE: self.make, MOVE: self.move, SHUT: self.shut, DELETE: self.delete}

    @property
    def mourners(self) -> Mapping[str, Mourner]:
        """Who writes down that all tries were used up."""
        return {MAKE: self.mourn}

    # ------------------------------------------------------------------ making

    async def make(self, effect: Effect) -> Outcome:
        """Make the meeting and have it watched, then call it made."""
        visit, round_ = _visit(effect), _round(effect)
        try:
            asked = await self._read(effect, wish=True)
            if asked is None or asked.visit.over or asked.meeting.state in _DONE:
                return Done()
            if asked.wish is None:
                return Done(lambda tx: self._nobody(tx, visit, round_))
            made = await self._cloud.make(asked.account, asked.wish)
        except VestibuleError as error:
            return await self._not_made(effect, error)
        deaf = not await self._watched(asked, asked.wish, made)
        return Done(lambda tx: self._made(tx, visit, asked, made, deaf=deaf))

    async def _read(self, effect: Effect, *, wish: bool = False) -> Asked | None:
        """None where there is nothing to do any more."""
        async with self._db.tenant(effect.tenant) as tx:
            meeting = await self._kept.get(tx, _visit(effect))
            if meeting is None:
                return None
            visit, settings = await self._visits.get(tx, _visit(effect)), await self._settings.get(tx)
            asked = Asked(visit, meeting, settings, await self._settings.account(tx))
            return replace(asked, wish=await self._wish(tx, asked)) if wish else asked

    async def _wish(self, tx: Tx, asked: Asked) -> Wish | None:
        organizer, presenters = await self._organizers.choose(tx, asked.visit, asked.settings)
        if not organizer:
            return None
        return Wish(
            external_id=str(asked.meeting.visit),
            organizer=organizer,
            subject=SUBJECT,
            starts_at=asked.visit.starts_at,
            ends_at=asked.visit.ends_at,
            teams_lobby=asked.settings.teams_lobby,
            recording=asked.settings.recording,
            announce=asked.settings.announce,
            presenters=presenters,
        )

    async def _watched(self, asked: Asked, wish: Wish, made: Made) -> bool:
        """Whether Microsoft tells us who is in it. A visit goes on where it does not yet: only its live status waits."""
        try:
            await self._watch(asked.account, replace(asked.meeting, organizer=wish.organizer, meeting_id=made.id, join_url=made.join_url))
        except VestibuleError as error:
            log.warning("meeting-not-watched", visit=asked.visit.id, code=error.code)
            return False
        return True

    async def _not_made(self, effect: Effect, error: VestibuleError) -> Outcome:
        """Said at once, and tried again: soon where Microsoft could not, now and then where it would not, for an administrator may help."""
        if error.permanent:
            return Done(lambda tx: self._refused(tx, effect, error.code))
        async with self._db.tenant(effect.tenant) as tx:
            counts = await self._failed(tx, _visit(effect), _round(effect), error.code, state=MeetingState.WANTED)
        if counts:
            raise error
        return Done()

    async def _refused(self, tx: Tx, effect: Effect, code: str) -> None:
        if await self._failed(tx, _visit(effect), _round(effect), code):
            await self._again(tx, await self._visits.get(tx, _visit(effect)), self.patience)

    async def mourn(self, tx: Tx, effect: Effect, code: str) -> None:
        """All tries are used up."""
        await self._failed(tx, _visit(effect), _round(effect), code)

    async def _made(self, tx: Tx, visit: VisitId, asked: Asked, made: Made, *, deaf: bool) -> None:
        """In one transaction: the meeting is kept, and the visit's list says that it is there."""
        wish, (found, meeting) = asked.wish, await self._locked(tx, visit)
        if meeting is None or meeting.state in _DONE or wish is None:
            return
        await self._kept.change(
            tx,
            meeting.visit,
            state=MeetingState.MADE,
            code="",
            organizer=wish.organizer,
            meeting_id=made.id,
            join_url=made.join_url,
            visitor_url=made.visitor_url,
            made_at=self._clock.now(),
        )
        await self._organizers.count(tx, wish.organizer)  # also what was found: an answer was lost, and nobody has counted it
        if found.over or meeting.visit != found.id:
            return
        whose = "default" if wish.organizer == asked.settings.default_host else "provider"
        await self._visits.attending.note(tx, found.id, EventKind.MEETING_MADE, {"organizer": whose})
        if deaf:
            await self._delays.say(tx, meeting.visit, REMOVED)

    async def _failed(self, tx: Tx, visit: VisitId, round_: int, code: str, *, state: MeetingState = MeetingState.FAILED) -> bool:
        """It could not be made, or not yet; said once. False where that does not count: a later round goes on, or the visit is over."""
        found, meeting = await self._locked(tx, visit)
        if meeting is None or meeting.state in _DONE or meeting.round != round_ or found.over:
            return False
        await self._kept.change(tx, meeting.visit, state=state, code=code)
        if code not in {meeting.code, SIGN_IN}:
            await self._visits.attending.note(tx, found.id, EventKind.MEETING_FAILED, {"code": code})
        return True

    async def _nobody(self, tx: Tx, visit: VisitId, round_: int) -> None:
        """Nobody can organise it yet: it is made when a clinician comes who can."""
        await self._failed(tx, visit, round_, SIGN_IN)

    async def _locked(self, tx: Tx, visit: VisitId) -> tuple[Visit, Meeting | None]:
        """The visit, and the meeting kept under its own id, or under the older one's where two visits turned out to be one."""
        found = await self._visits.get(tx, visit, lock=True)
        return found, await self._kept.get(tx, visit, lock=True) or await self._kept.get(tx, found.id, lock=True)

    # ------------------------------------------------------------------ afterwards

    async def move(self, effect: Effect) -> Outcome:
        """The appointment has another time."""

        async def ask(asked: Asked) -> None:
            starts_at, ends_at = asked.visit.starts_at, asked.visit.ends_at
            if starts_at and ends_at and not asked.visit.over:
                await self._cloud.move(asked.account, asked.meeting.organizer, asked.meeting.meeting_id, starts_at, ends_at)

        return await self._change(effect, ask, None)

    async def shut(self, effect: Effect) -> Outcome:
        """The visit is over: nobody comes in past the lobby any more, and nobody can write in its chat."""

        async def ask(asked: Asked) -> None:
            await self._cloud.shut(asked.account, asked.meeting.organizer, asked.meeting.meeting_id)

        return await self._change(effect, ask, MeetingState.SHUT)

    async def delete(self, effect: Effect) -> Outcome:
        """It does not take place."""

        async def ask(asked: Asked) -> None:
            await self._cloud.delete(asked.account, asked.meeting.organizer, asked.meeting.meeting_id)

        return await self._change(effect, ask, MeetingState.DELETED)

    async def _change(self, effect: Effect, ask: Callable[[Asked], Awaitable[None]], state: MeetingState | None) -> Outcome:
        """Ask for something about a meeting that was made; one that never was needs nothing."""
        visit = _visit(effect)
        try:
            asked = await self._read(effect)
            if asked is None or not asked.meeting.meeting_id or asked.meeting.state is MeetingState.DELETED:
                return Done()
            await ask(asked)
        except VestibuleError as error:
            if not error.permanent:
                raise
            log.warning("meeting-not-changed", visit=visit, kind=effect.kind, code=error.code)
            return Done(partial(self._kept.change, visit=visit, code=error.code))
        if state is None:
            return Done()
        return Done(partial(self._kept.change, visit=visit, state=state, code=""))


_DONE: Final = frozenset({MeetingState.MADE, MeetingState.SHUT, MeetingState.DELETED})


def _visit(effect: Effect) -> VisitId:
    if effect.visit is None:
        raise RuntimeError("a meeting's effect is about a visit")
    return effect.visit


def _round(effect: Effect) -> int:
    return int(effect.payload["round"])
