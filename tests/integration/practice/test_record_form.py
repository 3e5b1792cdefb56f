"""The EHR's record form: what is entered there is what launches come from."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from practice.launches import CannotLaunch
from practice.server import Running, start
from support.practice_app import CLIENT, App, Clock

PACK = f"""[Provider launch]
Launch URL: https://visits.example/launch/provider?connection=1
Launch type: 7
Client ID: {CLIENT}
Context tokens: sessionId=%CSN%

[Group visit: provider launch]
Launch URL: https://visits.example/launch/provider?connection=1
Launch type: 7
Client ID: {CLIENT}
Context tokens: sessionId=%CONFERENCEID%

[App registration: back end]
Client ID: background
Client authentication: private_key_jwt
JWKS URL: https://visits.example/jwks.json
Grant: client_credentials
Scopes: system/Appointment.rs
"""


def csn(hospital: Running) -> str:
    return hospital.hospital.book.appointments[2].csn


async def save(app: App, kind: str, **said: str) -> Any:
    return await app.ask("POST", f"/records/{kind}", data={"type": "PACS", "model": "SMART ON FHIR", "client_id": CLIENT, **said})


async def test_a_launch_comes_from_what_was_entered(app: App, hospital: Running) -> None:
    saved = await save(app, "provider", url="https://visits.example/begin?connection=7", context="sessionId=%CSN%", launch_type="7")
    assert (saved.status, saved.headers["Location"]) == (303, "/records?done=saved")
    assert hospital.launch("provider", csn(hospital)).startswith("https://visits.example/begin?connection=7&iss=")


async def test_a_wrong_paste_really_fails(app: App, hospital: Running) -> None:
    await save(app, "provider", url="https://visits.example/begin", context="sessionId=%CNS%", launch_type="7")
    assert "%CNS% is not a token of this record" in (await app.ask("GET", "/records")).text
    launched = await app.launched()
    assert launched["sessionId"] == ""


@pytest.mark.parametrize(
    ("said", "why"),
    [({"url": "http://visits.example/"}, "https is required"), ({"url": "https://a.example/", "launch_type": "9"}, "Launch type")],
)
async def test_what_the_form_does_not_take_is_shown_again_with_the_reason(
    app: App, hospital: Running, said: dict[str, str], why: str
) -> None:
    before = hospital.launch("provider", csn(hospital)).partition("?")[0]
    shown = await save(app, "provider", **said)
    assert shown.status == 400
    assert why in shown.text
    assert said["url"] in shown.text
    assert hospital.launch("provider", csn(hospital)).partition("?")[0] == before


async def test_a_pack_is_pasted_whole_and_read_out_again(app: App, hospital: Running) -> None:
    shown = await app.ask("POST", "/records/paste", data={"pack": PACK})
    assert "Kept: 2 launch records, 1 app registration." in shown.text
    out = (await app.ask("GET", "/records.txt")).text
    for line in PACK.splitlines():
        assert line in out or line.startswith("Grant"), line
    held = (await app.ask("GET", "/records.json")).json
    assert held["launches"]["group-provider"]["context"] == "sessionId=%CONFERENCEID%"


async def test_a_bad_pack_changes_nothing(app: App, hospital: Running) -> None:
    before = (await app.ask("GET", "/records.txt")).text
    shown = await app.ask("POST", "/records/paste", data={"pack": PACK.replace("private_key_jwt", "a handshake")})
    assert shown.status == 400
    assert "Nothing was kept" in shown.text
    assert "a handshake" in shown.text, "what was pasted is not lost"
    assert (await app.ask("GET", "/records.txt")).text == before


async def test_a_group_visit_needs_its_own_records(app: App, hospital: Running) -> None:
    visit = hospital.hospital.book.appointments[2]
    hospital.setup(appointments=[{"csn": visit.csn, "group": True}])
    with pytest.raises(CannotLaunch, match="no launch record for group-provider"):
        hospital.launch("provider", visit.csn)
    await app.ask("POST", "/records/paste", data={"pack": PACK})
    launched = await app.launched()
    assert launched["sessionId"] == visit.conference != visit.csn


async def test_a_removed_record_opens_nothing(app: App, hospital: Running) -> None:
    await app.ask("POST", "/records/provider", data={"remove": "1"})
    with pytest.raises(CannotLaunch, match="no launch record for provider"):
        hospital.launch("provider", csn(hospital))


async def test_an_external_window_opens_one(app: App, hospital: Running) -> None:
    emp = hospital.hospital.book.practitioners[0].emp
    assert 'target="_blank"><button class="begin"' not in (await app.ask("GET", f"/ehr/{emp}")).text
    await save(app, "provider", url="https://a.example/", launch_type="External Window")
    assert 'target="_blank"><button class="begin"' in (await app.ask("GET", f"/ehr/{emp}")).text


async def test_another_site_cannot_enter_records(app: App) -> None:
    answer = await app.ask("POST", "/records/paste", data={"pack": PACK}, headers={"Origin": "https://attacker.example"})
    assert answer.status == 403


# app registrations


def certificate(key: Any, *, days: int = 30) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "visits.example")])
    start = datetime.now(UTC) - timedelta(days=60)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start)
    made = builder.not_valid_after(datetime.now(UTC) + timedelta(days=days)).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


async def register(app: App, client_id: str = "new", *, file: bytes = b"", **said: str) -> Any:
    form = aiohttp.FormData({"client_id": CLIENT, "auth": "private_key_jwt", "redirect_uris": "http://127.0.0.1:9/callback", **said})
    form.add_field("file", file, filename="public-key.cer", content_type="application/x-x509-ca-cert")
    return await app.ask("POST", f"/records/app/{client_id}", data=form)


async def test_a_key_uploaded_as_cer_proves_the_app(app: App, hospital: Running) -> None:
    private = app.keys[0].private_key
    saved = await register(app, CLIENT, file=certificate(private).encode(), jwks_url="", scopes="system/Appointment.rs")
    assert saved.status == 303, saved.text
    assert (await app.backend()).status == 200
    assert app.jwks_asked == 0
    file = await app.ask("GET", f"/records/app/{CLIENT}/public-key.cer")
    assert file.text.startswith("-----BEGIN CERTIFICATE-----")


async def test_bare_base64_is_a_certificate_too(app: App) -> None:
    bare = "".join(certificate(app.keys[0].private_key).splitlines()[1:-1])
    assert (await register(app, CLIENT, certificate=bare)).status == 303


async def test_a_public_key_must_be_one_base64_certificate_in_force(app: App) -> None:
    key = app.keys[0].private_key
    pem = certificate(key)
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    cases = [
        (der, "binary (DER)"),
        (private, "private key"),
        (pem.encode() * 2, "one certificate"),
        (b"hello", "not a Base64"),
        (certificate(key, days=-1).encode(), "is over"),
    ]
    for raw, why in cases:
        shown = await register(app, CLIENT, file=raw)
        assert shown.status == 400
        assert why in shown.text, why
        assert "BEGIN PRIVATE" not in shown.text


async def test_a_registration_without_keys_is_doubted_and_proves_nothing(app: App) -> None:
    await register(app, CLIENT)
    assert "it cannot prove who it is" in (await app.ask("GET", "/records")).text
    answer = await app.backend()
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


async def test_a_client_id_is_registered_once(app: App) -> None:
    shown = await register(app)
    assert shown.status == 400
    assert "registered already" in shown.text
    assert (await register(app, client_id="new", name="Another")).status == 400


async def test_a_secret_is_made_where_one_is_needed_and_kept_afterwards(app: App, hospital: Running) -> None:
    form = "[App registration: web]\nClient ID: web\nClient authentication: client_secret_basic\n"
    await app.ask("POST", "/records/paste", data={"pack": form})
    first = hospital.hospital.book.app("web")
    assert first is not None
    assert len(first.secret) > 20
    await app.ask("POST", "/records/paste", data={"pack": form})
    again = hospital.hospital.book.app("web")
    assert again is not None
    assert again.secret == first.secret


# standalone sign-in


async def sign_in(app: App, who: str, **changes: str | None) -> Any:
    shown = await app.authorize(launch=None, scope="openid fhirUser", **changes)
    if shown.status != 200:
        return shown
    key = shown.text.partition('name="key" value="')[2].partition('"')[0]
    return await app.ask("POST", f"{app.hospital.hospital.at.authorize}/sign-in", data={"key": key, "who": f"Practitioner/{who}"})


async def test_an_ehr_user_signs_in_without_a_launch_and_without_a_patient(app: App, hospital: Running) -> None:
    analyst = hospital.hospital.book.practitioner("dbanerjee")
    assert analyst is not None
    back = (await sign_in(app, analyst.id)).sent_back
    body = (await app.token(code=back["code"])).json
    assert "patient" not in body
    assert "sessionId" not in body
    assert body["scope"] == "openid fhirUser"
    claims = jwt_claims(body["id_token"])
    assert claims["fhirUser"] == f"{hospital.fhir}/Practitioner/{analyst.id}"


def jwt_claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def test_an_app_that_must_be_launched_is_refused(app: App, hospital: Running) -> None:
    hospital.setup(apps=[{"client_id": CLIENT, "standalone": False}])
    assert (await sign_in(app, "88")).sent_back["error"] == "unauthorized_client"
    assert (await app.authorize()).sent_back["code"]


@pytest.mark.parametrize(
    "changes", [{"apps": [{"client_id": CLIENT, "jwks_url": ""}]}, {"settings": {"oauth": False}}], ids=["no keys", "no oauth"]
)
async def test_without_keys_or_oauth_the_approver_sees_oauth2(app: App, hospital: Running, changes: dict[str, Any]) -> None:
    hospital.setup(**changes)
    shown = await sign_in(app, "88")
    assert shown.status == 400
    assert "OAUTH2 error" in shown.text
    assert hospital.ledger("authorize")[-1]["error"] == "OAUTH2"


async def test_a_user_without_the_right_stays_at_the_record(app: App, hospital: Running) -> None:
    analyst = hospital.hospital.book.practitioner("dbanerjee")
    assert analyst is not None
    hospital.setup(practitioners=[{"id": analyst.id, "may_sign_in": False}])
    shown = await sign_in(app, analyst.id)
    assert shown.status == 403
    assert "You may not sign in to this app" in shown.text
    assert "Location" not in shown.headers


# environments


async def test_the_environment_stands_on_every_screen_and_in_the_statement(app: App, hospital: Running, clock: Clock) -> None:
    assert "environment of Eastmere" not in (await app.ask("GET", "/ehr/19")).text
    hospital.setup(settings={"environment": "production", "other_url": "http://localhost:7/"})
    visit = csn(hospital)
    for path in ("/", "/ehr/19", f"/ehr/19/visit/{visit}", "/portal", "/desk", "/records"):
        assert "<b>PRODUCTION</b> environment of Eastmere" in (await app.ask("GET", path)).text, path
    assert 'href="http://localhost:7/"' in (await app.ask("GET", "/")).text
    statement = (await app.ask("GET", f"{hospital.fhir}/metadata")).json
    assert "production environment" in statement["implementation"]["description"]


async def test_the_two_environments_share_nothing(app: App, hospital: Running) -> None:
    token = (await app.launched())["access_token"]
    production = await start(environment="production", other_url=hospital.url)
    try:
        visit = production.hospital.book.appointments[2]
        assert production.hospital.book.app(CLIENT) is None
        with pytest.raises(CannotLaunch):
            production.launch("provider", visit.csn)
        answer = await app.ask("GET", f"{production.fhir}/Appointment/{visit.id}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == 401
        keys = [(await app.ask("GET", house.hospital.at.jwks)).json["keys"][0]["kid"] for house in (hospital, production)]
        assert keys[0] != keys[1]
    finally:
        await production.stop()
