"""What a launch request and a token answer say, and what they are not believed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput, NotAllowed
from vestibule.identity.model import Role
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.launch.model import Context, Known, LaunchKind, Names, identifiers, names_of, pressed, read_context
from vestibule.launch.people import right_person, who_is, with_own_patient
from vestibule.launch.when import when
from vestibule.protocols.fhir import Encounter, View
from vestibule.protocols.oauth2 import TokenAnswer
from vestibule.protocols.smart import FhirUser
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.visits.model import PersonRole

CONNECTION = ConnectionId(new_id())


def connection(**profile: Any) -> Connection:
    return Connection(CONNECTION, TenantId(new_id()), "c", Vendor.EPIC, Environment.TEST, "https://ehr.example/r4", profile=profile)


@given(st.lists(st.tuples(st.sampled_from(["iss", "launch", "connection", "x"]), st.text())))
def test_any_query_is_a_launch_or_incomplete(pairs: list[tuple[str, str]]) -> None:
    try:
        found = pressed(pairs)
    except BadInput as refused:
        assert refused.code == "launch-incomplete"  # noqa: PT017  either ending is right
    else:
        assert found.iss.isprintable()
        assert found.launch


def test_a_launch_value_is_kept_as_it_came() -> None:
    assert pressed(parse_qsl("iss=https%3A%2F%2Fa&launch=a%2Bb%3D%26c")).launch == "a+b=&c"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"sessionId": "1853"}, "1853"),
        ({"sessionId": " 1853 "}, "1853"),
        ({"sessionId": "%CSN%"}, ""),  # the record did not know the token
        ({"sessionId": "NONE"}, ""),  # its own word for nothing
        ({"sessionId": "1853\n"}, "1853"),
        ({"sessionId": "18\u000053"}, ""),
        ({"sessionId": "x" * 201}, ""),
        ({"sessionid": "1853"}, ""),  # names are exact
        ({}, ""),
    ],
)
def test_context_by_the_names_of_the_profile(sent: dict[str, str], kept: str) -> None:
    assert read_context(TokenAnswer("t", context=sent), names_of(connection())).csn == kept


@pytest.mark.parametrize(
    ("sent", "csn", "conference"),
    [
        ({"sessionId": "C9", "conferenceId": "C9"}, "", "C9"),  # the record of a group visit
        ({"sessionId": "1853", "conferenceId": "C9"}, "1853", "C9"),
        ({"sessionId": "1853"}, "1853", ""),
        ({}, "", ""),
    ],
)
def test_a_group_visits_conference_in_the_csns_place_is_no_csn(sent: dict[str, str], csn: str, conference: str) -> None:
    found = read_context(TokenAnswer("t", context=sent), names_of(connection()))
    assert (found.csn, found.conference) == (csn, conference)


def test_a_connection_may_call_things_otherwise() -> None:
    names = names_of(connection(launch={"csn": "visit", "conference": "sessionId", "csn_suffix": 5, "nonsense": "x"}))
    assert names == Names("visit", "sessionId", "departmentId", "userId", "patientPhone", ".7.3.698084.8")
    token = TokenAnswer("t", context={"sessionId": "C1", "visit": "1"})
    assert (read_context(token, names).csn, read_context(token, names).conference) == ("1", "C1")


def test_a_profile_of_another_shape_changes_nothing() -> None:
    assert names_of(connection(launch=["csn"])) == names_of(connection())


def test_a_visit_has_every_name_the_launch_gave_it_and_never_the_patients() -> None:
    context = Context(csn="1", conference="2", encounter="3", appointment="4", patient="p")
    assert [(i.system, i.value) for i in identifiers(context, CONNECTION)] == [
        ("csn", "1"),
        ("conference", "2"),
        ("encounter", "3"),
        ("appointment", "4"),
    ]


def test_a_patient_alone_is_not_a_visit() -> None:
    with pytest.raises(BadInput, match="launch-no-context"):
        identifiers(Context(patient="p"), CONNECTION)


@pytest.mark.parametrize(
    ("kind", "user", "good"),
    [
        (LaunchKind.PROVIDER, FhirUser("Practitioner", "1"), True),
        (LaunchKind.PROVIDER, FhirUser("Person", "1"), True),
        (LaunchKind.PROVIDER, FhirUser("Patient", "1"), False),
        (LaunchKind.PROVIDER, FhirUser("RelatedPerson", "1"), False),
        (LaunchKind.PROVIDER, None, False),
        (LaunchKind.PATIENT, FhirUser("Patient", "1"), True),
        (LaunchKind.PATIENT, FhirUser("RelatedPerson", "1"), True),
        (LaunchKind.PATIENT, FhirUser("Practitioner", "1"), False),
        (LaunchKind.PATIENT, None, False),
    ],
)
def test_each_button_is_for_one_kind_of_person(kind: LaunchKind, user: FhirUser | None, good: bool) -> None:
    if good:
        assert right_person(kind, user) == user
        return
    with pytest.raises(NotAllowed, match="launch-wrong-person"):
        right_person(kind, user)


@pytest.mark.parametrize(
    ("user", "leads"), [(FhirUser("Practitioner", "d1"), True), (FhirUser("Practitioner", "d2"), False), (FhirUser("Person", "d1"), False)]
)
def test_the_provider_whom_the_encounter_names_leads_the_visit(user: FhirUser, leads: bool) -> None:
    encounter = Encounter({"participant": [{"individual": {"reference": "Practitioner/d1"}}]})
    assert who_is(LaunchKind.PROVIDER, Context(user="19"), user, Known(encounter=encounter)).leads is leads
    assert not who_is(LaunchKind.PROVIDER, Context(user="19"), user, Known()).leads


def test_who_somebody_is_in_the_visit() -> None:
    patient = View({"name": [{"text": "Ann"}]})
    own, other = Context(patient="p1", user="880"), Context(patient="p2")
    rows = [
        (LaunchKind.PROVIDER, Context(user="19"), FhirUser("Practitioner", "d1"), (PersonRole.PROVIDER, Role.CLINICIAN, "19", "user")),
        (LaunchKind.PROVIDER, Context(), FhirUser("Practitioner", "d1"), (PersonRole.PROVIDER, Role.CLINICIAN, "d1", "Practitioner")),
        # one id for the patient whichever way they come, so that they are one person
        (LaunchKind.PATIENT, own, FhirUser("Patient", "p1"), (PersonRole.PATIENT, Role.PATIENT, "p1", "Patient")),
        (LaunchKind.PATIENT, other, FhirUser("Patient", "p1"), (PersonRole.FAMILY, Role.GUEST, "p1", "Patient")),
    ]
    for kind, context, user, expected in rows:
        who = who_is(kind, context, user, Known(patient=patient))
        assert (who.role, who.session, who.person, who.person_type) == expected
    assert who_is(LaunchKind.PATIENT, other, FhirUser("Patient", "p1"), Known(patient=patient)).name == ""  # not the patient's name


def test_a_patients_own_launch_is_about_themselves() -> None:
    assert with_own_patient(Context(), LaunchKind.PATIENT, FhirUser("Patient", "p1")).patient == "p1"
    assert with_own_patient(Context(), LaunchKind.PROVIDER, FhirUser("Patient", "p1")).patient == ""


@pytest.mark.parametrize(
    ("zone", "language", "day", "clock", "name"),
    [
        ("America/Chicago", "en", "", "10:30\u00a0AM", "CST"),
        ("Asia/Tokyo", "en", "Tuesday, March 3", "1:30\u00a0AM", "GMT+09:00"),
        ("Europe/Berlin", "de", "", "17:30", "MEZ"),
        ("", "en", "", "4:30\u00a0PM", ""),
        ("Nowhere/At-All", "en", "", "4:30\u00a0PM", ""),
        ("../../etc/passwd", "en", "", "4:30\u00a0PM", ""),
    ],
)
def test_a_time_as_people_at_the_clinic_say_it(zone: str, language: str, day: str, clock: str, name: str) -> None:
    moment = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    said = when(moment, zone=zone, language=language, now=now)
    assert (said.day, said.clock, said.zone, said.iso) == (day, clock, name, "2026-03-02T16:30:00Z")
