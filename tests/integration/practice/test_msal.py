"""The Microsoft-like sign-in, judged by Microsoft's own SDK over TLS."""

from __future__ import annotations

import asyncio
import html
import re
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msal
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msal.oauth2cli import oidc

from practice.microsoft.seed import ALDER, BIRCH
from practice.server import Running, start
from support.certificates import CertificateAuthority
from support.practice_cloud import CLIENT as APP
from support.practice_cloud import EVERYTHING, SCOPE, pair, register
from support.practice_cloud import SECRET as SECRET_OF_THE_APP

CLIENT = "6e2f0c11-5a77-4b0e-9f5e-2f1f6a7c9d01"
SECRET = "a secret for this test"
BACK = "http://127.0.0.1:9/sign-in/callback"
WHO = "ingrid.solheim@alder.example"


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
async def hospital(authority: CertificateAuthority) -> AsyncIterator[Running]:
    running = await start(tls=authority.server("localhost"))
    running.setup(sign_in_apps=[{"client_id": CLIENT, "name": "Vestibule", "secret": SECRET, "redirect_uris": [BACK]}])
    yield running
    await running.stop()


class Person:
    """A browser with Microsoft's SDK behind the pages it visits."""

    def __init__(self, hospital: Running, trust: Path, tenant: str = "organizations", **more: Any) -> None:
        self.session = requests.Session()
        self.session.verify = str(trust)
        self.session.trust_env = False
        more = more or {"authority": f"{hospital.url}/microsoft/{tenant}", "instance_discovery": False}
        self.app = msal.ConfidentialClientApplication(CLIENT, client_credential=SECRET, http_client=self.session, **more)

    def signs_in(self, who: str = WHO, **more: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """The flow that the SDK began, and what the sign-in sent back."""
        flow = self.app.initiate_auth_code_flow([], redirect_uri=BACK, response_mode="form_post", prompt="select_account", **more)
        shown = self.session.get(flow["auth_uri"]).text
        key = re.findall(r'name="key" value="([^"]+)"', shown)[0]
        account = re.findall(rf'name="account" value="([^"]+)"[^>]*>(?:(?!</button>).)*{re.escape(who)}', shown, re.DOTALL)[-1]
        here = urlsplit(flow["auth_uri"])._replace(path="/microsoft/sign-in", query="").geturl()
        answer = self.session.post(here, {"key": key, "account": account}).text
        assert f'action="{BACK}"' in answer
        back = {name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer)}
        return flow, back

    def tokens(self, **more: Any) -> dict[str, Any]:
        """The whole way."""
        flow, back = self.signs_in(**more)
        return self.app.acquire_token_by_auth_code_flow(flow, back)


Meet = Callable[..., Person]


@pytest.fixture
def meet(hospital: Running, authority: CertificateAuthority) -> Iterator[Meet]:
    """Somebody with a browser of their own."""
    met: list[Person] = []

    def one(tenant: str = "organizations", **more: Any) -> Person:
        met.append(Person(hospital, authority.path, tenant, **more))
        return met[-1]

    yield one
    for person in met:
        person.session.close()


async def by(work: Callable[[], Any]) -> Any:
    """The SDK blocks; the hospital lives in this event loop."""
    return await asyncio.to_thread(work)


@pytest.mark.parametrize("tenant", ["organizations", ALDER, "alder.example", "common"])
async def test_the_sdk_signs_somebody_in(hospital: Running, meet: Meet, tenant: str) -> None:
    got = await by(lambda: meet(tenant).tokens())
    assert "id_token_claims" in got, got
    claims = got["id_token_claims"]
    assert claims["iss"] == f"{hospital.url}/microsoft/{ALDER}/v2.0"
    assert (claims["tid"], claims["preferred_username"], claims["name"]) == (ALDER, WHO, "Ingrid Solheim")
    assert got["token_type"] == "Bearer"


async def test_the_sdk_finds_it_as_an_open_id_provider_too(hospital: Running, meet: Meet) -> None:
    where = f"{hospital.url}/microsoft/{ALDER}/v2.0"
    got = await by(lambda: meet(oidc_authority=where).tokens())
    assert got["id_token_claims"]["tid"] == ALDER


