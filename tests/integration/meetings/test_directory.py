"""Who comes back from a directory's sign-in is judged by every claim that says whose token it is; over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from support.provider import OID, TID, Provider, provider
from vestibule.adapters.meetings.teams import Places
from vestibule.adapters.meetings.teams.directory import EntraDirectory
from vestibule.errors import VestibuleError
from vestibule.identity.ports import Asked
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId, new_id, new_secret
from vestibule.meetings.model import Account, ProofKind
from vestibule.meetings.ports import SignedIn
from vestibule.platform.http import Http
from vestibule.protocols.oauth2 import new_verifier, read_callback

CLIENT, SECRET = "vestibule", "s3cret: with a colon"
OTHER, PERSONAL = "0b17c4d9-8e61-4a37-b2f5-91d06c3e7b02", "9188040d-6c67-4c5b-b112-36a304b66dad"
ACCOUNT = Account(TenantId(new_id()), TID, CLIENT, ProofKind.SECRET, SECRET)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    door = Http(clock=SystemClock(), allow_loopback_http=True)
    yield door
    await door.close()


@pytest.fixture
async def microsoft() -> AsyncIterator[Provider]:
    async with provider() as one:
        one.document["issuer"] = f"{one.base}/{TID}/v2.0"
        one.claims = {"tid": TID, "oid": OID}
        yield one


async def through(http: Http, one: Provider) -> SignedIn:
    """All the way, as a browser goes it."""
    directory = EntraDirectory(
        http=http, clock=SystemClock(), places=Places.of("http://localhost/graph", f"{one.base}/organizations/v2.0"), loopback_http=True
    )
    asked = Asked("http://127.0.0.1/meetings/teams/callback", new_secret(), new_secret(), new_verifier())
    url, kept = await directory.depart(ACCOUNT, asked)
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as answer:
        back = parse_qsl(urlsplit(answer.headers["Location"]).query)
    return await directory.arrive(ACCOUNT, asked, read_callback(back), kept)


async def test_a_member_is_known_by_their_object_id_and_nothing_else_is_asked_for(http: Http, microsoft: Provider) -> None:
    assert await through(http, microsoft) == SignedIn(OID, TID, guest=False)
    assert microsoft.told[0]["scope"] == "openid profile"
    assert microsoft.told[0]["prompt"] == "select_account"


async def test_the_application_names_itself_beside_its_proof(http: Http, microsoft: Provider) -> None:
    await through(http, microsoft)
    traded = microsoft.asked[0]
    assert (traded["client_id"], traded["client_secret"], traded["authorization"]) == (CLIENT, SECRET, "")


@pytest.mark.parametrize("claims", [{"idp": f"https://sts.windows.net/{OTHER}/"}, {"idp": "live.com"}, {"acct": 1}])
async def test_a_guest_is_seen_as_one(http: Http, microsoft: Provider, claims: dict[str, Any]) -> None:
    microsoft.claims |= claims
    assert (await through(http, microsoft)).guest


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"tid": OTHER}, "teams-wrong-directory"),
        ({"tid": PERSONAL}, "teams-wrong-directory"),
        ({"tid": None}, "teams-wrong-directory"),
        ({"tid": TID.upper()}, "teams-wrong-directory"),
        ({"tid": [TID]}, "teams-wrong-directory"),
        ({"oid": None}, "entra-person-missing"),
        ({"oid": ""}, "entra-person-missing"),
        ({"oid": OID.upper()}, "entra-person-missing"),
        ({"oid": f"{OID}\n"}, "entra-person-missing"),
        ({"oid": ["x"]}, "entra-person-missing"),
        ({"iss": f"https://login.microsoftonline.com/{TID}/v2.0"}, "id-token-issuer"),
        ({"aud": "somebody-else"}, "id-token-audience"),
        ({"nonce": "another"}, "id-token-nonce"),
    ],
    ids=str,
)
async def test_a_token_that_is_not_of_a_member_of_this_directory_lets_nobody_in(
    http: Http, microsoft: Provider, claims: dict[str, Any], code: str
) -> None:
    microsoft.claims |= claims
    with pytest.raises(VestibuleError) as refused:
        await through(http, microsoft)
    assert refused.value.code == code


async def test_a_directory_that_calls_itself_by_another_name_is_not_gone_to(http: Http, microsoft: Provider) -> None:
    microsoft.document["issuer"] = f"{microsoft.base}/{OTHER}/v2.0"
    with pytest.raises(VestibuleError) as refused:
        await through(http, microsoft)
    assert refused.value.code == "openid-issuer"
    assert microsoft.told == []
