"""The Microsoft-like sign-in, refusal by refusal."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from practice.microsoft.seed import ALDER, BIRCH
from practice.model import PERSONAL
from practice.server import Running
from support.practice_app import Answer, Clock

CLIENT = "6e2f0c11-5a77-4b0e-9f5e-2f1f6a7c9d02"
SECRET = "a secret for this test"
BACK = "http://127.0.0.1:9/sign-in/callback"
VERIFIER = "a-verifier-of-more-than-forty-three-characters-for-tests"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ADMIN = "5f1c2a70-0001-4c1e-8a55-2d7b9e3f0a01"
GUEST = "7e3d9b10-0005-4d2f-9b66-4e8c1f5a0b05"
OWN = "00000000-0000-0000-66f3-3332eca7ea81"


class Client:
    """An app and the browser in front of it."""

    def __init__(self, hospital: Running, session: aiohttp.ClientSession) -> None:
        self.hospital = hospital
        self.session = session

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.session.request(method, f"{self.hospital.url}/microsoft{path}", allow_redirects=False, **more) as answer:
            return Answer(answer.status, answer.headers, await answer.text())

    async def authorize(self, tenant: str = "organizations", **changes: str | None) -> Answer:
        params: dict[str, str | None] = {
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid profile",
            "state": "state-of-this-browser",
            "nonce": "nonce-of-this-sign-in",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "prompt": "select_account",
            **changes,
        }
        given = {name: value for name, value in params.items() if value is not None}
        return await self.ask("GET", f"/{tenant}/oauth2/v2.0/authorize", params=given)

    async def pick(self, shown: Answer, account: str = ADMIN) -> Answer:
        key = re.findall(r'name="key" value="([^"]+)"', shown.text)[0]
        return await self.ask("POST", "/sign-in", data={"key": key, "account": account})

    async def code(self, tenant: str = "organizations", account: str = ADMIN, **changes: str | None) -> str:
        return (await self.pick(await self.authorize(tenant, **changes), account)).sent_back["code"]

    async def token(self, tenant: str = "organizations", **changes: str | None) -> Answer:
        form: dict[str, str | None] = {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "grant_type": "authorization_code",
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        given = {name: value for name, value in form.items() if value is not None}
        return await self.ask("POST", f"/{tenant}/oauth2/v2.0/token", data=given)

    async def claims(self, tenant: str = "organizations", account: str = ADMIN, **changes: str | None) -> dict[str, Any]:
        answer = await self.token(tenant, code=await self.code(tenant, account, **changes))
        assert answer.status == 200, answer.text
        return dict(await self.checked(answer.json["id_token"]))

    async def checked(self, token: str) -> Any:
        keys = KeySet.import_key_set((await self.ask("GET", "/organizations/discovery/v2.0/keys")).json)
        return jwt.decode(token, keys, algorithms=["RS256"]).claims


@pytest.fixture
async def client(hospital: Running) -> AsyncIterator[Client]:
    hospital.setup(sign_in_apps=[{"client_id": CLIENT, "name": "Vestibule", "secret": SECRET, "redirect_uris": [BACK]}])
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Client(hospital, session)


async def test_the_configuration_of_version_1_names_the_issuer_of_microsofts_own_tokens_and_the_same_keys(client: Client) -> None:
    said = (await client.ask("GET", "/common/.well-known/openid-configuration")).json
    assert said["issuer"] == "https://sts.windows.net/{tenantid}/"
    assert said["jwks_uri"].endswith("/common/discovery/keys")
    first, second = [(await client.ask("GET", path)).json for path in ("/common/discovery/keys", "/common/discovery/v2.0/keys")]
    assert first == second
    assert first["keys"]


async def test_discovery_for_all_leaves_the_tenant_open_and_for_one_names_it(client: Client) -> None:
    base = f"{client.hospital.url}/microsoft"
    everybody = (await client.ask("GET", "/organizations/v2.0/.well-known/openid-configuration")).json
    alder = (await client.ask("GET", f"/{ALDER}/v2.0/.well-known/openid-configuration")).json
    assert everybody["issuer"] == f"{base}/{{tenantid}}/v2.0"
    assert alder["issuer"] == f"{base}/{ALDER}/v2.0"
    assert alder["token_endpoint"] == f"{base}/{ALDER}/oauth2/v2.0/token"
    key = (await client.ask("GET", "/organizations/discovery/v2.0/keys")).json["keys"][0]
    assert "alg" not in key, "as the real ones, which name none"
    assert key["issuer"] == everybody["issuer"]
    assert (await client.ask("GET", "/cedar.example/v2.0/.well-known/openid-configuration")).json["error"] == "invalid_tenant"


async def test_the_good_way_gives_every_claim(client: Client) -> None:
    shown = await client.authorize()
    assert "no password" in shown.text
    back = (await client.pick(shown)).sent_back
    assert back["state"] == "state-of-this-browser"
    claims = await client.checked((await client.token(code=back["code"])).json["id_token"])
    assert claims["aud"] == CLIENT
    assert claims["iss"] == f"{client.hospital.url}/microsoft/{ALDER}/v2.0"
    assert (claims["tid"], claims["oid"], claims["ver"]) == (ALDER, ADMIN, "2.0")
    assert (claims["name"], claims["preferred_username"]) == ("Ingrid Solheim", "ingrid.solheim@alder.example")
    assert claims["nonce"] == "nonce-of-this-sign-in"
    assert claims["iat"] == claims["nbf"] < client.hospital.hospital.now() < claims["exp"]
    assert claims["sub"] not in {"", ADMIN}
    assert "email" not in claims


async def test_claims_come_with_their_scopes(client: Client) -> None:
    assert "name" not in await client.claims(scope="openid")
    assert (await client.claims(scope="openid email"))["email"] == "ingrid.solheim@alder.example"


async def test_the_subject_is_another_one_for_another_app(client: Client) -> None:
    first = await client.claims()
    client.hospital.setup(sign_in_apps=[{"client_id": "another-app", "secret": SECRET, "redirect_uris": [BACK]}])
    code = await client.code(client_id="another-app")
    second = await client.checked((await client.token(client_id="another-app", code=code)).json["id_token"])
    assert first["oid"] == second["oid"]
    assert first["sub"] != second["sub"]


@pytest.mark.parametrize(
    ("tenant", "changes", "number"),
    [
        ("cedar.example", {}, 90002),
        ("organizations", {"client_id": None}, 900144),
        ("organizations", {"client_id": "nobody"}, 700016),
        ("organizations", {"redirect_uri": None}, 50011),
        ("organizations", {"redirect_uri": BACK + "/"}, 50011),
        ("organizations", {"redirect_uri": BACK.replace("127.0.0.1", "localhost")}, 50011),
        ("organizations", {"redirect_uri": "https://attacker.example/"}, 50011),
        ("consumers", {}, 9002346),
    ],
)
async def test_what_is_not_sure_goes_nowhere(client: Client, tenant: str, changes: dict[str, str | None], number: int) -> None:
    answer = await client.authorize(tenant, **changes)
    assert answer.status == 400
    assert f"AADSTS{number}:" in answer.text
    assert "Location" not in answer.headers
    assert client.hospital.ledger("microsoft")[-1]["outcome"] == "refused"


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"response_type": None}, "invalid_request", 900144),
        ({"response_type": "id_token"}, "unsupported_response_type", 700054),
        ({"response_mode": "web_message"}, "invalid_request", 70007),
        ({"scope": None}, "invalid_request", 900144),
        ({"scope": "profile"}, "invalid_scope", 70011),
        ({"scope": "openid Everything.Read"}, "invalid_client", 650053),
        ({"code_challenge": None}, "invalid_request", 9002325),
        ({"code_challenge_method": "plain"}, "invalid_request", 50147),
        ({"code_challenge": "short"}, "invalid_request", 501491),
        ({"prompt": "please"}, "invalid_request", 90023),
        ({"prompt": "none"}, "login_required", 50058),
    ],
)
async def test_every_other_fault_goes_back_with_its_number(client: Client, changes: dict[str, str | None], error: str, number: int) -> None:
    back = (await client.authorize(**changes)).sent_back
    assert back["error"] == error
    assert back["error_description"].startswith(f"AADSTS{number}:")
    assert back["state"] == "state-of-this-browser"


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"client_secret": "wrong"}, "invalid_client", 7000215),
        ({"client_secret": None}, "invalid_client", 7000218),
        ({"client_id": "nobody"}, "unauthorized_client", 700016),
        ({"grant_type": "password"}, "unsupported_grant_type", 70003),
        ({"grant_type": None}, "invalid_request", 900144),
        ({"code": "made up"}, "invalid_grant", 9002313),
        ({"redirect_uri": BACK + "/"}, "invalid_grant", 500112),
        ({"code_verifier": None}, "invalid_grant", 501481),
        ({"code_verifier": VERIFIER + "x"}, "invalid_grant", 501481),
    ],
)
async def test_the_token_endpoint_names_what_is_wrong(client: Client, changes: dict[str, str | None], error: str, number: int) -> None:
    answer = await client.token(**{"code": await client.code(), **changes})
    assert answer.status in {400, 401}
    assert (answer.json["error"], answer.json["error_codes"]) == (error, [number])
    assert SECRET not in json.dumps(client.hospital.ledger())


async def test_a_code_is_good_once_and_for_its_time(client: Client, clock: Clock) -> None:
    code = await client.code()
    assert (await client.token(code=code)).status == 200
    assert (await client.token(code=code)).json["error_codes"] == [54005]
    late = await client.code()
    clock.ahead += 700
    assert (await client.token(code=late)).json["error_codes"] == [70008]


async def test_an_expired_secret_is_told_apart(client: Client) -> None:
    client.hospital.setup(sign_in_apps=[{"client_id": CLIENT, "secret_expired": True}])
    assert (await client.token(code=await client.code())).json["error_codes"] == [7000222]


async def test_a_code_of_one_directory_is_not_taken_at_another(client: Client) -> None:
    assert (await client.token(BIRCH, code=await client.code())).json["error_codes"] == [700005]


@pytest.mark.parametrize(
    ("tenant", "account", "app", "number"),
    [
        (BIRCH, ADMIN, {}, 50020),
        ("organizations", OWN, {"audience": "AzureADandPersonalMicrosoftAccount"}, 50020),
        ("common", OWN, {}, 50020),
        ("organizations", ADMIN, {"tenants": [BIRCH]}, 90094),
    ],
)
async def test_who_may_not_sign_in_is_told_so_and_may_choose_again(
    client: Client, tenant: str, account: str, app: dict[str, Any], number: int
) -> None:
    client.hospital.setup(sign_in_apps=[{"client_id": CLIENT, **app}])
    told = await client.pick(await client.authorize(tenant), account)
    assert f"AADSTS{number}:" in told.text
    assert "Pick an account" in (await client.pick(told, "again")).text


async def test_somebody_whose_account_is_disabled_may_not(client: Client) -> None:
    client.hospital.setup(people_accounts=[{"oid": ADMIN, "enabled": False}])
    assert "AADSTS50057:" in (await client.pick(await client.authorize())).text


async def test_a_single_tenant_app_is_at_home_only(client: Client) -> None:
    client.hospital.setup(sign_in_apps=[{"client_id": CLIENT, "audience": "AzureADMyOrg", "home": ALDER}])
    assert "AADSTS50194:" in (await client.authorize()).text
    assert "AADSTS700016:" in (await client.authorize(BIRCH)).text
    assert (await client.claims(ALDER))["tid"] == ALDER


async def test_a_personal_account_comes_from_the_directory_they_all_share(client: Client) -> None:
    client.hospital.setup(sign_in_apps=[{"client_id": CLIENT, "audience": "AzureADandPersonalMicrosoftAccount"}])
    assert (await client.claims("common", OWN))["tid"] == PERSONAL


async def test_a_guest_is_somebody_else_in_the_directory_that_invited_them(client: Client) -> None:
    there, home = await client.claims(ALDER, GUEST), await client.claims(account=GUEST)
    assert (there["tid"], home["tid"]) == (ALDER, BIRCH)
    assert there["oid"] != home["oid"]
    assert there["preferred_username"] == home["preferred_username"]


async def test_cancel_goes_back_with_access_denied(client: Client) -> None:
    back = (await client.pick(await client.authorize(), "cancel")).sent_back
    assert (back["error"], back["error_subcode"], back["state"]) == ("access_denied", "cancel", "state-of-this-browser")


async def test_a_sign_in_page_is_good_once(client: Client) -> None:
    shown = await client.authorize()
    assert (await client.pick(shown)).status == 302
    assert "This sign-in is over" in (await client.pick(shown)).text


async def test_another_site_cannot_choose_for_somebody(client: Client) -> None:
    answer = await client.ask("POST", "/sign-in", data={"key": "x"}, headers={"Origin": "https://attacker.example"})
    assert answer.status == 403


async def test_a_browser_that_is_signed_in_is_not_asked_again_until_it_signs_out(client: Client) -> None:
    await client.code()
    assert (await client.authorize(prompt=None)).sent_back["code"]
    assert (await client.authorize(prompt="none")).sent_back["code"]
    assert (await client.authorize(prompt="login")).status == 200
    out = await client.ask("GET", "/organizations/oauth2/v2.0/logout", params={"post_logout_redirect_uri": BACK, "state": "s"})
    assert out.headers["Location"] == f"{BACK}?state=s"
    assert (await client.authorize(prompt="none")).sent_back["error"] == "login_required"
    elsewhere = await client.ask(
        "GET", "/organizations/oauth2/v2.0/logout", params={"post_logout_redirect_uri": "https://attacker.example"}
    )
    assert "Location" not in elsewhere.headers


async def test_the_answer_may_come_by_form_or_fragment(client: Client) -> None:
    fragment = (await client.pick(await client.authorize(response_mode="fragment"))).headers["Location"]
    assert parse_qs(urlsplit(fragment).fragment)["state"] == ["state-of-this-browser"]
    form = await client.pick(await client.authorize(response_mode="form_post"))
    assert f'action="{BACK}"' in form.text
    assert 'name="code"' in form.text


async def test_keys_rotate_with_the_old_one_still_published(client: Client, hospital: Running) -> None:
    old = (await client.token(code=await client.code())).json["id_token"]
    hospital.hospital.sign_ins.keys.rotate()
    new = (await client.token(code=await client.code())).json["id_token"]
    for token in (old, new):
        assert (await client.checked(token))["tid"] == ALDER
    hospital.hospital.sign_ins.keys.rotate(forget=True)
    with pytest.raises((JoseError, ValueError)):
        await client.checked(old)


@pytest.mark.parametrize("fault", ["signature", "old-key", "unsigned"])
async def test_a_token_that_nobody_should_believe_does_not_verify(client: Client, hospital: Running, fault: str) -> None:
    hospital.setup(settings={"id_token_fault": fault})
    token = (await client.token(code=await client.code())).json["id_token"]
    with pytest.raises((JoseError, ValueError)):
        await client.checked(token)


@pytest.mark.parametrize(
    ("fault", "claim", "good"),
    [("nonce", "nonce", "nonce-of-this-sign-in"), ("audience", "aud", CLIENT), ("tenant", "tid", ALDER)],
)
async def test_a_fault_changes_its_claim(client: Client, hospital: Running, fault: str, claim: str, good: str) -> None:
    assert (await client.claims())[claim] == good
    hospital.setup(settings={"id_token_fault": fault})
    assert (await client.claims())[claim] != good


async def test_the_ledger_says_who_signed_in_where(client: Client, hospital: Running) -> None:
    await client.claims()
    lines = [(e["endpoint"], e["outcome"]) for e in hospital.ledger("microsoft")]
    assert lines == [("authorize", "ok"), ("pick", "ok"), ("token", "ok"), ("keys", "ok")]
    assert hospital.ledger("microsoft")[2]["directory"] == ALDER


async def test_apps_and_accounts_are_added_by_form(client: Client, hospital: Running) -> None:
    app = {"client_id": "by-hand", "name": "By hand", "secret": "s", "redirect_uris": BACK, "audience": "AzureADMyOrg", "home": ALDER}
    account = {"name": "New Person", "user_name": "new.person@alder.example", "tid": ALDER, "enabled": "on"}
    for name, form in (("sign_in_apps", {**app, "pkce": "on"}), ("people_accounts", account)):
        async with client.session.post(f"{hospital.url}/desk/edit/{name}/new", data=form, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/desk/setup?done=saved")
    new = hospital.hospital.book.people_accounts[-1]
    code = await client.code(ALDER, new.oid, client_id="by-hand")
    assert (await client.token(ALDER, client_id="by-hand", client_secret="s", code=code)).status == 200
