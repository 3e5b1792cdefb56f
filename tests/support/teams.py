"""Vestibule and a practice Microsoft cloud, both running: an organisation that meets in Teams, its worker at work, and people who go in.

    async with teams_house(db_url, folder) as house:
        rosa = await house.clinician("Rosa Okafor")         # launched, signed in with Microsoft, let in
        amy = await house.patient("Amy Shaw")               # waits
        await house.admit(amy)
        await house.made(amy.visit)
        seat = await house.enter(amy)                       # by the way that we gave them, into the practice meeting
        house.calls.leave(seat.id)

Everything goes over real sockets: tokens, Graph, encrypted notifications to our own addresses. The practice cloud's ledger is the judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from practice.microsoft.seed import ALDER
from practice.server import Running
from practice.server import start as start_hospital
from practice.teams.calls import Calls
from practice.teams.model import Presence
from support.house import Guest, House, house
from support.practice_cloud import CLIENT, INGRID, ROSA, SECRET, register
from support.waiting import until
from vestibule.errors import Gone, NotAllowed
from vestibule.kit.ids import VisitId
from vestibule.meetings.model import Meeting, MeetingState, ProofKind
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import MeetingKind, MeetingPlace, PersonRole, Visit
from vestibule.visits.ports import Meetings
from vestibule.wiring.work import run_worker

__all__ = ["INGRID", "ROSA", "TeamsHost", "TeamsHouse", "teams_house"]
_LONG = 30.0


@dataclass
class TeamsHouse:
    """An organisation that meets in Teams.

    Attributes:
        house: ours.
        hospital: the world outside, with its Microsoft cloud.
    """

    house: House
    hospital: Running

    @property
    def calls(self) -> Calls:
        """What goes on in the practice meetings."""
        return self.hospital.hospital.calls

    # ------------------------------------------------------------------ who comes

    async def set(self, **changes: Any) -> None:
        """An administrator saves settings of meetings."""
        meetings = self.house.parts.meetings.settings
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            was = await meetings.get(tx)
            await meetings.save(tx, changes, revision=was.revision, by=SYSTEM)

    async def clinician(self, name: str = "Dr. Okafor", *, account: str = ROSA, arrives: bool = True, **more: Any) -> Guest:
        """A clinician launches, signs in with Microsoft as `account` (nobody, where it is empty), and comes in."""
        one = await self.house.come(PersonRole.PROVIDER, name, **more)
        if account:
            await self.bind(one, account)
        if arrives:
            await self.step("arrive", one)
        return one

    async def patient(self, name: str = "Amy Shaw", *, role: PersonRole = PersonRole.PATIENT, **more: Any) -> Guest:
        """Somebody comes and waits."""
        one = await self.house.come(role, name, **more)
        await self.step("arrive", one)
        return one

    async def bind(self, one: Guest, account: str) -> None:
        """They have signed in with Microsoft."""
        parts = self.house.parts
        async with parts.db.tenant(self.house.tenant) as tx:
            visit = await parts.visits.get(tx, one.visit, lock=True)
            await parts.meetings.bindings.bind(tx, visit, visit.person(one.participant.id) or one.participant, account, by=SYSTEM)

    async def step(self, what: str, one: Guest) -> Visit:
        """One step of somebody: `arrive`, `admit`, `put_back`, `remove`, `leave`."""
        parts = self.house.parts
        async with parts.db.tenant(self.house.tenant) as tx:
            visit: Visit = await getattr(parts.visits, what)(tx, one.visit, one.participant.id)
        return visit

    async def admit(self, one: Guest) -> Visit:
        """They are let in."""
        return await self.step("admit", one)

    async def end(self, visit: VisitId) -> Visit:
        """The clinician presses End."""
        parts = self.house.parts
        async with parts.db.tenant(self.house.tenant) as tx:
            ended = await parts.visits.end_for_all(tx, visit)
        await parts.meetings.choice.close(ended)
        return ended

    # ------------------------------------------------------------------ what is to be seen

    async def visit(self, visit: VisitId) -> Visit:
        """As it stands."""
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            return await self.house.parts.visits.get(tx, visit)

    async def meeting(self, visit: VisitId) -> Meeting | None:
        """As we keep it."""
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            return await self.house.parts.meetings.kept.get(tx, visit)

    async def made(self, visit: VisitId) -> Meeting:
        """The meeting, as soon as it is made."""

        async def made() -> Meeting | None:
            found = await self.meeting(visit)
            return found if found and found.state is MeetingState.MADE else None

        found: Meeting = await until(made, seconds=_LONG, what="the meeting is made")
        return found

    async def place(self, visit: VisitId, me: Guest | None = None) -> MeetingPlace:
        """As the pages show it to one of its people."""
        parts = self.house.parts
        async with parts.db.tenant(self.house.tenant) as tx:
            return await parts.meetings.choice.place(tx, await parts.visits.get(tx, visit), me.participant.id if me else None)

    async def way(self, one: Guest) -> str:
        """The way that we give somebody; whatever says that they may not go in is raised."""
        parts = self.house.parts
        async with parts.db.tenant(self.house.tenant) as tx:
            return await parts.meetings.choice.way(tx, await parts.visits.get(tx, one.visit), one.participant.id)

    async def kinds(self, one: Guest) -> list[str]:
        """`connected` and `disconnected` of somebody, in order."""
        parts = self.house.parts
        async with parts.db.tenant(self.house.tenant) as tx:
            events = await parts.visits.events(tx, one.visit)
        return [e.kind.value for e in events if e.participant == one.participant.id and e.kind in {"connected", "disconnected"}]

    # ------------------------------------------------------------------ in the practice meeting

    async def enter(self, one: Guest, *, account: str = ROSA, name: str = "") -> Presence:
        """They go the way that we give them: a clinician as `account`, anybody else as a guest who types a name (their own)."""
        if not (await self.visit(one.visit)).over:
            await self.made(one.visit)
        meeting = self.behind(await self.way(one))
        if one.participant.role is PersonRole.PROVIDER:
            return self.calls.join(meeting, who="user", name="Rosa Okafor", person=account, tid=ALDER)
        return self.calls.join(meeting, who="guest", name=name or one.participant.name)

    def behind(self, way: str) -> str:
        """The practice meeting's own id behind a link, by either of its two addresses."""
        shelf, thread = self.hospital.hospital.graph, parse_qs(urlsplit(way).query).get("convId")
        found = shelf.thread(thread[0]) if thread else shelf.join(way)
        if found is None:
            raise AssertionError("this link leads to no practice meeting")
        return found.id


