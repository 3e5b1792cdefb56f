"""A practice hospital and our launch pages on real sockets, and somebody with a browser who goes from one to the other."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import aiohttp
from litestar import Litestar, Request, get
from litestar.response import Response

from practice.seed import PATIENT_CLIENT, PROVIDER_CLIENT
from practice.server import Running
from practice.server import start as start_hospital
from support.ports import free_port
from support.serving import served
from vestibule.identity.model import Principal
from vestibule.identity.service import Identity
from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.ids import ConnectionId, SessionId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.launch import routes
from vestibule.launch.joining import Joining
from vestibule.launch.record import RecordClient
from vestibule.launch.service import Launches
from vestibule.platform.db import Database
from vestibule.platform.http import Http
from vestibule.platform.web.access import Access
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import Proof, WebConfig
from vestibule.platform.web.limits import Rate
from vestibule.tenancy.model import ClientAuth, Connection, Department, Environment, Vendor
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import Visit
from vestibule.visits.service import Visits

LAUNCH = routes.__file__.rsplit("/", 1)[0]
FRAME = "http://localhost:1"


@get(["/s/{sid:uuid}/console", "/s/{sid:uuid}/lobby", "/s/{sid:uuid}/board", "/s/{sid:uuid}/text"], access=Access.session())
async def arrived(request: Request[Any, Any, Any], principal: Principal) -> Response[Any]:
    """Stands where the console, the lobby and the board are."""
    return Response(f"{request.url.path.rsplit('/', 1)[1]} {principal.role} {principal.participant}", media_type="text/plain")


@dataclass
class Page:
    """An answer, as a browser shows it."""

    status: int
    url: str
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        """Where a redirect leads."""
        return self.headers["Location"]

    @property
    def query(self) -> dict[str, str]:
        """The parameters of a redirect."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}


def code_of(page: Page) -> str:
    """The code on an error page, which must be calm, referenced and must not have signed anybody in."""
    found = re.search(r"<code>([a-z0-9-]+)</code>", page.text)
    assert found, page.text
    assert page.status >= 400
    assert re.search(r"[0-9A-Z]{3}-[0-9A-Z]{3}-[0-9A-Z]{3}", page.text)
    assert not any(line.startswith("v_") for line in page.headers.getall("Set-Cookie", []))  # type: ignore[attr-defined]
    return found[1]


@dataclass
class Browser:
    """Keeps cookies by name and path, as browsers do, and follows redirects only when asked."""

    session: aiohttp.ClientSession
    own: str
    framed: bool = False
    jar: dict[tuple[str, str], str] = field(default_factory=dict)

    async def ask(self, url: str, method: str = "GET", **more: Any) -> Page:
        url = url if url.startswith("http") else self.own + url
        path = urlsplit(url).path
        headers = {"Accept": "text/html", "Sec-Fetch-Dest": "iframe" if self.framed else "document", **more.pop("headers", {})}
        if url.startswith(self.own):
            headers |= self.cookies(path)
            headers |= {"Origin": self.own, "Sec-Fetch-Site": "same-origin"} if method == "POST" and "Origin" not in headers else {}
        async with self.session.request(method, url, allow_redirects=False, headers=headers, **more) as answer:
            for line in answer.headers.getall("Set-Cookie", []):
                self._keep(line)
            return Page(answer.status, url, answer.headers, await answer.text())

    def cookies(self, path: str) -> dict[str, str]:
        """The header that goes with a request to a path of ours."""
        kept = [f"{name}={value}" for (name, place), value in self.jar.items() if path.startswith(place)]
        return {"Cookie": "; ".join(kept)} if kept else {}

    def _keep(self, line: str) -> None:
        first, *attributes = line.split("; ")
        name, _, value = first.partition("=")
        path = next(a.removeprefix("Path=") for a in attributes if a.startswith("Path="))
        if "Max-Age=0" in attributes:
            self.jar.pop((name, path), None)
        else:
            self.jar[name, path] = value

    async def follow(self, url: str) -> Page:
        """Open an address and go wherever it leads."""
        for _ in range(6):
            page = await self.ask(url)
            if page.status not in {302, 303}:
                return page
            url = page.location
        raise AssertionError("redirects without end")


