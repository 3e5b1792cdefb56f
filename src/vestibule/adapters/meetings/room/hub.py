"""The rooms of this node, in memory: who sits where, and a bounded way out for each socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vestibule.adapters.meetings.room.protocol import (
    CLOSE_FULL,
    CLOSE_LATER,
    CLOSE_OVER,
    CLOSE_POLICY,
    CLOSE_REPLACED,
    Over,
    Person,
    Roster,
    Why,
    write,
)
from vestibule.kit.ids import ParticipantId, SessionId, TenantId, VisitId

# Pages one person may have open in a visit: the frame, the window, and what they forgot to close.
MAX_PAGES = 6


@dataclass(frozen=True, slots=True)
class Close:
    """The last thing a line says."""

    code: int
    reason: str


class Line:
    """One socket's way out. It never grows past its bounds: who does not read is let go, and comes back when they can.

    `send` is called by anybody at any time and never waits; one task empties the line with `next`.
    """

    MAX_MESSAGES = 256
    MAX_BYTES = 512 * 1024

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._close: Close | None = None
        self._ready = asyncio.Event()

    @property
    def closed(self) -> bool:
        """True once a reason to close stands; what was queued before it is still sent unless the line overflowed."""
        return self._close is not None

    def send(self, frame: bytes) -> None:
        """Queue a frame; a full line is closed instead."""
        if self._close is not None:
            return
        if len(self._frames) >= self.MAX_MESSAGES or self._size + len(frame) > self.MAX_BYTES:
            self._frames.clear()
            self._size = 0
            self.close(CLOSE_LATER, "not-reading")
            return
        self._frames.append(frame)
        self._size += len(frame)
        self._ready.set()

    def close(self, code: int, reason: str) -> None:
        """Ask for the end; the first reason stands."""
        if self._close is None:
            self._close = Close(code, reason)
        self._ready.set()

    def over(self, why: Why) -> None:
        """Say why it is over, then close for good."""
        self.send(write(Over(why=why)))
        self.close(CLOSE_FULL if why == "full" else CLOSE_OVER, why)

    async def next(self) -> bytes | Close:
        """The next frame, or the end."""
        while not self._frames:
            if self._close is not None:
                return self._close
            self._ready.clear()
            await self._ready.wait()
        frame = self._frames.popleft()
        self._size -= len(frame)
        return frame


@dataclass(eq=False, slots=True)
class Member:
    """One socket in a room.

    Attributes:
        peer: what others address; empty for a page that only watches.
        holder: this socket's own name in the seat and the presence lease.
        seated: False while the person sits in another of their pages, or nowhere.
    """

    tenant: TenantId
    session: SessionId
    visit: VisitId
    participant: ParticipantId
    holder: str
    line: Line
    peer: str = ""
    seated: bool = False


class Hub:
    """Every room that has a socket on this node. Single-threaded: only the event loop calls it."""

    def __init__(self) -> None:
        self._rooms: dict[VisitId, list[Member]] = {}

    def __len__(self) -> int:
        return sum(len(room) for room in self._rooms.values())

    def add(self, member: Member) -> None:
        """Let a socket in. A former socket of the same page, which we have not yet seen die, is let go."""
        room = self._rooms.setdefault(member.visit, [])
        for former in room:
            if member.seated and former.seated and former.peer == member.peer:
                former.line.close(CLOSE_REPLACED, "replaced")
        own = [m for m in room if m.participant == member.participant and not m.line.closed]
        if len(own) >= MAX_PAGES:
            own[0].line.close(CLOSE_POLICY, "too-many-pages")
        room.append(member)

    def drop(self, member: Member) -> None:
        """The socket is gone."""
        room = self._rooms.get(member.visit, [])
        if member in room:
            room.remove(member)
        if not room:
            self._rooms.pop(member.visit, None)

    def members(self, visit: VisitId) -> Sequence[Member]:
        """The sockets of that visit on this node."""
        return tuple(self._rooms.get(visit, ()))

    def everyone(self) -> Iterator[Member]:
        """Every socket on this node."""
        for room in tuple(self._rooms.values()):
            yield from tuple(room)

    def rooms(self) -> Sequence[tuple[TenantId, VisitId]]:
        """The visits that have a socket here."""
        return tuple((room[0].tenant, visit) for visit, room in self._rooms.items() if room)

    def of(self, visit: VisitId, participant: ParticipantId) -> Sequence[Member]:
        """One person's sockets here."""
        return tuple(m for m in self._rooms.get(visit, ()) if m.participant == participant)

    def deliver(self, visit: VisitId, to: str, frame: bytes) -> bool:
        """Hand a frame to the peer of that name, if it sits here; only within the one visit."""
        found = [m for m in self._rooms.get(visit, ()) if m.seated and m.peer == to and not m.line.closed]
        for member in found:
            member.line.send(frame)
        return bool(found)

    @staticmethod
    def tell(members: Sequence[Member], seats: Mapping[ParticipantId, str], people: list[Person]) -> None:
        """Tell these who sits in the room (`seats`: person to holder). Who lost the seat to another page only watches from now on."""
        everyone = write(Roster(people=people))
        nobody = {elsewhere: write(Roster(people=[], elsewhere=elsewhere)) for elsewhere in (True, False)}
        for member in members:
            holder = seats.get(member.participant)
            if member.seated and holder != member.holder:
                _unseat(member, people, lost=holder is None)
            member.line.send(everyone if member.seated else nobody[holder is not None])

    def expel(self, visit: VisitId, participant: ParticipantId, why: Why) -> int:
        """Close every socket of one person; returns how many there were."""
        return self._over(self.of(visit, participant), why)

    def close_room(self, visit: VisitId, why: Why) -> int:
        """Close every socket of a visit; returns how many there were."""
        return self._over(self.members(visit), why)

    @staticmethod
    def _over(members: Sequence[Member], why: Why) -> int:
        for member in members:
            member.seated = False
            member.line.over(why)
        return len(members)


def _unseat(member: Member, people: list[Person], *, lost: bool) -> None:
    member.seated = False
    if lost:  # everybody believed us dead: come back, and be connected once more
        member.line.close(CLOSE_LATER, "seat-lost")
    elif any(person.peer == member.peer for person in people):
        member.line.close(CLOSE_REPLACED, "replaced")
