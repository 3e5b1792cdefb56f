"""What a meeting elsewhere tells us of who is in it: while it goes on, and afterwards by its report.

The built-in room says `connected` for sockets it holds itself, with a lease. A meeting elsewhere only tells, late and perhaps twice or
not at all; what it tells carries the time at which it happened there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.platform.db import Tx
from vestibule.visits.book import Book
from vestibule.visits.model import PERSON_STEPS, EventKind, Interval, Outcome, PersonRole, Visit, VisitState, decide_outcome

_NOTES = frozenset({EventKind.MEETING_MADE, EventKind.MEETING_FAILED, EventKind.LIVE_DELAYED, EventKind.LIVE_RESUMED, EventKind.CALL_ENDED})


class Attending:
    """Writes down what a meeting tells. Each step may be told again, and then says nothing."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def came(self, tx: Tx, visit: VisitId, participant: ParticipantId, at: datetime) -> Visit:
        """They are in the meeting. Nothing happens where that cannot be now: who was not admitted, and a visit that is over."""
        return await self._told(tx, visit, participant, EventKind.CONNECTED, at)

    async def went(self, tx: Tx, visit: VisitId, participant: ParticipantId, at: datetime) -> Visit:
        """They are in it no more."""
        return await self._told(tx, visit, participant, EventKind.DISCONNECTED, at)

    async def knocked(self, tx: Tx, visit: VisitId, participant: ParticipantId, at: datetime) -> Visit:
        """They wait in the meeting's own lobby. The caller says it once for each time they come there."""
        return await self._told(tx, visit, participant, EventKind.IN_LOBBY, at)

    async def _told(self, tx: Tx, visit: VisitId, participant: ParticipantId, kind: EventKind, at: datetime) -> Visit:
        found = await self._book.read(tx, visit, lock=True)
        who = found.person(participant)
        if found.over or who is None or who.state not in PERSON_STEPS[kind]:
            return found
        return await self._book.add(tx, found, kind, who.id, {"at": at.isoformat()})

    async def note(self, tx: Tx, visit: VisitId, kind: EventKind, body: Mapping[str, Any]) -> Visit:
        """Something about the meeting itself: `meeting_made`, `meeting_failed`, `live_delayed`, `live_resumed`, `call_ended`."""
        if kind not in _NOTES:
            raise ValueError(f"{kind} is not about a meeting")
        return await self._book.add(tx, await self._book.read(tx, visit, lock=True), kind, None, body)

    async def settle(self, tx: Tx, visit: VisitId, intervals: Sequence[Interval], body: Mapping[str, Any]) -> Visit:
        """The meeting's report is there: what it says of who was in it, and what that makes of the visit.

        Args:
            tx: bound to the tenant.
            visit: may be over.
            intervals: of this report, each once; the caller sees to it that a report is merged once.
            body: of the `settled` event, e.g. the report's id.
        """
        found = await self._book.read(tx, visit, lock=True)
        before = [one async for one in self._known(tx, found)]
        for one in intervals:
            said = {"from": one.began.isoformat(), "to": one.over.isoformat(), **body}
            found = await self._book.add(tx, found, EventKind.ATTENDED, one.participant, said)
        met_at = first_meeting(found, [*before, *intervals])
        told = {**body, "met_at": met_at.isoformat() if met_at else None, "outcome": self._outcome(found, met_at)}
        return await self._book.add(tx, found, EventKind.SETTLED, None, {name: value for name, value in told.items() if value})

    async def _known(self, tx: Tx, visit: Visit) -> Any:
        """What earlier reports of this visit's meeting said."""
        assert tx.tenant is not None  # noqa: S101  the visit was read
        for event in await self._book.store.events(tx.tenant, tx, visit.id, limit=100_000):
            if event.kind is EventKind.ATTENDED:
                began, over = (datetime.fromisoformat(event.body[name]) for name in ("from", "to"))
                yield Interval(event.participant, began, over)

    @staticmethod
    def _outcome(visit: Visit, met_at: datetime | None) -> Outcome | None:
        """Decided anew for a visit that has ended, unless a person has said it."""
        if visit.state is not VisitState.ENDED or visit.outcome_by_person:
            return None
        return Outcome.COMPLETED if met_at else decide_outcome(visit)


def first_meeting(visit: Visit, intervals: Iterable[Interval]) -> datetime | None:
    """When a provider and the patient were first there at the same time."""
    roles = {person.id: person.role for person in visit.people}
    sides: dict[PersonRole, list[Interval]] = {PersonRole.PROVIDER: [], PersonRole.PATIENT: []}
    for one in intervals:
        role = roles.get(visit.aliases.get(one.participant, one.participant)) if one.participant else None
        if role in sides:
            sides[role].append(one)
    both = (
        max(here.began, there.began)
        for here in sides[PersonRole.PROVIDER]
        for there in sides[PersonRole.PATIENT]
        if here.began < there.over and there.began < here.over
    )
    return min(both, default=None)
