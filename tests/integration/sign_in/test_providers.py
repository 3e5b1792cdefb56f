"""The two ways to sign in against a provider that lies in every way we could think of, over real sockets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from conformance.signing import OTHER_RSA, RSA, b64, jwk, token
from support.provider import CLIENT, OID, SECRET, TID, Claims, Provider, provider
from vestibule.adapters.sign_in.client import OpenIdClient, registered
from vestibule.adapters.sign_in.entra import EntraSignIn
from vestibule.adapters.sign_in.oidc import OidcSignIn
from vestibule.errors import VestibuleError
from vestibule.identity.model import Person
from vestibule.identity.ports import Asked, SignInProvider
from vestibule.identity.words import in_calm_words
from vestibule.kit.clock import FrozenClock, SystemClock
from vestibule.kit.ids import new_secret
from vestibule.platform.http import Http
from vestibule.protocols.oauth2 import new_verifier, read_callback
from vestibule.protocols.oidc import template_of

OTHER_TID = "0b17c4d9-8e61-4a37-b2f5-91d06c3e7b02"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
HOME = "http://127.0.0.1:1/sign-in/callback"


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    door = Http(allow_loopback_http=True)
    yield door
    await door.close()


@pytest.fixture
async def generic() -> AsyncIterator[Provider]:
    async with provider() as one:
        yield one


@pytest.fixture
async def microsoft() -> AsyncIterator[Provider]:
    async with provider(entra=True) as one:
        yield one


def client(http: Http, authority: str, issuer: str, clock: Any = None) -> OpenIdClient:
    return OpenIdClient(
        http=http,
        clock=clock or SystemClock(),
        authority=authority,
        issuer=issuer,
        client=registered(CLIENT, SECRET),
        loopback_http=True,
    )


def oidc(http: Http, one: Provider) -> OidcSignIn:
    return OidcSignIn(client(http, one.base, one.base), label="single sign-on")


def entra(http: Http, one: Provider) -> EntraSignIn:
    return EntraSignIn(client(http, one.entra, template_of(one.entra)))


def asking() -> Asked:
    return Asked(HOME, new_secret(), new_secret(), new_verifier())


async def travel(url: str) -> list[tuple[str, str]]:
    """The browser's way: there, and back with an answer."""
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as answer:
        return parse_qsl(urlsplit(answer.headers["Location"]).query)


async def through(way: SignInProvider, asked: Asked | None = None) -> Person:
    asked = asked or asking()
    url, kept = await way.depart(asked)
    return await way.arrive(read_callback(await travel(url)), asked, kept)


async def refused(way: SignInProvider) -> tuple[str, str]:
    """What the log says, and what the person reads."""
    with pytest.raises(VestibuleError) as caught:
        await through(way)
    return caught.value.code, in_calm_words(caught.value).code


# ---------------------------------------------------------------------- when all is well


async def test_a_generic_person_is_issuer_and_subject(http: Http, generic: Provider) -> None:
    generic.claims = {"email": "ingrid@alder.example"}
    who = await through(oidc(http, generic))
    assert who == Person("oidc", generic.base, "person-1", "Ingrid Solheim", "ingrid@alder.example")


async def test_a_microsoft_person_is_tenant_and_object(http: Http, microsoft: Provider) -> None:
    who = await through(entra(http, microsoft))
    assert (who.issuer, who.subject) == (f"{microsoft.base}/{TID}/v2.0", OID)
    assert who.reads_mail_of("Ingrid.Solheim@alder.example")


async def test_what_is_sent_is_what_the_paragraphs_ask_for(http: Http, generic: Provider) -> None:
    asked = asking()
    await through(oidc(http, generic), asked)
    told, traded = generic.told[0], generic.asked[0]
    assert told["response_type"] == "code"
    assert told["scope"].split()[0] == "openid"
    assert (told["state"], told["nonce"], told["code_challenge_method"]) == (asked.state, asked.nonce, "S256")
    assert told["redirect_uri"] == traded["redirect_uri"] == HOME
    assert traded["code_verifier"] == asked.verifier
    assert traded["authorization"].startswith("Basic ")
    assert SECRET not in str(traded)


async def test_microsoft_is_always_asked_which_account(http: Http, microsoft: Provider) -> None:
    await through(entra(http, microsoft))
    assert microsoft.told[0]["prompt"] == "select_account"


async def test_an_address_the_provider_has_not_checked_is_none(http: Http, generic: Provider) -> None:
    generic.claims = {"email": "boss@alder.example", "email_verified": False}
    who = await through(oidc(http, generic))
    assert who.email == ""
    assert not who.reads_mail_of("boss@alder.example")


