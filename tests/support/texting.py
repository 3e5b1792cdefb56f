"""Texting by hand: a visit with a patient, a clinician's session about it, and the page on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from support.message_office import TEST_BOX, MessageOffice
from support.ports import free_port
from support.rooms import Sessions
from support.serving import served
from vestibule.errors import VestibuleError
from vestibule.identity.model import Principal, Role
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, SessionId, TenantId, VisitId, new_id
from vestibule.messages import direct
from vestibule.messages.composing import Composing
from vestibule.messages.model import Channel, Message, MessageState, Purpose
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.cookies import cookie_name
from vestibule.visits.model import Identifier, Visit
from vestibule.visits.service import Appointment, Contact, Visits

HERE = Path(direct.__file__).parent
STARTS = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)


@dataclass
class Planner:
    """Stands where messages are planned: remembers what it was asked, or refuses."""

    sent: list[Message] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    refuses: VestibuleError | None = None
    stopped: set[ParticipantId] = field(default_factory=set)

    async def send_direct(
        self, tx: Tx, visit: VisitId, participant: ParticipantId, *, phone: str = "", language: str = "", by: Actor
    ) -> Message:
        if self.refuses:
            raise self.refuses
        self.asked.append({"visit": visit, "participant": participant, "phone": phone, "language": language, "by": by.kind})
        now, made = datetime.now(UTC), new_id()
        assert tx.tenant
        about = (tx.tenant, visit, participant, None, Purpose.DIRECT, Channel.SMS)
        message = Message(made, *about, f"direct:{made}", MessageState.PLANNED, now, planned_at=now)
        self.sent.append(message)
        return message

    async def of_visit(self, tx: Tx, visit: VisitId) -> list[Message]:
        return [one for one in self.sent if one.visit == visit]

    async def opted_out(self, tx: Tx, visit: VisitId) -> set[ParticipantId]:
        return self.stopped


@dataclass
class Answer:
    """What the page said."""

    status: int
    text: str
    location: str


@dataclass
class Texting:
    """Everything a test of the page needs."""

    db: Database
    own: str
    tenant: TenantId
    connection: ConnectionId
    department: DepartmentId
    office: MessageOffice
    visits: Visits
    planner: Planner
    principal: Principal
    cookie: dict[str, str]
    session: aiohttp.ClientSession
    visit: VisitId
    patient: ParticipantId

    @property
    def path(self) -> str:
        return f"/s/{self.principal.session}/text"

    async def ask(self, path: str = "", **form: str) -> Answer:
        """Look, or send a form."""
        url = self.own + (path or self.path)
        headers = {"Accept": "text/html", "Origin": self.own, "Sec-Fetch-Site": "same-origin"}
        how = self.session.post(url, data=form, headers=headers, allow_redirects=False, cookies=self.cookie) if form else None
        async with how or self.session.get(url, headers=headers, allow_redirects=False, cookies=self.cookie) as answer:
            return Answer(answer.status, await answer.text(), answer.headers.get("Location", ""))

    async def another(self, department: DepartmentId | None, csn: str = "1900") -> Visit:
        """Another visit of the organisation."""
        async with self.db.tenant(self.tenant) as tx:
            visit, _ = await self.visits.appointments.appoint(tx, _appointment(self.connection, department, csn, "Theodor Brandt"))
        return visit

    async def contact(self) -> Contact | None:
        async with self.db.tenant(self.tenant) as tx:
            found = await self.visits.contacts.of(tx, self.patient)
        return found.contact if found else None


def _appointment(connection: ConnectionId, department: DepartmentId | None, csn: str, name: str) -> Appointment:
    names = [Identifier(connection, "csn", csn)]
    return Appointment(connection, csn, names, department, STARTS, STARTS + timedelta(minutes=30), name=name)


@asynccontextmanager
async def texting(db: Database, *, phone: str = "+16085550142", language: str = "", set_up: bool = True) -> AsyncIterator[Texting]:
    """One visit at half past eleven in Chicago, of Amy Shaw."""
    clock, office, planner, sessions = SystemClock(), MessageOffice(), Planner(), Sessions()
    visits, tenant, port = Visits(clock, TEST_BOX), TenantId(new_id()), free_port()
    own = f"http://127.0.0.1:{port}"
    async with db.tenant(tenant) as tx:
        await office.tenancy.add_tenant(tx, name="Alder Clinic", support_phone="555-0134")
        department = await office.tenancy.add_department(tx, name="Cardiology", zone="America/Chicago", external="10501101")
        connection = await office.connection(tx, f"https://ehr.alder.example/{tenant}")
        if set_up:
            await office.consented(tx)
            await office.policy(tx, connection)
            await office.sender(tx, await office.account(tx), connection)
        visit, patient = await visits.appointments.appoint(tx, _appointment(connection, department.id, "1855", "Amy Shaw"))
        if phone or language:
            await visits.contacts.note(tx, visit, patient.id, Contact(phone, "", language))
    principal = Principal(SessionId(new_id()), tenant, Role.CLINICIAN, visit.id, None, connection, department.id)
    cookie = {cookie_name(principal.session): sessions.open(principal)}

    async def region(_tx: Tx, _connection: ConnectionId) -> str:
        return "US"

    composing = Composing(
        messages=planner, settings=office.settings, visits=visits, tenancy=office.tenancy, clock=clock, regions=region, origin=own
    )
    config = WebConfig(origin=own, prove=sessions.prove, templates=[HERE / "templates"], assets={"messages": HERE / "assets"}, rates={})
    app = build_app(routes=direct.ROUTES, services={"db": db, "visits": visits, "composing": composing}, config=config)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session, served(app, port=port):
        yield Texting(db, own, tenant, connection, department.id, office, visits, planner, principal, cookie, session, visit.id, patient.id)
