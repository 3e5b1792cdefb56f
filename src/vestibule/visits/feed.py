"""From the database's notifications to the live pages: every node hears every event once, and reads what it missed."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol
from uuid import UUID

import msgspec

from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Database
from vestibule.platform.telemetry.logs import log
from vestibule.platform.web.live import Entry, Hub, Past, frame
from vestibule.visits.live import CHANNEL, Note, board_topic, for_people, for_staff, lobby_topic, read_note, visit_topic
from vestibule.visits.model import EventKind
from vestibule.visits.service import Visits

# More than this is not replayed: the page is told to read its state anew, which says it all.
AT_MOST = 500
_PLACES = 20_000
_READERS = 4


class Channel(Protocol):
    """What tells this node of notifications: platform/db's Listener."""

    def subscribe(self, channel: str, fn: Any, on_gap: Any = None) -> None:
        """Call `fn` with each payload, and `on_gap` when some may have been missed."""
        ...


class Feed:
    """Publishes visit events to the hub of this node."""

    def __init__(self, db: Database, visits: Visits, clock: Clock) -> None:
        self._db = db
        self._visits = visits
        self._clock = clock
        self.hub = Hub(self.backfill, clock)
        # When thousands come at once they wait here, not for the pool: its other connections are for requests that somebody looks at.
        self._reading = asyncio.Semaphore(_READERS)
        # visit -> the visit it stands for; only what was asked for lately, and only until the feed has a gap
        self._places: dict[VisitId, VisitId] = {}

    def listen(self, channel: Channel) -> None:
        """Hear of events from every node, this one included."""
        channel.subscribe(CHANNEL, self.heard, self.gap)

    def heard(self, payload: str) -> None:
        """One notification."""
        try:
            self.publish(read_note(payload))
        except msgspec.DecodeError:
            log.error("event-note-unreadable", bytes=len(payload))

    def gap(self) -> None:
        """Notifications may have been missed."""
        self._places.clear()
        self.hub.gap()

    async def place(self, tenant: TenantId, visit: VisitId, participant: ParticipantId | None) -> tuple[VisitId, ParticipantId | None]:
        """Which visit a session's visit stands for by now, and who its participant is there."""
        if self._places.get(visit) == visit:
            return visit, participant
        async with self._reading, self._db.tenant(tenant) as tx:
            found = await self._visits.get(tx, visit)
        while len(self._places) >= _PLACES:
            self._places.pop(next(iter(self._places)))
        self._places[visit] = found.id
        return found.id, found.aliases.get(participant, participant) if participant else None

    def publish(self, note: Note) -> None:
        """One event, to everybody here who watches."""
        hub = self.hub
        if note.kind == EventKind.MERGED_AWAY:
            self._places.pop(VisitId(note.visit), None)
        staff, lobby, board = visit_topic(note.visit), lobby_topic(note.visit), board_topic(note.tenant, note.department)
        facts = (note.seq, note.kind, note.at, note.who, note.body)
        if hub.wants(staff):
            hub.publish(staff, note.seq, "", for_staff(*facts))
        if hub.wants(lobby) and (data := for_people(*facts)) is not None:
            hub.publish(lobby, note.seq, "", data, only=None if note.who is None else str(note.who))
        if hub.wants(board):
            hub.publish(
                board, self._number(hub.top(board)), "", b'{"visit":"%s","kind":"%s"}' % (str(note.visit).encode(), note.kind.encode())
            )

    async def backfill(self, topic: str, context: Any, after: int) -> Past:
        """What a topic had after a number: from the list of events; a board is told to read its state anew."""
        if topic.startswith("board:"):
            return self._resync(self._number(after))
        tenant, visit = context
        async with self._reading, self._db.tenant(tenant) as tx:
            events = await self._visits.events(tx, visit, after=after, limit=AT_MOST + 1)
            if len(events) > AT_MOST:
                return self._resync((await self._visits.get(tx, visit)).seq)
        encode = for_staff if topic.startswith("visit:") else for_people
        entries = []
        for e in events:
            data = encode(e.seq, e.kind, e.at.isoformat(), e.participant, e.body)
            if data is not None:
                only = None if encode is for_staff or e.participant is None else str(e.participant)
                entries.append(Entry(e.seq, frame(e.seq, "", data), only))
        return Past(entries, events[-1].seq if events else after)

    def _number(self, after: int) -> int:
        """A board's events have no number of their own; the time in milliseconds grows on every node."""
        return max(after + 1, int(self._clock.now().timestamp() * 1000))

    def _resync(self, seq: int) -> Past:
        return Past([Entry(seq, frame(seq, "resync", b"{}"))], seq)


def context_of(tenant: TenantId, visit: VisitId | UUID) -> tuple[TenantId, VisitId]:
    """What a visit's topics need for their backfill."""
    return tenant, VisitId(visit)
