r"""A whole installation in processes of its own, and the people of a visit, without a browser.

    async with whole(folder, url) as house:                 # serve, worker and a practice hospital, introduced to each other
        visit = await house.visit()                         # an appointment of now
        await visit.meet()                                  # clinician and patient launch, test, wait, are let in, and join
        house.serve.kill(); await house.start("serve")      # processes may be killed and started again
        await visit.patient.join()                          # the same session, the same page
        await visit.clinician.must("end")
        await visit.judge()                                 # the hospital's ledger against the visit's own list

The hospital lives in the test's own process, which nobody kills: its ledger is the judge.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from practice.seed import BACKEND_CLIENT, PATIENT_CLIENT, PROVIDER_CLIENT
from practice.server import Running
from practice.server import start as start_hospital
from support.crash import Program, running
from support.people import Person, Recorder
from support.ports import free_port
from support.waiting import until
from vestibule.connections import ConnectionsFile, Described, Organisation, Place, apply_described
from vestibule.run import opened
from vestibule.settings import Settings, as_environment, load
from vestibule.tenancy.model import Environment, Vendor

_READY = {"serve": '"event":"listening"', "worker": '"event":"working"'}


@dataclass(eq=False)
class Visit:
    """An appointment in the hospital, and the two people who meet in it."""

    house: Whole
    csn: str
    appointment: str
    clinician: Person = field(init=False)
    patient: Person = field(init=False)

    def __post_init__(self) -> None:
        self.clinician, self.patient = self.person("provider"), self.person("patient")

    def person(self, kind: str) -> Person:
        """Somebody who will come."""
        person = Person(self.house.hospital, self.csn, kind, self.house.browser())
        self.house.people.append(person)
        return person

    @property
    def people(self) -> tuple[Person, Person]:
        return self.clinician, self.patient

    async def meet(self) -> None:
        """From the two buttons to both in the room."""
        await self.clinician.launch()
        await self.patient.launch()
        await self.patient.arrive()
        await self.admit()
        await self.clinician.join()
        await self.patient.join()

    async def admit(self) -> None:
        """The clinician lets the patient in."""
        state = await self.clinician.get("state")
        waiting = next(p["id"] for p in state["people"] if p["role"] == "patient")
        await self.clinician.must(f"people/{waiting}/admit")

    async def events(self) -> list[asyncpg.Record]:
        """The visit's own list, with the role of whom each event is about."""
        return await self.house.rows(
            "select e.seq, e.kind, p.role, p.id as who from visit_events e left join participants p on p.id = e.participant_id"
            " where e.visit_id = (select visit_id from visit_identifiers where system = 'csn' and value = $1) order by e.seq",
            self.csn,
        )

    async def happened(self, role: str) -> list[bool]:
        """Connected (True) and disconnected (False), as the visit remembers it."""
        steps = {"connected": True, "disconnected": False}
        return [steps[e["kind"]] for e in await self.events() if e["role"] == role and e["kind"] in steps]

    def told(self, role: str) -> list[bool]:
        """The same, as the record was told."""
        kind = {"provider": "1", "patient": "2"}[role]
        applied = [entry["applied"] for entry in self.house.hospital.ledger("status") if "applied" in entry]
        return [one["connected"] for one in applied if one["visit"] == self.appointment and one["type"] == kind]

    async def judge(self, *, repeats: bool = False, seconds: float = 20) -> None:
        """Hold the ledger against the list, once nothing is under way any more.

        Args:
            repeats: whether a status may have been told twice in a row, which its promise allows after a kill of the worker.
            seconds: how long the telling may still take.
        """
        await until(self._all_told, seconds=seconds, what="everything is told")
        events = await self.events()
        assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
        for role in ("provider", "patient"):
            happened, told = await self.happened(role), self.told(role)
            assert happened, f"{role} never connected"
            assert happened == [n % 2 == 0 for n in range(len(happened))], f"{role}: {happened}"
            assert not happened[-1], f"{role} is still connected"
            assert (once(told) if repeats else told) == happened, f"{role}: happened {happened}, told {told}"

    async def _all_told(self) -> bool:
        owed = (
            "select from effects where state not in ('done', 'cancelled')"
            " and visit_id = (select visit_id from visit_identifiers where system = 'csn' and value = $1)"
        )
        return not await self.house.rows(owed, self.csn)


