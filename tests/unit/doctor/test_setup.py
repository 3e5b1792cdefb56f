"""What can be said by looking at a connection alone: clients, frames, environments, twins; and its keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from support.clinic import codes, connected
from vestibule.doctor.checks import ours
from vestibule.doctor.checks.setup import hint, setup
from vestibule.doctor.model import Finding, Level, good, look, stops, worst
from vestibule.doctor.ports import Neighbour
from vestibule.protocols.jose import SigningKey
from vestibule.tenancy.model import ClientAuth, Environment, Vendor
from vestibule.tenancy.service import ConnectionKey

NOW = datetime(2026, 11, 21, tzinfo=UTC)
DAY = timedelta(days=1)
ISS = "https://ehr.alder.example/api/FHIR/R4"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"provider_client_id": ""}, "client-provider-missing"),
        ({"patient_client_id": ""}, "client-patient-missing"),
        ({"backend_client_id": ""}, "client-backend-missing"),
        ({"patient_client_id": "provider-app"}, "client-shared"),
        ({"backend_client_id": "patient-app"}, "client-shared"),
        ({"client_auth": ClientAuth.SECRET_BASIC}, "client-secret-missing"),
        ({"frame_ancestors": ()}, "frame-missing"),
        ({"frame_ancestors": ("http://ehr.alder.example",)}, "frame-plain"),
        ({"frame_ancestors": ("https://screens.alder.example",)}, "frame-elsewhere"),
        ({"iss": "https://ehr.alder.example/interconnect-prd-oauth/api/FHIR/R4"}, "environment-doubtful"),
    ],
)
def test_every_slip_has_its_finding_and_a_good_connection_none(changes: dict[str, object], code: str) -> None:
    assert code in codes(list(setup(connected(**changes), ())))
    assert code not in codes(list(setup(connected(), ())))


def test_a_good_connection_is_all_good() -> None:
    assert codes(list(setup(connected(), ()))) == ["clients", "frames"]


@pytest.mark.parametrize("changes", [{"vendor": Vendor.ORACLE_HEALTH}, {"vendor": Vendor.GENERIC}, {"profile": {"status": {"on": False}}}])
def test_a_record_that_is_told_nothing_needs_no_back_end(changes: dict[str, object]) -> None:
    found = codes(list(setup(connected(backend_client_id="", **changes), ())))
    assert "client-backend-missing" not in found
    assert "clients" in found


def test_who_shares_a_client_is_said() -> None:
    finding = next(f for f in setup(connected(patient_client_id="provider-app"), ()) if f.code == "client-shared")
    assert "clinicians and patients" in finding.what
    assert "back end" not in finding.what


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://ehr.example/interconnect-prd-oauth/api/FHIR/R4", Environment.PRODUCTION),
        ("https://lamnahealthcare.example/fhir/auth/connect-ocurprd-oauth/api/FHIR/R4", Environment.PRODUCTION),
        ("https://prod.ehr.example/R4", Environment.PRODUCTION),
        ("https://ehr.example/production/R4", Environment.PRODUCTION),
        ("https://ehr.example/interconnect-tst-oauth/api/FHIR/R4", Environment.TEST),
        ("https://ehr.example/interconnect-nonprod/R4", Environment.TEST),
        ("https://ehr.example/non-prod/R4", Environment.TEST),
        ("https://ehr-sbx.example/R4", Environment.TEST),
        ("https://sandbox.ehr.example/R4", Environment.TEST),
        ("https://ehr.example/interconnect-sup/R4", Environment.TEST),
        ("https://fhir-ehr-code.cerner.com/r4/x", Environment.TEST),
        ("https://ehr.example/api/FHIR/R4", None),
        ("https://ehr.example/latest/R4", None),
        ("https://products.ehr.example/R4", None),
        ("https://support.ehr.example/R4", None),
        ("https://contestable.example/R4", None),
        ("https://tst.ehr.example/prd/R4", None),  # both: no hint
    ],
)
def test_words_in_an_address_hint_at_its_environment(url: str, named: Environment | None) -> None:
    assert hint(url) is named


@pytest.mark.parametrize(
    ("neighbour", "code"),
    [
        (Neighbour("Alder live", "production", ISS, own=True), "iss-twice"),
        (Neighbour("Alder live", "production", ISS.lower() + "/", own=True), "iss-nearly-twice"),
        (Neighbour("", "", ISS, own=False), "iss-shared"),
        (Neighbour("Alder live", "production", "https://other.example/R4", own=True), ""),
        (Neighbour("", "", ISS.lower(), own=False), ""),
    ],
)
def test_the_same_address_twice_is_named(neighbour: Neighbour, code: str) -> None:
    found = [c for c in codes(list(setup(connected(iss=ISS), (neighbour,)))) if c.startswith("iss-")]
    assert found == ([code] if code else [])


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        ("https://ehr.a1der.example/R4", True),
        ("https://ehr.aider.example/R4", True),
        ("https://ehr.alder.example/another/R4", False),  # the same host
        ("https://ehr.birch.example/R4", False),
    ],
)
def test_a_host_that_is_hard_to_tell_from_another_is_named(other: str, alike: bool) -> None:
    found = codes(list(setup(connected(iss=ISS), (Neighbour("Alder live", "production", other, own=True),))))
    assert ("host-resembles" in found) is alike


def test_nothing_of_another_organisation_is_told() -> None:
    findings = setup(connected(iss=ISS), (Neighbour("Rival Hospital", "production", ISS, own=False),))
    assert all("Rival" not in finding.what + finding.remedy for finding in findings)


@cache
def signing(alg: str) -> SigningKey:
    return SigningKey.generate(alg)


def key(alg: str = "ES384", since: int = -9, until: int | None = None) -> ConnectionKey:
    return ConnectionKey(signing(alg), NOW + since * DAY, None if until is None else NOW + until * DAY)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([], ["keys-missing"]),
        ([key(since=1)], ["keys-missing"]),
        ([key(until=-1)], ["keys-missing"]),
        ([key()], ["keys"]),
        ([key(until=29)], ["keys-end"]),
        ([key(until=40)], ["keys"]),
        ([key(until=1), key(since=0)], ["keys"]),
        ([key(until=1), key(since=1)], ["keys"]),  # the successor is published and will sign
        ([key(), key("ES256", until=3)], ["keys-end"]),
        ([key(since=-800)], ["key-certificate-ends", "keys"]),
        ([key(since=-710)], ["key-certificate-ends", "keys"]),
        ([key(since=-800, until=1), key(since=0)], ["keys"]),
    ],
)
def test_keys_that_end_without_a_successor_are_named(kept: list[ConnectionKey], expected: list[str]) -> None:
    assert codes(list(ours.keys(connected(), tuple(kept), NOW))) == expected


def test_keys_are_nobodys_business_where_secrets_are_used() -> None:
    assert list(ours.keys(connected(client_auth=ClientAuth.SECRET_BASIC, client_secret="s"), (), NOW)) == []


@pytest.mark.parametrize(
    ("findings", "level"),
    [
        ([], Level.GOOD),
        ([good("a", "b")], Level.GOOD),
        ([stops("a", "b", "c"), look("a", "b", "c")], Level.STOPS),
        ([look("a", "b", "c")], Level.LOOK),
    ],
)
def test_the_worst_finding_counts(findings: list[Finding], level: Level) -> None:
    assert worst(findings) is level
