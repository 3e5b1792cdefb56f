"""SetExternalConnectionStatus: what it demands, what it believes, what the schedule then shows."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from practice.server import Running, start
from support.practice_app import CLIENT, Answer, App


def visit_of(app: App) -> Any:
    return app.hospital.hospital.book.appointments[2]


def params(app: App, **changes: str | None) -> dict[str, str]:
    visit = visit_of(app)
    whole = {
        "ConferenceID": visit.conference,
        "ExternalID": "19",
        "ExternalIDType": "1",
        "VendorName": "Telehealth Vendor",
        "ConnectionStatus": "1",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


async def bearer(app: App) -> dict[str, str]:
    return {"Authorization": f"Bearer {(await app.backend()).json['access_token']}", "Epic-Client-ID": CLIENT}


async def tell(app: App, headers: dict[str, str], method: str = "GET", **changes: str | None) -> Answer:
    return await app.ask(method, app.hospital.hospital.at.status, params=params(app, **changes), headers=headers)


async def summary(app: App) -> str:
    live = (await app.ask("GET", "/live.json")).json
    return str(live["visits"].get(visit_of(app).csn, {}).get("summary", ""))


async def test_the_schedule_follows_who_connects_and_leaves(app: App) -> None:
    headers, visit = await bearer(app), visit_of(app)
    patient = {"ExternalID": visit.patient, "ExternalIDType": "2"}
    story = [
        ({}, "provider"),
        (patient, "both"),
        ({**patient, "ConnectionStatus": "2"}, "provider"),
        ({"ConnectionStatus": "2"}, "left"),
    ]
    for changes, shown in story:
        assert (await tell(app, headers, **changes)).status == 200
        assert await summary(app) == shown
    assert [e["params"]["ConnectionStatus"] for e in app.hospital.ledger("status")] == ["1", "1", "2", "2"]


@pytest.mark.parametrize("name", ["19", "rokafor"])
async def test_a_person_is_known_by_any_of_their_numbers(app: App, name: str) -> None:
    headers = await bearer(app)
    await tell(app, headers, ExternalID=name)
    doctor = app.hospital.hospital.book.practitioners[0].id
    await tell(app, headers, ExternalID=doctor, ConnectionStatus="2")
    assert await summary(app) == "left", "both calls were about one person"


async def test_the_csn_names_the_conference_too(app: App) -> None:
    assert (await tell(app, await bearer(app), ConferenceID=visit_of(app).csn)).status == 200
    assert await summary(app) == "provider"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"ConferenceID": None}, 400, "MISSING-PARAMETER"),
        ({"ExternalID": None}, 400, "MISSING-PARAMETER"),
        ({"ExternalIDType": None}, 400, "MISSING-PARAMETER"),
        ({"VendorName": " "}, 400, "MISSING-PARAMETER"),
        ({"ConnectionStatus": None}, 400, "MISSING-PARAMETER"),
        ({"VendorName": "v" * 201}, 400, "TOO-LONG"),
        ({"ConferenceID": "999999"}, 404, "UNKNOWN-CONFERENCE"),
        ({"ConnectionStatus": "3"}, 400, "INVALID-STATUS"),
        ({"ConnectionStatus": "connected"}, 400, "INVALID-STATUS"),
        ({"ExternalIDType": "3"}, 400, "INVALID-ID-TYPE"),
        ({"ExternalID": "nobody"}, 404, "UNKNOWN-PERSON"),
        ({"ExternalIDType": "2", "ExternalID": "Z4582"}, 404, "UNKNOWN-PERSON"),
    ],
    ids=str,
)
async def test_a_wrong_call_is_refused_and_changes_nothing(app: App, changes: dict[str, str | None], status: int, code: str) -> None:
    answer = await tell(app, await bearer(app), **changes)
    assert answer.status == status
    assert code in answer.json["ExceptionMessage"]
    assert await summary(app) == ""
    assert app.hospital.ledger("status")[0]["outcome"] == "refused"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Epic-Client-ID": None}, 401),
        ({"Epic-Client-ID": "not-registered"}, 401),
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer made-up"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        ({"Authorization": "Digest x"}, 401),
    ],
    ids=str,
)
async def test_the_caller_must_be_known(app: App, headers: dict[str, str | None], status: int) -> None:
    sent = {name: value for name, value in {**await bearer(app), **headers}.items() if value is not None}
    assert (await tell(app, sent)).status == status


async def test_a_client_cannot_speak_for_another(app: App) -> None:
    app.hospital.setup(apps=[{"client_id": "other"}])
    assert (await tell(app, {**await bearer(app), "Epic-Client-ID": "other"})).status == 403


async def test_a_client_without_this_api_is_refused(app: App) -> None:
    app.hospital.setup(apps=[{"client_id": CLIENT, "status_api": False}])
    assert (await tell(app, await bearer(app))).status == 403


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(), "Epic-Client-ID": CLIENT}


async def test_basic_is_written_with_emp_and_a_dollar(app: App) -> None:
    assert (await tell(app, basic("emp$telehealth", "practice"))).status == 200
    assert (await tell(app, basic("telehealth", "practice"))).status == 401
    app.hospital.setup(settings={"status_auth": "bearer"})
    assert (await tell(app, basic("emp$telehealth", "practice"))).status == 401


async def test_get_and_post_are_taken_and_the_verbs_can_be_changed(app: App) -> None:
    headers = await bearer(app)
    url = app.hospital.hospital.at.status
    assert (await app.ask("POST", url, data=params(app), headers=headers)).status == 200
    assert (await app.ask("POST", url, json=params(app), headers=headers)).status == 200
    assert (await tell(app, headers, "PUT")).status == 405
    app.hospital.setup(settings={"status_verbs": ["PUT"]})
    assert (await tell(app, headers, "PUT")).status == 200
    assert (await tell(app, headers, "GET")).status == 405


@pytest.mark.parametrize("body", ["{", "[]", "[" * 50_000])
async def test_a_body_that_is_no_object_is_refused(app: App, body: str) -> None:
    headers = {**await bearer(app), "Content-Type": "application/json"}
    assert (await app.ask("POST", app.hospital.hospital.at.status, data=body, headers=headers)).status == 400


async def test_people_can_be_let_be_unknown(app: App) -> None:
    app.hospital.setup(settings={"know_people": False})
    assert (await tell(app, await bearer(app), ExternalID="guest-7")).status == 200


async def test_a_group_visit_shares_a_conference_and_each_patient_has_their_own_row(app: App, hospital: Running) -> None:
    first, second = hospital.hospital.book.appointments[2:4]
    hospital.setup(appointments=[{"id": second.id, "conference": first.conference}])
    await tell(app, await bearer(app), ExternalID=second.patient, ExternalIDType="2")
    live = (await app.ask("GET", "/live.json")).json["visits"]
    assert list(live) == [second.csn]


async def test_who_is_connected_survives_a_restart(tmp_path: Path) -> None:
    first = await start(data=tmp_path)
    visit = first.hospital.book.appointments[2]
    first.hospital.ledger.append(
        {"kind": "status", "applied": {"visit": visit.id, "type": "1", "person": visit.practitioner, "connected": True}}
    )
    await first.stop()
    again = await start(data=tmp_path)
    assert again.hospital.live.summary(visit.id) == "provider"
    assert len(again.ledger("status")) == 1
    await again.stop()
