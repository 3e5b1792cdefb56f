"""SMART App Launch 2.2 as the Inferno client suite judges a client: authorize request, token request, backend services, discovery."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.driving import drive
from conformance.signing import FHIR_BASE, NOW
from vestibule.errors import OutsideFailed
from vestibule.protocols.jose import Jwks, SigningKey, peek, public_jwks, verify
from vestibule.protocols.smart import (
    ClientIdentity,
    SmartServer,
    authorize_url,
    client_credentials,
    discover,
    exchange_code,
    fetch_jwks,
    launch_scope,
    openid_configuration,
    refresh,
    system_scope,
)

AUTHORIZE, TOKEN = "https://ehr.example/oauth2/authorize", "https://ehr.example/oauth2/token"
SERVER = SmartServer(FHIR_BASE, AUTHORIZE, TOKEN, "smart-configuration", issuer="https://ehr.example/oauth2")
KEY = SigningKey.generate("ES384")
GOOD = {"access_token": "at", "token_type": "Bearer", "expires_in": 300, "scope": "launch"}
CONFIGURATION = {
    "issuer": "https://ehr.example/oauth2",
    "authorization_endpoint": AUTHORIZE,
    "token_endpoint": TOKEN,
    "jwks_uri": "https://ehr.example/oauth2/jwks",
    "capabilities": ["launch-ehr", "permission-v2", 7],
}
CAPABILITY = {
    "resourceType": "CapabilityStatement",
    "rest": [
        {
            "security": {
                "extension": [
                    {"url": "http://something.else"},
                    {
                        "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                        "extension": [{"url": "authorize", "valueUri": AUTHORIZE}, {"url": "token", "valueUri": TOKEN}, {"url": "x"}],
                    },
                ]
            }
        }
    ],
}


def found(*replies: Any, **options: Any) -> SmartServer:
    return drive(discover(FHIR_BASE, **{"client_id": "c-1", **options}), replies)[0]


def failure(*replies: Any, **options: Any) -> OutsideFailed:
    with pytest.raises(OutsideFailed) as caught:
        found(*replies, **options)
    assert caught.value.phase == "launch.discovery"
    return caught.value


class TestAuthorizeRequest:
    def query(self, **changes: Any) -> dict[str, list[str]]:
        fields = {
            "client_id": "c-1",
            "redirect_uri": "https://us.example/launch/callback",
            "scope": "launch openid",
            "state": "st",
            "aud": FHIR_BASE,
            "launch": "xyz 123&=",
            "challenge": "ch",
            "nonce": "no",
        }
        return parse_qs(urlsplit(authorize_url(SERVER, **{**fields, **changes})).query, strict_parsing=True)

    def test_it_asks_for_a_code(self) -> None:
        assert self.query()["response_type"] == ["code"]

    def test_it_echoes_the_launch_value_as_received(self) -> None:
        assert self.query()["launch"] == ["xyz 123&="]

    def test_it_names_the_fhir_base_exactly_as_audience(self) -> None:
        assert self.query()["aud"] == [FHIR_BASE]

    def test_it_leaves_launch_out_where_there_is_none(self) -> None:
        assert "launch" not in self.query(launch=None)

    def test_it_keeps_the_query_of_the_endpoint_itself(self) -> None:  # RFC 6749 3.1
        server = SmartServer(FHIR_BASE, AUTHORIZE + "?tenant=7", TOKEN, "manual")
        url = authorize_url(server, client_id="c", redirect_uri="r", scope="s", state="t", aud="a", challenge="h")
        assert parse_qs(urlsplit(url).query)["tenant"] == ["7"]
        assert url.count("?") == 1

    def test_a_server_without_that_endpoint_cannot_be_launched_from(self) -> None:
        with pytest.raises(OutsideFailed, match="smart-not-found"):
            authorize_url(
                SmartServer(FHIR_BASE, "", TOKEN, "manual"), client_id="c", redirect_uri="r", scope="s", state="t", aud="a", challenge="h"
            )


class TestTokenRequest:
    def ask(self, client: ClientIdentity) -> Any:
        steps = exchange_code(SERVER, code="c0de", redirect_uri="https://us.example/cb", verifier="v" * 43, client=client, now=NOW)
        answer, asks = drive(steps, [(200, GOOD)])
        assert answer.access_token == "at"
        assert (asks[0].method, asks[0].url) == ("POST", TOKEN)
        return asks[0], {name: values[0] for name, values in parse_qs((asks[0].body or b"").decode(), strict_parsing=True).items()}

    def test_it_repeats_the_redirect_address_and_the_code(self) -> None:
        _, form = self.ask(ClientIdentity("c-1", "none"))
        assert form == {
            "grant_type": "authorization_code",
            "code": "c0de",
            "redirect_uri": "https://us.example/cb",
            "code_verifier": "v" * 43,
            "client_id": "c-1",
        }

    def test_the_epic_client_id_header_goes_along(self) -> None:
        ask, _ = self.ask(ClientIdentity("c-1", "none", headers={"Epic-Client-ID": "c-1"}))
        assert ask.headers["Epic-Client-ID"] == "c-1"

    def test_a_secret_goes_by_basic_with_both_halves_encoded(self) -> None:  # RFC 6749 2.3.1
        ask, form = self.ask(ClientIdentity("c:1", "client_secret_basic", secret="s%:ü"))
        assert ask.headers["Authorization"] == "Basic YyUzQTE6cyUyNSUzQSVDMyVCQw=="
        assert "client_secret" not in form

    @pytest.mark.parametrize("alg", ["ES384", "RS384", "ES256"])
    def test_a_key_signs_an_assertion_as_smart_prescribes(self, alg: str) -> None:
        key = SigningKey.generate(alg)
        _, form = self.ask(ClientIdentity("c-1", "private_key_jwt", key=key))
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        verified = verify(form["client_assertion"], Jwks.of(public_jwks([key])), phase="test")
        claims = verified.claims
        assert (verified.alg, claims["iss"], claims["sub"], claims["aud"]) == (alg, "c-1", "c-1", TOKEN)
        assert 0 < claims["exp"] - NOW.timestamp() <= 300
        assert "client_id" not in form

    def test_no_assertion_is_used_twice(self) -> None:
        client = ClientIdentity("c-1", "private_key_jwt", key=KEY)
        assert len({peek(self.ask(client)[1]["client_assertion"], phase="t")["jti"] for _ in range(20)}) == 20

    @pytest.mark.parametrize("auth", ["private_key_jwt", "client_secret_basic"])
    def test_an_identity_without_its_means_is_refused_before_any_call(self, auth: Any) -> None:
        with pytest.raises(ValueError, match="needs a"):
            ClientIdentity("c-1", auth)

    def test_an_answer_from_another_address_is_refused(self) -> None:
        steps = refresh(SERVER, refresh_token="r", client=ClientIdentity("c", "none"), now=NOW)
        ask = next(steps)
        from vestibule.kit.exchange import Answer  # noqa: PLC0415

        with pytest.raises(OutsideFailed, match="token-answer-invalid"):
            steps.send(Answer(200, {}, json.dumps(GOOD).encode(), ask.url.replace("ehr.", "evil.")))


def test_backend_services_name_their_scope_and_keep_it_when_the_answer_is_silent() -> None:
    client = ClientIdentity("b-1", "private_key_jwt", key=KEY)
    steps = client_credentials(SERVER, scope="system/Appointment.rs", client=client, now=NOW)
    answer, asks = drive(steps, [(200, {"access_token": "t", "token_type": "bearer"})])
    form = parse_qs((asks[0].body or b"").decode())
    assert (form["grant_type"], form["scope"]) == (["client_credentials"], ["system/Appointment.rs"])
    assert answer.scope == "system/Appointment.rs"


def test_refresh_sends_only_the_token_it_was_given() -> None:
    _, asks = drive(refresh(SERVER, refresh_token="r-1", client=ClientIdentity("c", "none"), now=NOW), [(200, GOOD)])
    form = parse_qs((asks[0].body or b"").decode())
    assert form == {"grant_type": ["refresh_token"], "refresh_token": ["r-1"], "client_id": ["c"]}


class TestDiscovery:
    def test_smart_configuration_comes_first_and_its_issuer_may_differ_from_the_fhir_base(self) -> None:
        server = found((200, CONFIGURATION))
        assert (server.source, server.token, server.issuer) == ("smart-configuration", TOKEN, "https://ehr.example/oauth2")
        assert server.capabilities == {"launch-ehr", "permission-v2"}

    def test_the_client_id_goes_along_because_epic_answers_by_client(self) -> None:
        _, asks = drive(discover(FHIR_BASE + "/", client_id="c-1"), [(404, b""), (200, CAPABILITY)])
        assert [a.url for a in asks] == [f"{FHIR_BASE}/.well-known/smart-configuration", f"{FHIR_BASE}/metadata"]
        assert all(a.headers["Epic-Client-ID"] == "c-1" for a in asks)

    @pytest.mark.parametrize("first", [(404, b""), (403, b""), (500, b""), (200, b"<html>a page for people</html>"), (200, b"")])
    def test_else_the_capability_statement(self, first: Any) -> None:
        server = found(first, (200, CAPABILITY))
        assert (server.source, server.authorize, server.token) == ("capability", AUTHORIZE, TOKEN)

    @pytest.mark.parametrize(
        "second", [(404, b""), (200, {"rest": "?"}), (200, {"rest": [{"security": {"extension": [3]}}]}), (200, b"[]")]
    )
    def test_else_what_the_operator_entered(self, second: Any) -> None:
        server = found((404, b""), second, manual_authorize=AUTHORIZE, manual_token=TOKEN)
        assert (server.source, server.token) == ("manual", TOKEN)

    def test_else_it_says_so_and_whether_trying_again_can_help(self) -> None:
        assert failure((404, b""), (404, b"")).code == "smart-not-found"
        busy = failure((404, b""), (503, b"", {"retry-after": "7"}))
        assert (busy.code, busy.permanent, busy.retry_after) == ("smart-unavailable", False, 7.0)

    @pytest.mark.parametrize(
        "url",
        [
            "http://ehr.example/token",  # not https
            "http://localhost/token",  # loopback http, but not allowed here
            "//ehr.example/token",
            "https:///token",
            "https://user:pw@ehr.example/token",
            "https://ehr.example/token#part",
            "https://ehr.example/to ken",
            "https://ehr.example/\r\nHost: evil",
            "https://\u0435hr.example/token",  # a Cyrillic letter
            "https://ehr.example:99999/token",
            "https://ehr.example\\@evil.example/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://ehr.example/" + "x" * 2048,
            "",
        ],
    )
    def test_an_unsafe_address_in_the_document_is_refused(self, url: str) -> None:
        assert failure((200, CONFIGURATION | {"token_endpoint": url})).code == "smart-endpoint-not-allowed"

    @pytest.mark.parametrize("name", ["authorization_endpoint", "jwks_uri", "issuer"])
    def test_so_is_an_unsafe_other_address(self, name: str) -> None:
        assert failure((200, CONFIGURATION | {name: "http://ehr.example/x"})).code == "smart-endpoint-not-allowed"

    def test_plain_http_on_this_machine_is_allowed_by_name_only(self) -> None:
        local = {"authorization_endpoint": "http://localhost:9/a", "token_endpoint": "http://127.0.0.1:9/t"}
        assert found((200, local), loopback_http=True).token == "http://127.0.0.1:9/t"
        assert (
            failure((200, local | {"token_endpoint": "http://localhost.evil.example/t"}), loopback_http=True).code
            == "smart-endpoint-not-allowed"
        )

    def test_the_token_server_entered_by_hand_is_binding(self) -> None:
        assert found((200, CONFIGURATION), manual_token="https://EHR.example:443/other").token == TOKEN
        moved = CONFIGURATION | {"token_endpoint": "https://ehr.example.evil/oauth2/token"}
        assert failure((200, moved), manual_token=TOKEN).code == "smart-endpoint-not-allowed"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"token_endpoint":"https://a.example/t","token_endpoint":"https://evil.example/t"}',
            b'{"token_endpoint":NaN}',
            b'{"a":' * 100 + b"1" + b"}" * 100,
            b'{"token_endpoint":',
            json.dumps(CONFIGURATION | {"token_endpoint": 5}).encode(),
        ],
    )
    def test_a_broken_or_ambiguous_document_is_refused_not_guessed_at(self, body: bytes) -> None:
        assert failure((200, body)).code == "smart-configuration-invalid"

    def test_what_was_found_can_be_kept_and_read_back(self) -> None:
        server = found((200, CONFIGURATION | {"authorization_response_iss_parameter_supported": True}))
        assert SmartServer.from_json(json.loads(json.dumps(server.to_json()))) == server
        assert server.iss_in_callback

    def test_an_issuers_own_document_must_be_its_own(self) -> None:
        good = {"issuer": "https://ehr.example/oauth2", "jwks_uri": "https://ehr.example/k"}
        assert drive(openid_configuration("https://ehr.example/oauth2", client_id="c"), [(200, good)])[0] == "https://ehr.example/k"
        for bad in (good | {"issuer": "https://evil.example"}, good | {"jwks_uri": "http://ehr.example/k"}, {}):
            with pytest.raises(OutsideFailed, match="smart-configuration-invalid"):
                drive(openid_configuration("https://ehr.example/oauth2", client_id="c"), [(200, bad)])

    @given(st.dictionaries(st.sampled_from([*CONFIGURATION, "rest"]), st.none() | st.text() | st.integers() | st.lists(st.text())))
    def test_any_document_yields_a_safe_server_or_an_error_with_a_code(self, document: dict[str, Any]) -> None:
        try:
            server = found((200, document), (404, b""))
        except OutsideFailed as refused:
            assert refused.code.startswith("smart-")  # noqa: PT017  either ending is right
        else:
            assert server.token.startswith("https://")


class TestScopes:
    V1 = SmartServer(FHIR_BASE, AUTHORIZE, TOKEN, "manual", capabilities=frozenset({"permission-v1"}))

    def test_v2_unless_the_server_knows_only_v1(self) -> None:
        assert "user/Patient.rs" in launch_scope(SERVER, who="provider").split()
        assert "user/Patient.read" in launch_scope(self.V1, who="provider").split()

    def test_a_patient_asks_in_the_patients_compartment(self) -> None:
        asked = launch_scope(SERVER, who="patient").split()
        assert {"launch", "openid", "fhirUser", "patient/Patient.rs"} <= set(asked)
        assert not any(s.startswith("user/") for s in asked)

    def test_nothing_is_asked_twice(self) -> None:
        asked = launch_scope(SERVER, who="patient", extra=["openid", "online_access"]).split()
        assert len(asked) == len(set(asked))
        assert asked[-1] == "online_access"

    def test_a_backend_service_asks_to_write_only_what_it_writes(self) -> None:
        assert system_scope(SERVER, reads=["Appointment"], writes=["Communication"]) == "system/Appointment.rs system/Communication.cu"
        assert system_scope(self.V1, writes=["Communication"]) == "system/Communication.write"


class TestKeys:
    def test_a_key_list_is_fetched_and_dated(self) -> None:
        keys, _ = drive(fetch_jwks("https://ehr.example/k", now=NOW), [(200, public_jwks([KEY]))])
        assert (len(keys.keys), keys.fetched_at) == (1, NOW)

    @pytest.mark.parametrize(
        ("reply", "code"), [((503, b""), "jwks-unavailable"), ((200, b"<p>"), "jwks-invalid"), ((200, {"keys": 3}), "jwks-invalid")]
    )
    def test_anything_else_is_an_error_with_a_code(self, reply: Any, code: str) -> None:
        with pytest.raises(OutsideFailed, match=code):
            drive(fetch_jwks("https://ehr.example/k", now=NOW), [reply])

    def test_they_are_not_fetched_from_an_unsafe_address(self) -> None:
        with pytest.raises(OutsideFailed, match="smart-endpoint-not-allowed"):
            drive(fetch_jwks("http://169.254.169.254/k", now=NOW), [])
