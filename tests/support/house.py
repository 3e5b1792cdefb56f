"""The whole web application as wiring puts it together, on a real socket, with a visit and people who have sessions in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from playwright.async_api import Page

from support.daytime import daytime
from support.ports import free_port
from support.serving import serving
from vestibule.identity.model import Member, Person, Role, StaffRole
from vestibule.identity.service import OpenedSession
from vestibule.kit.ids import ConnectionId, TenantId, VisitId, new_id
from vestibule.platform.audit import SYSTEM, Actor
from vestibule.platform.web.cookies import Cookie
from vestibule.settings import Settings
from vestibule.settings import load as load_settings
from vestibule.tenancy.model import Connection, Department, Environment, Vendor
from vestibule.visits.feed import Feed
from vestibule.visits.model import Identifier, Participant, PersonRole
from vestibule.wiring import Parts, live, open_parts

_ROLES = {PersonRole.PROVIDER: Role.CLINICIAN, PersonRole.PATIENT: Role.PATIENT}


@dataclass
class Guest:
    """Somebody in a visit, signed in."""

    house: House
    visit: VisitId
    participant: Participant
    opened: OpenedSession

    @property
    def base(self) -> str:
        return f"/s/{self.opened.principal.session}"

    @property
    def cookie(self) -> Cookie:
        return self.opened.cookie

    @property
    def headers(self) -> dict[str, str]:
        """What their browser sends with a request."""
        return {"Cookie": f"{self.cookie.name}={self.cookie.value}", "Origin": self.house.origin, "Accept": "application/json"}

    async def open(self, page: Page, where: str) -> None:
        """Go to one of the pages of their session."""
        await page.context.add_cookies(
            [{"name": self.cookie.name, "value": self.cookie.value, "domain": "127.0.0.1", "path": self.cookie.path, "httpOnly": True}]
        )
        await page.goto(f"{self.house.origin}{self.base}/{where}")
        await page.wait_for_selector("[data-ready=yes]", state="attached")

    async def post(self, what: str, body: Any = None) -> int:
        """One press, without a browser; the answer's status."""
        url = f"{self.house.origin}{self.base}/{what}"
        async with aiohttp.ClientSession() as session, session.post(url, json=body or {}, headers=self.headers) as answer:
            return answer.status

    async def get(self, what: str) -> tuple[int, str]:
        """One page or state, without a browser."""
        url = f"{self.house.origin}{self.base}/{what}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=self.headers) as answer:
            return answer.status, await answer.text()


