"""The room's service: who may come in, where they sit, how one browser's word reaches another's, and how people are cut off.

A person is connected from the first socket that has a seat until they leave, or until the grace after their last socket has run
out. The visit says so (`connected`, `disconnected`); its presence lease, renewed by us, makes a killed node's people disconnect once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from vestibule.adapters.meetings.room.hub import Hub, Line, Member
from vestibule.adapters.meetings.room.passes import RELAY_SECONDS, RelayConfig, ice_servers, read_pass, write_pass
from vestibule.adapters.meetings.room.protocol import CLOSE_POLICY, MAX_PEOPLE, Join, Person, Signal, Signalled, Welcome, Why, write
from vestibule.adapters.meetings.room.store import Seat, SeatStore
from vestibule.errors import Conflict, Gone, NotAllowed, Unavailable
from vestibule.identity.model import Principal
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, SessionId, VisitId, random_bytes
from vestibule.platform.db import Bus, Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.visits.model import EventKind, MeetingPlace, Participant, PersonState, Visit, VisitEvent
from vestibule.visits.ports import Attendance

LEASE_SECONDS: Final = 20.0
TOPIC: Final = "room:"
# After these nobody sits there any more.
_STANDS_UP: Final = frozenset({EventKind.DISCONNECTED, EventKind.PUT_BACK, EventKind.REMOVED, EventKind.LEFT, EventKind.HELD})
_CLEARS: Final = frozenset({EventKind.ENDED, EventKind.CANCELLED, EventKind.MERGED_AWAY})


@dataclass(frozen=True, slots=True)
class Admission:
    """What a person who may come in is given: a pass, and relays."""

    token: str
    ice: list[dict[str, object]]
    relay_only: bool
    seconds: int = RELAY_SECONDS


class RoomService:
    """Signalling for every room that has a socket on this node. It is the `Meetings` of the visits."""

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        visits: Attendance,
        clock: Clock,
        keyed_hash: Callable[[str], bytes],
        relay: RelayConfig,
        grace_seconds: float = 6,
    ) -> None:
        """Put it together; `keyed_hash` is the secret box's, and makes our passes unforgeable."""
        self.hub = Hub()
        self.db = db
        self.visits = visits
        self.seats = SeatStore()
        self.clock = clock
        self._bus = bus
        self._hash = keyed_hash
        self._relay = relay
        self.grace_seconds = grace_seconds
        # peers of a visit that sit on any node, as last read: a word to anybody else is not passed on
        self.known: dict[VisitId, frozenset[str]] = {}
        visits.subscribers.append(self.on_event)

    # ------------------------------------------------------------------ coming in

    async def admit(self, principal: Principal) -> Admission:
        """A pass and relay credentials for somebody who has been let in; nobody else learns that there is a room."""
        visit_id, participant = _who(principal)
        async with self.db.tenant(principal.tenant) as tx:
            who = _inside(await self.visits.get(tx, visit_id), participant)
        now = self.clock.now()
        token = write_pass(self._hash, principal, nonce=random_bytes(12).hex(), now=now)
        return Admission(token, ice_servers(self._relay, who.id, now=now), self._relay.relay_only)

    async def join(self, principal: Principal, wish: Join, line: Line) -> Member:
        """Give the socket a seat, or a place to watch from, and welcome it. Raises what tells the browser why not."""
        seen = read_pass(self._hash, principal, wish.token, now=self.clock.now())
        holder = random_bytes(12).hex()
        async with self.db.tenant(principal.tenant) as tx:
            if not await self.seats.use_pass(principal.tenant, tx, seen.nonce, expires_at=seen.expires_at, now=self.clock.now()):
                raise NotAllowed("room-pass-invalid", "This pass to the room was used before.", phase="room.join")
            visit, seat = await (self._watch(tx, principal) if wish.watch else self._sit(tx, principal, wish.window, holder))
            seats = await self.seats.of(principal.tenant, tx, visit.id)
        who = _inside(visit, _who(principal)[1])
        member = Member(principal.tenant, principal.session, visit.id, who.id, holder, line, seat.peer if seat else "", seat is not None)
        self._welcome(member, visit, seats)
        return member

    async def _sit(self, tx: Tx, principal: Principal, page: str, holder: str) -> tuple[Visit, Seat]:
        """Connect them, which locks the visit until we are done, so that nobody is put back meanwhile and no fifth slips in."""
        visit_id, participant = _who(principal)
        visit = await self.visits.connected(tx, visit_id, participant, holder=holder, lease_seconds=LEASE_SECONDS)
        if sum(person.state is PersonState.CONNECTED for person in visit.people) > MAX_PEOPLE:
            raise Conflict("room-full", "Four people are in this visit already.", phase="room.join")
        who = _inside(visit, participant)
        return visit, await self.seats.take(principal.tenant, tx, visit.id, who.id, page=page, holder=holder)

    async def _watch(self, tx: Tx, principal: Principal) -> tuple[Visit, None]:
        visit_id, participant = _who(principal)
        visit = await self.visits.get(tx, visit_id)
        _inside(visit, participant)
        return visit, None

    def _welcome(self, member: Member, visit: Visit, seats: list[Seat]) -> None:
        """Their first message, before anything else can be queued for them."""
        people = introductions(visit, seats)
        self.known[member.visit] = frozenset(person.peer for person in people)
        elsewhere = not member.seated and any(seat.participant == member.participant for seat in seats)
        shown = people if member.seated else []
        member.line.send(write(Welcome(peer=member.peer, people=shown, watch=not member.seated, elsewhere=elsewhere)))
        self.hub.add(member)

    async def announce(self, visit: VisitId) -> None:
        """Have every node look again who sits in a visit."""
        try:
            await self._bus.publish(f"{TOPIC}{visit}", b"")
        except Unavailable:
            log.warning("room-announce-failed", visit=visit)

    # ------------------------------------------------------------------ going

    async def gone(self, member: Member) -> None:
        """The socket is gone, and nobody said goodbye: they have the grace to come back before it counts."""
        self._drop(member)
        if not member.seated:
            return
        try:
            async with self.db.tenant(member.tenant) as tx:
                await self.visits.presence.renew(tx, {member.participant: member.holder}, self.grace_seconds)
        except Unavailable:
            log.warning("room-grace-failed", visit=member.visit)  # the lease runs out by itself, only later

    async def leave(self, member: Member) -> None:
        """They pressed Leave: no grace."""
        self._drop(member)
        if not member.seated:
            return
        member.seated = False
        try:
            async with self.db.tenant(member.tenant) as tx:
                await self.visits.disconnected(tx, member.visit, member.participant, holder=member.holder)
        except Unavailable:
            log.warning("room-leave-failed", visit=member.visit)  # nobody renews the lease any more, so it is said when that runs out

    def _drop(self, member: Member) -> None:
        self.hub.drop(member)
        if not self.hub.members(member.visit):
            self.known.pop(member.visit, None)

    # ------------------------------------------------------------------ what people say to each other

    async def pass_on(self, member: Member, message: Signal) -> None:
        """Hand a description or candidate to whom it is for, here or on another node; to nobody outside this room."""
        if not member.seated:
            return
        frame = write(Signalled(origin=member.peer, description=message.description, candidate=message.candidate))
        if self.hub.deliver(member.visit, message.to, frame) or message.to not in self.known.get(member.visit, frozenset()):
            return
        try:
            await self._bus.publish(f"{TOPIC}{member.visit}", message.to.encode() + b" " + frame)
        except Unavailable:
            log.warning("room-relay-failed", visit=member.visit)  # browsers repeat what matters

    # ------------------------------------------------------------------ what visits ask of meetings

    async def ensure(self, visit: Visit) -> None:
        """A room needs no making."""

    async def place(self, tx: Tx, visit: Visit, me: ParticipantId | None) -> MeetingPlace:  # noqa: ARG002  the port's
        """Always there, in our own page."""
        return MeetingPlace()

    async def places(self, tx: Tx, visits: Collection[Visit]) -> Mapping[VisitId, MeetingPlace]:  # noqa: ARG002  the port's
        """Nothing that the visits do not say themselves."""
        return {}

    async def expel(self, visit: Visit, participant: ParticipantId) -> None:
        """Cut somebody off now, on every node."""
        who = visit.person(participant)
        if who is None or not who.inside:
            self.hub.expel(visit.id, who.id if who else participant, why_out(who))
        await self.announce(visit.id)

    async def close(self, visit: Visit) -> None:
        """Cut everybody off, on every node."""
        if visit.over:
            self.hub.close_room(visit.id, "ended")
        await self.announce(visit.id)

    def session_closed(self, session: SessionId) -> None:
        """A session is over, on whatever node that was decided: its sockets are, too."""
        for member in self.hub.everyone():
            if member.session == session:
                member.line.close(CLOSE_POLICY, "session-over")

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """Keep the seats in step with the visit, inside its own transaction."""
        if event.kind in _CLEARS:
            await self.seats.clear(event.tenant, tx, event.visit, None)
        elif event.kind in _STANDS_UP and event.participant is not None:
            await self.seats.clear(event.tenant, tx, visit.id, event.participant)


