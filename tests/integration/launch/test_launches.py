"""Launches over real sockets, between our pages and a practice hospital that is strict."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from support.launching import FRAME, World, world
from vestibule.kit.ids import TenantId, new_id
from vestibule.launch.model import LaunchKind
from vestibule.platform.db import Database
from vestibule.platform.http import Http
from vestibule.tenancy.model import ClientAuth
from vestibule.visits.model import PersonRole, PersonState, VisitState


async def test_a_clinician_launches_sees_whom_they_join_and_comes_to_the_console(here: World) -> None:
    person = here.browser(framed=True)
    confirm = await person.follow(here.press())
    assert confirm.status == 200
    assert "/confirm" in confirm.url
    assert "Amy Shaw" in confirm.text
    assert "Cardiology" in confirm.text
    assert "Test environment" in confirm.text
    console = await person.follow((await person.ask(confirm.url, "POST")).location)
    assert console.text.startswith("console clinician")
    visit = await here.visit("csn", here.csn)
    assert visit.state is VisitState.OPEN
    assert {(p.role, p.state, p.name) for p in visit.people} == {
        (PersonRole.PROVIDER, PersonState.ADMITTED, "Rosa Okafor, MD"),
        (PersonRole.PATIENT, PersonState.EXPECTED, "Amy Shaw"),
    }
    assert visit.department == here.department.id
    assert visit.starts_at is not None


async def test_before_the_clinician_confirms_nothing_has_happened_in_the_visit(here: World) -> None:
    await here.browser().follow(here.press())
    visit = await here.visit("csn", here.csn)
    assert visit.state is VisitState.SCHEDULED
    assert {p.state for p in visit.people} == {PersonState.EXPECTED}


async def test_the_patient_of_the_portal_and_the_clinician_of_the_record_meet_in_one_visit(here: World) -> None:
    patient = here.browser()
    lobby = await patient.follow(here.press("patient"))
    assert lobby.text.startswith("lobby patient")
    await here.browser().follow(here.press("provider"))
    visit = await here.visit("csn", here.csn)
    assert sorted(p.role for p in visit.people) == [PersonRole.PATIENT, PersonRole.PROVIDER]


async def test_a_second_patient_in_the_same_embedded_browser_never_sees_the_first(here: World) -> None:
    browser = here.browser(framed=True)
    other = next(a.csn for a in here.hospital.hospital.book.appointments if a.reason == "Blood pressure review")
    first = await browser.follow(here.press())
    second = await browser.follow(here.press(csn=other))
    assert "Amy Shaw" in first.text
    assert "Maria Lopez-Vega" in second.text
    assert "Amy Shaw" not in second.text
    assert first.url != second.url
    assert "Amy Shaw" in (await browser.ask(first.url)).text
    # Each cookie goes to its own session's path only, so the two pages cannot be confused even inside one browser.
    paths = [path for name, path in browser.jar if name.startswith("v_")]
    assert len(set(paths)) == 2


async def test_two_launches_under_way_at_once_in_one_browser_do_not_disturb_each_other(here: World) -> None:
    browser = here.browser()
    other = next(a.csn for a in here.hospital.hospital.book.appointments if a.reason == "Blood pressure review")
    one = await browser.ask(here.press())
    two = await browser.ask(here.press(csn=other))
    assert "Maria Lopez-Vega" in (await browser.follow(two.location)).text
    assert "Amy Shaw" in (await browser.follow(one.location)).text


async def test_the_authorize_request_is_what_smart_prescribes(here: World) -> None:
    page = await here.browser().ask(here.press())
    query = page.query
    assert page.location.startswith(here.hospital.hospital.at.authorize)
    assert (query["response_type"], query["aud"], query["code_challenge_method"]) == ("code", here.hospital.fhir, "S256")
    assert query["redirect_uri"] == f"{here.own}/launch/callback"
    assert {"launch", "openid", "fhirUser"} <= set(query["scope"].split())
    assert len(query["state"]) <= 40


async def test_the_cookies_of_a_launch_work_in_a_frame_and_nowhere_else(here: World) -> None:
    browser = here.browser(framed=True)
    begun = await browser.ask(here.press())
    (sent,) = begun.headers.getall("Set-Cookie")  # type: ignore[attr-defined]
    assert sent.startswith("l_")
    assert {"Path=/launch/callback", "HttpOnly", "Secure", "SameSite=None", "Partitioned"} <= set(sent.split("; "))
    back = await browser.ask((await browser.ask(begun.location)).location)
    gone, session = back.headers.getall("Set-Cookie")  # type: ignore[attr-defined]
    assert "Max-Age=0" in gone
    assert re.match(r"v_[0-9a-f]{32}=", session)
    assert {"HttpOnly", "Secure", "SameSite=None", "Partitioned"} <= set(session.split("; "))


async def test_only_the_connections_own_record_may_frame_its_pages(here: World) -> None:
    page = await here.browser(framed=True).follow(here.press())
    assert f"frame-ancestors 'self' {FRAME}" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers


async def test_the_record_is_called_with_its_client_id_and_a_signature_of_ours(here: World) -> None:
    await here.browser().follow(here.press())
    (token,) = here.hospital.ledger("token")
    assert (token["status"], token["outcome"]) == (200, "ok")
    assert token["client"] == here.connection.provider_client_id


async def test_secret_and_public_clients_launch_too(db: Database) -> None:
    for auth, secret in ((ClientAuth.SECRET_BASIC, "s3cret:%"), (ClientAuth.PUBLIC, "")):
        async with world(db, client_auth=auth, client_secret=secret) as place:
            assert "Amy Shaw" in (await place.browser().follow(place.press())).text


async def test_a_record_without_smart_configuration_is_found_by_its_capability_statement(here: World) -> None:
    here.hospital.setup(settings={"smart_configuration": False, "response_iss": "off"})
    assert "Amy Shaw" in (await here.browser().follow(here.press())).text


async def test_a_rotated_key_of_the_record_is_fetched(here: World) -> None:
    await here.browser().follow(here.press())
    here.hospital.hospital.keys.rotate(forget=True)
    keys = here.launches._record._keys
    for url, known in keys.items():  # as if they had been fetched a minute ago
        keys[url] = type(known)(known.keys, known.fetched_at.replace(year=known.fetched_at.year - 1))  # type: ignore[union-attr]
    assert "Amy Shaw" in (await here.browser().follow(here.press())).text


async def test_an_attempt_keeps_its_phases_and_its_reference_and_nothing_about_the_patient(here: World) -> None:
    page = await here.browser().follow(here.press())
    (row,) = await here.attempts()
    assert (row["outcome"], row["phase"], row["code"], row["sealed"]) == ("joined", "launch.joined", "", None)
    for phase in ("launch.discovery", "launch.token", "launch.id-token", "launch.context.patient"):
        assert f'"{phase}"' in row["phases"]
    assert row["reference"] not in page.text  # the confirm page is another request
    text = " ".join(str(value) for value in row.values())
    book = here.hospital.hospital.book
    visit = book.appointment(here.csn)
    assert visit is not None
    for secret in ("Amy", "Shaw", visit.patient, visit.conference, visit.encounter):
        assert secret not in text


async def test_no_outside_call_is_made_while_a_transaction_is_open(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    open_now, calls = 0, []
    for name in ("tenant", "anyone"):
        begin = getattr(Database, name)

        @asynccontextmanager
        async def counted(self: Database, *args: Any, begin: Any = begin) -> AsyncIterator[Any]:
            nonlocal open_now
            async with begin(self, *args) as tx:
                open_now += 1
                try:
                    yield tx
                finally:
                    open_now -= 1

        monkeypatch.setattr(Database, name, counted)
    perform = Http.perform

    async def watched(self: Http, ask: Any, **limits: Any) -> Any:
        calls.append((ask.phase, open_now))
        return await perform(self, ask, **limits)

    monkeypatch.setattr(Http, "perform", watched)
    await here.browser().follow(here.press())
    assert len(calls) >= 6
    assert all(count == 0 for _, count in calls)


async def test_the_reference_of_a_launch_is_found_by_its_own_organisation_only(here: World) -> None:
    await here.browser().follow(here.press())
    async with here.db.tenant(TenantId(new_id())) as tx:
        assert await tx.fetch("select 1 from launches") == []
        assert await tx.execute("delete from launches") == "DELETE 0"


async def test_rs384_is_used_where_the_record_takes_nothing_else(db: Database) -> None:
    async with world(db, algs=("ES384", "RS384")) as here:
        server = await here.launches._record.discover(here.connection, here.connection.provider_client_id)
        only = replace(server, signing_algs=("RS384",))
        client = await here.launches.clients.identity(here.connection, LaunchKind.PROVIDER, only)
        assert client.key
        assert client.key.alg == "RS384"
        monkey = here.launches._record._servers
        for key, (_, until) in list(monkey.items()):
            monkey[key] = (only, until)
        assert "Amy Shaw" in (await here.browser().follow(here.press())).text


async def test_an_over_visit_is_shown_to_the_clinician_and_closed_to_the_patient(here: World) -> None:
    await here.browser().follow(here.press())
    visit = await here.visit("csn", here.csn)
    async with here.db.tenant(here.tenant) as tx:
        await here.visits.end_for_all(tx, visit.id)
    page = await here.browser().follow(here.press())
    assert "This visit is over" in page.text
    assert "/board" in page.text
    refused = await here.browser().follow(here.press("patient"))
    assert refused.status == 410
    assert "launch-visit-over" in refused.text
    assert "Alder Clinic" in refused.text
    assert "555-0134" in refused.text


async def test_our_public_keys_stand_at_a_stable_address_and_change_by_rotation_with_an_overlap(here: World) -> None:
    path = f"/connections/{here.connection.id}/jwks.json"
    browser = here.browser()
    first = await browser.ask(path)
    assert (first.status, first.headers["Content-Type"]) == (200, "application/json")
    assert "max-age" in first.headers["Cache-Control"]
    assert '"d"' not in first.text
    async with here.db.tenant(here.tenant) as tx:
        await here.tenancy.rotate_keys(tx, here.connection.id, ("ES384",))
    here.launches.clients._lists.clear()
    second = await browser.ask(path)
    kids = [set(re.findall(r'"kid":"([^"]+)"', page.text)) for page in (first, second)]
    assert kids[0] < kids[1]
    assert "Amy Shaw" in (await browser.follow(here.press())).text
    assert (await browser.ask("/connections/00000000-0000-0000-0000-000000000000/jwks.json")).status == 404


async def test_a_launch_that_cannot_be_audited_is_not_let_in(here: World, owner: asyncpg.Connection) -> None:
    browser = here.browser()
    await owner.execute("alter table audit_entries rename to audit_gone")
    page = await browser.follow(here.press())
    assert (page.status, "act-not-recorded" in page.text) == (503, True)
    assert await owner.fetchval("select count(*) from sessions") == 0
    assert await owner.fetchval("select count(*) from visits") == 0
    await owner.execute("alter table audit_gone rename to audit_entries")
    assert (await here.browser().follow(here.press())).status == 200
    assert await owner.fetchval("select count(*) from audit_entries where action = 'launch.joined'") == 1