@dataclass
class World:
    """Everything a launch test needs."""

    hospital: Running
    own: str
    db: Database
    tenant: TenantId
    connection: Connection
    department: Department
    visits: Visits
    tenancy: Tenancy
    launches: Launches
    app: Litestar
    session: aiohttp.ClientSession
    sessions: list[SessionId] = field(default_factory=list)

    def browser(self, *, framed: bool = False) -> Browser:
        return Browser(self.session, self.own, framed)

    @property
    def csn(self) -> str:
        """A visit that is about now."""
        return next(a.csn for a in self.hospital.hospital.book.appointments if a.reason == "Follow-up, atrial fibrillation")

    def press(self, kind: str = "provider", csn: str = "") -> str:
        """The address that the button opens."""
        return self.hospital.launch(kind, csn or self.csn)

    async def attempts(self) -> list[Any]:
        async with self.db.tenant(self.tenant) as tx:
            return await tx.fetch("select * from launches order by started_at")

    async def visit(self, system: str, value: str) -> Visit:
        async with self.db.tenant(self.tenant) as tx:
            found: UUID = await tx.fetchval("select visit_id from visit_identifiers where system = $1 and value = $2", system, value)
            return await self.visits.get(tx, found)  # type: ignore[arg-type]


@asynccontextmanager
async def world(
    db: Database, *, clock: Clock | None = None, rates: Mapping[str, Rate] | None = None, algs: tuple[str, ...] = ("ES384",), **changes: Any
) -> AsyncIterator[World]:
    """A hospital, and us, registered with each other."""
    clock = clock or SystemClock()
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    hospital = await start_hospital()
    box = SecretBox([("k1", b"k" * 32)])
    tenancy, identity, visits = Tenancy(clock, box), Identity(clock), Visits(clock, box)
    tenant = TenantId(new_id())
    async with db.tenant(tenant) as tx:
        await tenancy.add_tenant(tx, name="Alder Clinic", support_phone="555-0134")
        department = await tenancy.add_department(tx, name="Cardiology", zone="America/Chicago", external="10501101")
        connection = await tenancy.add_connection(tx, _connection(tenant, hospital, changes))
        await tenancy.rotate_keys(tx, connection.id, algs)
    http = Http(allow_loopback_http=True, clock=clock)
    record = RecordClient(http, clock, loopback_http=True)
    launches = Launches(db=db, clock=clock, box=box, tenancy=tenancy, identity=identity, visits=visits, record=record, origin=own)
    joining = Joining(db=db, clock=clock, tenancy=tenancy, identity=identity, visits=visits)
    app = _app(own, db, clock, rates, identity, launches=launches, joining=joining, visits=visits, tenancy=tenancy)
    jwks = f"{own}/connections/{connection.id}/jwks.json"
    _register(hospital, own, jwks, connection)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session, served(app, port=port):
        try:
            yield World(hospital, own, db, tenant, connection, department, visits, tenancy, launches, app, session)
        finally:
            await http.close()
            await hospital.stop()


def _connection(tenant: TenantId, hospital: Running, changes: Mapping[str, Any]) -> Connection:
    usual: dict[str, Any] = {
        "id": ConnectionId(new_id()),
        "tenant": tenant,
        "name": "Practice hospital",
        "vendor": Vendor.EPIC,
        "environment": Environment.TEST,
        "iss": hospital.fhir,
        "frame_ancestors": (FRAME,),
        "provider_client_id": PROVIDER_CLIENT,
        "patient_client_id": PATIENT_CLIENT,
        "client_auth": ClientAuth.PRIVATE_KEY_JWT,
    }
    return Connection(**{**usual, **changes})


def _app(own: str, db: Database, clock: Clock, rates: Mapping[str, Rate] | None, identity: Identity, **services: Any) -> Litestar:
    async def prove(sid: UUID, value: str | None) -> Proof:
        return await identity.proof(db, SessionId(sid), value)

    from pathlib import Path  # noqa: PLC0415

    config = WebConfig(
        origin=own,
        prove=prove,
        templates=[Path(LAUNCH) / "templates"],
        assets={"launch": Path(LAUNCH) / "assets"},
        rates=rates or {},
        support_phone="555-0100",
    )
    given = {"db": db, "clock": clock, "identity": identity, **services}
    return build_app(routes=[*routes.ROUTES, arrived], services=given, config=config)


def _register(hospital: Running, own: str, jwks: str, connection: Connection) -> None:
    auth = {"private_key_jwt": "private_key_jwt", "client_secret_basic": "client_secret", "none": "none"}[connection.client_auth]
    callback = f"{own}/launch/callback"
    hospital.setup(
        apps=[
            {"client_id": client, "auth": auth, "secret": connection.client_secret, "jwks_url": jwks, "redirect_uris": [callback]}
            for client in (PROVIDER_CLIENT, PATIENT_CLIENT)
        ],
        launches=[{"key": kind, "url": f"{own}/launch/{kind}"} for kind in ("provider", "patient")],
    )