def _who(principal: Principal) -> tuple[VisitId, ParticipantId]:
    if principal.visit is None or principal.participant is None:
        raise NotAllowed("room-not-admitted", "You have not been let in yet.", phase="room.admit")
    return principal.visit, principal.participant


def _inside(visit: Visit, participant: ParticipantId) -> Participant:
    """The person, if the room may be open to them."""
    who = visit.person(participant)
    if visit.over:
        raise Gone("room-closed", "This visit is over.", phase="room.admit")
    if who is None or not who.inside:
        raise NotAllowed("room-not-admitted", "You have not been let in yet.", phase="room.admit")
    return who


def why_out(who: Participant | None) -> Why:
    """Why somebody is not in the room, in the protocol's words."""
    if who is None or who.state is PersonState.REMOVED:
        return "removed"
    if who.state is PersonState.LEFT:
        return "left"
    return "held" if who.state is PersonState.HELD else "put_back"


def introductions(visit: Visit, seats: list[Seat]) -> list[Person]:
    """Who sits there, as the others may know them."""
    found = [(seat, visit.person(seat.participant)) for seat in seats]
    return [
        Person(peer=seat.peer, who=str(who.id), name=who.name, role=who.role, gen=seat.gen)
        for seat, who in found
        if who is not None and who.inside
    ]
