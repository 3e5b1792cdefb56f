"""What is to be done about a visit's meeting in Teams, promised with the event that asks for it: made, moved, shut, deleted.

A meeting is made when its visit opens. Who organises it may be unknown then, or Microsoft may refuse: so it is asked for again whenever a
clinician comes in, or says who they are at Microsoft. Each time is a round; what an earlier round finds out when a later one has been
asked for counts only if it made the meeting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.model import DELETE, DESTINATION, MAKE, MOVE, SHUT, Meeting, MeetingState
from vestibule.meetings.setting import MeetingSettings
from vestibule.platform.db import Tx
from vestibule.platform.effects import Effects, EffectState, Promise
from vestibule.tenancy.service import bound
from vestibule.visits.model import SYNTHETIC, EventKind, MeetingKind, PersonRole, PersonState, Visit, VisitEvent
from vestibule.visits.service import Visits

# So long after its call is over, with nobody back, a visit in which people met is ended by itself.
GRACE: Final = timedelta(minutes=2)
# So long after its visit a meeting's links are kept: Microsoft keeps for 30 days what they are needed to ask for.
KEPT: Final = timedelta(days=31)
_OPEN: Final = frozenset({MeetingState.WANTED, MeetingState.FAILED})
_K = EventKind


class Making:
    """A subscriber of visits; and what pages ask for when somebody tries once more."""

    def __init__(self, *, clock: Clock, visits: Visits, effects: Effects, kept: MeetingsKept, settings: MeetingSettings) -> None:
        self._clock = clock
        self._visits = visits
        self._effects = effects
        self._kept = kept
        self._settings = settings
        self._steps: Mapping[EventKind, Callable[[Tx, Visit, VisitEvent], Awaitable[None]]] = {
            _K.OPENED: self._opened,
            _K.ADMITTED: self._admitted,
            _K.RESCHEDULED: self._moved,
            _K.ENDED: self._ended,
            _K.CANCELLED: self._cancelled,
            _K.MERGED: self._merged,
            _K.CALL_ENDED: self._quiet,
            _K.CONNECTED: self._busy,
        }

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """A subscriber of visits: runs in the transaction that writes the event."""
        step = self._steps.get(event.kind)
        if step is not None:
            await step(tx, visit, event)

    async def bound(self, tx: Tx, visit: Visit, participant: ParticipantId) -> None:
        """Somebody of the visit has said who they are at Microsoft: they may organise it. A subscriber of bindings."""
        who = visit.person(participant)
        if who is not None and who.role is PersonRole.PROVIDER:
            await self._ask(tx, await self._visits.get(tx, visit.id, lock=True))

    async def again(self, tx: Tx, visit: Visit) -> None:
        """Try once more to make a meeting that could not be made; nothing for any other."""
        found = await self._kept.get(tx, visit.id)
        if found is not None and found.state is MeetingState.FAILED and not visit.over:
            await self._ask(tx, await self._visits.get(tx, visit.id, lock=True))

    async def synthetic(self, tx: Tx, visit: Visit) -> bool:
        """Whether no patient is in it: a rehearsal or a test link, which take place in the room."""
        return any(one.system == SYNTHETIC for one in await self._visits.identifiers(tx, visit.id))

    async def later(self, tx: Tx, visit: Visit, seconds: float) -> None:
        """Plan one more round for a meeting that Microsoft refused. What is planned for later holds nothing up."""
        meeting = await self._kept.get(tx, visit.id, lock=True)
        if meeting is not None and meeting.state is MeetingState.FAILED and not visit.over:
            await self._round(tx, meeting, run_at=self._clock.now() + timedelta(seconds=seconds))

    async def put(self, tx: Tx, kind: str, visit: VisitId, key: str, *, round_: int = 0, run_at: datetime | None = None) -> None:
        """Promise one thing, in the visit's lane. Each of them may be said twice: the other side is then as it was after the first."""
        await self._effects.enqueue(
            tx,
            kind=kind,
            destination=DESTINATION,
            promise=Promise.CREATE,
            key=f"{kind}:{visit}:{key}",
            payload={"round": round_},
            visit=visit,
            run_at=run_at,
        )

    # ------------------------------------------------------------------ events

    async def _opened(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:  # noqa: ARG002  a step's shape
        """From now on it is decided where this visit takes place."""
        settings = await self._settings.get(tx)
        if settings.kind is MeetingKind.TEAMS and not await self.synthetic(tx, visit) and await self._kept.want(tx, visit):
            await self._ask(tx, visit)

    async def _admitted(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """A clinician is in: one who may organise the meeting, where nobody could before."""
        who = visit.person(event.participant) if event.participant else None
        if who is not None and who.role is PersonRole.PROVIDER:
            await self._ask(tx, visit)

    async def _moved(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        meeting = await self._kept.get(tx, visit.id, lock=True)
        if meeting is None:
            return
        await self._kept.change(tx, visit.id, starts_at=visit.starts_at, ends_at=visit.ends_at)
        await self.put(tx, MOVE, visit.id, str(event.seq))

    async def _ended(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        if await self._kept.get(tx, visit.id, lock=True) is not None:
            await self._over(tx, visit)
            await self.put(tx, SHUT, visit.id, str(event.seq))

    async def _cancelled(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        if await self._kept.get(tx, visit.id, lock=True) is not None:
            await self._over(tx, visit)
            await self.put(tx, DELETE, visit.id, str(event.seq))

    async def _merged(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """Two visits are one. It takes place where the older does; where only the younger's meeting is made, there."""
        younger = VisitId(UUID(event.body["from"]))
        theirs, ours = await self._kept.get(tx, younger, lock=True), await self._kept.get(tx, visit.id, lock=True)
        if theirs is None:
            return
        in_room = ours is None and any(person.state is PersonState.CONNECTED for person in visit.people)
        if in_room or (ours is not None and (ours.meeting_id or not theirs.meeting_id)):
            await self._kept.change(tx, younger, forget_at=self._clock.now() + KEPT)
            await self.put(tx, DELETE, younger, str(event.seq))
        else:
            await self._kept.rename(tx, younger, visit.id)

    async def _quiet(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """Nobody is left in the call."""
        if not visit.over:
            await self._kept.change(tx, visit.id, end_at=event.at + GRACE)

    async def _busy(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:  # noqa: ARG002  a step's shape
        """Somebody is in it again."""
        await self._kept.change(tx, visit.id, end_at=None)

    # ------------------------------------------------------------------ rounds

    async def _ask(self, tx: Tx, visit: Visit) -> None:
        """A round of making, unless the meeting is made. What an earlier round waits with is not waited for."""
        meeting = await self._kept.get(tx, visit.id, lock=True)
        if meeting is None or meeting.state not in _OPEN or visit.over:
            return
        await self._withdraw(tx, visit, why="asked-again")
        await self._kept.change(tx, visit.id, state=MeetingState.WANTED, code="")
        await self._round(tx, meeting)

    async def _round(self, tx: Tx, meeting: Meeting, *, run_at: datetime | None = None) -> None:
        number = meeting.round + 1
        await self._kept.change(tx, meeting.visit, round=number)
        await self.put(tx, MAKE, meeting.visit, str(number), round_=number, run_at=run_at)

    async def _over(self, tx: Tx, visit: Visit) -> None:
        """Nothing is left to be made, and what waits for its next try must not hold up what comes after it."""
        await self._kept.change(tx, visit.id, end_at=None, forget_at=self._clock.now() + KEPT)
        await self._withdraw(tx, visit, why="visit-over")

    async def _withdraw(self, tx: Tx, visit: Visit, *, why: str) -> None:
        for row in await self._effects.list(bound(tx), tx, states={EffectState.READY}, visit=visit.id, kinds=[MAKE]):
            await self._effects.withdraw(tx, row.id, why=why)
