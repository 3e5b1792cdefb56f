"""A whole connection: clients and keys tried at the practice hospital, our keys fetched where the EHR would fetch them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from practice.seed import BACKEND_CLIENT, PROVIDER_CLIENT
from support.bad_record import BadRecord, bad_record
from support.clinic import Shelf, codes, connected, doctor, told
from support.launching import FRAME, World, world
from support.raw_server import ok, raw_server
from vestibule.doctor.model import Finding, Level
from vestibule.doctor.register import TenancyRegister
from vestibule.doctor.service import Doctor
from vestibule.kit.clock import SystemClock
from vestibule.kit.exchange import Answer
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.platform.db import Database
from vestibule.platform.http import Http
from vestibule.protocols.jose import SigningKey
from vestibule.tenancy.model import ClientAuth, Connection, Environment, Vendor
from vestibule.tenancy.service import ConnectionKey


@asynccontextmanager
async def examined(db: Database, **changes: Any) -> AsyncIterator[tuple[World, Doctor]]:
    """Somebody at the practice hospital registered all three clients, and a doctor looks at it."""
    async with world(db, backend_client_id=BACKEND_CLIENT, **changes) as made:
        auth = {"client_secret_basic": "client_secret"}.get(made.connection.client_auth, str(made.connection.client_auth))
        backend = {"client_id": BACKEND_CLIENT, "auth": auth, "jwks_url": f"{made.own}/connections/{made.connection.id}/jwks.json"}
        made.hospital.setup(apps=[backend | {"secret": made.connection.client_secret}])
        http = Http(allow_loopback_http=True)
        register = TenancyRegister(db, made.tenancy)
        try:
            yield made, Doctor(outside=http, register=register, clock=SystemClock(), origin=made.own, loopback_http=True)
        finally:
            await http.close()


async def test_a_good_connection_is_good_and_its_clients_are_known(db: Database) -> None:
    async with examined(db) as (made, house):
        findings = await house.examine(made.connection)
    assert [finding.code for finding in findings if finding.level is Level.STOPS] == []
    assert codes(findings).count("token") == 3
    assert {"keys", "jwks", "clock", "discovery", "pkce", "clients", "fhir-version", "own-address-loopback"} <= set(codes(findings))


async def test_keys_that_the_record_has_not_got_are_named(db: Database) -> None:
    async with examined(db) as (made, house):
        made.hospital.setup(apps=[{"client_id": client, "jwks_url": f"{made.own}/nowhere"} for client in (BACKEND_CLIENT, PROVIDER_CLIENT)])
        findings = await house.examine(made.connection)
    refused = [finding for finding in findings if finding.code == "token-invalid-client"]
    assert len(refused) == 2
    assert all("keys" in finding.what for finding in refused)
    assert codes(findings).count("token") == 1  # the patients' client is as it should be


@pytest.mark.parametrize(
    ("app", "code"),
    [
        ({"client_id": BACKEND_CLIENT, "scopes": "system/Patient.rs"}, "token-invalid-scope"),
        ({"client_id": BACKEND_CLIENT, "auth": "none"}, "token-invalid-client"),
    ],
)
async def test_what_the_record_refuses_the_back_end_is_named(db: Database, app: dict[str, str], code: str) -> None:
    async with examined(db) as (made, house):
        made.hospital.setup(apps=[app])
        assert code in codes(await house.examine(made.connection))


async def test_secrets_are_tried_too(db: Database) -> None:
    async with examined(db, client_auth=ClientAuth.SECRET_BASIC, client_secret="s3cret-of-ours") as (made, house):
        good = await house.examine(made.connection)
        made.hospital.setup(apps=[{"client_id": PROVIDER_CLIENT, "secret": "another"}])
        bad = await house.examine(made.connection)
    assert "token-unauthorized-client" in codes(good)  # the practice hospital gives back ends no token for a secret
    assert codes(good).count("token") == 2
    assert "token-invalid-client" in codes(bad)
    assert all("s3cret" not in finding.what + finding.remedy for finding in good + bad)


async def test_public_clients_have_nothing_to_try(db: Database) -> None:
    async with examined(db, client_auth=ClientAuth.PUBLIC) as (made, house):
        found = codes(await house.examine(made.connection))
    assert not [code for code in found if code.startswith("token")]


async def test_the_same_address_in_another_organisation_and_nearly_the_same_in_ours_are_named(db: Database) -> None:
    async with examined(db) as (made, house):
        other = TenantId(new_id())
        for tenant, iss, name in ((other, made.hospital.fhir, "Rival"), (made.tenant, made.hospital.fhir + "/", "Alder again")):
            async with db.tenant(tenant) as tx:
                if tenant == other:
                    await made.tenancy.add_tenant(tx, name="Rival Hospital")
                await made.tenancy.add_connection(
                    tx, Connection(ConnectionId(new_id()), tenant, name, Vendor.EPIC, Environment.PRODUCTION, iss)
                )
        findings = await house.examine(made.connection)
    assert {"iss-shared", "iss-nearly-twice"} <= set(codes(findings))
    assert all("Rival" not in finding.what for finding in findings)


async def test_no_transaction_is_open_while_others_are_called(db: Database, db_url: str) -> None:
    narrow = await Database.open(db_url, min_size=1, max_size=1)
    one_by_one = asyncio.Lock()
    calls = 0

    class Watching(Http):
        async def perform(self, *arguments: Any, **more: Any) -> Answer:
            nonlocal calls
            calls += 1
            async with one_by_one, asyncio.timeout(15), narrow.anyone() as tx:  # the only connection there is
                await tx.fetchval("select 1")
            return await super().perform(*arguments, **more)

    async with examined(db) as (made, _):
        http = Watching(allow_loopback_http=True)
        register = TenancyRegister(narrow, made.tenancy)
        house = Doctor(outside=http, register=register, clock=SystemClock(), origin=made.own, loopback_http=True)
        findings = await house.examine(made.connection)
        await http.close()
    await narrow.close()
    assert calls > 5
    assert codes(findings).count("token") == 3


# Against a record that answers as a test says.


def kept(alg: str = "ES384") -> ConnectionKey:
    return ConnectionKey(SigningKey.generate(alg), SystemClock().now(), None)


async def examine(record: BadRecord, status: int = 0, body: str = "", **changes: Any) -> list[Finding]:
    if status:
        record.instead["/token"] = lambda: web.Response(status=status, text=body)
    async with doctor(shelf=Shelf([kept()])) as house:
        return await house.examine(
            connected(iss=record.fhir, frame_ancestors=(FRAME,), patient_client_id="", provider_client_id="p", **changes)
        )


@pytest.fixture
async def record() -> AsyncIterator[BadRecord]:
    async with bad_record() as made:
        made.instead["/fhir/metadata"] = lambda: web.json_response({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
        yield made


@pytest.mark.parametrize(
    ("status", "body", "code", "level"),
    [
        (400, '{"error": "invalid_client"}', "token-invalid-client", Level.STOPS),
        (401, '{"error": "invalid_client"}', "token-invalid-client", Level.STOPS),
        (400, '{"error": "unauthorized_client"}', "token-unauthorized-client", Level.STOPS),
        (400, '{"error": "invalid_scope"}', "token-invalid-scope", Level.LOOK),
        (400, '{"error": "some_other_thing"}', "token-refused", Level.STOPS),
        (400, '{"error": 7}', "token-refused", Level.STOPS),
        (400, "<html>no</html>", "token-refused", Level.STOPS),
        (404, "", "token-refused", Level.STOPS),
        (429, "", "token-failing", Level.LOOK),
        (503, "{}", "token-failing", Level.LOOK),
    ],
)
async def test_every_token_answer_has_its_words(record: BadRecord, status: int, body: str, code: str, level: Level) -> None:
    findings = await examine(record, status, body)
    assert told(findings, code).level is level


async def test_of_an_error_only_a_cleaned_code_is_shown(record: BadRecord) -> None:
    body = '{"error": "<b>odd</b>\\u202e' + "x" * 300 + '", "error_description": "canary"}'
    what = told(await examine(record, 400, body), "token-refused").what
    assert "canary" not in what
    assert "<" not in what
    assert len(what) < 160


async def test_a_token_address_elsewhere_gets_a_signature_and_never_a_secret(record: BadRecord) -> None:
    async with raw_server(ok(b'{"access_token": "x", "token_type": "Bearer"}')) as thief:
        elsewhere = f"http://127.0.0.1:{thief.port}/token"
        record.instead["/fhir/.well-known/smart-configuration"] = lambda: web.json_response(
            record.configuration() | {"token_endpoint": elsewhere}
        )
        iss = record.fhir.replace("127.0.0.1", "localhost")
        async with doctor(shelf=Shelf([kept()])) as house:
            secret = {"client_auth": ClientAuth.SECRET_BASIC, "client_secret": "s3cret-of-ours"}
            findings = await house.examine(connected(iss=iss, **secret))
            assert thief.heard == []
            assert "token-not-tried" in codes(findings)
            named = await house.examine(connected(iss=iss, **secret, token_url=elsewhere, authorize_url=f"{record.base}/authorize"))
            assert "token" in codes(named)
            signed = await house.examine(connected(iss=iss))
    assert "token" in codes(signed)


async def test_another_sign_in_server_than_the_one_entered_is_named(record: BadRecord) -> None:
    findings = await examine(record, token_url="https://sign-in.alder.example/token", authorize_url="https://sign-in.alder.example/a")
    assert told(findings, "endpoint-changed").level is Level.STOPS


async def test_addresses_entered_by_hand_are_used_where_the_record_says_nothing(record: BadRecord) -> None:
    record.instead["/fhir/.well-known/smart-configuration"] = lambda: web.json_response({}, status=404)
    findings = await examine(record, token_url=f"{record.base}/token", authorize_url=f"{record.base}/authorize")
    assert {"discovery-manual", "token"} <= set(codes(findings))


async def test_an_address_that_may_not_be_called_is_not_called_in_an_examination_either() -> None:
    async with raw_server(ok()) as server, doctor(shelf=Shelf([kept()])) as house:
        findings = await house.examine(connected(iss=f"http://user@127.0.0.1:{server.port}/R4"))
        assert server.connections == 0
    assert "url-user" in codes(findings)


@pytest.mark.parametrize("client_id", ["p\r\nX-Evil: 1", "p\x00", "p\u00e9\u200b"])
async def test_a_client_id_that_cannot_be_sent_is_named(record: BadRecord, client_id: str) -> None:
    async with doctor(shelf=Shelf([kept()])) as house:
        findings = await house.examine(connected(iss=record.fhir, provider_client_id=client_id))
    assert "client-id-odd" in codes(findings)


# Our own side.


@pytest.mark.parametrize(
    ("origin", "kind", "code", "level"),
    [
        ("http://127.0.0.1:8080", "", "own-address-loopback", Level.STOPS),
        ("https://localhost", "", "own-address-loopback", Level.STOPS),
        ("http://visits.alder.example", "8.8.8.8", "own-address-plain", Level.STOPS),
        ("https://visits.alder.example", "8.8.8.8", "own-address", Level.GOOD),
        ("https://visits.alder.example", "10.0.0.8", "own-address-private", Level.LOOK),
        ("https://visits.alder.example", "127.0.0.1", "own-address-private", Level.LOOK),
        ("https://visits.alder.example", "", "own-address-unknown", Level.LOOK),
    ],
)
async def test_a_public_address_that_an_ehr_cannot_reach_is_named(origin: str, kind: str, code: str, level: Level) -> None:
    async def look_up(host: str) -> list[str]:
        return [kind] if kind and host.startswith("visits") else []

    async with doctor(origin=origin, lookup=look_up) as house:
        findings = await house.examine(connected())
    assert told(findings, code).level is level


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b'{"keys": []}', "jwks-wrong"),
        (b"<html>", "jwks-wrong"),
        (b'{"keys": [{"kid": "old"}]}', "jwks-stale"),
        (b'{"keys": 7}', "jwks-wrong"),
    ],
)
async def test_something_else_at_the_address_of_our_keys_is_named(answer: bytes, code: str) -> None:
    async with raw_server(ok(answer)) as server, doctor(origin=server.origin, shelf=Shelf([kept()])) as house:
        assert code in codes(await house.examine(connected()))


async def test_keys_that_cannot_be_fetched_are_worth_a_look() -> None:
    async with doctor(shelf=Shelf([kept()])) as house:
        assert told(await house.examine(connected()), "jwks-unreached").level is Level.LOOK
