"""What goes wrong while a connection is set up: the record's documents, its addresses, its clock, its certificates."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from practice.server import Running, start
from support.certificates import CertificateAuthority
from support.practice_app import Answer, App

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


async def statement(app: App, base: str = "") -> Answer:
    return await app.ask("GET", f"{base or app.hospital.fhir}/metadata")


async def smart(app: App, base: str = "") -> Answer:
    return await app.ask("GET", f"{base or app.hospital.fhir}/.well-known/smart-configuration")


@pytest.mark.parametrize(
    ("mode", "looks"),
    [
        ("garbage", lambda body: not is_json(body) and b"\xff" in body),
        ("truncated", lambda body: not is_json(body) and body.startswith(b'{"resourceType"')),
        ("empty", lambda body: body == b""),
    ],
)
async def test_an_answer_is_spoilt_on_its_way(app: App, hospital: Running, mode: str, looks: Any) -> None:
    hospital.setup(trouble={"capability": {"mode": mode}})
    async with app.session.get(f"{hospital.fhir}/metadata") as answer:
        assert answer.status == 200
        assert answer.content_type == "application/fhir+json"
        assert looks(await answer.read())
    assert (await smart(app)).json["issuer"], "the other document is well"
    assert (hospital.ledger("discovery")[0]["outcome"], hospital.ledger("discovery")[0]["trouble"]) == ("trouble", mode)


def is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


async def test_an_answer_may_be_far_too_long(app: App, hospital: Running) -> None:
    hospital.setup(trouble={"smart": {"mode": "huge"}})
    async with app.session.get(f"{hospital.fhir}/.well-known/smart-configuration") as answer:
        first = await answer.content.readexactly(20_000_000)
    assert first.startswith(b'{"resourceType"')
    assert (await statement(app)).status == 200, "hanging up early harms nobody"


async def test_an_answer_may_come_byte_by_byte(app: App, hospital: Running) -> None:
    hospital.setup(trouble={"capability": {"mode": "dribble", "seconds": 0.05}})
    began = time.monotonic()
    async with app.session.get(f"{hospital.fhir}/metadata") as answer:
        assert await answer.content.readexactly(5) == b'{"res'
    assert time.monotonic() - began >= 0.2


async def test_a_redirect_leads_to_a_private_address(app: App, hospital: Running) -> None:
    hospital.setup(trouble={"discovery": {"mode": "redirect"}})
    for answer in (await statement(app), await smart(app)):
        assert (answer.status, answer.headers["Location"]) == (302, "http://169.254.169.254/latest/meta-data/")


@pytest.mark.parametrize(("mode", "status"), [("invalid_client", 401), ("invalid_grant", 400)])
async def test_the_token_endpoint_refuses_in_the_words_of_oauth(app: App, hospital: Running, mode: str, status: int) -> None:
    hospital.setup(trouble={"token": {"mode": mode}})
    answer = await app.backend()
    assert (answer.status, answer.json["error"]) == (status, mode)


async def test_an_unreachable_jwks_is_an_invalid_client(app: App, hospital: Running) -> None:
    hospital.setup(apps=[{"client_id": "test-app", "jwks_url": "http://127.0.0.1:9/jwks.json"}])
    answer = await app.backend()
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


# versions


@pytest.mark.parametrize(
    ("version", "kind", "number"),
    [("DSTU2", "Conformance", "1.0.2"), ("STU3", "CapabilityStatement", "3.0.1"), ("R4", "CapabilityStatement", "4.0.1")],
)
async def test_each_version_has_a_base_of_its_own(app: App, hospital: Running, version: str, kind: str, number: str) -> None:
    base = f"{hospital.url}/interconnect/api/FHIR/{version}"
    body = (await statement(app, base)).json
    assert (body["resourceType"], body["fhirVersion"], body["implementation"]["url"]) == (kind, number, base)
    assert (await smart(app, base)).status == (404 if version == "DSTU2" else 200)
    hospital.setup(settings={"fhir_versions": [one for one in ("DSTU2", "STU3", "R4") if one != version]})
    assert (await statement(app, base)).status == 404
    assert (await smart(app, base)).status == 404


@pytest.mark.parametrize("suffix", ["", "/r4", "/R5", "/R4/R4"])
async def test_a_wrong_or_missing_suffix_is_not_found(app: App, hospital: Running, suffix: str) -> None:
    assert (await statement(app, f"{hospital.url}/interconnect/api/FHIR{suffix}")).status == 404


async def test_the_r4_base_may_describe_itself_as_another_version(app: App, hospital: Running) -> None:
    hospital.setup(settings={"statement_as": "DSTU2"})
    assert (await statement(app)).json["resourceType"] == "Conformance"


# where to sign in


def oauth_uris(body: Any) -> list[str]:
    return re.findall(r'"url": "(authorize|token)"', json.dumps(body))


async def test_the_sign_in_addresses_may_be_said_in_either_document_or_in_none(app: App, hospital: Running) -> None:
    assert oauth_uris((await statement(app)).json) == ["authorize", "token"]
    hospital.setup(settings={"smart_configuration": False})
    assert (await smart(app)).status == 404
    assert oauth_uris((await statement(app)).json) == ["authorize", "token"]
    hospital.setup(settings={"oauth_uris": False})
    assert oauth_uris((await statement(app)).json) == []


async def test_a_record_may_be_silent_about_pkce(app: App, hospital: Running) -> None:
    assert (await smart(app)).json["code_challenge_methods_supported"] == ["S256"]
    hospital.setup(settings={"pkce": False})
    assert "code_challenge_methods_supported" not in (await smart(app)).json


@pytest.mark.parametrize(
    ("release", "told"),
    [("August 2018", {"version": "August 2018"}), ("2018-08-01", {"releaseDate": "2018-08-01"}), ("", {})],
)
async def test_the_release_is_said_as_the_setting_has_it(app: App, hospital: Running, release: str, told: dict[str, str]) -> None:
    hospital.setup(settings={"release": release})
    assert (await statement(app)).json["software"] == {"name": "Practice hospital, Epic-like", **told}


@pytest.mark.parametrize("skew", [-3600, 3600])
async def test_its_clock_may_be_wrong(app: App, hospital: Running, skew: int) -> None:
    hospital.setup(settings={"clock_skew": skew})
    told = parsedate_to_datetime((await statement(app)).headers["Date"]).timestamp()
    assert abs(told - skew - time.time()) < 30


# a record like Oracle Health's


async def test_the_record_may_take_after_oracle_health(app: App, hospital: Running) -> None:
    epic = hospital.fhir
    hospital.setup(settings={"vendor": "oracle"})
    assert re.fullmatch(r"http://localhost:\d+/r4/[0-9a-f-]{36}", hospital.fhir)
    body = (await statement(app)).json
    assert body["publisher"] == "Cerner"
    assert "Millennium" in body["software"]["name"]
    found = (await smart(app)).json
    assert found["authorization_endpoint"].endswith("/protocols/oauth2/profiles/smart-v1/personas/provider/authorize")
    assert found["token_endpoint"].endswith("/protocols/oauth2/profiles/smart-v1/token")
    for asked in (statement, smart):
        assert (await asked(app, epic)).status == 404, "one record has one set of addresses"


async def test_a_visit_is_launched_from_a_record_like_oracle_healths(app: App, hospital: Running) -> None:
    hospital.setup(settings={"vendor": "oracle"})
    launched = await app.launched()
    assert launched["patient"]
    answer = await app.fhir(f"Patient/{launched['patient']}", launched["access_token"])
    assert answer.json["resourceType"] == "Patient"
    assert [entry["kind"] for entry in hospital.ledger()] == ["launch", "authorize", "token", "fhir"]


async def test_oracle_addresses_are_not_there_in_an_epic_like_record(app: App, hospital: Running) -> None:
    assert (await statement(app, f"{hospital.url}/r4/b7c1e6de-4b0a-4a5f-9d2e-3f6a8c4b1e77")).status == 404


# the analyst's page


async def test_the_page_of_troubles_leads_to_a_form_for_them(app: App, hospital: Running) -> None:
    assert 'href="/desk/edit/manners/all"' in (await app.ask("GET", "/desk/trouble")).text
    shown = (await app.ask("GET", "/desk/edit/manners/all")).text
    assert "What the record says of itself" in shown
    form = {
        "vendor": "generic",
        "release": "",
        "fhir_versions": "R4\nSTU3",
        "statement_as": "",
        "clock_skew": "-90",
        "id_token_fault": "none",
    }
    saved = await app.ask("POST", "/desk/edit/manners/all", data={**form, "redirect_to": ""})
    assert (saved.status, saved.headers["Location"]) == (303, "/desk/trouble?done=saved")
    settings = hospital.hospital.book.settings
    assert (settings.vendor, settings.clock_skew, settings.pkce, settings.fhir_versions) == ("generic", -90, False, ["R4", "STU3"])


# certificates


@pytest.mark.parametrize("case", ["expired", "another host", "unknown authority"])
async def test_a_bad_certificate_is_refused_by_a_client(tmp_path: Path, case: str) -> None:
    authority = CertificateAuthority(tmp_path)
    host = "other.example" if case == "another host" else "localhost"
    tls = authority.server(host, ends_in=timedelta(days=-1 if case == "expired" else 5))
    running = await start(tls=tls)
    try:
        async with aiohttp.ClientSession() as session:
            trust = True if case == "unknown authority" else authority.client()
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{running.fhir}/metadata", ssl=trust)
    finally:
        await running.stop()
