"""Two regions side by side: whatever arrives at the wrong one is sent on, and nothing of it stays."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import asyncpg
import pytest

from conftest import ServerThread
from practice.server import Running
from practice.server import start as start_hospital
from support.cells import TOKEN, Cell, addresses, introduce, running, travel
from support.launching import Page
from vestibule.errors import InvalidFields
from vestibule.identity.model import Person, StaffRole
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import fingerprint
from vestibule.platform.audit import SYSTEM
from vestibule.platform.telemetry import logs
from vestibule.tenancy.model import Connection, Content, Environment, Vendor
from vestibule.visits.model import Identifier, PersonRole

pytestmark = pytest.mark.usefixtures("log")


@dataclass
class Sides:
    """Here is the cell a request reaches; there, the one the organisation lives in."""

    here: Cell
    there: Cell
    connection: Connection
    hospital: Running
    session: aiohttp.ClientSession
    here_url: str

    async def ask(self, path: str, method: str = "GET", cell: Cell | None = None, **more: object) -> Page:
        url = (cell or self.here).origin + path
        async with self.session.request(method, url, allow_redirects=False, **more) as answer:  # type: ignore[arg-type]
            return Page(answer.status, url, answer.headers, await answer.text())

    def launch(self, **query: str) -> str:
        return "/launch/provider?" + urlencode({"iss": self.hospital.fhir, "launch": "x" * 20, **query})


@pytest.fixture
def log() -> AsyncIterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure("debug", as_json=True, stream=stream)
    yield stream
    logs.configure("error", as_json=True)


@pytest.fixture
async def sides(postgres: ServerThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sides]:
    monkeypatch.setattr("vestibule.platform.cells.service._PATIENCE", 30)  # both live on this machine, which may be busy
    here_url, there_url = await postgres.fresh(), await postgres.fresh()
    origins = addresses("eu", "us")
    hospital = await start_hospital()
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(running("eu", origins, here_url, tmp_path))
        there = await stack.enter_async_context(running("us", origins, there_url, tmp_path))
        connection = await there.organisation("Alder Clinic of the West", hospital.fhir, support_phone="555-0177")
        introduce(hospital, there, connection, buttons=here.origin)
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        yield Sides(here, there, connection, hospital, session, here_url)
    await hospital.stop()
    await postgres.drop(here_url)
    await postgres.drop(there_url)


async def link(sides: Sides) -> str:
    parts, now = sides.there.parts, sides.there.parts.clock.now()
    async with parts.db.tenant(sides.connection.tenant) as tx:
        visit, _ = await parts.visits.open_or_join(
            tx,
            connection=sides.connection.id,
            identifiers=[Identifier(sides.connection.id, "csn", secrets.token_hex(4))],
            role=PersonRole.PROVIDER,
            person="19",
            person_type="user",
            name="Rosa Okafor, MD",
            starts_at=now,
        )
        return await parts.visits.make_link(tx, visit.id, role=PersonRole.PATIENT, expires_at=now + timedelta(days=1))


def leads(page: Page, cell: Cell, path: str) -> bool:
    """Whether the answer sends the browser to this path of that cell."""
    return page.status in {303, 307} and page.location.startswith(cell.origin + path.partition("?")[0])


async def everything(url: str) -> str:
    """Every row of every table, as text."""
    conn = await asyncpg.connect(url)
    try:
        tables = await conn.fetch(
            "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
        )
        assert len(tables) > 10
        return "\n".join([str(row[0]) for table in tables for row in await conn.fetch(f'select t::text from "{table[0]}" t')])
    finally:
        await conn.close()


async def test_a_whole_launch_at_the_wrong_cell_ends_in_the_right_one_and_leaves_nothing(sides: Sides) -> None:
    csn = next(a.csn for a in sides.hospital.hospital.book.appointments if a.reason == "Follow-up, atrial fibrillation")
    page, seen = await travel(sides.session, sides.there.origin, sides.hospital.launch("provider", csn))
    code = await link(sides)
    assert leads(await sides.ask(f"/j/{code}"), sides.there, f"/j/{code}")
    assert page.status == 200, page.text
    assert page.url.startswith(sides.there.origin)
    assert page.url.endswith("/confirm")
    assert seen[0].startswith(sides.here.origin)
    assert not any(url.startswith(sides.here.origin) for url in seen[1:])
    kept = await everything(sides.here_url)
    assert [trace for trace in (*traces(sides), "Amy Shaw", code, fingerprint(code).hex()) if trace in kept] == []


def traces(sides: Sides) -> list[str]:
    """Everything by which one could tell that the organisation was here."""
    fhir, connection = sides.hospital.fhir, sides.connection
    ids = [str(connection.tenant), str(connection.id), connection.tenant.hex, connection.id.hex]
    return ["Alder Clinic of the West", "555-0177", fhir, urlsplit(fhir).path, fingerprint(fhir).hex(), *ids]


async def test_what_is_sent_on_leaves_no_trace_in_any_log(sides: Sides, log: io.StringIO) -> None:
    code = await link(sides)
    log.truncate(0)
    for path in (
        sides.launch(),
        sides.launch(connection=str(sides.connection.id)),
        f"/connections/{sides.connection.id}/jwks.json",
        f"/j/{code}",
    ):
        assert leads(await sides.ask(path), sides.there, path)
    text = log.getvalue()
    assert text.count('"event":"sent-on"') == 4
    assert [trace for trace in (*traces(sides), code, fingerprint(code).hex()) if trace in text] == []


async def test_every_address_that_names_something_of_another_region_leads_there(sides: Sides) -> None:
    named = f"/connections/{sides.connection.id}/jwks.json"
    code = await link(sides)
    for path in (
        sides.launch(),
        sides.launch(connection=str(sides.connection.id)),
        sides.launch(connection=str(sides.connection.id)).replace("/provider", "/patient"),
        named,
        f"/j/{code}",
    ):
        page = await sides.ask(path)
        assert leads(page, sides.there, path), (path, page.status, page.text)
        assert dict(parse_qsl(urlsplit(path).query)) | {"sent_by": "eu"} == page.query
    keys = await sides.ask((await sides.ask(named)).location.removeprefix(sides.there.origin), cell=sides.there)
    assert json.loads(keys.text)["keys"]


async def test_a_callback_belongs_to_the_cell_that_began(sides: Sides) -> None:
    began = await sides.ask(sides.launch(), cell=sides.there)
    state = began.query["state"]
    path = "/launch/callback?" + urlencode({"code": "c", "state": state})
    assert leads(await sides.ask(path), sides.there, path)


async def test_join_pressed_at_the_wrong_cell_leads_to_the_page_of_the_link(sides: Sides) -> None:
    path = f"/j/{await link(sides)}"
    page = await sides.ask(path, "POST", headers={"Origin": sides.here.origin, "Sec-Fetch-Site": "same-origin"})
    assert page.status == 303
    assert leads(page, sides.there, path)


async def test_what_nobody_knows_ends_with_the_calm_page(sides: Sides) -> None:
    for path, code in (("/launch/provider?iss=https://nowhere.example/fhir&launch=abc", 404), (f"/j/{secrets.token_urlsafe(18)}", 404)):
        page = await sides.ask(path, headers={"Accept": "text/html"})
        assert page.status == code
        assert "Location" not in page.headers
        assert "<h1" in page.text


async def test_what_was_sent_on_is_not_sent_on_again(sides: Sides) -> None:
    page = await sides.ask(sides.launch() + "&sent_by=us")
    assert page.status == 404
    assert "Location" not in page.headers


async def test_no_request_can_make_the_cells_send_a_browser_elsewhere(sides: Sides) -> None:
    code = await link(sides)
    iss, evil = urlencode({"iss": sides.hospital.fhir, "launch": "abc"}), "https://evil.example"
    for path in (
        f"//evil.example/j/{code}",
        f"/j/{code}//evil.example",
        f"/j/{code}?next={evil}",
        f"/j/{code}%0d%0aLocation:%20{evil}",
        f"/launch/provider?{iss}&connection=@evil.example",
        f"/launch/provider/../..//evil.example?{iss}",
        f"/launch/provider?{iss}#@evil.example",
        f"/launch/provider;@evil.example?{iss}",
        f"/connections/{sides.connection.id}/jwks.json?{evil}",
        f"/connections/{sides.connection.id}@evil.example/jwks.json",
    ):
        raw = await raw_location(sides.here.origin, path)
        assert raw is None or raw.startswith(sides.there.origin + "/"), (path, raw)


async def raw_location(origin: str, path: str) -> str | None:
    """The Location of an answer to a request line no client library would write."""
    where = urlsplit(origin)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n".encode())
    head = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")[0].decode("latin-1")
    writer.close()
    found = [line.partition(":")[2].strip() for line in head.splitlines() if line.lower().startswith("location:")]
    assert len(found) < 2
    return found[0] if found else None


class TestTheQuestion:
    async def test_without_the_token_it_says_nothing(self, sides: Sides) -> None:
        known, unknown = fingerprint(sides.hospital.fhir).hex(), "0" * 64
        answers = set()
        for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            for name in (known, unknown):
                page = await sides.ask("/cells/whose", "POST", cell=sides.there, json={"kind": "iss", "hash": name}, headers=header)
                body = {**json.loads(page.text), "reference": ""}
                answers.add((page.status, json.dumps(body)))
        assert {status for status, _ in answers} <= {401, 403}
        assert len([body for status, body in answers if status == 401]) <= 1

    @pytest.mark.parametrize(
        ("body", "status"),
        [({"kind": "moon", "hash": "00"}, 200), ({"kind": "iss", "hash": "zz"}, 200), ({"kind": "iss"}, 400)],
    )
    async def test_with_the_token_strange_questions_have_calm_answers(self, sides: Sides, body: dict[str, str], status: int) -> None:
        page = await sides.ask("/cells/whose", "POST", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
        assert page.status == status
        if status == 200:
            assert json.loads(page.text) == {"mine": False}


async def test_the_same_record_in_both_regions_is_answered_where_the_request_arrives(sides: Sides) -> None:
    await sides.here.organisation("Birch Clinic", sides.hospital.fhir)
    here = await sides.ask(sides.launch())
    assert here.location.startswith(sides.hospital.url)
    conn = await asyncpg.connect(sides.here_url)
    before = await conn.fetchval("select count(*) from launches"), await conn.fetchval("select count(*) from audit_entries")
    there = await sides.ask(sides.launch(connection=str(sides.connection.id)))
    assert leads(there, sides.there, "/launch/provider")
    after = await conn.fetchval("select count(*) from launches"), await conn.fetchval("select count(*) from audit_entries")
    assert after == before, "it is no failed launch of anybody here"
    await conn.close()


async def test_a_draft_here_does_not_keep_a_launch_from_the_region_whose_record_it_is(sides: Sides) -> None:
    parts = sides.here.parts
    tenant = await parts.organisations.create(parts.db, name="Birch Clinic", by=SYSTEM)
    async with parts.db.tenant(tenant) as tx:
        await parts.approvals.start(tx, Content("Draft", Vendor.EPIC, Environment.TEST, sides.hospital.fhir), by=SYSTEM)
    assert leads(await sides.ask(sides.launch()), sides.there, "/launch/provider")


async def test_a_dead_cell_gives_a_calm_page_soon(postgres: ServerThread, tmp_path: Path) -> None:
    url = await postgres.fresh()
    async with running("eu", addresses("eu", "us"), url, tmp_path) as here, aiohttp.ClientSession() as session:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with session.get(f"{here.origin}/j/{secrets.token_urlsafe(18)}", headers={"Accept": "text/html"}) as answer:
            text = await answer.text()
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        assert "another region" in text
        assert loop.time() - began < 15  # a second and a half, and what the machine is busy with besides
        async with session.get(f"{here.origin}/j/abc") as answer:
            assert answer.status == 404  # what no code looks like is asked of nobody
    await postgres.drop(url)


async def test_one_organisations_requests_ask_once_in_a_while(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    perform = type(sides.here.parts.http).perform

    async def counting(self: object, ask: object, **more: object) -> object:
        asked.append(ask)
        return await perform(self, ask, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(sides.here.parts.http), "perform", counting)
    monkeypatch.setattr(sides.here.parts.cells, "_clock", FrozenClock(sides.here.parts.clock.now()))
    for _ in range(5):
        await sides.ask(sides.launch())
        await sides.ask("/launch/provider?iss=https://nowhere.example/fhir&launch=abc")
    assert len(asked) == 2


async def test_an_organisation_of_this_region_never_asks_anybody(sides: Sides) -> None:
    own = replace(await sides.here.organisation("Birch Clinic", f"{sides.hospital.url}/interconnect-other/api/FHIR/R4"))
    page = await sides.ask(f"/connections/{own.id}/jwks.json")
    assert page.status == 200
    assert sides.here.parts.cells._memory == {}


async def test_a_program_at_the_wrong_cell_is_told_the_right_address(sides: Sides) -> None:
    parts = sides.there.parts
    async with parts.db.tenant(sides.connection.tenant) as tx:
        made = await parts.tokens.make(tx, name="Pipeline", roles=frozenset(StaffRole), days=1, by=SYSTEM)
    for method, path in (("GET", "/api/v1/organisation"), ("POST", "/api/v1/connections")):
        page = await sides.ask(path, method, headers={"Authorization": f"Bearer {made.secret}"})
        said = json.loads(page.text)
        assert (page.status, said["code"]) == (421, "elsewhere")
        assert sides.there.origin in said["detail"]
        assert "Location" not in page.headers
    right = await sides.ask("/api/v1/organisation", cell=sides.there, headers={"Authorization": f"Bearer {made.secret}"})
    assert right.status == 200
    nobody = await sides.ask("/api/v1/organisation", headers={"Authorization": f"Bearer vestibule_{'x' * 43}"})
    assert nobody.status == 401


async def test_an_organisation_of_another_region_cannot_be_made_here(sides: Sides) -> None:
    with pytest.raises(InvalidFields) as caught:
        await sides.here.parts.organisations.create(sides.here.parts.db, name="Cedar Clinic", region="us", by=SYSTEM)
    assert caught.value.fields == {"region": "region-unknown"}


async def test_the_portal_sends_people_to_the_sign_in_of_the_other_region(sides: Sides) -> None:
    parts = sides.here.parts
    tenant = await parts.organisations.create(parts.db, name="Birch Clinic", region="eu", by=SYSTEM)
    async with parts.db.tenant(tenant) as tx:
        invited = await parts.members.invite(tx, email="", name="Ana", roles={StaffRole.ADMINISTRATOR}, by=SYSTEM)
        member = await parts.members.accept(tx, invited.code, Person("oidc", "https://i.example", "ana"), SYSTEM)
        opened = await parts.members.open_session(tx, member)
    cookie = {"Cookie": f"{opened.cookie.name}={opened.cookie.value}"}
    path = f"/s/{opened.principal.session}/organisations"
    page = await sides.ask(path, headers=cookie)
    assert page.status == 200, page.text
    assert f'href="{sides.there.origin}/sign-in"' in page.text
    sign_in = await sides.ask("/sign-in", headers={"Accept": "text/html"})
    assert f'href="{sides.there.origin}/sign-in"' in sign_in.text
    form = {"name": "Cedar Clinic", "support_phone": ""}
    made = await sides.ask(path, "POST", data=form, headers={**cookie, "Origin": sides.here.origin, "Sec-Fetch-Site": "same-origin"})
    assert made.status == 303, made.text
    conn = await asyncpg.connect(sides.here_url)
    assert [row["region"] for row in await conn.fetch("select region from tenants order by name")] == ["eu", "eu"]
    await conn.close()


async def test_an_invitation_and_an_approvers_sign_in_belong_to_their_own_cell(sides: Sides) -> None:
    parts = sides.there.parts
    async with parts.db.tenant(sides.connection.tenant) as tx:
        invited = await parts.members.invite(tx, email="ana@alder.example", roles={StaffRole.APPROVER}, by=SYSTEM)
        state, now = secrets.token_urlsafe(24), parts.clock.now()
        await tx.execute(
            "insert into ehr_sign_ins (tenant_id, id, connection_id, version, revision, member_id, session_id, state_hash, browser_hash, "
            "started_at, expires_at) values ($1, $2, $3, 1, 1, $2, $2, $4, $4, $5, $5)",
            *(sides.connection.tenant, invited.member, sides.connection.id, fingerprint(state), now),
        )
    for path in (f"/invitation/{invited.code}", f"/setup/callback?state={state}&code=x"):
        assert leads(await sides.ask(path), sides.there, path), path
