"""The FHIR server: who sees what, and refusals as OperationOutcome."""

from __future__ import annotations

from typing import Any

import pytest

from practice.server import Running
from support.practice_app import App, Clock

CSN = "urn:oid:1.2.840.114350.1.13.0.1.7.3.698084.8"
PATIENT_SCOPE = "launch patient/Patient.rs patient/Appointment.rs patient/Encounter.rs patient/Practitioner.rs"


def ids(answer: Any) -> list[str]:
    assert answer.status == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json["entry"]]


async def clinician(app: App) -> str:
    return str((await app.launched())["access_token"])


async def patient(app: App) -> str:
    visit = app.hospital.hospital.book.appointments[2]
    return str((await app.launched(launch=app.launch_value("patient", visit.csn), scope=PATIENT_SCOPE))["access_token"])


async def test_every_type_can_be_read_and_found(app: App, hospital: Running) -> None:
    token = (await app.backend("system/Patient.rs system/Practitioner.rs system/Appointment.rs system/Encounter.rs")).json["access_token"]
    visit = hospital.hospital.book.appointments[2]
    for kind, key in (
        ("Patient", visit.patient),
        ("Practitioner", visit.practitioner),
        ("Appointment", visit.id),
        ("Encounter", visit.encounter),
    ):
        read = await app.fhir(f"{kind}/{key}", token)
        assert (read.status, read.json["resourceType"], read.json["id"]) == (200, kind, key)
        assert read.headers["Content-Type"].startswith("application/fhir+json")
        assert ids(await app.fhir(f"{kind}?_id={key}", token)) == [key]


async def test_a_visit_is_found_by_its_csn_as_appointment_and_as_encounter(app: App, hospital: Running) -> None:
    token, visit = await clinician(app), hospital.hospital.book.appointments[2]
    assert ids(await app.fhir(f"Appointment?identifier={CSN}|{visit.csn}", token)) == [visit.id]
    assert ids(await app.fhir(f"Encounter?identifier={CSN}|{visit.csn}", token)) == [visit.encounter]
    assert ids(await app.fhir(f"Encounter?appointment=Appointment/{visit.id}", token)) == [visit.encounter]


async def test_a_search_may_be_posted(app: App, hospital: Running) -> None:
    token, visit = await clinician(app), hospital.hospital.book.appointments[2]
    url = f"{hospital.fhir}/Appointment/_search"
    answer = await app.ask("POST", url, data={"identifier": visit.csn}, headers={"Authorization": f"Bearer {token}"})
    assert ids(answer) == [visit.id]


async def test_pages_follow_each_other_until_all_is_told(app: App, hospital: Running) -> None:
    token = await clinician(app)
    url, seen, pages = "Appointment?date=ge2000-01-01&_count=5", [], 0
    while url:
        answer = await app.ask(
            "GET", url if url.startswith("http") else f"{hospital.fhir}/{url}", headers={"Authorization": f"Bearer {token}"}
        )
        seen += ids(answer)
        assert answer.json["total"] == len(hospital.hospital.book.appointments)
        url = next((link["url"] for link in answer.json["link"] if link["relation"] == "next"), "")
        pages += 1
    assert seen == [a.id for a in hospital.hospital.book.appointments]
    assert pages == 3


async def test_a_patient_sees_only_their_own(app: App, hospital: Running) -> None:
    token, book = await patient(app), hospital.hospital.book
    mine, other = book.appointments[2], book.appointments[3]
    assert (await app.fhir(f"Patient/{mine.patient}", token)).status == 200
    assert (await app.fhir(f"Appointment/{mine.id}", token)).status == 200
    assert (await app.fhir(f"Practitioner/{mine.practitioner}", token)).status == 200
    for path in (f"Patient/{other.patient}", f"Appointment/{other.id}", f"Encounter/{other.encounter}", "Patient/nobody"):
        answer = await app.fhir(path, token)
        assert (answer.status, answer.json["resourceType"]) == (403, "OperationOutcome"), path
    assert ids(await app.fhir("Patient?gender=female,male", token)) == [mine.patient]
    assert set(ids(await app.fhir("Appointment?date=ge2000-01-01", token))) == {
        a.id for a in book.appointments if a.patient == mine.patient
    }
    assert ids(await app.fhir(f"Appointment?patient={other.patient}", token)) == []