@dataclass
class Staff:
    """A signed-in member of the organisation."""

    house: House
    member: Member
    opened: OpenedSession

    @property
    def base(self) -> str:
        return f"/s/{self.opened.principal.session}"

    @property
    def cookie(self) -> Cookie:
        return self.opened.cookie

    @property
    def actor(self) -> Actor:
        return Actor("staff", str(self.member.id), str(self.opened.principal.session))

    @property
    def headers(self) -> dict[str, str]:
        """What their browser sends with a request."""
        return {"Cookie": f"{self.cookie.name}={self.cookie.value}", "Origin": self.house.origin, "Accept": "text/html"}

    async def open(self, page: Page, where: str) -> None:
        """Go to one of the pages of their session."""
        await page.context.add_cookies(
            [{"name": self.cookie.name, "value": self.cookie.value, "domain": "127.0.0.1", "path": self.cookie.path, "httpOnly": True}]
        )
        await page.goto(f"{self.house.origin}{self.base}/{where}")

    async def get(self, where: str, **headers: str) -> tuple[int, str]:
        """One page, without a browser."""
        url = f"{self.house.origin}{self.base}/{where}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=self.headers | headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post_form(self, path: str, fields: Mapping[str, str | Sequence[str]] | None = None) -> tuple[int, str]:
        """One form, without a browser: the status, and where it leads (303) or what it says."""
        url = f"{self.house.origin}{self.base}/{path}"
        pairs = [(name, text) for name, value in (fields or {}).items() for text in ([value] if isinstance(value, str) else value)]
        body, headers = urlencode(pairs), {**self.headers, "Content-Type": "application/x-www-form-urlencoded"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status, answer.headers.get("Location") or await answer.text()


@dataclass
class House:
    """Vestibule, running."""

    parts: Parts
    feed: Feed
    origin: str
    tenant: TenantId
    department: Department
    connection: Connection

    async def come(
        self,
        role: PersonRole,
        name: str = "",
        *,
        csn: str = "1853",
        starts_in: timedelta | None = timedelta(minutes=5),
        framed: bool = False,
        person: str = "",
    ) -> Guest:
        """Somebody launches or follows a link into a visit; `person` is who they are to the record, where that matters."""
        starts_at = None if starts_in is None else datetime.now(UTC).replace(second=0, microsecond=0) + starts_in
        async with self.parts.db.tenant(self.tenant) as tx:
            visit, participant = await self.parts.visits.open_or_join(
                tx,
                connection=self.connection.id,
                identifiers=[Identifier(self.connection.id, "csn", csn)],
                role=role,
                person=person or f"{role}-{name}-{csn}",
                person_type="id",
                name=name,
                department=self.department.id,
                starts_at=starts_at,
            )
            opened = await self.parts.identity.open_session(
                tx,
                role=_ROLES.get(role, Role.GUEST),
                visit=visit.id,
                participant=participant.id,
                connection=self.connection.id,
                department=self.department.id,
                framed=framed,
            )
        return Guest(self, visit.id, participant, opened)

    async def staff(
        self, roles: Collection[StaffRole], *, name: str = "Robin Ash", email: str = "", tenant: TenantId | None = None
    ) -> Staff:
        """A member of the organisation (or of `tenant`) with these roles, invited, joined and signed in."""
        who = Person("test", "https://sign-in.test", str(new_id()), name, email or f"{new_id()}@alder.test")
        async with self.parts.db.tenant(tenant or self.tenant) as tx:
            invited = await self.parts.members.invite(tx, email=who.email, roles=roles, by=SYSTEM)
            await self.parts.members.accept(tx, invited.code, who, SYSTEM)
            member = await self.parts.members.signed_in(tx, who)
            assert member is not None
            opened = await self.parts.members.open_session(tx, member)
        return Staff(self, member, opened)

    async def program(self, roles: Collection[StaffRole], *, tenant: TenantId | None = None) -> str:
        """A bearer token with these roles."""
        async with self.parts.db.tenant(tenant or self.tenant) as tx:
            return (await self.parts.tokens.make(tx, name="A program", roles=roles, days=30, by=SYSTEM)).secret

    async def organisation(self, name: str = "Birch Hospital") -> TenantId:
        """Another organisation in the same house."""
        tenant = TenantId(new_id())
        async with self.parts.db.tenant(tenant) as tx:
            await self.parts.tenancy.add_tenant(tx, name=name)
        return tenant

    async def states(self, visit: VisitId) -> dict[str, str]:
        """Where everybody stands, by role."""
        async with self.parts.db.tenant(self.tenant) as tx:
            return {p.role.value: p.state.value for p in (await self.parts.visits.get(tx, visit)).people}

    async def kinds(self, visit: VisitId) -> list[str]:
        """What has happened."""
        async with self.parts.db.tenant(self.tenant) as tx:
            return [e.kind.value for e in await self.parts.visits.events(tx, visit)]


def settings(port: int, data: Path, more: Mapping[str, str] | None = None) -> Settings:
    """Everything as it comes, on a port; `more` is added to the environment."""
    own = {"VESTIBULE_PORT": str(port), "VESTIBULE_DATA": str(data), "VESTIBULE_ALLOW_LOOPBACK_HTTP": "true"}
    return load_settings({**own, **(more or {})})


@asynccontextmanager
async def house(db_url: str, data: Path, *, port: int = 0, more: Mapping[str, str] | None = None, zone: str = "") -> AsyncIterator[House]:
    """Vestibule on a database, with one organisation, connection and department: in `zone`, or where it is day."""
    port = port or free_port()
    async with open_parts(settings(port, data, more), db_url) as parts:
        tenant = TenantId(new_id())
        async with parts.db.tenant(tenant) as tx:
            await parts.tenancy.add_tenant(tx, name="Alder Clinic", support_phone="555-0134")
            department = await parts.tenancy.add_department(tx, name="Cardiology", zone=zone or daytime(), external="1")
            connection = await parts.tenancy.add_connection(
                tx,
                Connection(ConnectionId(new_id()), tenant, "Practice hospital", Vendor.EPIC, Environment.TEST, "http://localhost:1/fhir"),
            )
        async with live(parts) as feed, serving(parts, feed, port=port, grace=0.5):
            yield House(parts, feed, f"http://127.0.0.1:{port}", tenant, department, connection)
