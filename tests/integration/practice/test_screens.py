"""Every screen answers, escapes what people are called, and says clearly what was wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from practice.server import Running, start
from support.practice_app import CLIENT, App

SCREENS = [
    "/",
    "/ehr/19",
    "/ehr/19?department=10501101",
    "/ehr/19?day=2020-01-01",
    "/ehr/19/visit/{csn}",
    "/portal",
    "/portal/{patient}",
    "/desk",
    "/desk?kind=status",
    "/desk/trouble",
    "/desk/setup",
    "/desk/people",
    "/desk/edit/patients/{patient_id}",
    "/desk/edit/appointments/{visit_id}",
    "/desk/edit/appointments/new",
    "/desk/edit/patients/new",
    "/desk/edit/practitioners/new",
    "/desk/edit/departments/new",
    "/desk/edit/apps/new",
    "/desk/edit/launches/provider",
    "/desk/edit/settings/all",
    "/desk/edit/access_policies/new",
    "/desk/edit/cloud/all",
    "/desk/edit/sign_in_apps/new",
    "/desk/edit/people_accounts/new",
    "/desk/edit/interface/all",
    "/interface",
    "/interface.json",
    "/setup",
    "/ledger.json",
    "/live.json",
    "/assets/base.css",
    "/assets/icon.svg",
]


def filled(hospital: Running, path: str) -> str:
    visit = hospital.hospital.book.appointments[-1]
    patient = hospital.hospital.book.patient(visit.patient)
    assert patient is not None
    return path.format(csn=visit.csn, patient=patient.ept, patient_id=patient.id, visit_id=visit.id)


@pytest.fixture
async def hostile() -> AsyncIterator[Running]:
    running = await start(hostile=True)
    visit = running.hospital.book.appointments[-1]
    running.hospital.ledger.append(
        {
            "kind": "status",
            "status": 400,
            "outcome": "refused",
            "why": "<script>alert(2)</script>",
            "params": {"VendorName": "<script>alert(3)"},
            "csn": visit.csn,
        }
    )
    yield running
    await running.stop()


@pytest.mark.parametrize("path", SCREENS)
async def test_a_screen_answers_and_escapes(hostile: Running, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(hostile.url + filled(hostile, path)) as answer:
        assert answer.status == 200
        text = await answer.text()
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        if answer.content_type == "text/html":
            assert not re.search(
                r"<script(?! type=\"module\" src=\"/assets/)|<img|javascript:", text.replace('value="javascript:alert(1)"', "")
            )
            assert not re.search(r"\sstyle=|\son\w+=(?=[\"'])", text)
    if path in {"/portal/{patient}", "/ehr/19", "/desk"}:
        assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ehr/nobody", 404),
        ("/ehr/19?day=soon", 400),
        ("/ehr/19?day=0001-01-01", 400),
        ("/ehr/19?day=9999-12-31", 400),
        ("/ehr/19/visit/0", 404),
        ("/portal/nobody", 404),
        ("/desk/edit/shoes/new", 404),
        ("/desk/edit/patients/nobody", 404),
        ("/ledger.json?since=x", 400),
        ("/nothing/here", 404),
        ("/assets/../model.py", 404),
    ],
)
async def test_what_is_not_there_or_not_sensible_is_said_clearly(app: App, path: str, status: int) -> None:
    assert (await app.ask("GET", path)).status == status


async def test_a_visit_can_be_added_edited_and_is_then_on_the_schedule(app: App, hospital: Running) -> None:
    book = hospital.hospital.book
    form = {
        "patient": book.patients[9].id,
        "practitioner": book.practitioners[0].id,
        "department": book.departments[0].id,
        "start": "2030-05-06T09:30",
        "minutes": "15",
        "reason": "Brand-new reason",
        "status": "booked",
    }
    assert (await app.ask("POST", "/desk/edit/appointments/new", data=form)).status == 303
    assert "Brand-new reason" in (await app.ask("GET", "/ehr/19?day=2030-05-06")).text
    made = hospital.hospital.book.appointments[-1]
    changed = {**form, "start": "2030-05-07T09:30", "reason": "Moved"}
    assert (await app.ask("POST", f"/desk/edit/appointments/{made.id}", data=changed)).status == 303
    after = hospital.hospital.book.appointment(made.csn)
    assert after is not None
    assert (after.reason, after.conference, len(hospital.hospital.book.appointments)) == ("Moved", made.conference, 14)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("patients", {"given": "New", "family": "Person", "birth_date": "1999-01-02", "gender": "other"}),
        ("practitioners", {"given": "New", "family": "Doctor", "title": "DO", "emp": "99", "login": "ndoctor"}),
        ("departments", {"name": "Dermatology", "zone": "Europe/Berlin"}),
        ("apps", {"client_id": "new-app", "name": "New", "auth": "none", "redirect_uris": "http://127.0.0.1/a\nhttp://127.0.0.1/b"}),
        ("launches", {"key": "second", "kind": "provider", "name": "Second", "url": "http://127.0.0.1/launch", "context": "s=%CSN%"}),
    ],
)
async def test_everything_can_be_added_by_a_form(app: App, hospital: Running, name: str, form: dict[str, str]) -> None:
    before = len(getattr(hospital.hospital.book, name))
    assert (await app.ask("POST", f"/desk/edit/{name}/new", data=form)).status == 303
    assert len(getattr(hospital.hospital.book, name)) == before + 1


async def test_the_settings_form_sets_the_settings(app: App, hospital: Running) -> None:
    page = (await app.ask("GET", "/desk/edit/settings/all")).text
    assert 'name="know_people" checked' in page
    form = {
        "frame": "window",
        "response_iss": "off",
        "status_auth": "basic",
        "status_verbs": "POST",
        "access_seconds": "60",
        "launch_seconds": "60",
        "code_seconds": "60",
    }
    assert (await app.ask("POST", "/desk/edit/settings/all", data=form)).status == 303
    settings = hospital.hospital.book.settings
    assert (settings.frame, settings.status_verbs, settings.access_seconds, settings.know_people) == ("window", ["POST"], 60, False)


@pytest.mark.parametrize(
    ("path", "form", "says"),
    [
        ("/desk/edit/patients/new", {"given": "", "family": "X"}, "given"),
        ("/desk/edit/patients/new", {"given": "<b>", "family": "X", "birth_date": "<i>"}, "birth_date"),
        ("/desk/edit/appointments/new", {"start": "noon"}, "isoformat"),
        ("/desk/edit/settings/all", {"access_seconds": "-1"}, "Not saved"),
    ],
    ids=str,
)
async def test_a_form_that_does_not_fit_comes_back_with_the_reason(app: App, path: str, form: dict[str, str], says: str) -> None:
    answer = await app.ask("POST", path, data=form)
    assert answer.status == 400
    assert says in answer.text
    assert "<b>" not in answer.text.replace("<b>Ea", "")


async def test_the_clinicians_button_opens_the_launch_in_the_frame_or_in_a_window(app: App, hospital: Running) -> None:
    csn = hospital.hospital.book.appointments[2].csn
    in_frame = await app.ask("POST", f"/ehr/19/launch/{csn}", headers={"Accept": "application/json"})
    assert in_frame.json["url"].startswith("http://127.0.0.1:9/launch/provider?iss=http%3A%2F%2Flocalhost")
    in_window = await app.ask("POST", f"/ehr/19/launch/{csn}")
    assert (in_window.status, "launch=" in in_window.headers["Location"]) == (303, True)
    assert in_frame.json["url"] != in_window.headers["Location"], "each press is a launch of its own"
    page = (await app.ask("GET", f"/ehr/19/visit/{csn}")).text
    assert 'allow="camera *; microphone *' in page
    hospital.setup(settings={"frame": "plain"})
    assert "allow=" not in (await app.ask("GET", f"/ehr/19/visit/{csn}")).text
    hospital.setup(settings={"frame": "window"})
    assert 'target="_blank"' in (await app.ask("GET", "/ehr/19")).text


async def test_the_patients_button_is_for_their_own_visits(app: App, hospital: Running) -> None:
    book = hospital.hospital.book
    visit = book.appointments[2]
    own, other = book.patient(visit.patient), book.patients[5]
    assert own is not None
    answer = await app.ask("POST", f"/portal/{own.ept}/visit/{visit.csn}")
    assert (answer.status, answer.headers["Location"].startswith("http://127.0.0.1:9/launch/patient?")) == (303, True)
    assert (await app.ask("POST", f"/portal/{other.ept}/visit/{visit.csn}")).status == 400
    assert [e["record"] for e in hospital.ledger("launch")] == ["patient"]


@pytest.mark.parametrize("change", [{"url": ""}, {"client_id": "nobody"}])
async def test_a_button_without_an_address_says_so(app: App, hospital: Running, change: dict[str, str]) -> None:
    hospital.setup(launches=[{"key": "provider", **change}])
    csn = hospital.hospital.book.appointments[2].csn
    answer = await app.ask("POST", f"/ehr/19/launch/{csn}", headers={"Accept": "application/json"})
    assert (answer.status, "launch record provider" in answer.json["error"]) == (409, True)


async def test_the_trouble_page_turns_the_switches(app: App, hospital: Running) -> None:
    form = {"status.mode": "busy", "status.seconds": "2.5", "status.times": "3"}
    assert (await app.ask("POST", "/desk/trouble", data=form)).status == 303
    switch = hospital.hospital.trouble.switches["status"]
    assert (switch.mode, switch.seconds, switch.times) == ("busy", 2.5, 3)
    assert (await app.ask("POST", "/desk/trouble", data={**form, "status.times": "lots"})).status == 400
    assert (await app.ask("POST", "/desk/press/calm")).status == 303
    assert hospital.hospital.trouble.switches["status"].mode == "off"
    assert (await app.ask("POST", "/desk/press/unknown")).status == 400


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/setup", "{", 400),
        ("/setup", "[1]", 400),
        ("/setup", "[" * 100_000, 400),
        ("/launch.json", "[]", 400),
        ("/launch.json", '{"csn": "none"}', 404),
        ("/keys/rotate", "7", 400),
    ],
)
async def test_json_that_is_not_what_it_should_be_is_a_4xx(app: App, path: str, body: str, status: int) -> None:
    answer = await app.ask("POST", path, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status, "error" in answer.json) == (status, True)


async def test_a_launch_can_be_pressed_by_json(app: App, hospital: Running) -> None:
    csn = hospital.hospital.book.appointments[2].csn
    answer = await app.ask("POST", "/launch.json", json={"launch": "patient", "csn": csn})
    assert "launch=" in answer.json["url"]


async def test_foreign_pages_and_foreign_names_are_kept_out(app: App, hospital: Running) -> None:
    assert (await app.ask("POST", "/setup", json={}, headers={"Origin": "https://attacker.example"})).status == 403
    assert (await app.ask("POST", "/setup", json={}, headers={"Origin": "null"})).status == 403
    assert (await app.ask("POST", "/setup", json={}, headers={"Origin": hospital.url})).status == 200
    assert (await app.ask("GET", "/setup", headers={"Host": "attacker.example"})).status == 421


async def test_localhost_answers_on_every_loopback_address_there_is(hospital: Running) -> None:
    async with aiohttp.ClientSession() as session:
        for host in ("localhost", "127.0.0.1"):
            async with session.get(hospital.url.replace("localhost", host) + "/live.json") as answer:
                assert answer.status == 200


async def test_the_ledger_can_be_waited_for(app: App, hospital: Running) -> None:
    got: Any = await app.ask("GET", "/ledger.json?kind=launch&wait=0")
    assert got.json == []
    hospital.launch("provider", hospital.hospital.book.appointments[2].csn)
    got = await app.ask("GET", "/ledger.json?kind=launch&wait=5")
    assert [e["kind"] for e in got.json] == ["launch"]


async def test_the_button_that_texts_the_patient_is_there_once_its_record_is_entered(app: App, hospital: Running) -> None:
    assert "Text the patient" not in (await app.ask("GET", "/ehr/19")).text
    hospital.setup(
        launches=[{"key": "direct-sms", "kind": "direct-sms", "client_id": CLIENT, "url": "http://127.0.0.1:9/launch/provider?open=text"}]
    )
    assert "Text the patient" in (await app.ask("GET", "/ehr/19")).text
    csn = hospital.hospital.book.appointments[2].csn
    pressed = await app.ask("POST", f"/ehr/19/launch/{csn}?open=text")
    assert pressed.headers["Location"].startswith("http://127.0.0.1:9/launch/provider?open=text&iss=")


async def test_a_visit_is_moved_and_closed_from_its_row(app: App, hospital: Running) -> None:
    visit = hospital.hospital.book.appointments[3]
    moved = {"do": "move", "start": "2030-05-06T09:30", "minutes": "45", "day": "2030-05-06", "department": ""}
    answer = await app.ask("POST", f"/ehr/19/change/{visit.csn}", data=moved)
    assert (answer.status, answer.headers["Location"]) == (303, "/ehr/19?day=2030-05-06")
    for do, status in (("cancel", "cancelled"), ("no-show", "noshow"), ("error", "entered-in-error")):
        assert (await app.ask("POST", f"/ehr/19/change/{visit.csn}", data={"do": do})).status == 303
        now = hospital.hospital.book.appointment(visit.csn)
        assert now is not None
        assert (now.status, now.minutes) == (status, 45)
    for wrong in ({"do": "dance"}, {"do": "move", "start": "noon", "minutes": "20"}):
        assert (await app.ask("POST", f"/ehr/19/change/{visit.csn}", data=wrong)).status == 400
