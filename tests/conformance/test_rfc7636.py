"""RFC 7636, Proof Key for Code Exchange: the client's clauses."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from conformance.driving import drive
from conformance.signing import FHIR_BASE, NOW
from vestibule.protocols.oauth2 import ClientIdentity, challenge_of, new_verifier
from vestibule.protocols.smart import SmartServer, authorize_url, discover, exchange_code

SERVER = SmartServer(FHIR_BASE, "https://ehr.example/authorize", "https://ehr.example/token", "manual")


def test_4_1_the_verifier_is_43_to_128_unreserved_characters() -> None:
    assert re.fullmatch(r"[A-Za-z0-9\-._~]{43,128}", new_verifier())


def test_4_1_and_7_1_every_verifier_is_new_and_has_256_bits() -> None:
    seen = {new_verifier() for _ in range(1000)}
    assert len(seen) == 1000
    assert all(len(v) == 43 for v in seen)  # 43 base64url characters spell 32 octets


def test_4_2_and_appendix_b_the_challenge_is_the_base64url_of_the_sha_256() -> None:
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_4_3_the_authorization_request_carries_challenge_and_method() -> None:
    url = authorize_url(SERVER, client_id="c", redirect_uri="https://us/cb", scope="launch", state="s", aud=FHIR_BASE, challenge="ch")
    query = parse_qs(urlsplit(url).query)
    assert (query["code_challenge"], query["code_challenge_method"]) == (["ch"], ["S256"])


def test_4_5_the_token_request_carries_the_verifier() -> None:
    steps = exchange_code(SERVER, code="abc", redirect_uri="https://us/cb", verifier="v" * 43, client=ClientIdentity("c", "none"), now=NOW)
    _, asks = drive(steps, [(200, {"access_token": "t", "token_type": "Bearer"})])
    assert parse_qs((asks[0].body or b"").decode())["code_verifier"] == ["v" * 43]


def test_7_2_a_server_that_offers_only_plain_cannot_talk_us_down() -> None:
    document = {
        "authorization_endpoint": SERVER.authorize,
        "token_endpoint": SERVER.token,
        "code_challenge_methods_supported": ["plain"],
    }
    server, _ = drive(discover(FHIR_BASE, client_id="c"), [(200, document)])
    url = authorize_url(server, client_id="c", redirect_uri="https://us/cb", scope="x", state="s", aud=FHIR_BASE, challenge="ch")
    assert "code_challenge_method=S256" in url