@pytest.mark.parametrize("name", ["email", "preferred_username", "upn", "unique_name"])
async def test_claiming_another_persons_address_makes_nobody_that_person(http: Http, microsoft: Provider, name: str) -> None:
    me = await through(entra(http, microsoft))
    evil = "99999999-9999-4999-8999-999999999999"
    microsoft.claims = {name: "ingrid.solheim@alder.example", "tid": OTHER_TID, "oid": evil, "iss": f"{microsoft.base}/{OTHER_TID}/v2.0"}
    other = await through(entra(http, microsoft))
    assert (other.issuer, other.subject) != (me.issuer, me.subject)


async def test_what_the_provider_publishes_is_asked_for_once_in_five_minutes(http: Http, generic: Provider) -> None:
    clock = FrozenClock(SystemClock().now())
    way = OidcSignIn(client(http, generic.base, generic.base, clock), label="x")
    for _ in range(3):
        await way.depart(asking())
    assert generic.discovered == 1
    clock.advance(301)
    await way.depart(asking())
    assert generic.discovered == 2


# ---------------------------------------------------------------------- tokens that lie


def signed(alg: str, key: Any, **header: Any) -> Callable[[Claims], str]:
    return lambda claims: token(claims, key, alg=alg, header=header)


def unsigned(name: str) -> Callable[[Claims], str]:
    return lambda claims: token(claims, None, alg=name).rpartition(".")[0] + "."


def altered(claims: Claims) -> str:
    head, _, signature = token(claims, RSA, alg="RS256").split(".")
    body = token({**claims, "sub": "somebody-else", "oid": OTHER_TID}, RSA, alg="RS256").split(".")[1]
    return f"{head}.{body}.{signature}"


NOT_TRUSTED = "sign-in-not-trusted"
LIES: list[tuple[str, dict[str, Any], str]] = [
    ("of another issuer", {"claims": {"iss": "https://evil.example"}}, "id-token-issuer"),
    ("of an issuer one letter longer", {"suffix": "/"}, "id-token-issuer"),
    ("without an issuer", {"claims": {"iss": None}}, "id-token-issuer"),
    ("for another client", {"claims": {"aud": "another"}}, "id-token-audience"),
    ("for us and another", {"claims": {"aud": [CLIENT, "another"]}}, "id-token-audience"),
    ("for nobody", {"claims": {"aud": []}}, "id-token-audience"),
    ("whose authorised party is another", {"claims": {"azp": "another"}}, "id-token-audience"),
    ("of another sign-in", {"claims": {"nonce": "another"}}, "id-token-nonce"),
    ("of no sign-in", {"claims": {"nonce": None}}, "id-token-nonce"),
    ("that has expired", {"claims": {"exp": int(time.time()) - 120}}, "id-token-expired"),
    ("that expires as text", {"claims": {"exp": "9999999999"}}, "id-token-claim"),
    ("that never expires", {"claims": {"exp": None}}, "id-token-claim"),
    ("from the future", {"claims": {"iat": int(time.time()) + 3600}}, "id-token-early"),
    ("without a signature", {"sign": unsigned("none")}, "jwt-malformed"),
    ("with alg none and something behind it", {"sign": lambda claims: token(claims, None, alg="none") + b64(b"x")}, "jwt-algorithm"),
    ("with alg nOnE", {"sign": lambda claims: token(claims, None, alg="nOnE") + b64(b"x")}, "jwt-algorithm"),
    ("signed with our secret", {"sign": signed("HS256", SECRET.encode())}, "jwt-algorithm"),
    ("signed by somebody else", {"sign": signed("RS256", OTHER_RSA)}, "jwt-signature"),
    ("that brings its own key", {"sign": signed("RS256", OTHER_RSA, jku="https://evil.example/keys")}, "jwt-signature"),
    ("of an unknown key", {"sign": lambda claims: token(claims, OTHER_RSA, alg="RS256", kid="k9")}, "jwt-key-unknown"),
    ("with a critical extension", {"sign": signed("RS256", RSA, crit=["exp"])}, "jwt-critical"),
    ("of another kind", {"sign": signed("RS256", RSA, typ="at+jwt")}, "jwt-type"),
    ("altered on its way", {"sign": altered}, "jwt-signature"),
    ("that is none", {"sign": lambda _: "not.a.token!"}, "jwt-malformed"),
]