async def test_the_sdk_asks_whether_this_host_is_known(hospital: Running, meet: Meet) -> None:
    more = {
        "authority": f"{hospital.url}/microsoft/organizations",
        "instance_discovery": f"{hospital.url}/microsoft/common/discovery/instance",
    }
    got = await by(lambda: meet(**more).tokens())
    assert got["id_token_claims"]["ver"] == "2.0"


async def test_the_sdk_refuses_a_tenant_that_is_not_there(hospital: Running, meet: Meet) -> None:
    with pytest.raises(ValueError, match="double check your tenant"):
        await by(lambda: meet("cedar.example"))


async def test_the_sdk_keeps_the_person_signed_in_with_a_refresh_token(hospital: Running, meet: Meet) -> None:
    person = await by(lambda: meet(ALDER))

    def twice() -> Any:
        person.tokens()
        return person.app.acquire_token_by_refresh_token(
            next(iter(person.app.token_cache.search("RefreshToken")))["secret"], scopes=["User.Read"]
        )

    assert (await by(twice))["id_token_claims"]["preferred_username"] == WHO


async def test_the_sdk_refuses_the_nonce_of_somebody_else(hospital: Running, meet: Meet) -> None:
    hospital.setup(settings={"id_token_fault": "nonce"})
    with pytest.raises(RuntimeError, match="should match our nonce"):
        await by(lambda: meet().tokens())


async def test_the_sdks_own_check_refuses_a_token_for_another_app(hospital: Running, meet: Meet) -> None:
    good = await by(lambda: meet().tokens())
    hospital.setup(settings={"id_token_fault": "audience"})
    bad = await by(lambda: meet().tokens())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert oidc.decode_id_token(good["id_token"], client_id=CLIENT)["tid"] == ALDER
        with pytest.raises(oidc.IdTokenAudienceError):
            oidc.decode_id_token(bad["id_token"], client_id=CLIENT)


async def test_a_wrong_secret_is_named(hospital: Running, meet: Meet) -> None:
    hospital.setup(sign_in_apps=[{"client_id": CLIENT, "secret": "another"}])
    got = await by(lambda: meet().tokens())
    assert got["error"] == "invalid_client"
    assert got["error_codes"] == [7000215]


async def test_a_guest_signs_in_to_the_directory_that_invited_them(hospital: Running, meet: Meet) -> None:
    guest = "piotr.zielinski@birch.example"
    there = (await by(lambda: meet(ALDER).tokens(who=guest)))["id_token_claims"]
    home = (await by(lambda: meet().tokens(who=guest)))["id_token_claims"]
    assert (there["tid"], home["tid"]) == (ALDER, BIRCH)
    assert there["idp"] == f"https://sts.windows.net/{BIRCH}/"
    assert "idp" not in home
    assert there["oid"] != home["oid"]
    assert there["sub"] != home["sub"]


@pytest.mark.parametrize("way", ["secret", "certificate"])
async def test_the_sdk_is_given_a_token_for_an_app_without_a_person(
    hospital: Running, authority: CertificateAuthority, meet: Meet, way: str
) -> None:
    register(hospital, certificates=[pair().base64])
    pem = pair().private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    certificate = f"-----BEGIN CERTIFICATE-----\n{pair().base64}\n-----END CERTIFICATE-----"
    proof: Any = SECRET_OF_THE_APP if way == "secret" else {"private_key": pem, "public_certificate": certificate}

    def asks() -> Any:
        where = {"authority": f"{hospital.url}/microsoft/{ALDER}", "instance_discovery": False, "http_client": meet().session}
        return msal.ConfidentialClientApplication(APP, client_credential=proof, **where).acquire_token_for_client([SCOPE])

    got = await by(asks)
    assert got.get("token_type") == "Bearer", got
    claims = hospital.hospital.sign_ins.keys.verify(got["access_token"])
    assert claims is not None
    assert (claims["appid"], claims["tid"]) == (APP, ALDER)
    assert set(claims["roles"]) == set(EVERYTHING)
