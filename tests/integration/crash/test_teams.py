"""Kill -9 while a visit takes place in Teams: of the web, of the worker, of the wire between Microsoft and us.

Real processes, and a practice Microsoft cloud that nobody kills: its ledger says who came and went and when, and the visit's own list of
events must say the same, line by line.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from practice.microsoft.seed import ALDER
from practice.teams.model import Call, Happening, Presence
from support.crash import Program, running, seeds
from support.folders import quick_folder
from support.people import Person
from support.ports import free_port
from support.practice_cloud import CLIENT, ROSA, SECRET, register
from support.teams_ledger import Line, Stay, expected, in_moments, is_part, met, second, stamp, stays
from support.waiting import until
from support.whole import Visit, Whole, whole
from vestibule.connections import tenant_called
from vestibule.kit.ids import VisitId
from vestibule.meetings.model import ProofKind
from vestibule.platform.audit import SYSTEM
from vestibule.run import opened
from vestibule.visits.model import MeetingKind, PersonRole

if TYPE_CHECKING:
    from conftest import ServerThread

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

VICTIMS: Final = ("serve", "worker", "wire")
PATIENT: Final = "Amy Shaw"
VISIT = "(select visit_id from visit_identifiers where system = 'csn' and value = $1)"
EVENTS = (
    "select e.kind, p.role, e.body ->> 'at' as at from visit_events e left join participants p on p.id = e.participant_id"
    f" where e.visit_id = {VISIT} and e.kind in ('connected', 'disconnected', 'in_lobby', 'call_ended') order by e.seq"
)
SETTLED = (
    "select e.kind, p.role, e.body ->> 'from' as came, e.body ->> 'to' as went, e.body ->> 'report' as report from visit_events e"
    f" left join participants p on p.id = e.participant_id where e.visit_id = {VISIT} and e.kind in ('attended', 'settled') order by e.seq"
)
WATCHED = f"select from meeting_subscriptions where state = 'live' and visit_id = {VISIT}"
DELAYED = f"select from visit_events where kind = 'live_delayed' and visit_id = {VISIT}"
LOOK = f"update meetings set look_at = now() where look_at is not null and visit_id = {VISIT}"
# Whatever a killed process had in its hands is free again, without waiting for it.
FREE = (
    "update effects set lease_until = lease_until - interval '1 hour' where state = 'running'",
    "update meeting_inbox set run_at = now() where done_at is null",
)


# ---------------------------------------------------------------------- a house whose visits take place in Teams


@dataclass
class Clinic:
    """The processes, the wire in front of the web, and what may be killed of them."""

    house: Whole
    ports: tuple[int, int]
    wire: Program | None = None
    wires: list[Any] = field(default_factory=list)

    async def string(self) -> None:
        """A new wire."""
        context = running(["-m", "support.relay", *map(str, self.ports)])
        self.wire = await context.__aenter__()
        self.wires.append(context)
        await self.wire.said("relaying")

    async def close(self) -> None:
        for context in self.wires:
            await context.__aexit__(None, None, None)

    async def kill(self, victim: str, dice: random.Random) -> None:
        """Kill one of them, and start it again after a while."""
        program = self.wire if victim == "wire" else self.house.programs[victim]
        assert program is not None
        program.kill()
        await program.ended()
        await asyncio.sleep(dice.uniform(0.0, 0.2))
        if victim == "wire":
            await self.string()
        else:
            await self.house.start(victim)
        for statement in FREE:
            await self.house.rows(statement)

    @asynccontextmanager
    async def havoc(self, dice: random.Random) -> AsyncIterator[None]:
        """While people do something; whatever comes of it, everything is up again afterwards."""
        kills = asyncio.create_task(self._kills(dice))
        try:
            yield
        finally:
            await kills

    async def _kills(self, dice: random.Random) -> None:
        """Kills at random moments."""
        for _ in range(dice.randint(2, 3)):
            await asyncio.sleep(dice.uniform(0.0, 0.4))
            await self.kill(dice.choice(VICTIMS), dice)

    async def set(self, **changes: Any) -> None:
        """An administrator saves settings of meetings."""
        async with opened(self.house.settings) as parts, parts.db.tenant(tenant_called("Alder Clinic")) as tx:
            was = await parts.meetings.settings.get(tx)
            await parts.meetings.settings.save(tx, changes, revision=was.revision, by=SYSTEM)

    async def bind(self, visit: Visit) -> None:
        """The clinician of a visit has signed in with Microsoft, once and for all visits."""
        found = await self.house.rows(f"select {VISIT[1:-1].removeprefix('select ')}", visit.csn)
        async with opened(self.house.settings) as parts, parts.db.tenant(tenant_called("Alder Clinic")) as tx:
            read = await parts.visits.get(tx, VisitId(found[0]["visit_id"]), lock=True)
            clinician = next(one for one in read.people if one.role is PersonRole.PROVIDER)
            await parts.meetings.bindings.bind(tx, read, clinician, ROSA, by=SYSTEM)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with quick_folder() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clinic(postgres: ServerThread, folder: Path) -> AsyncIterator[Clinic]:
    """Everything up, and Teams chosen; what people and Microsoft ask of the web goes over the wire."""
    url = await postgres.fresh()
    ports = free_port(), free_port()
    async with whole(folder, url, port=ports[1], public_url=f"http://127.0.0.1:{ports[0]}") as house:
        made = Clinic(house, ports)
        await made.string()
        register(house.hospital)
        house.hospital.setup(cloud={"retry_seconds": 0.05, "report_seconds": 0, "record_seconds": 0})
        await made.set(directory=ALDER, client_id=CLIENT, proof=ProofKind.SECRET, secret=SECRET)
        await made.set(kind=MeetingKind.TEAMS)
        first = await house.visit()
        await first.clinician.launch()
        await made.bind(first)
        yield made
        await made.close()
    await postgres.drop(url)


# ---------------------------------------------------------------------- the visit


@dataclass
class Teams:
    """The meeting of one visit, and the two people's places in it."""

    clinic: Clinic
    visit: Visit
    generations: tuple[str, ...] = ("event", "roster", "delta")
    meeting: str = ""
    seats: dict[str, Presence] = field(default_factory=dict)

    @property
    def calls(self) -> Any:
        return self.clinic.house.hospital.hospital.calls

    async def begin(self, dice: random.Random) -> None:
        """Both launch; Microsoft tells of everything, perhaps twice, by any of the names that it has used so far."""
        self.clinic.house.hospital.setup(cloud={"trick": dice.choice(["", "duplicate"]), "generation": dice.choice(self.generations)})
        await self.visit.clinician.launch()
        await self.visit.patient.launch()

    async def let_in(self) -> None:
        await self.visit.patient.arrive(PATIENT)
        await until(self._admitted, seconds=30, what="the patient is let in")

    async def _admitted(self) -> bool:
        state = await self.visit.clinician.get("state")
        waiting = [one for one in (state or {"people": []})["people"] if one["role"] == "patient"]
        if not waiting:
            return False
        await self.visit.clinician.must(f"people/{waiting[0]['id']}/admit")
        return True

    async def enter(self, person: Person) -> None:
        """By the door of the person's own page, as soon as it leads on; from the lobby of Teams, if it has one, they are let in."""
        way = await until(lambda: self._way(person), seconds=60, what=f"{person.kind} is shown the way")
        self.meeting = self._behind(way)
        if person.kind == "provider":
            seat = self.calls.join(self.meeting, who="user", name="Rosa Okafor", person=ROSA, tid=ALDER)
        else:
            seat = self.calls.join(self.meeting, who="guest", name=PATIENT)
        self.seats[person.kind] = seat
        self.calls.admit(seat.id)

    async def _way(self, person: Person) -> str:
        try:
            page = await person.browser.ask(f"{person.base}/meeting")
        except aiohttp.ClientError:
            return ""
        leads_on = page.status == 303 and page.location.startswith(self.clinic.house.hospital.url)
        return page.location if leads_on else ""

    def _behind(self, way: str) -> str:
        shelf, thread = self.clinic.house.hospital.hospital.graph, parse_qs(urlsplit(way).query).get("convId")
        found = shelf.thread(thread[0]) if thread else shelf.join(way)
        assert found is not None, "the way leads to no meeting"
        return str(found.id)

    def here(self, person: Person) -> bool:
        seat = self.seats.get(person.kind)
        return seat is not None and not self.calls.get(seat.id).gone

    async def come_and_go(self, dice: random.Random) -> None:
        """Both come, then what may happen while two people talk; at its end nobody is there."""
        for person in dice.sample(self.visit.people, 2):
            await self.enter(person)
        for _ in range(dice.randint(2, 7)):
            person = dice.choice(self.visit.people)
            if self.here(person):
                self.calls.leave(self.seats[person.kind].id, dice.choice(["left", "noResponse", "removed"]))
            else:
                await self.enter(person)
            await asyncio.sleep(dice.uniform(0.0, 0.25))
        if dice.random() < 0.5:
            self.calls.end(self.meeting)
        for seat in self.seats.values():
            self.calls.leave(seat.id)

    def ledger(self) -> list[Line]:
        """What must be in the visit's list."""
        return expected(self.calls.happenings(self.meeting))

    async def listed(self) -> list[Line]:
        """What is in it."""
        rows = await self.clinic.house.rows(EVENTS, self.visit.csn)
        return [(row["kind"], row["role"] or "", stamp(row["at"])) for row in rows]

    async def reported(self) -> tuple[list[str], list[Stay]]:
        """Which reports were merged, and what they said."""
        rows = await self.clinic.house.rows(SETTLED, self.visit.csn)
        said = sorted((r["report"], r["role"] or "", second(r["came"]), second(r["went"])) for r in rows if r["kind"] == "attended")
        return sorted(row["report"] for row in rows if row["kind"] == "settled"), said

    async def settled(self) -> bool:
        """Whether every report was merged; whoever is to look for them need not wait for it."""
        await self.clinic.house.rows(LOOK, self.visit.csn)
        reports, _ = await self.reported()
        return len(reports) >= len(self.calls.history(self.meeting))

    async def watched(self) -> bool:
        """Whether Microsoft tells us of this meeting by now."""
        return bool(await self.clinic.house.rows(WATCHED, self.visit.csn))

    async def delayed(self) -> bool:
        """Whether it was said that live status is delayed."""
        return bool(await self.clinic.house.rows(DELAYED, self.visit.csn))

    async def judge_live(self) -> None:
        """The list against the ledger, once everything has arrived.

        They are the same to the millisecond. Two things excuse less: a report that was there before the notifications, which ends what it
        says is over by its own times; and that it was said that something is missing.
        """

        async def same() -> bool:
            listed, ledger = in_moments(await self.listed()), in_moments(self.ledger())
            if listed == ledger:
                return True
            steps, all_steps = [line[:2] for line in listed], [line[:2] for line in ledger]
            reports, _ = await self.reported()
            return (bool(reports) and steps == all_steps) or (is_part(steps, all_steps) and await self.delayed())

        try:
            await until(same, seconds=60)
        except AssertionError:
            assert await self.listed() == self.ledger()
            raise

    async def judge_reports(self) -> None:
        """What reports said against who was there."""
        await until(self.settled, seconds=60, what="every report is merged")
        calls = self.calls.history(self.meeting)
        assert await self.reported() == (sorted(call.id for call in calls), stays(calls))
        outcome = await self.clinic.house.rows(f"select outcome from visits where id = {VISIT}", self.visit.csn)
        if met(stays(calls)):
            assert outcome[0]["outcome"] == "completed", "both were there at once, whatever was heard of it"


