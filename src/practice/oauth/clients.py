"""Who is this client? private_key_jwt (RFC 7523 as SMART 2.2 narrows it), client secrets, and public clients."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from practice.certificates import key_of
from practice.model import Book, ClientApp
from practice.oauth.errors import OAuthError, invalid_client
from practice.oauth.grants import Grants

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384", "ES256")
_LONGEST = 300  # seconds an assertion may live
_LEEWAY = 5
_JWKS_BYTES = 100_000
_JWKS_SECONDS = 5
_JWKS_AGE = 300


class ClientKeys:
    """The clients' JWKS, fetched from their registered URLs, kept for a while, fetched again when a kid is not in them."""

    def __init__(self) -> None:
        self._sets: dict[str, tuple[float, KeySet]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def find(self, app: ClientApp, kid: str) -> KeySet:
        """A key set with exactly the key of that kid."""
        if not app.jwks_url and app.certificate:
            return KeySet([key_of(app.certificate, kid)])
        if not app.jwks_url:
            raise invalid_client("no JWKS URL is registered for this client")
        fetched, keys = self._sets.get(app.jwks_url, (0.0, None))
        if keys is None or time.monotonic() - fetched > _JWKS_AGE or not _with_kid(keys, kid):
            keys = await self._fetch(app.jwks_url)
            self._sets[app.jwks_url] = (time.monotonic(), keys)
        found = _with_kid(keys, kid)
        if not found:
            raise invalid_client("kid is not among the keys at the registered JWKS URL")
        return KeySet(found)

    async def _fetch(self, url: str) -> KeySet:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_JWKS_SECONDS), trust_env=False)
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                body = await answer.content.read(_JWKS_BYTES + 1)
                if answer.status != 200 or len(body) > _JWKS_BYTES:  # noqa: PLR2004 - the only good status
                    raise invalid_client(f"the registered JWKS URL answered {answer.status}, {len(body)} bytes")
            return KeySet.import_key_set(json.loads(body))
        except (aiohttp.ClientError, TimeoutError, ValueError, TypeError, KeyError, AttributeError, JoseError) as error:
            raise invalid_client(f"the registered JWKS URL gave no key set: {type(error).__name__}") from error

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()


def _with_kid(keys: KeySet, kid: str) -> list[Any]:
    return [key for key in keys.keys if key.kid == kid]


class Proof:
    """Finds out which client sent a token request."""

    def __init__(self, *, grants: Grants, keys: ClientKeys, token_url: Callable[[], str]) -> None:
        self._grants = grants
        self._keys = keys
        self._token_url = token_url

    async def client(self, book: Book, params: Mapping[str, str], authorization: str, now: float) -> ClientApp:
        """The proven client; exactly one way of proof, and the one it is registered for."""
        basic = authorization.lower().startswith("basic ")
        ways = [basic, "client_assertion" in params, "client_secret" in params]
        if sum(ways) > 1:
            raise OAuthError("invalid_request", "more than one way of client authentication")
        if authorization and not basic:
            raise invalid_client("the token endpoint knows Basic authorization only")
        if "client_assertion" in params:
            return await self._by_assertion(book, params, now)
        if basic or "client_secret" in params:
            return _by_secret(book, params, authorization if basic else "")
        app = book.app(params.get("client_id", ""))
        if app is None or app.auth != "none":
            raise invalid_client("client is unknown, or must authenticate")
        return app

    async def _by_assertion(self, book: Book, params: Mapping[str, str], now: float) -> ClientApp:
        if params.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthError("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
        assertion = params["client_assertion"]
        header, claims = _peek(assertion, 0), _peek(assertion, 1)
        app = book.app(str(claims.get("sub", "")))
        if app is None or app.auth != "private_key_jwt":
            raise invalid_client("sub is not a client that is registered for private_key_jwt")
        if params.get("client_id", app.client_id) != app.client_id:
            raise invalid_client("client_id and sub differ")
        _check_header(header, app)
        keys = await self._keys.find(app, header["kid"])
        try:
            checked = jwt.decode(assertion, keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError) as error:
            raise invalid_client(f"client_assertion does not verify: {type(error).__name__}") from error
        self._check_claims(checked.claims, app, now)
        return app

    def _check_claims(self, claims: Mapping[str, Any], app: ClientApp, now: float) -> None:
        """SMART 2.2 "Asymmetric authentication": iss and sub, aud, exp of at most five minutes, jti once."""
        if claims.get("iss") != app.client_id or claims.get("sub") != app.client_id:
            raise invalid_client("iss and sub must both be the client_id")
        here = self._token_url()
        if claims.get("aud") not in (here, [here]):
            raise invalid_client(f"aud must be {here}")
        expires = _number(claims, "exp")
        if expires is None or expires <= now:
            raise invalid_client("exp is missing or past")
        if expires > now + _LONGEST + _LEEWAY:
            raise invalid_client("exp is more than five minutes away")
        for claim in ("nbf", "iat"):
            when = _number(claims, claim)
            if claim in claims and (when is None or when > now + _LEEWAY):
                raise invalid_client(f"{claim} is not a time that has come")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise invalid_client("jti is required")
        if not self._grants.first_time(app.client_id, jti, expires):
            raise invalid_client("jti was used before")


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _peek(token: str, part: int) -> dict[str, Any]:
    """A part of a JWT, unverified: only to find whose key to verify with."""
    parts = token.split(".")
    try:
        raw = parts[part]
        value = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    except (IndexError, ValueError, RecursionError) as error:
        raise invalid_client("client_assertion is not a JWT") from error
    if not isinstance(value, dict):
        raise invalid_client("client_assertion is not a JWT")
    return value


def _check_header(header: Mapping[str, Any], app: ClientApp) -> None:
    if header.get("typ") != "JWT":
        raise invalid_client("typ must be JWT")
    if header.get("alg") not in ALGORITHMS:
        raise invalid_client(f"alg must be one of {', '.join(ALGORITHMS)}")
    if not isinstance(header.get("kid"), str) or not header["kid"]:
        raise invalid_client("kid is required")
    if header.get("jku", app.jwks_url) != app.jwks_url:
        raise invalid_client("jku is not the registered JWKS URL")


def read_basic(authorization: str) -> tuple[str, str]:
    """User and password of a Basic header; empty when it is none."""
    try:
        text = base64.b64decode(authorization[len("basic ") :].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    user, _, password = text.partition(":")
    return user, password


def _by_secret(book: Book, params: Mapping[str, str], authorization: str) -> ClientApp:
    client_id, secret = params.get("client_id", ""), params.get("client_secret", "")
    if authorization:
        user, password = read_basic(authorization)
        client_id, secret = unquote_plus(user), unquote_plus(password)
        if params.get("client_id", client_id) != client_id:
            raise invalid_client("client_id in the body and in the Authorization header differ")
    app = book.app(client_id)
    if app is None or app.auth != "client_secret" or not app.secret:
        raise invalid_client("client is unknown, or not registered for a secret")
    if not hmac.compare_digest(app.secret.encode(), secret.encode()):
        raise invalid_client("client secret is wrong")
    return app
