"""What a record says about itself, over real sockets: documents that are missing, garbled, huge, slow, old, or at odds with each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from support.bad_record import BadRecord, bad_record
from support.clinic import codes, doctor, told
from support.raw_server import Heard, ok, raw_server
from vestibule.doctor.model import Discovered, Finding, Level
from vestibule.doctor.service import Doctor
from vestibule.kit.clock import FrozenClock
from vestibule.tenancy.model import Vendor

STATEMENT = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
EPIC = {"name": "Epic", "version": "August 2024"}
METADATA, SMART = "/fhir/metadata", "/fhir/.well-known/smart-configuration"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@pytest.fixture
async def record() -> AsyncIterator[BadRecord]:
    async with bad_record() as made:
        made.instead[METADATA] = says(STATEMENT)
        yield made


@pytest.fixture
async def house() -> AsyncIterator[Doctor]:
    async with doctor() as made:
        yield made


def says(body: Any, status: int = 200, **headers: str) -> Callable[[], web.Response]:
    return lambda: web.json_response(body, status=status, headers=headers)


def text(body: str | bytes, kind: str = "application/fhir+json", status: int = 200) -> Callable[[], web.Response]:
    raw = body.encode() if isinstance(body, str) else body
    return lambda: web.Response(body=raw, content_type=kind, status=status)


def uris(base: str) -> dict[str, Any]:
    inner = [{"url": "authorize", "valueUri": f"{base}/authorize"}, {"url": "token", "valueUri": f"{base}/token"}]
    return {"rest": [{"security": {"extension": [{"url": OAUTH_URIS, "extension": inner}]}}]}


async def look(house: Doctor, record: BadRecord) -> tuple[list[Finding], Discovered | None]:
    return await house.look_at(record.fhir)


async def test_a_good_record_is_good(house: Doctor, record: BadRecord) -> None:
    record.instead[METADATA] = says({**STATEMENT, "software": EPIC, **uris(record.base)})
    record.instead[SMART] = says({**record.configuration(), "code_challenge_methods_supported": ["S256"]})
    findings, found = await look(house, record)
    assert {finding.level for finding in findings if finding.code != "capability-type"} == {Level.GOOD}
    assert found
    assert (found.vendor, found.fhir_version, found.release, found.suggested) == (Vendor.EPIC, "R4", "August 2024", "")
    assert found.token == f"{record.base}/token"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (text("<html><title>Sign in</title></html>", "text/html"), "capability-page"),
        (text('<CapabilityStatement xmlns="http://hl7.org/fhir"/>', "application/fhir+xml"), "capability-xml"),
        (text('{"resourceType": "CapabilityStat'), "capability-garbled"),
        (text(b"\x1f\x8b\x00garbage"), "capability-garbled"),
        (text("[" * 200_000), "capability-garbled"),
        (says({"resourceType": "OperationOutcome"}), "capability-other"),
        (says([1, 2]), "capability-garbled"),
        (says({}, status=401), "capability-closed"),
        (says({}, status=403), "capability-closed"),
        (says({}, status=503), "capability-failing"),
        (says({}, status=429), "capability-failing"),
        (text(b"x" * 10_000_001), "answer-too-large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("smart", [True, False])
async def test_a_statement_that_cannot_be_used_is_named_and_stops_unless_smart_configuration_is_good(
    house: Doctor, record: BadRecord, answer: Callable[[], web.Response], code: str, smart: bool
) -> None:
    record.instead[METADATA] = answer
    if not smart:
        record.instead[SMART] = says({}, status=404)
    findings, _ = await look(house, record)
    assert told(findings, code).level is (Level.LOOK if smart else Level.STOPS)


async def test_a_statement_that_never_ends_is_named_in_time(house: Doctor, record: BadRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vestibule.doctor.checks.describe._SECONDS", 0.2)
    record.silent = {METADATA, SMART}
    findings, _ = await look(house, record)
    assert codes(findings) == ["reachable", "answer-slow", "smart-unreached"]


async def test_an_answer_that_breaks_off_is_named(house: Doctor) -> None:
    async def cut(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        writer.close()

    async with raw_server(cut) as server:
        findings, _ = await house.look_at(f"{server.origin}/fhir")
    assert codes(findings) == ["reachable", "answer-broken", "smart-unreached"]


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 99999 What\r\n\r\n"])
async def test_what_is_not_http_is_named(house: Doctor, garbage: bytes) -> None:
    async with raw_server(garbage) as server:
        findings, found = await house.look_at(f"{server.origin}/fhir")
    assert "answer-broken" in codes(findings)
    assert found is None


async def test_a_statement_under_another_label_is_worth_a_look(house: Doctor) -> None:
    body = b'{"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}'
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with raw_server(raw) as server:
        findings, _ = await house.look_at(f"{server.origin}/fhir")
    assert told(findings, "capability-type").what.count("text/plain") == 1


@pytest.mark.parametrize(
    ("version", "code", "level"),
    [
        ("4.0.1", "fhir-version", Level.GOOD),
        ("3.0.2", "fhir-stu3", Level.LOOK),
        ("1.0.2", "fhir-dstu2", Level.STOPS),
        ("5.0.0", "fhir-version-unknown", Level.LOOK),
        ("", "fhir-version-unknown", Level.LOOK),
    ],
)
async def test_versions_are_told_apart(house: Doctor, record: BadRecord, version: str, code: str, level: Level) -> None:
    record.instead[METADATA] = says({"resourceType": "Conformance", "fhirVersion": version})
    findings, _ = await look(house, record)
    assert told(findings, code).level is level


@pytest.mark.parametrize(
    ("software", "code"),
    [
        (EPIC, "release"),
        ({"name": "Epic", "version": "November 2018"}, "release"),
        ({"name": "Epic", "version": "August 2018"}, "release-old"),
        ({"name": "Epic", "releaseDate": "2017-05-01"}, "release-old"),
        ({"name": "Epic", "version": "9.3"}, "release-unknown"),
        ({"name": "Oracle Health Millennium"}, "release-unknown"),
        ({"name": "HAPI FHIR", "version": "1"}, ""),
    ],
)
async def test_releases_older_than_november_2018_or_unknown_are_worth_a_look(
    house: Doctor, record: BadRecord, software: dict[str, str], code: str
) -> None:
    record.instead[METADATA] = says({**STATEMENT, "software": software})
    findings, _ = await look(house, record)
    assert [c for c in codes(findings) if c.startswith("release")] == ([code] if code else [])


@pytest.mark.parametrize(
    ("skew", "code"),
    [(0, "clock"), (19, "clock"), (30, "clock-drifts"), (-30, "clock-drifts"), (90, "clock-wrong"), (-3600, "clock-wrong")],
)
async def test_clocks_are_compared(record: BadRecord, skew: int, code: str) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    record.instead[METADATA] = says(STATEMENT, Date=format_datetime(now + timedelta(seconds=skew), usegmt=True))
    async with doctor(clock=FrozenClock(now)) as house:
        findings, _ = await look(house, record)
    assert [c for c in codes(findings) if c.startswith("clock")] == [code]


@pytest.mark.parametrize("date", ["yesterday", "Sat, 99 Nov 2026 99:99:99 GMT", "Sat, 21 Nov 99999999999 12:00:00 GMT", ""])
async def test_a_time_that_is_none_is_worth_a_look(house: Doctor, date: str) -> None:
    async with raw_server(ok(b"{}", f"Date: {date}")) as server:
        findings, _ = await house.look_at(f"{server.origin}/fhir")
    assert "clock-unsaid" in codes(findings)


async def test_smart_configuration_alone_is_good(house: Doctor, record: BadRecord) -> None:
    assert "discovery" in codes((await look(house, record))[0])


async def test_oauth_uris_alone_are_worth_a_look(house: Doctor, record: BadRecord) -> None:
    record.instead[METADATA] = says({**STATEMENT, **uris(record.base)})
    record.instead[SMART] = says({}, status=404)
    findings, found = await look(house, record)
    assert "discovery-old-way" in codes(findings)
    assert found
    assert found.authorize == f"{record.base}/authorize"


async def test_neither_stops(house: Doctor, record: BadRecord) -> None:
    record.instead[SMART] = text("<html>not here</html>", "text/html")
    assert told((await look(house, record))[0], "discovery-missing").level is Level.STOPS


async def test_documents_that_disagree_are_worth_a_look(house: Doctor, record: BadRecord) -> None:
    record.instead[METADATA] = says({**STATEMENT, **uris("https://old.example")})
    assert "discovery-disagrees" in codes((await look(house, record))[0])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (text('{"token_endpoint": "https'), "smart-unreadable"),
        (text('{"token_endpoint": 1, "token_endpoint": 2}'), "smart-unreadable"),
        (says({}, status=500), "smart-failing"),
        (says({"authorization_endpoint": "http://a.example/x", "token_endpoint": "https://a.example/t"}), "endpoint-unsafe"),
        (says({"authorization_endpoint": "https://a@b.example/x", "token_endpoint": "https://a.example/t"}), "endpoint-unsafe"),
        (says({"authorization_endpoint": "javascript:alert(1)", "token_endpoint": "https://a.example/t"}), "endpoint-unsafe"),
        (says({"authorization_endpoint": "https://a.example/x", "token_endpoint": "https://[bad"}), "endpoint-unsafe"),
        (says({"token_endpoint": "https://a.example/t"}), "authorize-missing"),
        (says({"authorization_endpoint": "https://a.example/x", "token_endpoint": "https://a.example/t"}), "endpoint-elsewhere"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_sign_in_addresses_are_judged(house: Doctor, record: BadRecord, answer: Callable[[], web.Response], code: str) -> None:
    record.instead[SMART] = answer
    assert code in codes((await look(house, record))[0])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code_challenge_methods_supported": ["S256"]}, "pkce"),
        ({"code_challenge_methods_supported": ["plain"]}, "pkce-without-s256"),
        ({"code_challenge_methods_supported": []}, "pkce-without-s256"),
        ({}, "pkce-unsaid"),
        ({"capabilities": ["launch-standalone"]}, "launch-unsaid"),
        ({"token_endpoint_auth_signing_alg_values_supported": ["RS256"]}, "algorithms-differ"),
    ],
)
async def test_abilities_are_judged(house: Doctor, record: BadRecord, changes: dict[str, Any], code: str) -> None:
    record.instead[SMART] = says({**record.configuration(), **changes})
    assert code in codes((await look(house, record))[0])


async def test_nothing_of_a_foreign_answer_gets_into_a_finding(house: Doctor, record: BadRecord) -> None:
    canary = "<script>canary-7f3a</script>"
    record.instead[METADATA] = says({"resourceType": canary, "fhirVersion": canary, "text": canary})
    record.instead[SMART] = says({"token_endpoint": canary, "authorization_endpoint": canary})
    findings, _ = await look(house, record)
    assert all("canary" not in finding.what + finding.remedy for finding in findings)


async def test_the_software_s_name_is_shown_clean(house: Doctor, record: BadRecord) -> None:
    record.instead[METADATA] = says({**STATEMENT, "software": {"name": "Epic <script>\u202e" + "x" * 500, "version": "May 2025"}})
    finding = told((await look(house, record))[0], "release")
    assert "<" not in finding.what
    assert finding.what.isascii()
    assert len(finding.what) < 200
