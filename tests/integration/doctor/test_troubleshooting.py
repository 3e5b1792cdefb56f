"""The known mistakes of setting up a connector, each provoked here, and what names it: the doctor, the launch page, or the record checker.

| what people report | how it is provoked | what names it |
|---|---|---|
| "FHIR URL isn't valid" | a base URL of another version, or without its ending | the doctor |
| "OAUTH2" error | keys the record has not got; OAuth not switched on | the doctor, and the launch page |
| the approver cannot sign in to the record | in tests/integration/portal/test_approving.py | the approval page |
| a patient cannot launch | launch address, context tokens or clients mixed up | the launch page, and the checker |
| "Tenant config not found" | test launched with production's address, or the reverse | the launch page, and the doctor's hint |
| group visits fail | the record sends the CSN and not the conference | the checker |
| one record, several organisations | the same base URL twice | the doctor, and the launch page |
| nobody can reach the portal or our keys | a public address that is this machine's own | the doctor |
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlencode

import pytest

from practice.seed import PATIENT_CLIENT, PROVIDER_CLIENT
from support.bad_record import CLIENT as BAD_CLIENT
from support.bad_record import BadRecord, bad_record
from support.clinic import Shelf, codes, connected, doctor, told
from support.launching import Page, World, world
from vestibule.doctor.model import Level
from vestibule.doctor.register import TenancyRegister
from vestibule.doctor.service import Doctor
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.platform.db import Database
from vestibule.platform.http import Http
from vestibule.records.comparing import compare
from vestibule.records.kinds import pack
from vestibule.records.model import Difference
from vestibule.tenancy.model import Connection, Environment, Vendor


@pytest.fixture
async def here(db: Database) -> AsyncIterator[World]:
    async with world(db) as made:
        yield made


@pytest.fixture
async def house(here: World) -> AsyncIterator[Doctor]:
    http = Http(allow_loopback_http=True)
    register = TenancyRegister(here.db, here.tenancy)
    yield Doctor(outside=http, register=register, clock=SystemClock(), origin=here.own, loopback_http=True)
    await http.close()


@pytest.fixture
async def bad() -> AsyncIterator[BadRecord]:
    async with bad_record() as made:
        yield made


def code_of(page: Page) -> str:
    """What a calm error page says."""
    found = re.search(r"<code>([a-z0-9-]+)</code>", page.text)
    assert found, page.text
    assert page.status >= 400
    return found[1]


class TestFhirUrlIsNotValid:
    @pytest.mark.parametrize("typed", ["/interconnect/api/FHIR", "/interconnect", "/interconnect/api/FHIR/R4B"])
    async def test_an_ending_that_is_missing_or_wrong(self, here: World, house: Doctor, typed: str) -> None:
        findings, found = await house.look_at(here.hospital.url + typed)
        assert here.hospital.fhir in told(findings, "fhir-suffix").remedy
        assert found
        assert found.suggested == here.hospital.fhir

    @pytest.mark.parametrize(("version", "code"), [("DSTU2", "fhir-dstu2"), ("STU3", "fhir-stu3")])
    async def test_a_base_url_of_another_version(self, here: World, house: Doctor, version: str, code: str) -> None:
        findings, _ = await house.look_at(f"{here.hospital.url}/interconnect/api/FHIR/{version}")
        assert here.hospital.fhir in told(findings, code).remedy

    async def test_an_address_of_something_else(self, here: World, house: Doctor) -> None:
        findings, _ = await house.look_at(here.hospital.url)
        assert {"fhir-not-here", "fhir-suffix", "capability-page", "capability-other"} & set(codes(findings))

    async def test_one_of_the_record_s_documents(self, here: World, house: Doctor) -> None:
        findings, _ = await house.look_at(f"{here.hospital.fhir}/metadata")
        assert codes(findings) == ["url-not-base"]


class TestOauth2Error:
    async def test_keys_that_the_record_has_not_got(self, here: World, house: Doctor) -> None:
        here.hospital.setup(apps=[{"client_id": PROVIDER_CLIENT, "jwks_url": f"{here.own}/nowhere.json"}])
        finding = told(await house.examine(here.connection), "token-invalid-client")
        assert "clinicians" in finding.what
        assert "keys" in finding.what
        assert code_of(await here.browser().follow(here.press())) == "token-invalid-client"

    async def test_an_app_that_was_registered_without_keys(self, here: World, house: Doctor) -> None:
        here.hospital.setup(apps=[{"client_id": PATIENT_CLIENT, "jwks_url": ""}])
        assert "patients" in told(await house.examine(here.connection), "token-invalid-client").what

    async def test_a_client_that_is_not_registered(self, here: World, house: Doctor) -> None:
        here.hospital.setup(remove={"apps": [PATIENT_CLIENT]}, launches=[{"key": "patient", "client_id": ""}])
        assert "patients" in told(await house.examine(here.connection), "token-invalid-client").what

    async def test_oauth_that_is_not_switched_on(self, here: World, house: Doctor) -> None:
        here.hospital.setup(settings={"smart_configuration": False, "oauth_uris": False})
        findings, _ = await house.look_at(here.hospital.fhir)
        assert told(findings, "discovery-missing").level is Level.STOPS
        assert code_of(await here.browser().ask(here.press())) == "smart-not-found"

    async def test_a_redirect_address_that_is_not_registered(self, here: World) -> None:
        here.hospital.setup(apps=[{"client_id": PROVIDER_CLIENT, "redirect_uris": ["https://visits.example/launch/callback"]}])
        page = await here.browser().follow(here.press())
        assert page.status >= 400
        assert page.url.startswith(here.hospital.url)  # the record itself says so; it must not send the browser anywhere


class TestPatientCannotLaunch:
    async def test_a_launch_address_without_its_parameters(self, here: World) -> None:
        assert code_of(await here.browser().ask("/launch/patient")) == "launch-incomplete"

    async def test_the_clinicians_address_in_the_patients_record(self, here: World) -> None:
        here.hospital.setup(launches=[{"key": "patient", "url": f"{here.own}/launch/provider", "client_id": PROVIDER_CLIENT}])
        assert code_of(await here.browser().follow(here.press("patient"))) == "launch-wrong-person"

    async def test_context_tokens_that_are_missing(self, db: Database, bad: BadRecord) -> None:
        bad.answer = {"sessionId": None, "encounter": None}
        async with world(db, iss=bad.fhir, provider_client_id=BAD_CLIENT) as made:
            assert code_of(await made.browser().follow(bad.press(made.own, "l1"))) == "launch-no-context"

    async def test_a_context_token_that_the_record_does_not_know(self, db: Database, bad: BadRecord) -> None:
        bad.answer = {"sessionId": "%CSN%", "encounter": None}
        async with world(db, iss=bad.fhir, provider_client_id=BAD_CLIENT) as made:
            assert code_of(await made.browser().follow(bad.press(made.own, "l1"))) == "launch-no-context"

    async def test_a_kind_of_launch_that_was_never_set_up(self, db: Database) -> None:
        async with world(db, patient_client_id="") as made:
            findings = await _examine(made)
            assert "client-patient-missing" in findings
            assert code_of(await made.browser().follow(made.press("patient"))) == "launch-not-set-up"

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            (lambda text: text.replace("/launch/patient", "/launch/provider"), "Launch URL"),
            (lambda text: text.replace("sessionId", "session"), "Context tokens"),
            (lambda text: text.replace("%CSN%", "%CNS%"), "Context tokens"),
        ],
    )
    async def test_a_record_whose_values_differ(self, here: World, changed: Callable[[str], str], field: str) -> None:
        assert field in {one.field for one in pasted(here, "epic-patient", changed)}


class TestTenantConfigNotFound:
    """What other products call it when test and production are mixed up."""

    async def test_production_launched_at_an_address_that_nobody_set_up(self, here: World) -> None:
        iss = here.hospital.fhir.replace("/R4", "/PRD/R4")
        page = await here.browser().ask(f"/launch/provider?{urlencode({'iss': iss, 'launch': 'x'})}")
        assert code_of(page) == "launch-unknown-iss"

    async def test_a_button_of_test_copied_into_production(self, here: World) -> None:
        production = Connection(
            ConnectionId(new_id()), here.tenant, "Production", Vendor.EPIC, Environment.PRODUCTION, "https://ehr.alder.example/R4"
        )
        async with here.db.tenant(here.tenant) as tx:
            await here.tenancy.add_connection(tx, production)
        page = await here.browser().ask(f"{here.press()}&connection={production.id}")
        assert code_of(page) == "launch-wrong-environment"

    async def test_an_address_that_speaks_against_its_mark(self) -> None:
        async with doctor(shelf=Shelf()) as house:
            test = connected(iss="https://ehr.alder.example/interconnect-prd-oauth/api/FHIR/R4", environment=Environment.TEST)
            production = connected(iss="https://ehr.alder.example/interconnect-tst-oauth/api/FHIR/R4", environment=Environment.PRODUCTION)
            assert "production" in told(await house.examine(test), "environment-doubtful").what
            assert "test" in told(await house.examine(production), "environment-doubtful").what


class TestGroupVisitsFail:
    async def test_a_group_record_that_sends_the_csn(self, here: World) -> None:
        found = pasted(here, "epic-group-patient", lambda text: text.replace("sessionId=%CONFERENCEID%", "sessionId=%CSN%"))
        assert [one.field for one in found] == ["Context tokens"]
        assert "CONFERENCEID" in found[0].what + found[0].remedy


class TestOneRecordForSeveralOrganisations:
    async def test_both_are_told_and_the_launch_asks_which(self, here: World, house: Doctor) -> None:
        other = TenantId(new_id())
        async with here.db.tenant(other) as tx:
            await here.tenancy.add_tenant(tx, name="Birch Clinic")
            twin = Connection(ConnectionId(new_id()), other, "B", Vendor.EPIC, Environment.TEST, here.hospital.fhir)
            await here.tenancy.add_connection(tx, twin)
        finding = told(await house.examine(here.connection), "iss-shared")
        assert finding.level is Level.LOOK
        assert "Birch" not in finding.what
        assert code_of(await here.browser().ask(here.press())) == "launch-ambiguous"


class TestNobodyCanReachUs:
    async def test_a_public_address_that_is_this_machine_s_own(self) -> None:
        async with doctor(origin="http://127.0.0.1:8080", shelf=Shelf()) as house:
            assert told(await house.examine(connected()), "own-address-loopback").level is Level.STOPS


def pasted(here: World, kind: str, changed: Callable[[str], str]) -> list[Difference]:
    """What the checker says when a record came back with a change."""
    record = next(one for one in pack(here.connection, here.own) if one.kind == kind)
    whole = "\n".join(f"{field.label}: {field.value}" for field in record.fields)
    assert compare(record, whole) == []
    return compare(record, changed(whole))


async def _examine(made: World) -> list[str]:
    http = Http(allow_loopback_http=True)
    register = TenancyRegister(made.db, made.tenancy)
    try:
        house = Doctor(outside=http, register=register, clock=SystemClock(), origin=made.own, loopback_http=True)
        return codes(await house.examine(made.connection))
    finally:
        await http.close()