@pytest.mark.parametrize("seed", seeds())
async def test_whatever_is_killed_the_visit_says_what_happened_in_the_meeting(seed: int, clinic: Clinic) -> None:
    dice, lobby = random.Random(seed), bool(seed % 2)
    await clinic.set(teams_lobby=lobby)
    teams = Teams(clinic, await clinic.house.visit(), **({"generations": ("event",)} if lobby else {}))  # the older ones know of no lobby
    await teams.begin(dice)
    async with clinic.havoc(dice):
        await teams.let_in()
        if dice.random() < 0.8:  # the others go in though Microsoft may not have been asked to tell us yet
            await until(teams.watched, seconds=60, what="we are told of the meeting")
        await teams.come_and_go(random.Random(seed + 1_000))
    await teams.judge_live()
    await teams.visit.clinician.must("end")
    if not await teams.delayed():
        await teams.visit.judge(repeats=True, seconds=60)
    await teams.judge_reports()


@pytest.mark.parametrize("seed", seeds())
async def test_whatever_notifications_are_lost_the_reports_settle_who_was_there_once(seed: int, clinic: Clinic) -> None:
    dice = random.Random(seed)
    await clinic.set(teams_lobby=False)
    teams = Teams(clinic, await clinic.house.visit())
    await teams.begin(dice)
    await teams.let_in()
    coming = asyncio.create_task(teams.come_and_go(random.Random(seed + 2_000)))
    await asyncio.sleep(dice.uniform(0.0, 0.5))
    clinic.house.hospital.setup(cloud={"trick": "drop"})
    await coming
    clinic.house.hospital.setup(cloud={"trick": ""})
    await teams.visit.clinician.must("end")
    for _ in range(dice.randint(1, 2)):
        await clinic.house.rows(LOOK, teams.visit.csn)
        await asyncio.sleep(dice.uniform(0.0, 2.2))
        await clinic.kill("worker", dice)
    await teams.judge_reports()