@pytest.mark.parametrize(("what", "lie", "code"), LIES, ids=[what for what, _, _ in LIES])
@pytest.mark.parametrize("kind", ["oidc", "entra"])
async def test_a_token(http: Http, generic: Provider, microsoft: Provider, kind: str, what: str, lie: dict[str, Any], code: str) -> None:
    """... of this kind signs nobody in, whichever way it comes."""
    one, way = (generic, oidc(http, generic)) if kind == "oidc" else (microsoft, entra(http, microsoft))
    one.claims = dict(lie.get("claims", {}))
    if "suffix" in lie:
        one.claims["iss"] = f"{one.base}/{TID}/v2.0/" if kind == "entra" else f"{one.base}/"
    one.sign = lie.get("sign", one.sign)
    assert await refused(way) == (code, NOT_TRUSTED), what


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256, ["person-1"]])
async def test_a_subject_is_text_of_at_most_255_letters(http: Http, generic: Provider, subject: Any) -> None:
    generic.claims = {"sub": subject if subject is not None else None}
    assert await refused(oidc(http, generic)) == ("id-token-claim", NOT_TRUSTED)


def issued(base: str, tid: str) -> str:
    return f"{base}/{tid}/v2.0"


TRICKS: list[tuple[str, Callable[[str], Claims], str, str]] = [
    ("no tid", lambda _: {"tid": None}, "sign-in-personal-account", "sign-in-personal-account"),
    ("a tid that is no GUID", lambda _: {"tid": "organizations"}, "sign-in-personal-account", "sign-in-personal-account"),
    ("a tid with a path in it", lambda _: {"tid": f"{TID}/../{OTHER_TID}"}, "sign-in-personal-account", "sign-in-personal-account"),
    ("the template itself for a tid", lambda _: {"tid": "{tenantid}"}, "sign-in-personal-account", "sign-in-personal-account"),
    ("a tid in capitals", lambda _: {"tid": TID.upper()}, "sign-in-personal-account", "sign-in-personal-account"),
    ("a tid that is a list", lambda _: {"tid": [TID]}, "sign-in-personal-account", "sign-in-personal-account"),
    ("a personal account", lambda b: {"tid": PERSONAL, "iss": issued(b, PERSONAL)}, "sign-in-personal-account", "sign-in-personal-account"),
    ("another tenant's name on it", lambda b: {"iss": issued(b, OTHER_TID)}, "id-token-issuer", NOT_TRUSTED),
    ("another tenant's tid in it", lambda _: {"tid": OTHER_TID}, "id-token-issuer", NOT_TRUSTED),
    ("the template for an issuer", lambda b: {"iss": issued(b, "{tenantid}")}, "id-token-issuer", NOT_TRUSTED),
    ("the authority for an issuer", lambda b: {"iss": issued(b, "organizations")}, "id-token-issuer", NOT_TRUSTED),
    ("version one's issuer", lambda _: {"iss": f"https://sts.windows.net/{TID}/"}, "id-token-issuer", NOT_TRUSTED),
    ("no oid", lambda _: {"oid": None}, "entra-person-missing", NOT_TRUSTED),
    ("an oid that is an address", lambda _: {"oid": "ingrid.solheim@alder.example"}, "entra-person-missing", NOT_TRUSTED),
]


@pytest.mark.parametrize(("what", "claims", "code", "said"), TRICKS, ids=[what for what, *_ in TRICKS])
async def test_a_microsoft_token_with(
    http: Http, microsoft: Provider, what: str, claims: Callable[[str], Claims], code: str, said: str
) -> None:
    """... this signs nobody in."""
    microsoft.claims = claims(microsoft.base)
    assert await refused(entra(http, microsoft)) == (code, said), what


@pytest.mark.parametrize(
    ("named", "good"),
    [
        ("{base}/{tenantid}/v2.0", True),
        ("{base}/" + TID + "/v2.0", True),
        ("{base}/" + PERSONAL + "/v2.0", False),
        ("https://evil.example", False),
    ],
)
async def test_a_key_that_signs_for_others_signs_for_nobody_here(http: Http, microsoft: Provider, named: str, good: bool) -> None:
    microsoft.keys = [jwk(RSA, "k1", issuer=named.replace("{base}", microsoft.base))]
    if good:
        assert (await through(entra(http, microsoft))).subject == OID
    else:
        assert await refused(entra(http, microsoft)) == ("jwt-key-unknown", NOT_TRUSTED)


async def test_an_authority_of_one_tenant_takes_that_tenant_only(http: Http, microsoft: Provider) -> None:
    single = f"{microsoft.base}/{TID}/v2.0"
    way = EntraSignIn(client(http, microsoft.entra, template_of(single)))
    microsoft.document = {"issuer": single}
    microsoft.claims = {"tid": TID, "oid": OID}
    assert (await through(way)).issuer == single
    microsoft.claims = {"tid": OTHER_TID, "oid": OID, "iss": f"{microsoft.base}/{OTHER_TID}/v2.0"}
    assert await refused(way) == ("id-token-issuer", NOT_TRUSTED)


