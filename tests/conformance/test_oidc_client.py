"""OpenID Connect Core 1.0 (3.1), Discovery 1.0 (4), and the names of Microsoft's many tenants: what we send, what we believe."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.driving import drive
from conformance.signing import NOW
from vestibule.errors import OutsideFailed, VestibuleError
from vestibule.protocols.oauth2 import ClientIdentity
from vestibule.protocols.oidc import (
    OpenIdServer,
    authorization_url,
    directory_of,
    discover,
    exchange_code,
    fits,
    issuer_of_tenant,
    template_of,
    tenant_of,
)

ISSUER = "https://sign-in.example/realms/staff"
SERVER = OpenIdServer(ISSUER, f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/keys")
DOCUMENT = {"issuer": ISSUER, "authorization_endpoint": SERVER.authorize, "token_endpoint": SERVER.token, "jwks_uri": SERVER.jwks}
TENANT = "0a1de7c4-3b52-4f6e-9d10-5c2f8e7a4b01"
TEMPLATE = "https://login.example/{tenantid}/v2.0"


def found(body: Any, status: int = 200, **more: Any) -> OpenIdServer:
    return drive(discover(ISSUER, issuer=ISSUER, **more), [(status, body)])[0]


def test_discovery_4_1_the_document_is_below_the_issuer() -> None:
    for issuer in (ISSUER, f"{ISSUER}/"):
        _, asks = drive(discover(issuer, issuer=ISSUER), [(200, DOCUMENT)])
        assert [ask.url for ask in asks] == [f"{ISSUER}/.well-known/openid-configuration"]


def test_discovery_4_3_the_document_must_name_its_issuer_letter_by_letter() -> None:
    assert found(DOCUMENT) == SERVER
    for name in (f"{ISSUER}/", ISSUER.upper(), "https://sign-in.example", "", None, [ISSUER]):
        with pytest.raises(OutsideFailed, match="openid-issuer"):
            found({**DOCUMENT, "issuer": name})


def test_rfc9207_3_a_promise_is_kept_in_mind() -> None:
    assert found({**DOCUMENT, "authorization_response_iss_parameter_supported": True}).iss_in_callback
    assert not found({**DOCUMENT, "authorization_response_iss_parameter_supported": "true"}).iss_in_callback


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "url", [None, "", 7, "http://sign-in.example/x", "//x", "https://a@b/", "https://b/#f", "https://b/ x", "javascript:1"]
)
def test_addresses_that_are_not_safe_are_not_taken(name: str, url: Any) -> None:
    with pytest.raises(OutsideFailed, match="openid-endpoint-not-allowed"):
        found({**DOCUMENT, name: url})


@pytest.mark.parametrize(("status", "again"), [(429, True), (500, True), (503, True), (404, False), (302, False)])
def test_only_a_busy_service_is_worth_asking_again(status: int, again: bool) -> None:
    with pytest.raises(OutsideFailed) as caught:
        found(b"", status)
    assert caught.value.permanent is not again


LEAVES = st.none() | st.text() | st.integers()
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.binary(max_size=400) | DOCUMENTS)
def test_whatever_is_answered_is_the_provider_or_an_error_of_ours(body: Any) -> None:
    with pytest.raises(VestibuleError):
        found(body)


def test_core_3_1_2_1_the_request_says_everything_once_and_keeps_the_endpoints_own_query() -> None:
    server = OpenIdServer(ISSUER, f"{ISSUER}/authorize?realm=a%20b", SERVER.token, SERVER.jwks)
    url = authorization_url(server, client_id="c&d", redirect_uri="https://v.example/cb", state="s", nonce="n", challenge="h")
    assert parse_qs(urlsplit(url).query) == {
        "realm": ["a b"],
        "response_type": ["code"],
        "response_mode": ["query"],
        "client_id": ["c&d"],
        "redirect_uri": ["https://v.example/cb"],
        "scope": ["openid profile email"],
        "state": ["s"],
        "nonce": ["n"],
        "code_challenge": ["h"],
        "code_challenge_method": ["S256"],
    }


def test_core_3_1_3_1_the_code_is_traded_with_the_verifier_and_our_proof() -> None:
    client = ClientIdentity("c", "client_secret_basic", secret="s")
    steps = exchange_code(SERVER, code="x", redirect_uri="https://v.example/cb", verifier="v" * 43, client=client, now=NOW)
    token, asks = drive(steps, [(200, {"access_token": "a", "token_type": "Bearer", "id_token": "i"})])
    assert token.id_token == "i"
    assert asks[0].url == SERVER.token
    assert parse_qs((asks[0].body or b"").decode()) == {
        "grant_type": ["authorization_code"],
        "code": ["x"],
        "redirect_uri": ["https://v.example/cb"],
        "code_verifier": ["v" * 43],
    }


@pytest.mark.parametrize(
    ("authority", "template"),
    [
        ("https://login.example/organizations/v2.0", TEMPLATE),
        ("https://login.example/common/v2.0", TEMPLATE),
        (f"https://login.example/{TENANT}/v2.0", f"https://login.example/{TENANT}/v2.0"),
        ("http://localhost:9/microsoft/organizations/v2.0", "http://localhost:9/microsoft/{tenantid}/v2.0"),
    ],
)
def test_an_authority_names_its_issuers(authority: str, template: str) -> None:
    assert template_of(authority) == template


def test_a_tenants_issuer_is_the_template_with_its_id() -> None:
    own = f"https://login.example/{TENANT}/v2.0"
    assert issuer_of_tenant(TEMPLATE, TENANT) == own
    assert issuer_of_tenant(own, TENANT) == own
    assert issuer_of_tenant(own, TENANT.replace("0a", "0b")) == ""
    assert fits(TEMPLATE, own)
    assert fits(own, own)
    for other in (TEMPLATE, "https://login.example//v2.0", own + "/", own.replace("login", "evil"), own.upper(), f"{own[:-5]}/x/v2.0"):
        assert not fits(TEMPLATE, other), other


@given(st.text())
def test_nothing_but_the_guid_of_an_organisation_is_a_tenant(text: str) -> None:
    assert tenant_of({"tid": text}) in {"", text}
    assert (tenant_of({"tid": text}) == "") or fits(TEMPLATE, issuer_of_tenant(TEMPLATE, text))
    assert fits(TEMPLATE, issuer_of_tenant(TEMPLATE, text)) == (tenant_of({"tid": text}) == text != "")


@pytest.mark.parametrize(
    "issuer",
    [ISSUER, TEMPLATE, "", TENANT, f"https://{TENANT}/x/v2.0", f"https://login.example/{TENANT}", f"https://login.example/{TENANT}/v2.0/"],
)
def test_an_issuer_that_is_not_of_one_directory_names_none(issuer: str) -> None:
    assert directory_of(f"https://login.example/{TENANT}/v2.0") == TENANT
    assert directory_of(issuer) == ""


def test_what_is_kept_with_a_sign_in_comes_back_as_it_was() -> None:
    assert OpenIdServer.from_json(json.loads(json.dumps(SERVER.to_json()))) == SERVER
