"""The synthetic test visit against the practice hospital: it walks the real path, and each broken step is named with its remedy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from practice.seed import BACKEND_CLIENT, PATIENT_CLIENT, PROVIDER_CLIENT
from practice.server import Running
from practice.server import start as start_hospital
from support.house import House, house
from vestibule.adapters.meetings.room.rehearsing import RoomRehearsal
from vestibule.errors import NotAllowed
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import ConnectionId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.tenancy.model import ClientAuth, Connection, Content, Environment, Vendor

CLIENTS = {"provider_client_id": PROVIDER_CLIENT, "patient_client_id": PATIENT_CLIENT, "backend_client_id": BACKEND_CLIENT}


@dataclass
class Stage:
    """Vestibule and the hospital, introduced to each other."""

    house: House
    hospital: Running
    connection: Connection

    async def put(self, **changes: Any) -> None:
        """Change the connection that is in force."""
        self.connection = replace(self.connection, **changes)
        async with self.house.parts.db.tenant(self.house.tenant) as tx:
            await self.house.parts.tenancy.add_connection(tx, self.connection)

    async def run(self, **form: str) -> dict[str, tuple[str, str]]:
        """Press the button: step title -> (state, what was said)."""
        who = await self.house.staff({StaffRole.INTEGRATION_ENGINEER})
        status, page = await who.post_form(f"connections/{self.connection.id}/rehearsal", form or {"send": ""})
        assert status == 200, page
        items = re.findall(r'<li><span class="pill ?\w*">(\w+)</span>\s*<div><p><strong>(.*?)</strong></p>(.*?)</div>', page, re.DOTALL)
        return {unescape(title): (state, unescape(re.sub(r"<.*?>", " ", said))) for state, title, said in items}


@pytest.fixture
async def stage(db_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    hospital = await start_hospital()
    try:
        async with house(db_url, tmp_path) as here:
            made = replace(here.connection, id=ConnectionId(new_id()), name="Practice", iss=hospital.fhir, **CLIENTS)  # type: ignore[arg-type]
            on = Stage(here, hospital, made)
            await on.put()
            async with here.parts.db.tenant(here.tenant) as tx:
                await here.parts.tenancy.rotate_keys(tx, made.id, ("ES384", "RS384"))
            app = {"auth": "private_key_jwt", "jwks_url": f"{here.origin}/connections/{made.id}/jwks.json"}
            apps = [{"client_id": one, **app, "redirect_uris": [f"{here.origin}/launch/callback"]} for one in CLIENTS.values()]
            hospital.setup(apps=apps)
            yield on
    finally:
        await hospital.stop()


DISCOVERY, KEYS, TOKEN = "The record says where to sign in", "Our public keys are there", "The back end gets a token"
WAITING, ROOM = "The patient waits, and nothing of the room reaches them", "Both are in the room and hear each other's signals"
TOLD, ENDED, ERASED = "What the record would be told", "The visit is ended", "Nothing of anybody is left"


async def test_with_everything_in_order_every_step_is_good_and_nothing_is_sent(stage: Stage, owner: asyncpg.Connection) -> None:
    steps = await stage.run()
    assert [title for title, (state, _) in steps.items() if state != "Good"] == []
    assert len(steps) == 12
    assert "Not sent. It would be: GET http" in steps[TOLD][1]
    assert "SetExternalConnectionStatus?ConferenceID=SYNTHETIC" in steps[TOLD][1]
    assert stage.hospital.ledger("status") == []
    assert await owner.fetchval("select count(*) from effects") == 0


async def test_nothing_of_the_synthetic_people_is_left_and_the_visit_is_marked(stage: Stage, owner: asyncpg.Connection) -> None:
    await stage.run()
    [visit] = await owner.fetch("select id, connection_id, state, outcome from visits")
    assert (visit["connection_id"], visit["state"], visit["outcome"]) == (None, "ended", "completed")
    assert await owner.fetchval("select system from visit_identifiers") == "synthetic"
    left = "select count(*) from participants where name_sealed is not null or person_sealed is not null or person_key is not null"
    assert await owner.fetchval(left) == 0
    assert await owner.fetchval("select count(*) from sessions where closed_at is null and role in ('clinician', 'patient')") == 0
    assert await owner.fetchval("select count(*) from presence") == 0
    now, day = datetime.now(UTC), timedelta(days=1)
    async with stage.house.parts.db.tenant(stage.house.tenant) as tx:
        assert await stage.house.parts.visits.day(tx, None, now - day, now + day) == []


async def test_a_test_record_is_told_when_that_is_asked_for_and_says_what_it_thinks(stage: Stage) -> None:
    state, said = (await stage.run(send="yes"))[TOLD]
    assert len(stage.hospital.ledger("status")) == 1
    assert state in {"Good", "Failed"}
    assert said


async def test_a_production_record_is_never_told_whatever_the_form_says(stage: Stage) -> None:
    await stage.put(environment=Environment.PRODUCTION)
    state, said = (await stage.run(send="yes"))[TOLD]
    assert (state, "Not sent" in said) == ("Good", True)
    assert stage.hospital.ledger("status") == []


@pytest.mark.parametrize(
    ("changes", "title", "state", "words"),
    [
        ({"iss": "http://localhost:1/other"}, DISCOVERY, "Failed", "No connection"),
        ({"iss": "http://localhost:1/other"}, TOKEN, "Skipped", "record was not found"),
        ({"backend_client_id": "nobody"}, TOKEN, "Failed", "check that the record has fetched our key list"),
        ({"backend_client_id": ""}, TOKEN, "Look", "No client id is entered for the back end"),
        ({"backend_client_id": ""}, TOLD, "Look", "record is told nothing"),
        ({"client_auth": ClientAuth.PUBLIC}, TOKEN, "Failed", "without a key or a secret"),
        ({"vendor": Vendor.GENERIC}, TOLD, "Look", "not told of connects"),
        ({"profile": {"status": {"verb": 7}}}, TOLD, "Failed", "mistake in status.verb"),
    ],
)
async def test_what_is_wrong_with_the_record_is_named_and_the_visit_is_walked_all_the_same(
    stage: Stage, changes: dict[str, Any], title: str, state: str, words: str
) -> None:
    await stage.put(**changes)
    steps = await stage.run()
    assert steps[title][0] == state, steps[title]
    assert words in steps[title][1]
    assert {steps[one][0] for one in (ROOM, ENDED, ERASED)} == {"Good"}


async def test_a_connection_without_keys_is_told_to_make_some(stage: Stage, owner: asyncpg.Connection) -> None:
    await owner.execute("delete from signing_keys")
    steps = await stage.run()
    assert steps[KEYS][0] == "Failed"
    assert "Make new keys" in steps[KEYS][1]
    assert steps[TOKEN][0] == "Failed"


@pytest.mark.parametrize(
    ("broken", "title", "words"),
    [("is_shut_to", WAITING, "gave a pass to somebody who had not been let in"), ("meet", ROOM, "somebody asked for the room")],
)
async def test_a_broken_room_stops_the_walk_and_everything_is_still_tidied_up(
    stage: Stage, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, broken: str, title: str, words: str
) -> None:
    async def breaks(*_: Any) -> bool:
        if broken == "meet":
            raise NotAllowed("room-not-admitted", "You have not been let in yet.", phase="room.admit")
        return False

    monkeypatch.setattr(RoomRehearsal, broken, breaks)
    steps = await stage.run()
    assert steps[title][0] == "Failed"
    assert words.lower() in steps[title][1].lower()
    assert steps["Who connected and disconnected was written down"][0] == "Skipped"
    assert (steps[ENDED][0], steps[ERASED][0]) == ("Look", "Good")
    assert await owner.fetchval("select count(*) from participants where name_sealed is not null") == 0


async def test_a_fault_of_our_own_is_a_finding_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RoomRehearsal, "meet", breaks)
    assert "The program itself failed" in (await stage.run())[ROOM][1]


# ---------------------------------------------------------------------- who may


@pytest.mark.parametrize("role", list(StaffRole))
async def test_only_those_who_hand_over_may_rehearse(stage: Stage, role: StaffRole) -> None:
    who = await stage.house.staff({role})
    may = role in {StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER}
    assert (await who.get(f"connections/{stage.connection.id}/rehearsal"))[0] == (200 if may else 403)
    if not may:
        assert (await who.post_form(f"connections/{stage.connection.id}/rehearsal", {"send": ""}))[0] == 403


async def test_neither_another_organisation_nor_a_draft_is_rehearsed(stage: Stage, owner: asyncpg.Connection) -> None:
    stranger = await stage.house.staff({StaffRole.ADMINISTRATOR}, tenant=await stage.house.organisation())
    assert (await stranger.post_form(f"connections/{stage.connection.id}/rehearsal", {"send": ""}))[0] == 404
    content = Content("Draft", Vendor.EPIC, Environment.TEST, "https://draft.example/api/FHIR/R4")
    async with stage.house.parts.db.tenant(stage.house.tenant) as tx:
        version = await stage.house.parts.approvals.start(tx, content, by=SYSTEM)
    who = await stage.house.staff({StaffRole.ADMINISTRATOR})
    assert (await who.post_form(f"connections/{version.connection}/rehearsal", {"send": ""}))[0] == 409
    assert "not in force" in (await who.get(f"connections/{version.connection}/rehearsal"))[1]
    assert await owner.fetchval("select count(*) from visits") == 0