async def test_the_judge_knows_what_a_meeting_makes_of_a_visit() -> None:
    """The judge's own test."""
    amy = Presence("1", "m", "guest", "g", PATIENT, lobby=True)
    rosa = Presence("2", "m", "user", ROSA, "Rosa Okafor", ALDER)
    inside = Presence("1", "m", "guest", "g", PATIENT)
    told = [
        Happening(1, "t1", "callStarted", "m", "c", 1),
        Happening(2, "t2", "rosterUpdated", "m", "c", 2, (amy,)),
        Happening(3, "t3", "rosterUpdated", "m", "c", 3, (rosa, inside)),
        Happening(4, "t4", "rosterUpdated", "m", "c", 4, (Presence("1", "m", "guest", "g", PATIENT, gone="left"),)),
        Happening(5, "t5", "callEnded", "m", "c", 5),
    ]
    came = [("in_lobby", "patient", "t2"), ("connected", "provider", "t3"), ("connected", "patient", "t3")]
    went = [("disconnected", "patient", "t4"), ("disconnected", "provider", "t5"), ("call_ended", "", "t5")]
    assert expected(told) == [*came, *went]
    assert is_part(came[1:], [*came, *went])
    assert not is_part([*went, *came], [*came, *went])
    at = "2026-11-21T10:00:0{}.250Z".format
    there = Presence("1", "m", "guest", "g", PATIENT, admitted=at(2), over=at(4), gone="left")
    call = Call("c", "m", at(1), at(5), {"1": there, "2": Presence("2", "m", "guest", "h", "Kwame", lobby=True, gone="denied")})
    assert stays([call]) == [("c", "patient", "2026-11-21T10:00:02Z", "2026-11-21T10:00:04Z")]
