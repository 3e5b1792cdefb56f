"""The version in the address: the endings that records are known to have are tried, and the one that works is named."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from practice.server import Running, start
from support.bad_record import BadRecord, bad_record
from support.clinic import codes, doctor, told
from vestibule.doctor.checks.suffix import endings
from vestibule.doctor.model import Level
from vestibule.doctor.service import Doctor


@pytest.fixture
async def house() -> AsyncIterator[Doctor]:
    async with doctor() as made:
        yield made


@pytest.fixture
async def hospital() -> AsyncIterator[Running]:
    made = await start()
    yield made
    await made.stop()


@pytest.fixture
async def record() -> AsyncIterator[BadRecord]:
    async with bad_record() as made:
        yield made


def speaks(record: BadRecord, path: str, version: str) -> None:
    body = {"resourceType": "CapabilityStatement", "fhirVersion": version, "software": {"name": "Epic", "version": "May 2025"}}
    record.instead[f"{path}/metadata"] = lambda: web.json_response(body, content_type="application/fhir+json")


@pytest.mark.parametrize("typed", ["/interconnect/api/FHIR", "/interconnect", "/interconnect/api/FHIR/R5", "/interconnect/api/fhir/R4"])
async def test_the_practice_hospital_is_found_from_near_its_address(house: Doctor, hospital: Running, typed: str) -> None:
    findings, found = await house.look_at(hospital.url + typed)
    finding = told(findings, "fhir-suffix")
    assert finding.level is Level.STOPS
    assert hospital.fhir in finding.what
    assert hospital.fhir in finding.remedy
    assert found
    assert (found.suggested, found.fhir_version) == (hospital.fhir, "R4")


@pytest.mark.parametrize(("version", "code"), [("1.0.2", "fhir-dstu2"), ("3.0.2", "fhir-stu3")])
async def test_of_an_older_version_the_r4_address_is_named(house: Doctor, record: BadRecord, version: str, code: str) -> None:
    speaks(record, "/api/FHIR/DSTU2", version)
    speaks(record, "/api/FHIR/R4", "4.0.1")
    findings, found = await house.look_at(f"{record.base}/api/FHIR/DSTU2")
    assert f"{record.base}/api/FHIR/R4" in told(findings, code).remedy
    assert found
    assert found.suggested == f"{record.base}/api/FHIR/R4"


async def test_where_only_an_older_version_answers_it_is_said(house: Doctor, record: BadRecord) -> None:
    speaks(record, "/api/FHIR/DSTU2", "1.0.2")
    findings, _ = await house.look_at(f"{record.base}/api/FHIR")
    assert "DSTU2" in told(findings, "fhir-suffix").what


async def test_where_nothing_answers_nothing_is_suggested(house: Doctor, record: BadRecord) -> None:
    findings, found = await house.look_at(f"{record.base}/nowhere")
    assert "fhir-not-here" in codes(findings)
    assert not (found and found.suggested)
    assert sum(path.endswith("/metadata") for path in record.asked) <= 7


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("https://e.example/api/FHIR", "https://e.example/api/FHIR/R4"),
        ("https://e.example/api/FHIR/", "https://e.example/api/FHIR/R4"),
        ("https://e.example/api/fhir", "https://e.example/api/FHIR/R4"),
        ("https://e.example/api/FHIR/STU3", "https://e.example/api/FHIR/R4"),
        ("https://fhir-ehr.cerner.com/dstu2/t1", "https://fhir-ehr.cerner.com/r4/t1"),
        ("https://fhir-ehr.cerner.com/t1", "https://fhir-ehr.cerner.com/r4/t1"),
        ("https://e.example", "https://e.example/R4"),
    ],
)
def test_the_likeliest_ending_comes_first_and_tries_are_few(url: str, first: str) -> None:
    tries = endings(url)
    assert tries[0] == first
    assert len(tries) <= 6
    assert url not in tries
