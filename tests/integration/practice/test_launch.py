"""A whole EHR launch against the practice SMART server, by a client written from the specification."""

from __future__ import annotations

from support.practice_app import App


async def test_an_ehr_launch_ends_in_a_token_with_the_visits_context(app: App) -> None:
    visit = app.hospital.hospital.book.appointments[2]
    got = await app.launched()
    assert got["patient"] == visit.patient
    assert got["encounter"] == visit.encounter
    assert got["sessionId"] == visit.csn
    assert got["departmentId"] == visit.department
    assert got["need_patient_banner"] is False
    assert got["refresh_token"]
    read = await app.fhir(f"Appointment?identifier=urn:oid:1.2.840.114350.1.13.0.1.7.3.698084.8|{visit.csn}", got["access_token"])
    assert [entry["resource"]["id"] for entry in read.json["entry"]] == [visit.id]
