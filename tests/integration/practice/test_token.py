"""The token endpoint, clause by clause."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from practice.server import Running
from support.practice_app import CLIENT, EHR_SCOPE, REDIRECT, App, Clock


async def refused(answer: Any, error: str) -> str:
    assert answer.json["error"] == error, answer.text
    assert "access_token" not in answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.status == (401 if error == "invalid_client" else 400)
    return str(answer.json["error_description"])


# codes and PKCE


async def test_a_code_is_good_once_and_a_replay_revokes_what_it_gave(app: App) -> None:
    code = await app.code()
    first = (await app.token(code=code)).json
    assert (await app.fhir(f"Patient/{first['patient']}", first["access_token"])).status == 200
    await refused(await app.token(code=code), "invalid_grant")
    assert (await app.fhir(f"Patient/{first['patient']}", first["access_token"])).status == 401
    again = await app.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    await refused(again, "invalid_grant")


async def test_a_code_expires(app: App, clock: Clock) -> None:
    code = await app.code()
    clock.ahead = 301
    await refused(await app.token(code=code), "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_grant"),
        ({"code_verifier": "w" * 129}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
    ],
    ids=str,
)
async def test_a_code_is_not_redeemed_with(app: App, changes: dict[str, str | None], error: str) -> None:
    await refused(await app.token(**{"code": await app.code(), **changes}), error)


async def test_the_body_must_be_a_form(app: App) -> None:
    answer = await app.ask("POST", app.hospital.hospital.at.token, json={"grant_type": "authorization_code"})
    await refused(answer, "invalid_request")


async def test_a_get_is_no_token_request(app: App) -> None:
    assert (await app.ask("GET", app.hospital.hospital.at.token)).status == 405


# the id_token


async def claims_of(app: App, token: str) -> Any:
    keys = KeySet.import_key_set((await app.ask("GET", app.hospital.hospital.at.jwks)).json)
    return jwt.decode(token, keys, algorithms=["RS256"])


async def test_the_id_token_names_the_user_and_echoes_the_nonce(app: App) -> None:
    token = await claims_of(app, (await app.launched())["id_token"])
    doctor = app.hospital.hospital.book.practitioners[0]
    assert token.header["alg"] == "RS256"
    assert token.claims["iss"] == app.hospital.hospital.at.issuer
    assert token.claims["aud"] == CLIENT
    assert token.claims["nonce"] == "nonce-of-this-launch"
    assert token.claims["fhirUser"] == f"{app.hospital.fhir}/Practitioner/{doctor.id}"
    assert token.claims["iat"] <= time.time() < token.claims["exp"]


async def test_a_patient_launch_names_the_patient(app: App) -> None:
    visit = app.hospital.hospital.book.appointments[2]
    scope = "openid fhirUser launch patient/Patient.rs"
    got = await app.launched(launch=app.launch_value("patient", visit.csn), scope=scope)
    claims = (await claims_of(app, got["id_token"])).claims
    assert claims["fhirUser"] == f"{app.hospital.fhir}/Patient/{visit.patient}"
    assert got["patient"] == visit.patient
    assert "refresh_token" not in got, "it was not asked for"


async def test_without_openid_there_is_no_id_token(app: App) -> None:
    assert "id_token" not in await app.launched(scope="launch user/Patient.rs")


async def test_keys_rotate_and_the_old_one_stays_published_until_it_is_forgotten(app: App) -> None:
    before = (await app.launched())["id_token"]
    await app.ask("POST", "/keys/rotate", json={})
    after = (await app.launched())["id_token"]
    old, new = (await claims_of(app, before)).header["kid"], (await claims_of(app, after)).header["kid"]
    assert old != new
    await app.ask("POST", "/keys/rotate", json={"forget": True})
    kids = {key["kid"] for key in (await app.ask("GET", app.hospital.hospital.at.jwks)).json["keys"]}
    assert kids.isdisjoint({old, new})


# refresh


async def test_a_refresh_token_gives_a_new_access_token_with_the_same_context(app: App) -> None:
    first = await app.launched()
    second = (await app.token(grant_type="refresh_token", refresh_token=first["refresh_token"])).json
    assert second["access_token"] != first["access_token"]
    assert (second["patient"], second["encounter"], second["sessionId"]) == (first["patient"], first["encounter"], first["sessionId"])
    assert second["scope"] == EHR_SCOPE


async def test_a_refresh_may_narrow_the_scope_but_not_widen_it(app: App) -> None:
    first = await app.launched()
    narrow = (await app.token(grant_type="refresh_token", refresh_token=first["refresh_token"], scope="launch user/Patient.rs")).json
    assert narrow["scope"] == "launch user/Patient.rs"
    assert (await app.fhir("Practitioner?name=Okafor", narrow["access_token"])).status == 403
    wider = await app.token(grant_type="refresh_token", refresh_token=first["refresh_token"], scope="launch system/Patient.rs")
    await refused(wider, "invalid_scope")


async def test_a_made_up_refresh_token_is_refused(app: App) -> None:
    await refused(await app.token(grant_type="refresh_token", refresh_token="made-up"), "invalid_grant")


# signed assertions


async def test_every_allowed_algorithm_works(app: App) -> None:
    for key, alg in ((RSAKey.generate_key(2048, auto_kid=True), "RS384"), (ECKey.generate_key("P-256", auto_kid=True), "ES256")):
        app.keys.append(key)
        answer = await app.backend(assertion=app.assertion(key=key, header={"alg": alg}))
        assert answer.status == 200, answer.text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iss": "somebody"}, "iss and sub"),
        ({"sub": "somebody"}, "sub is not a client"),
        ({"sub": None}, "sub is not a client"),
        ({"aud": "https://another.example/token"}, "aud must be"),
        ({"aud": None}, "aud must be"),
        ({"aud": ["a", "b"]}, "aud must be"),
        ({"exp": None}, "exp is missing"),
        ({"exp": 1}, "exp is missing or past"),
        ({"exp": "soon"}, "exp is missing"),
        ({"exp": 4_000_000_000}, "more than five minutes"),
        ({"nbf": 4_000_000_000}, "nbf is not"),
        ({"iat": 4_000_000_000}, "iat is not"),
        ({"jti": None}, "jti is required"),
        ({"jti": ""}, "jti is required"),
        ({"jti": 7}, "jti is required"),
        ({"header": {"typ": "at+jwt"}}, "typ must be JWT"),
        ({"header": {"kid": None}}, "kid is required"),
        ({"header": {"jku": "https://attacker.example/jwks.json"}}, "jku is not"),
    ],
    ids=str,
)
async def test_an_assertion_is_refused_with(app: App, changes: dict[str, Any], says: str) -> None:
    assert says in await refused(await app.backend(assertion=app.assertion(**changes)), "invalid_client")


async def test_a_jti_is_good_once(app: App) -> None:
    assertion = app.assertion()
    assert (await app.backend(assertion=assertion)).status == 200
    assert "jti" in await refused(await app.backend(assertion=assertion), "invalid_client")


async def test_an_assertion_signed_by_another_key_of_the_same_kid_is_refused(app: App) -> None:
    stranger = ECKey.generate_key("P-384", {"kid": app.keys[0].kid})
    assert "does not verify" in await refused(await app.backend(assertion=app.assertion(key=stranger)), "invalid_client")


@pytest.mark.parametrize("alg", ["none", "HS256", "RS256", "PS384", "ES512"])
async def test_another_algorithm_is_refused(app: App, alg: str) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    body = json.loads(base64.urlsafe_b64decode(app.assertion().split(".")[1] + "=="))
    forged = f"{part({'alg': alg, 'typ': 'JWT', 'kid': app.keys[0].kid})}.{part(body)}."
    assert "alg must be" in await refused(await app.backend(assertion=forged), "invalid_client")


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "e30.e30.", "W10.W10.W10", "é.é.é", "." * 500], ids=repr)
async def test_what_is_no_jwt_is_refused(app: App, text: str) -> None:
    await refused(await app.backend(assertion=text), "invalid_client")


async def test_a_client_may_rotate_its_keys(app: App) -> None:
    assert (await app.backend()).status == 200
    assert (await app.backend()).status == 200
    assert app.jwks_asked == 1, "the key set is kept"
    app.keys.insert(0, ECKey.generate_key("P-384", auto_kid=True))
    assert (await app.backend()).status == 200
    assert app.jwks_asked == 2, "and fetched again for a kid it does not have"


async def test_a_kid_that_nobody_publishes_is_refused(app: App) -> None:
    assert "kid" in await refused(await app.backend(assertion=app.assertion(header={"kid": "unknown"})), "invalid_client")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/jwks.json", ""])
async def test_a_key_set_that_cannot_be_had_refuses_the_client(app: App, url: str) -> None:
    app.hospital.setup(apps=[{"client_id": CLIENT, "jwks_url": url}])
    await refused(await app.backend(), "invalid_client")


# other clients


async def as_client(app: App, auth: str, **more: Any) -> None:
    app.hospital.setup(apps=[{"client_id": CLIENT, "auth": auth, "secret": "s3cret:ü", **more}])


async def test_a_secret_works_in_the_header_and_in_the_body(app: App) -> None:
    await as_client(app, "client_secret")
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": app.verifier}
    body = {**form, "code": await app.code(), "client_id": CLIENT, "client_secret": "s3cret:ü"}
    assert (await app.ask("POST", app.hospital.hospital.at.token, data=body)).status == 200
    basic = "Basic " + base64.b64encode(f"{CLIENT}:s3cret%3A%C3%BC".encode()).decode()
    answer = await app.ask(
        "POST", app.hospital.hospital.at.token, data={**form, "code": await app.code()}, headers={"Authorization": basic}
    )
    assert answer.status == 200
    both = await app.ask("POST", app.hospital.hospital.at.token, data=body, headers={"Authorization": basic})
    await refused(both, "invalid_request")


@pytest.mark.parametrize("header", ["Basic !!!", "Basic ", "Bearer x", "Basic " + base64.b64encode(b"test-app:wrong").decode()])
async def test_a_wrong_authorization_header_is_refused(app: App, header: str) -> None:
    await as_client(app, "client_secret")
    form = {"grant_type": "authorization_code", "code": await app.code(), "redirect_uri": REDIRECT, "code_verifier": app.verifier}
    answer = await app.ask("POST", app.hospital.hospital.at.token, data=form, headers={"Authorization": header})
    await refused(answer, "invalid_client")


async def test_a_public_client_needs_its_verifier_only_and_gets_no_refresh_token(app: App) -> None:
    await as_client(app, "none")
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": app.verifier, "client_id": CLIENT}
    answer = await app.ask("POST", app.hospital.hospital.at.token, data={**form, "code": await app.code()})
    assert answer.status == 200
    assert "refresh_token" not in answer.json


async def test_a_confidential_client_cannot_pass_for_a_public_one(app: App) -> None:
    form = {"grant_type": "authorization_code", "code": await app.code(), "redirect_uri": REDIRECT, "code_verifier": app.verifier}
    await refused(await app.ask("POST", app.hospital.hospital.at.token, data={**form, "client_id": CLIENT}), "invalid_client")


async def test_a_code_given_to_one_client_is_of_no_use_to_another(app: App, hospital: Running) -> None:
    code = await app.code()
    hospital.setup(apps=[{"client_id": "thief", "auth": "none", "redirect_uris": [REDIRECT]}])
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": app.verifier, "client_id": "thief"}
    await refused(await app.ask("POST", hospital.hospital.at.token, data=form), "invalid_grant")
    assert (await app.token(code=code)).status == 200, "and the thief did not use it up"


# backend services


async def test_a_backend_service_gets_a_token_without_a_patient(app: App) -> None:
    got = (await app.backend("system/Appointment.rs system/Patient.rs")).json
    assert set(got) == {"access_token", "token_type", "expires_in", "scope"}
    assert got["expires_in"] <= 300


@pytest.mark.parametrize("scope", [None, "", "user/Patient.rs", "openid", "system/Observation.rs"])
async def test_a_backend_service_must_say_which_system_scopes(app: App, scope: str | None) -> None:
    await refused(await app.backend(scope), "invalid_scope")


async def test_a_secret_is_not_enough_for_a_backend_service(app: App) -> None:
    await as_client(app, "client_secret")
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs", "client_id": CLIENT, "client_secret": "s3cret:ü"}
    await refused(await app.ask("POST", app.hospital.hospital.at.token, data=form), "unauthorized_client")