# ---------------------------------------------------------------------- answers and documents that lie


async def test_an_answer_in_anothers_name_takes_the_code_to_nobody(http: Http, generic: Provider) -> None:
    generic.answer = {"iss": "https://evil.example"}
    assert await refused(oidc(http, generic)) == ("callback-issuer", NOT_TRUSTED)
    assert generic.asked == []


async def test_a_promised_name_must_be_in_the_answer(http: Http, generic: Provider) -> None:
    generic.document = {"authorization_response_iss_parameter_supported": True}
    assert await refused(oidc(http, generic)) == ("callback-issuer", NOT_TRUSTED)
    generic.answer = {"iss": generic.base}
    assert (await through(oidc(http, generic))).subject == "person-1"


@pytest.mark.parametrize(
    "who", ["https://evil.example", "{base}/{tenantid}/v2.0", "{base}/organizations/v2.0", "{base}/" + OTHER_TID + "/v2.0"]
)
async def test_a_microsoft_answer_in_anothers_name_signs_nobody_in(http: Http, microsoft: Provider, who: str) -> None:
    microsoft.answer = {"iss": who.replace("{base}", microsoft.base)}
    assert await refused(entra(http, microsoft)) == ("callback-issuer", NOT_TRUSTED)


async def test_mixed_up_providers_sign_nobody_in(http: Http, generic: Provider) -> None:
    """A browser sent to one comes back with the other's answer: the token is of the other, so nobody is in."""
    async with provider() as evil:
        asked = asking()
        _, kept = await oidc(http, evil).depart(asked)
        url, _ = await oidc(http, generic).depart(asked)
        with pytest.raises(VestibuleError) as caught:
            await oidc(http, evil).arrive(read_callback(await travel(url)), asked, kept)
        assert caught.value.code == "token-invalid-grant"
        assert generic.asked == []  # the honest one's code was not traded by anybody


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"issuer": "https://evil.example"}, "openid-issuer"),
        ({"issuer": None}, "openid-issuer"),
        ({"authorization_endpoint": "http://evil.example/authorize"}, "openid-endpoint-not-allowed"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "openid-endpoint-not-allowed"),
        ({"token_endpoint": "https://user@evil.example/token"}, "openid-endpoint-not-allowed"),
        ({"token_endpoint": None}, "openid-endpoint-not-allowed"),
        ({"jwks_uri": ["https://evil.example"]}, "openid-endpoint-not-allowed"),
    ],
)
async def test_a_document_that_lies_is_not_followed(http: Http, generic: Provider, document: dict[str, Any], code: str) -> None:
    generic.document = document
    with pytest.raises(VestibuleError) as caught:
        await oidc(http, generic).depart(asking())
    assert (caught.value.code, in_calm_words(caught.value).code) == (code, "sign-in-misconfigured")


@pytest.mark.parametrize(
    ("error", "said"),
    [("access_denied", "sign-in-declined"), ("temporarily_unavailable", "sign-in-unavailable"), ("server_error", "sign-in-unavailable")],
)
async def test_an_error_in_the_answer_is_said_calmly(http: Http, generic: Provider, error: str, said: str) -> None:
    generic.answer = {"code": None, "error": error, "error_description": "<script>alert(1)</script>"}
    assert (await refused(oidc(http, generic)))[1] == said


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"error": "invalid_grant"}, "sign-in-failed"),
        (401, {"error": "invalid_client"}, "sign-in-misconfigured"),
        (503, {}, "sign-in-unavailable"),
        (429, {}, "sign-in-unavailable"),
        (200, {"id_token": None}, NOT_TRUSTED),
        (200, {"token_type": "mac"}, "sign-in-failed"),
    ],
)
async def test_a_token_endpoint_that_refuses_is_said_calmly(
    http: Http, generic: Provider, status: int, body: dict[str, Any], said: str
) -> None:
    generic.token_status, generic.token_body = status, body
    assert (await refused(oidc(http, generic)))[1] == said


@pytest.mark.parametrize(
    "authority",
    [
        "https://login.example",
        "https://login.example/v2.0",
        "https://login.example/consumers/v2.0",
        "https://login.example/x/v2.0?a",
        "ftp://l/organizations/v2.0",
    ],
)
def test_what_is_no_authority_is_refused_at_the_start(authority: str) -> None:
    with pytest.raises(ValueError, match="authority"):
        template_of(authority)
