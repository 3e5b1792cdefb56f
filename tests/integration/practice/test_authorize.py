"""The authorize endpoint, clause by clause."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from practice.server import Running
from support.practice_app import CLIENT, REDIRECT, App, Clock


async def test_a_launch_goes_back_with_a_code_the_state_and_the_issuer(app: App) -> None:
    answer = await app.authorize()
    assert answer.status == 302
    assert answer.headers["Location"].startswith(f"{REDIRECT}?")
    back = answer.sent_back
    assert back["state"] == "state-of-this-browser"
    assert back["iss"] == app.hospital.hospital.at.issuer
    assert set(back) == {"code", "state", "iss"}


async def test_post_works_like_get(app: App) -> None:
    answer = await app.ask("POST", app.hospital.hospital.at.authorize, data=app.authorize_params())
    assert answer.sent_back["code"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody-else"},
        {"client_id": None},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": REDIRECT + "?x=1"},
        {"redirect_uri": REDIRECT.replace("127.0.0.1", "localhost")},
        {"redirect_uri": "https://attacker.example/callback"},
        {"redirect_uri": None},
    ],
    ids=str,
)
async def test_without_a_sure_client_and_address_nothing_is_sent_anywhere(app: App, changes: dict[str, str | None]) -> None:
    answer = await app.authorize(**changes)
    assert answer.status == 400
    assert "Location" not in answer.headers


async def test_a_parameter_given_twice_is_refused(app: App) -> None:
    pairs = [*app.authorize_params().items(), ("redirect_uri", "https://attacker.example/")]
    answer = await app.ask("GET", app.hospital.hospital.at.authorize, params=pairs)
    assert answer.status == 400
    assert "given more than once: redirect_uri" in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"state": "  "}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://another.example/R4"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "user/Observation.rs"}, "invalid_scope"),
        ({"scope": "openid fhirUser"}, "invalid_scope"),
        ({"launch": "made-up"}, "invalid_request"),
    ],
    ids=str,
)
async def test_a_wrong_parameter_comes_back_as_an_error_without_a_code(app: App, changes: dict[str, str | None], error: str) -> None:
    answer = await app.authorize(**changes)
    assert answer.status == 302
    assert answer.sent_back["error"] == error
    assert "code" not in answer.sent_back
    assert answer.sent_back["iss"] == app.hospital.hospital.at.issuer


@pytest.mark.parametrize("end", ["/", "?x", "/Patient"])
async def test_aud_must_be_the_fhir_base_to_the_letter(app: App, end: str) -> None:
    assert (await app.authorize(aud=app.hospital.fhir + end)).sent_back["error"] == "invalid_request"


async def test_a_launch_is_good_once(app: App) -> None:
    launch = app.launch_value()
    assert (await app.authorize(launch=launch)).sent_back["code"]
    assert (await app.authorize(launch=launch)).sent_back["error"] == "invalid_request"


async def test_a_refused_request_does_not_use_up_the_launch(app: App) -> None:
    launch = app.launch_value()
    assert (await app.authorize(launch=launch, state=None)).sent_back["error"]
    assert (await app.authorize(launch=launch)).sent_back["code"]


async def test_a_launch_expires(app: App, clock: Clock) -> None:
    launch = app.launch_value()
    clock.ahead = 301
    back = (await app.authorize(launch=launch)).sent_back
    assert back["error"] == "invalid_request"
    assert "expired" in back["error_description"]


async def test_a_launch_made_for_one_client_is_of_no_use_to_another(app: App) -> None:
    app.hospital.setup(apps=[{"client_id": "other", "redirect_uris": [REDIRECT]}])
    assert (await app.authorize(client_id="other")).sent_back["error"] == "invalid_request"


async def test_the_issuer_in_the_answer_can_be_left_out_or_wrong(app: App) -> None:
    app.hospital.setup(settings={"response_iss": "off"})
    assert "iss" not in (await app.authorize()).sent_back
    app.hospital.setup(settings={"response_iss": "wrong"})
    assert (await app.authorize()).sent_back["iss"] != app.hospital.hospital.at.issuer


async def test_a_query_in_the_redirect_uri_is_kept(app: App) -> None:
    app.hospital.setup(apps=[{"client_id": CLIENT, "redirect_uris": [REDIRECT + "?tenant=7"]}])
    answer = await app.authorize(redirect_uri=REDIRECT + "?tenant=7")
    assert answer.sent_back["tenant"] == "7"
    assert answer.sent_back["code"]


async def standalone(app: App, scope: str, **said: str) -> dict[str, str]:
    page = await app.authorize(launch=None, scope=scope)
    assert page.status == 200
    assert "Who are you?" in page.text
    key = page.text.partition('name="key" value="')[2].partition('"')[0]
    answer = await app.ask("POST", f"{app.hospital.hospital.at.authorize}/sign-in", data={"key": key, **said})
    return answer.sent_back


async def test_a_standalone_launch_asks_who_you_are_and_which_patient(app: App) -> None:
    book = app.hospital.hospital.book
    said = {"who": f"Practitioner/{book.practitioners[0].id}", "patient": book.patients[3].id}
    back = await standalone(app, "openid launch/patient user/Patient.rs", **said)
    token = (await app.token(code=back["code"])).json
    assert token["patient"] == book.patients[3].id
    assert token["need_patient_banner"] is True


async def test_a_patient_who_signs_in_is_their_own_context(app: App) -> None:
    patient = app.hospital.hospital.book.patients[4]
    back = await standalone(app, "launch/patient patient/Patient.rs", who=f"Patient/{patient.id}")
    assert (await app.token(code=back["code"])).json["patient"] == patient.id


@pytest.mark.parametrize("said", [{"who": "nobody"}, {"who": "Practitioner/none"}, {}, {"who": "Practitioner/19", "patient": "none"}])
async def test_who_does_not_sign_in_is_sent_back_with_access_denied(app: App, said: dict[str, str]) -> None:
    assert (await standalone(app, "launch/patient user/Patient.rs", **said))["error"] == "access_denied"


async def test_a_sign_in_page_is_good_once(app: App) -> None:
    answer = await app.ask("POST", f"{app.hospital.hospital.at.authorize}/sign-in", data={"key": "old", "who": "x"})
    assert answer.status == 400


async def test_discovery_names_the_endpoints_that_work(app: App, hospital: Running) -> None:
    smart = (await app.ask("GET", f"{hospital.fhir}/.well-known/smart-configuration")).json
    oidc = (await app.ask("GET", f"{smart['issuer']}/.well-known/openid-configuration")).json
    capability = (await app.ask("GET", f"{hospital.fhir}/metadata")).json
    uris = {e["url"]: e["valueUri"] for e in capability["rest"][0]["security"]["extension"][0]["extension"]}
    assert smart["authorization_endpoint"] == oidc["authorization_endpoint"] == uris["authorize"] == hospital.hospital.at.authorize
    assert smart["token_endpoint"] == oidc["token_endpoint"] == uris["token"] == hospital.hospital.at.token
    assert smart["code_challenge_methods_supported"] == ["S256"]
    assert urlsplit(smart["issuer"]).netloc == urlsplit(hospital.url).netloc
    assert (await app.ask("GET", smart["jwks_uri"])).json["keys"][0]["kty"] == "RSA"


async def test_smart_configuration_can_be_missing_so_that_clients_fall_back(app: App, hospital: Running) -> None:
    hospital.setup(settings={"smart_configuration": False})
    answer = await app.ask("GET", f"{hospital.fhir}/.well-known/smart-configuration")
    assert (answer.status, answer.json["resourceType"]) == (404, "OperationOutcome")
