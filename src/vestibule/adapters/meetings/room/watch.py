"""What keeps a node's rooms true: it hears what happened to visits, renews leases, and disconnects who is gone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

import msgspec

from vestibule.adapters.meetings.room.hub import Hub, Member
from vestibule.adapters.meetings.room.protocol import CLOSE_LATER, Why
from vestibule.adapters.meetings.room.service import LEASE_SECONDS, TOPIC, RoomService, introductions, why_out
from vestibule.errors import NotFound, Unavailable
from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Bus, Listener
from vestibule.platform.telemetry.logs import log
from vestibule.visits.model import EventKind
from vestibule.visits.ports import CHANNEL, Note, read_note

_OUT: Mapping[str, Why] = {EventKind.PUT_BACK: "put_back", EventKind.HELD: "held", EventKind.REMOVED: "removed", EventKind.LEFT: "left"}
_OVER = frozenset[str]({EventKind.ENDED, EventKind.CANCELLED})


class RoomWatch:
    """Runs beside the web server of each node that serves sockets."""

    def __init__(self, room: RoomService, *, bus: Bus, listener: Listener, beat: float = 1.0, renew_every: float = 5.0) -> None:
        """Listen to the node's bus and listener; `beat` is how often we look for leases that ran out."""
        self._room = room
        self._beat = beat
        self._renew_every = renew_every
        self._reading: dict[VisitId, asyncio.Task[None]] = {}
        self._again: set[VisitId] = set()
        self._task: asyncio.Task[None] | None = None
        bus.subscribe(TOPIC, self._heard)
        listener.subscribe(CHANNEL, self._noted, on_gap=self._gap)

    @property
    def _hub(self) -> Hub:
        return self._room.hub

    async def start(self) -> None:
        """Begin to renew and to look."""
        self._task = asyncio.create_task(self._run(), name="room-watch")

    async def stop(self) -> None:
        """Ask every browser to come back elsewhere, and stop."""
        for member in self._hub.everyone():
            member.line.close(CLOSE_LATER, "server-stops")
        tasks = [task for task in (self._task, *self._reading.values()) if task]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    # ------------------------------------------------------------------ hearing

    def _heard(self, topic: str, body: bytes) -> None:
        """Another node's word for somebody here, or (empty) that a room has changed."""
        visit = VisitId(UUID(topic.removeprefix(TOPIC)))
        if not body:
            self.refresh(visit)
            return
        to, _, frame = body.partition(b" ")
        self._hub.deliver(visit, to.decode("ascii", "replace"), frame)

    def _noted(self, payload: str) -> None:
        """A visit's event, committed on any node. Who is out is cut off before anything is read."""
        try:
            note = read_note(payload)
        except msgspec.DecodeError:
            return
        visit = VisitId(note.visit)
        if not self._hub.members(visit):
            return
        self._cut_off(visit, note)
        self.refresh(visit)

    def _cut_off(self, visit: VisitId, note: Note) -> None:
        why = _OUT.get(note.kind)
        if why is not None and note.who is not None:
            self._hub.expel(visit, ParticipantId(note.who), why)
        elif note.kind in _OVER:
            self._hub.close_room(visit, "ended")

    def _gap(self) -> None:
        """We may have missed anything: look at every room."""
        for _, visit in self._hub.rooms():
            self.refresh(visit)

    # ------------------------------------------------------------------ looking

    def refresh(self, visit: VisitId) -> None:
        """Look who may be in a room and who sits there, soon, and tell everyone here. One look at a time a room."""
        if visit in self._reading:
            self._again.add(visit)
            return
        members = self._hub.members(visit)
        if members:
            self._reading[visit] = asyncio.create_task(self._look(members[0].tenant, visit))

    async def _look(self, tenant: TenantId, visit: VisitId) -> None:
        try:
            await self._tell(tenant, visit)
        except Unavailable:
            log.warning("room-look-failed", visit=visit)
            await asyncio.sleep(0.5)
            self._again.add(visit)
        finally:
            del self._reading[visit]
            if visit in self._again:
                self._again.discard(visit)
                self.refresh(visit)

    async def _tell(self, tenant: TenantId, visit_id: VisitId) -> None:
        members = self._hub.members(visit_id)  # who comes while we read has been told newer things
        try:
            async with self._room.db.tenant(tenant) as tx:
                visit = await self._room.visits.get(tx, visit_id)
                seats = await self._room.seats.of(tenant, tx, visit.id)
        except NotFound:
            self._hub.close_room(visit_id, "ended")
            return
        if visit.id != visit_id:  # it turned out to be another visit: come back, and be led there
            for member in members:
                member.line.close(CLOSE_LATER, "visit-merged")
            return
        if visit.over:
            self._hub.close_room(visit_id, "ended")
            return
        people = introductions(visit, seats)
        self._room.known[visit_id] = frozenset(person.peer for person in people)
        for member in members:
            who = visit.person(member.participant)
            if who is None or not who.inside:
                self._hub.expel(visit_id, member.participant, why_out(who))
        self._hub.tell(members, {seat.participant: seat.holder for seat in seats}, people)

    # ------------------------------------------------------------------ leases

    async def _run(self) -> None:
        waited = self._renew_every
        while True:
            try:
                if waited >= self._renew_every:
                    waited = 0.0
                    await self.renew()
                await self._room.visits.presence.reap(self._room.db)
            except Unavailable:
                log.warning("room-beat-failed")
            except Exception as error:  # noqa: BLE001  the watch must outlive any one mistake
                log.error("room-beat-broke", exc_info=error)
            await asyncio.sleep(self._beat)
            waited += self._beat

    async def renew(self) -> None:
        """Promise that everyone who sits here is still here; who was given up meanwhile comes back by a new socket."""
        mine: dict[TenantId, list[Member]] = defaultdict(list)
        for member in self._hub.everyone():
            if member.seated:
                mine[member.tenant].append(member)
        for tenant, members in mine.items():
            holders = {member.participant: member.holder for member in members}
            async with self._room.db.tenant(tenant) as tx:
                held = set(await self._room.visits.presence.renew(tx, holders, LEASE_SECONDS))
                # Who went while we wrote was given a long lease again: back to the grace. Who goes from here on writes after us.
                went = {
                    member.participant: member.holder for member in members if member not in self._hub.of(member.visit, member.participant)
                }
                if went:
                    await self._room.visits.presence.renew(tx, went, self._room.grace_seconds)
            for member in members:
                if member.participant not in held:
                    self.refresh(member.visit)
