"""FHIR views: what is read from good resources of three releases, and that nothing breaks on bad ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.driving import drive
from vestibule.errors import OutsideFailed
from vestibule.protocols.fhir import Appointment, Encounter, View, display_name, instant, outcome_codes, plain, read, reference_id

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["reference", "system", "value", "url", "use", "given", "family", "actor"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([{"use": "official", "given": ["Ana", "Maria"], "family": "Nowak"}], "Ana Maria Nowak"),
        ([{"use": "old", "text": "Miss Old"}, {"use": "usual", "text": "Ms New"}], "Ms New"),  # the name of today
        ([{"text": "No Use"}, {"use": "maiden", "text": "Maiden"}], "No Use"),
        ([{"family": ["van", "Dyk"], "given": ["Jo"]}], "Jo van Dyk"),  # DSTU2: family is a list
        ({"family": "Solo"}, "Solo"),  # DSTU2: a practitioner has one name
        ([{"prefix": ["Dr."], "given": ["A"], "family": "B", "suffix": ["MD"]}], "Dr. A B MD"),
        ([{"text": "<script>alert(1)</script>"}], "<script>alert(1)</script>"),  # text; pages escape it
        ([{"text": "Evil\u202etxt\u0000\nnext\u200b"}], "Eviltxt next"),  # no direction tricks, no second line
        ([{"text": "می‌خواهم"}], "می‌خواهم"),  # joiners are part of spelling
        ([{"text": "  "}, {"given": ["Kept"]}], "Kept"),
        ([{"text": "x" * 500}], "x" * 120),
        ([], ""),
        (None, ""),
        ("Jane", ""),
        ([5, {"given": [3], "family": 7}], ""),
    ],
)
def test_display_name(names: Any, shown: str) -> None:
    assert display_name(names) == shown


@given(ANYTHING)
def test_display_name_of_anything_is_one_plain_line(names: Any) -> None:
    shown = display_name(names)
    assert len(shown) <= 120
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02T10:30:00Z", datetime(2026, 3, 2, 10, 30, tzinfo=UTC)),
        ("2026-03-02T05:30:00-05:00", datetime(2026, 3, 2, 10, 30, tzinfo=UTC)),
        ("2026-03-02T10:30:00.123456789Z", datetime(2026, 3, 2, 10, 30, 0, 123456, tzinfo=UTC)),
        ("2026-03-02", None),  # a day is no time
        ("2026-03-02T10:30:00", None),  # whose half past ten?
        ("2026-13-02T10:30:00Z", None),
        ("2026-03-02T10:30:00Z\n", None),
        (5, None),
    ],
)
def test_instant(text: Any, moment: datetime | None) -> None:
    assert instant(text) == moment


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("Patient/1", "1"),
        ("https://ehr.example/R4/Patient/a-1.b", "a-1.b"),
        ("Patient/1/_history/2", "1"),
        ("Practitioner/1", ""),
        ("XPatient/1", ""),
        ("Patient/../x", ""),
        ("Patient/", ""),
        (None, ""),
    ],
)
def test_reference_id(reference: Any, found: str) -> None:
    assert reference_id({"reference": reference}, "Patient") == found


def test_csn_by_the_suffix_of_its_system() -> None:
    csn = {"system": "urn:oid:1.2.840.114350.1.13.0.1.7.3.698084.8", "value": "1853"}
    assert Encounter({"identifier": [{"system": "urn:x", "value": "no"}, csn]}).identifier(".698084.8") == "1853"
    assert Encounter({"identifier": [csn, csn | {"value": "1854"}]}).identifier(".698084.8") == ""  # two are none
    assert Encounter({"identifier": [csn]}).identifier("") == ""


def test_encounter() -> None:
    encounter = Encounter(
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "in-progress",
            "subject": {"reference": "Patient/p1"},
            "period": {"start": "2026-03-02T10:30:00Z", "end": "2026-03-02T11:00:00Z"},
            "appointment": [{"reference": "Appointment/a1"}],
            "location": [{"location": {"reference": "Location/l1"}}, {}],
            "serviceProvider": {"reference": "Organization/o1"},
            "participant": [{"individual": {"reference": "Practitioner/d1"}}, {"individual": {}}],
        }
    )
    assert (encounter.id, encounter.patient, encounter.appointment, encounter.locations) == ("e1", "p1", "a1", ["l1"])
    assert (encounter.department, encounter.participants("Practitioner"), encounter.cancelled) == ("o1", ["d1"], False)
    assert encounter.starts_at == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "cancelled"), [("booked", False), ("cancelled", True), ("entered-in-error", True), ("noshow", True), (None, False)]
)
def test_appointment(status: Any, cancelled: bool) -> None:
    appointment = Appointment({"start": "2026-03-02T10:30:00Z", "status": status, "participant": [{"actor": {"reference": "Patient/p1"}}]})
    assert (appointment.cancelled, appointment.participants("Patient"), appointment.ends_at) == (cancelled, ["p1"], None)


FIELDS = ["id", "name", "status", "identifier", "period", "participant", "location", "subject", "appointment", "start", "serviceProvider"]


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_no_resource_breaks_a_view(raw: dict[str, Any]) -> None:
    encounter, appointment = Encounter(raw), Appointment(raw)
    assert isinstance(encounter.identifier("1"), str)
    assert isinstance(
        View(raw).name + encounter.id + encounter.patient + encounter.appointment + encounter.department + appointment.status, str
    )
    assert isinstance(encounter.locations + encounter.participants("Patient") + appointment.participants("Patient"), list)
    assert isinstance(encounter.cancelled, bool)
    for moment in (encounter.starts_at, encounter.ends_at, appointment.starts_at, appointment.ends_at):
        assert moment is None or moment.tzinfo


class TestRead:
    def fail(self, *replies: Any, resource_id: str = "p1") -> OutsideFailed:
        with pytest.raises(OutsideFailed) as caught:
            drive(read("https://ehr.example/R4/", "Patient", resource_id, phase="launch.context"), replies)
        return caught.value

    def test_a_resource_of_the_type_and_id_asked_for(self) -> None:
        steps = read("https://ehr.example/R4/", "Patient", "p1", phase="launch.context", headers={"Epic-Client-ID": "c"})
        resource, asks = drive(steps, [(200, {"resourceType": "Patient", "id": "p1"})])
        assert resource["id"] == "p1"
        assert (asks[0].url, asks[0].headers["Epic-Client-ID"]) == ("https://ehr.example/R4/Patient/p1", "c")
        assert "Authorization" not in asks[0].headers  # the outbound door attaches it, to its own origin only

    @pytest.mark.parametrize("resource_id", ["", "../Patient/2", "a/b", "a?b", "a#b", "a b", "x" * 129, "%2e%2e"])
    def test_an_id_that_would_change_the_address_is_never_asked_for(self, resource_id: str) -> None:
        assert self.fail(resource_id=resource_id).code == "fhir-id-invalid"

    @pytest.mark.parametrize(
        ("reply", "code", "permanent"),
        [
            ((404, b""), "fhir-not-found", True),
            ((410, b""), "fhir-not-found", True),
            ((401, b""), "fhir-refused", True),
            ((403, b""), "fhir-refused", True),
            ((429, b""), "fhir-unavailable", False),
            ((502, b"<html>"), "fhir-unavailable", False),
            ((302, b""), "fhir-answer-invalid", True),
            ((200, b"<html>"), "fhir-answer-invalid", True),
            ((200, {"resourceType": "Practitioner", "id": "p1"}), "fhir-answer-invalid", True),
            ((200, {"resourceType": "Patient", "id": "p2"}), "fhir-answer-invalid", True),
            ((200, b'{"resourceType":"Patient","id":"p1","id":"p2"}'), "fhir-answer-invalid", True),
            ((200, b'{"a":' * 2000), "fhir-answer-invalid", True),
        ],
    )
    def test_anything_else_is_an_error_with_a_code(self, reply: Any, code: str, permanent: bool) -> None:
        failed = self.fail(reply)
        assert (failed.code, failed.permanent) == (code, permanent)

    def test_an_outcome_gives_its_codes_and_never_its_words(self) -> None:
        body = b'{"resourceType":"OperationOutcome","issue":[{"code":"not-found","diagnostics":"Jane"},{"code":4},7]}'
        assert outcome_codes(body) == ["not-found"]
        assert outcome_codes(b'{"resourceType":"Patient"}') == outcome_codes(b"<") == []


def test_plain_is_empty_for_what_is_no_text() -> None:
    assert plain(None) == plain(5) == plain([]) == ""