async def test_a_clinicians_patient_scope_is_held_to_the_patient_of_the_launch(app: App, hospital: Running) -> None:
    got = await app.launched(scope="launch patient/Patient.rs")
    other = next(p for p in hospital.hospital.book.patients if p.id != got["patient"])
    assert (await app.fhir(f"Patient/{got['patient']}", got["access_token"])).status == 200
    assert (await app.fhir(f"Patient/{other.id}", got["access_token"])).status == 403


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("launch user/Patient.r", "Patient?family=Shaw", 403),
        ("launch user/Patient.s", "Patient?family=Shaw", 200),
        ("launch user/Patient.rs", "Appointment?status=booked", 403),
        ("launch", "Patient?family=Shaw", 403),
    ],
)
async def test_the_scope_decides(app: App, scope: str, path: str, status: int) -> None:
    answer = await app.fhir(path, (await app.launched(scope=scope))["access_token"])
    assert answer.status == status
    if status == 403:
        assert answer.json["issue"][0]["code"] == "forbidden"


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}], ids=str
)
async def test_without_a_live_token_there_is_nothing(app: App, header: dict[str, str]) -> None:
    answer = await app.ask("GET", f"{app.hospital.fhir}/Patient?family=Shaw", headers=header)
    assert (answer.status, answer.json["issue"][0]["code"]) == (401, "login")
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_a_token_ends(app: App, clock: Clock) -> None:
    token = await clinician(app)
    clock.ahead = 3601
    assert (await app.fhir("Patient?family=Shaw", token)).status == 401


async def test_all_tokens_can_be_expired(app: App) -> None:
    got = await app.launched()
    await app.ask("POST", "/tokens/expire")
    assert (await app.fhir("Patient?family=Shaw", got["access_token"])).status == 401
    again = (await app.token(grant_type="refresh_token", refresh_token=got["refresh_token"])).json
    assert (await app.fhir("Patient?family=Shaw", again["access_token"])).status == 200


async def test_epic_client_id_must_be_the_tokens_client(app: App) -> None:
    headers = {"Authorization": f"Bearer {await clinician(app)}", "Epic-Client-ID": "somebody-else"}
    assert (await app.ask("GET", f"{app.hospital.fhir}/Patient?family=Shaw", headers=headers)).status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Patient/unknown", 404),
        ("GET", "Observation/x", 404),
        ("GET", "Patient", 400),
        ("GET", "Patient?shoe-size=9", 400),
        ("GET", "Appointment?date=yesterday", 400),
        ("GET", "Appointment?status=booked&_count=many", 400),
        ("GET", "Patient/a/b/c", 404),
        ("GET", "", 404),
        ("POST", "Patient", 405),
        ("PUT", "Patient/x", 405),
        ("DELETE", "Appointment/x", 405),
        ("PATCH", "Appointment/x", 405),
    ],
)
async def test_what_cannot_be_done_is_an_operation_outcome(app: App, method: str, path: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {await clinician(app)}"}
    answer = await app.ask(method, f"{app.hospital.fhir}/{path}", headers=headers)
    assert (answer.status, answer.json["resourceType"]) == (status, "OperationOutcome")


@pytest.mark.parametrize("more", [{"headers": {"Accept": "application/fhir+xml"}}, {"params": {"_format": "xml"}}], ids=str)
async def test_only_json_is_spoken(app: App, more: dict[str, Any]) -> None:
    answer = await app.ask("GET", f"{app.hospital.fhir}/Patient/x", **more)
    assert answer.status == 406


async def test_an_edited_visit_is_what_fhir_says_next(app: App, hospital: Running) -> None:
    token, visit = await clinician(app), hospital.hospital.book.appointments[2]
    hospital.setup(appointments=[{"id": visit.id, "status": "cancelled"}])
    assert (await app.fhir(f"Appointment/{visit.id}", token)).json["status"] == "cancelled"
    assert (await app.fhir(f"Encounter/{visit.encounter}", token)).json["status"] == "cancelled"