@asynccontextmanager
async def teams_house(
    db_url: str, data: Path, *, hospital: Running | None = None, port: int = 0, more: Mapping[str, str] | None = None, **settings: Any
) -> AsyncIterator[TeamsHouse]:
    """Both, introduced to each other; `settings` are those of meetings beyond the connection. A hospital that is given is not stopped."""
    world = hospital or await start_hospital(data=data / "hospital")
    at = world.hospital.at
    places = {"VESTIBULE_ENTRA_AUTHORITY": f"{at.microsoft}/organizations/v2.0", "VESTIBULE_GRAPH_URL": at.graph}
    if hospital is None:
        register(world)
    async with house(db_url, data, port=port, more={**places, **(more or {})}) as ours:
        one = TeamsHouse(ours, world)
        connected = {"directory": ALDER, "client_id": CLIENT, "proof": ProofKind.SECRET, "secret": SECRET, **settings}
        await one.set(**connected)
        await one.set(kind=MeetingKind.TEAMS)
        stop = asyncio.Event()
        working = asyncio.create_task(run_worker(ours.parts.settings, db_url, stop))
        try:
            yield one
        finally:
            stop.set()
            await working
            if hospital is None:
                await world.stop()


class TeamsHost:
    """A visit of two people who were let in, in Teams: what the tests that every kind of meeting keeps ask for."""

    def __init__(self, world: TeamsHouse) -> None:
        self._world = world
        self.meetings: Meetings = world.house.parts.meetings.choice
        self._people: dict[str, Guest] = {}
        self._seats: dict[str, Presence] = {}

    async def begin(self, doctor: str, patient: str) -> TeamsHost:
        """They come, and are let in."""
        self._people[doctor] = await self._world.clinician(doctor)
        self._people[patient] = await self._world.patient(patient)
        await self._world.admit(self._people[patient])
        return self

    @property
    def _id(self) -> VisitId:
        return next(iter(self._people.values())).visit

    async def visit(self) -> Visit:
        return await self._world.visit(self._id)

    async def step(self, action: str, name: str) -> Visit:
        return await self._world.step(action, self._people[name])

    async def end(self) -> Visit:
        await self._world.end(self._id)
        return await self.visit()

    async def enter(self, name: str) -> bool:
        """By the way that we give them; in once the visit has heard of it, as with a socket of our own."""
        one, before = self._people[name], await self.kinds(name)
        try:
            self._seats[name] = await self._world.enter(one)
        except (Gone, NotAllowed):
            return False

        async def heard() -> bool:
            return await self.kinds(name) == [*before, "connected"]

        await until(heard, what=f"{name} is connected")
        return True

    async def vanish(self, name: str) -> None:
        """Their device is not heard of any more."""
        self._world.calls.leave(self._seats[name].id, "noResponse")

    async def cut_off(self, name: str) -> bool:
        """The clinician does in the meeting what the console says, and nothing else: removes who is stuck, ends what goes on."""
        seat, who = self._seats[name], self._people[name].participant.id

        async def told() -> bool:
            place, visit = await self._world.place(self._id), await self.visit()
            if who in place.stuck:
                self._world.calls.remove(seat.id)
            elif visit.over and place.running:
                self._world.calls.end(seat.meeting)
            now = self._world.calls.get(seat.id)
            return now is not None and not now.inside

        return bool(await until(told, what=f"the console says what to press for {name}"))

    async def kinds(self, name: str) -> list[str]:
        return await self._world.kinds(self._people[name])
