"""The doctor asks the practice Microsoft cloud, over real sockets: everything that can be wrong there has its name."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from practice.microsoft.seed import ALDER
from practice.server import Running, start
from support.house import House, house
from support.practice_cloud import CLIENT, EVERYTHING, ROSA, SECRET, pair, register
from vestibule.doctor.model import Level
from vestibule.identity.model import StaffRole
from vestibule.meetings.keys import KeyPurpose
from vestibule.meetings.model import ProofKind
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import MeetingKind

GOOD = {"teams", "teams-clock", "teams-notices", "teams-permissions", "teams-organizers"}
NOBODY = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture
async def hospital() -> AsyncIterator[Running]:
    running = await start()
    register(running)
    yield running
    await running.stop()


@pytest.fixture
async def h(db_url: str, tmp_path: Path, hospital: Running) -> AsyncIterator[House]:
    at = hospital.hospital.at
    places = {"VESTIBULE_ENTRA_AUTHORITY": f"{at.microsoft}/organizations/v2.0", "VESTIBULE_GRAPH_URL": at.graph}
    async with house(db_url, tmp_path, more=places) as made:
        await saves(made, directory=ALDER, client_id=CLIENT, proof=ProofKind.SECRET, secret=SECRET, default_host=ROSA)
        yield made


async def saves(h: House, **changes: Any) -> None:
    """An administrator does."""
    settings = h.parts.meetings.settings
    async with h.parts.db.tenant(h.tenant) as tx:
        await settings.save(tx, changes, revision=(await settings.get(tx)).revision, by=SYSTEM)


async def found(h: House) -> dict[str, Level]:
    """What the doctor says of Teams."""
    return {one.code: one.level for one in await h.parts.doctor.meetings(h.tenant)}


async def test_when_all_is_well_everything_is_good_and_nothing_was_made(h: House, hospital: Running) -> None:
    codes = await found(h)
    assert {code for code, level in codes.items() if level is Level.GOOD} == GOOD
    assert set(codes.values()) <= {Level.GOOD, Level.LOOK}  # this seed has no Teams Premium
    assert not hospital.hospital.graph.meetings


async def test_what_is_not_entered_is_not_looked_at(h: House) -> None:
    other = await h.organisation()
    assert await h.parts.doctor.meetings(other) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"app": {"consented": []}}, "teams-permission-missing"),
        ({"app": {"permissions": [one for one in EVERYTHING if one != "OnlineMeetingArtifact.Read.All"]}}, "teams-permission-missing"),
        ({"app": {"permissions": [one for one in EVERYTHING if one != "CallRecords.Read.All"]}}, "teams-permission-useful"),
        ({"app": {"secret": "another one"}}, "teams-sign-in-refused"),
        ({"policy": {"name": "Vestibule", "everyone": False}}, "teams-policy-missing"),
        ({"policy": {"name": "Vestibule", "app_ids": [NOBODY]}}, "teams-policy-missing"),
        ({"people_accounts": [{"oid": ROSA, "licences": []}]}, "teams-licence-missing"),
        ({"ours": {"default_host": NOBODY}}, "teams-user-unknown"),
        ({"ours": {"default_host": ""}}, "teams-no-organizer"),
        ({"ours": {"client_id": NOBODY}}, "teams-sign-in-refused"),
        ({"ours": {"directory": NOBODY}}, "teams-sign-in-refused"),
    ],
)
async def test_each_trouble_at_microsoft_has_its_name(h: House, hospital: Running, change: dict[str, Any], code: str) -> None:
    if "app" in change:
        register(hospital, **change["app"])
    elif "policy" in change:
        hospital.setup(access_policies=[change["policy"]])
    elif "ours" in change:
        await saves(h, **change["ours"])
    else:
        hospital.setup(**change)
    codes = await found(h)
    assert code in codes
    assert codes[code] is not Level.GOOD


async def test_what_was_granted_since_is_seen_at_once(h: House, hospital: Running) -> None:
    register(hospital, consented=[])
    assert "teams-permission-missing" in await found(h)
    register(hospital)
    assert "teams-permissions" in await found(h)


async def test_a_certificate_that_was_not_uploaded_is_refused_and_one_that_was_is_good(h: House, hospital: Running) -> None:
    key = await h.parts.meetings.keys.ensure(h.parts.db, h.tenant, KeyPurpose.APP)
    await saves(h, proof=ProofKind.CERTIFICATE)
    register(hospital, certificates=[pair().base64])
    assert "teams-sign-in-refused" in await found(h)
    register(hospital, certificates=[b64encode(key.certificate).decode()])
    codes = await found(h)
    assert codes["teams-certificate"] is Level.GOOD
    assert codes["teams"] is Level.GOOD


async def test_the_doctor_of_a_connection_speaks_of_teams_only_where_visits_take_place_there(h: House) -> None:
    async def of_connection() -> set[str]:
        return {one.code for one in await h.parts.doctor.examine(h.connection) if one.code.startswith("teams")}

    assert await of_connection() == set()
    await saves(h, kind=MeetingKind.TEAMS)
    assert await of_connection() >= GOOD


async def test_the_page_says_that_it_works_and_remembers(h: House, hospital: Running) -> None:
    admin = await h.staff({StaffRole.ADMINISTRATOR})
    status, text = await admin.post_form("meetings/test")
    assert (status, "Visits can take place in Teams" in text) == (200, True)
    assert "Works" in (await admin.get("meetings/test"))[1]
    assert "Microsoft Teams is connected" in (await admin.get("meetings"))[1]
    hospital.setup(people_accounts=[{"oid": ROSA, "licences": []}])
    assert "teams-licence-missing" in (await admin.post_form("meetings/test"))[1]
    assert "teams-licence-missing" in (await admin.get("meetings/test"))[1]