def once(told: list[bool]) -> list[bool]:
    """Without what was said twice in a row."""
    return [one for n, one in enumerate(told) if n == 0 or one != told[n - 1]]


class Whole:
    """Vestibule in processes of its own beside a hospital."""

    def __init__(self, settings: Settings, hospital: Running, session: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.hospital = hospital
        self.session = session
        self.programs: dict[str, Program] = {}
        self.output: list[Program] = []  # of those that have ended, too
        self.people: list[Person] = []
        self._stack = stack
        self.database_url = settings.database_url

    @property
    def serve(self) -> Program:
        return self.programs["serve"]

    @property
    def worker(self) -> Program:
        return self.programs["worker"]

    async def start(self, name: str) -> Program:
        """Start `serve` or `worker`, and wait until it is at work."""
        program = await self._stack.enter_async_context(running(["-m", "vestibule", name], env=as_environment(self.settings)))
        self.programs[name] = program
        self.output.append(program)
        await program.said(_READY[name])
        return program

    async def introduce(self) -> None:
        """Register the hospital with us and us with the hospital, as two analysts would."""
        clients = {"provider_client_id": PROVIDER_CLIENT, "patient_client_id": PATIENT_CLIENT, "backend_client_id": BACKEND_CLIENT}
        described = Described("Practice", Vendor.EPIC, Environment.TEST, self.hospital.fhir, **clients)
        places = [Place(one.name, one.zone, one.id) for one in self.hospital.hospital.book.departments]
        async with opened(self.settings) as parts:
            self.database_url = parts.db.url
            said = await apply_described(parts, ConnectionsFile(Organisation("Alder Clinic", "555-0134"), places, [described]))
        origin = self.settings.origin
        app = {
            "auth": "private_key_jwt",
            "jwks_url": f"{origin}/connections/{said[-1].rsplit(' ', 1)[1]}/jwks.json",
            "redirect_uris": [f"{origin}/launch/callback"],
        }
        self.hospital.setup(
            apps=[{"client_id": one, **app} for one in clients.values()],
            launches=[{"key": kind, "url": f"{origin}/launch/{kind}"} for kind in ("provider", "patient")],
        )

    def browser(self) -> Recorder:
        """Somebody's browser."""
        return Recorder(self.session, self.settings.origin)

    async def visit(self, **appointment: Any) -> Visit:
        """A fresh appointment of now."""
        hospital = self.hospital.hospital
        usual = {"patient": hospital.book.patients[0].id, "practitioner": hospital.book.practitioners[0].id}
        made = self.hospital.setup(appointments=[{**usual, **appointment}])["touched"]["appointments"][0]
        booked = hospital.book.appointment(made)
        assert booked is not None
        return Visit(self, booked.csn, booked.id)

    async def rows(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """What the schema's owner sees, whom row-level security does not bind."""
        connection = await asyncpg.connect(self.database_url, timeout=5)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close(timeout=5)

    @property
    def said(self) -> list[str]:
        """Every line that any process has written."""
        return [line for program in self.output for line in program.lines]


def settings_of(folder: Path, database_url: str = "", **changes: Any) -> Settings:
    """For tests: a free port, a short grace, plain http on this machine."""
    given = {"DATABASE_URL": database_url, "VESTIBULE_DATA": str(folder), "VESTIBULE_PORT": str(free_port())}
    usual = load({**given, "VESTIBULE_ALLOW_LOOPBACK_HTTP": "yes", "VESTIBULE_GRACE_SECONDS": "1", "VESTIBULE_RATE_LIMITS": "no"})
    return replace(usual, **changes)


@asynccontextmanager
async def whole(folder: Path, database_url: str = "", **changes: Any) -> AsyncIterator[Whole]:
    """Everything up and introduced; without a database address `serve` brings its embedded PostgreSQL."""
    async with AsyncExitStack() as stack:
        hospital = await start_hospital()
        stack.push_async_callback(hospital.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        cloud = {"entra_authority": f"{hospital.hospital.at.microsoft}/organizations/v2.0", "graph_url": hospital.hospital.at.graph}
        house = Whole(settings_of(folder, database_url, **{**cloud, **changes}), hospital, session, stack)
        await house.start("serve")
        await house.introduce()
        await house.start("worker")
        try:
            yield house
        finally:
            for person in house.people:
                await person.close()
