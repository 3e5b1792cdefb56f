"""The practice hospital goes wrong in every way it can, and the doctor names each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from practice.server import Running, start
from support.clinic import codes, doctor, told
from vestibule.doctor.model import Level
from vestibule.doctor.service import Doctor
from vestibule.tenancy.model import Vendor


@pytest.fixture
async def hospital() -> AsyncIterator[Running]:
    made = await start()
    yield made
    await made.stop()


@pytest.fixture
async def house() -> AsyncIterator[Doctor]:
    async with doctor() as made:
        yield made


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"release": "August 2018"}, "release-old"),
        ({"release": "2017-11"}, "release-old"),
        ({"release": ""}, "release-unknown"),
        ({"release": "9.4.1"}, "release-unknown"),
        ({"smart_configuration": False}, "discovery-old-way"),
        ({"smart_configuration": False, "oauth_uris": False}, "discovery-missing"),
        ({"oauth_uris": False}, "discovery"),
        ({"pkce": False}, "pkce-unsaid"),
        ({"clock_skew": 40}, "clock-drifts"),
        ({"clock_skew": -3600}, "clock-wrong"),
        ({"statement_as": "DSTU2"}, "fhir-dstu2"),
        ({"statement_as": "STU3"}, "fhir-stu3"),
        ({"fhir_versions": ["DSTU2"]}, "fhir-suffix"),
    ],
)
async def test_a_setting_of_the_hospital_is_seen(hospital: Running, house: Doctor, changes: dict[str, Any], code: str) -> None:
    hospital.setup(settings=changes)
    findings, _ = await house.look_at(hospital.fhir)
    assert code in codes(findings)


@pytest.mark.parametrize(
    ("group", "mode", "code"),
    [
        ("capability", "error", "capability-failing"),
        ("capability", "busy", "capability-failing"),
        ("capability", "refuse", "capability-closed"),
        ("capability", "forbid", "capability-closed"),
        ("capability", "garbage", "capability-garbled"),
        ("capability", "truncated", "capability-garbled"),
        ("capability", "empty", "capability-garbled"),
        ("capability", "huge", "answer-too-large"),
        ("capability", "lost", "answer-broken"),
        ("capability", "redirect", "redirect-private"),
        ("smart", "error", "smart-failing"),
        ("smart", "lost", "smart-unreached"),
        ("smart", "truncated", "smart-unreadable"),
        ("smart", "redirect", "discovery-old-way"),
        ("smart", "empty", "smart-unreadable"),
    ],
)
async def test_a_trouble_of_the_hospital_is_named(hospital: Running, house: Doctor, group: str, mode: str, code: str) -> None:
    hospital.setup(trouble={group: {"mode": mode}})
    findings, _ = await house.look_at(hospital.fhir)
    assert code in codes(findings)


@pytest.mark.parametrize("mode", ["slow", "late", "dribble"])
async def test_a_hospital_that_takes_its_time_is_named_in_ours(
    hospital: Running, house: Doctor, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.doctor.checks.describe._SECONDS", 0.3)
    hospital.setup(trouble={"discovery": {"mode": mode, "seconds": 90}})
    async with asyncio.timeout(60):
        findings, _ = await house.look_at(hospital.fhir)
    assert {"answer-slow", "smart-unreached"} <= set(codes(findings))


async def test_a_redirect_to_the_metadata_service_is_named_as_such(hospital: Running, house: Doctor) -> None:
    hospital.setup(trouble={"capability": {"mode": "redirect"}})
    findings, _ = await house.look_at(hospital.fhir)
    finding = told(findings, "redirect-private")
    assert "metadata" in finding.what
    assert "169.254.169.254" in finding.what
    assert finding.level is Level.STOPS


@pytest.mark.parametrize(("version", "code"), [("DSTU2", "fhir-dstu2"), ("STU3", "fhir-stu3")])
async def test_the_base_of_an_older_version_leads_to_that_of_r4(hospital: Running, house: Doctor, version: str, code: str) -> None:
    findings, found = await house.look_at(f"{hospital.url}/interconnect/api/FHIR/{version}")
    assert hospital.fhir in told(findings, code).remedy
    assert found
    assert (found.fhir_version, found.suggested) == (version, hospital.fhir)


async def test_a_hospital_like_oracle_health_is_recognised(hospital: Running, house: Doctor) -> None:
    hospital.setup(settings={"vendor": "oracle"})
    findings, found = await house.look_at(hospital.fhir)
    assert found
    assert found.vendor is Vendor.ORACLE_HEALTH
    assert Level.STOPS not in {finding.level for finding in findings}


async def test_a_hospital_of_another_make_is_recognised_by_its_shape_only(hospital: Running, house: Doctor) -> None:
    _, epic = await house.look_at(hospital.fhir)
    assert epic
    assert epic.vendor is Vendor.EPIC
