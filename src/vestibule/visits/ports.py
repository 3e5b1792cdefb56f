"""What visits need from outside, a meeting to put people into; and what they offer to whoever runs that meeting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.platform.db import Database, Tx
from vestibule.visits.live import CHANNEL, Note, read_note
from vestibule.visits.model import MeetingPlace, Visit, VisitEvent

__all__ = ["CHANNEL", "Attendance", "Meetings", "Note", "PresenceLeases", "read_note"]


class Meetings(Protocol):
    """The video side of a visit. Called by routes after their transaction is committed; each call may be repeated."""

    async def ensure(self, visit: Visit) -> None:
        """Make sure that there is a meeting to join."""
        ...

    async def place(self, tx: Tx, visit: Visit, me: ParticipantId | None) -> MeetingPlace:
        """What the pages of a visit show of its meeting to one of its people. Calls nobody."""
        ...

    async def places(self, tx: Tx, visits: Collection[Visit]) -> Mapping[VisitId, MeetingPlace]:
        """The same of many visits at once, to somebody who is in none; those of which there is nothing to say are left out."""
        ...

    async def expel(self, visit: Visit, participant: ParticipantId) -> None:
        """Cut somebody off now: put back, held or removed. Nothing of the room reaches them any more."""
        ...

    async def close(self, visit: Visit) -> None:
        """Cut everybody off and forget the meeting."""
        ...


class PresenceLeases(Protocol):
    """Promises that somebody's socket is up, which run out by themselves when their node dies."""

    async def renew(self, tx: Tx, holders: Mapping[ParticipantId, str], seconds: float = 20) -> list[ParticipantId]:
        """Promise it again, for many at once; whom the answer leaves out has been taken over or let go."""
        ...

    async def reap(self, db: Database) -> int:
        """Say `disconnected` for promises that have run out; how many there were."""
        ...


class Attendance(Protocol):
    """Who is there: what a meeting tells the visits, and hears from them."""

    @property
    def subscribers(self) -> list[Callable[[Tx, Visit, VisitEvent], Awaitable[None]]]:
        """Called inside the transaction of every event."""
        ...

    @property
    def presence(self) -> PresenceLeases:
        """The promises."""
        ...

    async def get(self, tx: Tx, visit: VisitId) -> Visit:
        """The visit with everybody in it."""
        ...

    async def connected(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, holder: str = "", lease_seconds: float = 20) -> Visit:
        """Their socket is up."""
        ...

    async def disconnected(self, tx: Tx, visit: VisitId, participant: ParticipantId, *, holder: str | None = None) -> Visit:
        """Their socket is gone for good."""
        ...
