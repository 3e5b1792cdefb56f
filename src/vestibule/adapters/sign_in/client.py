"""One OpenID provider as both adapters use it: what it publishes is kept for a while, and a token is judged by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from vestibule.errors import NotAllowed, OutsideFailed
from vestibule.identity.ports import Asked
from vestibule.kit.clock import Clock
from vestibule.platform.http import Http
from vestibule.protocols.jose import Jwks
from vestibule.protocols.oauth2 import ClientIdentity, Prover, Returned, TokenAnswer, challenge_of, check_issuer
from vestibule.protocols.oidc import SCOPE, OpenIdServer, authorization_url, discover, exchange_code
from vestibule.protocols.smart import IdClaims, fetch_jwks, verify_id_token

_KEEP_DISCOVERY: Final = 300.0  # seconds
_TIMEOUT: Final = 10.0
_BUSY: Final = frozenset({"temporarily_unavailable", "server_error"})  # RFC 6749 4.1.2.1
_LATER: Final = "The sign-in service does not answer at the moment. Please try again in a moment."


class OpenIdClient:
    """Us, as registered with one provider."""

    def __init__(
        self,
        *,
        http: Http,
        clock: Clock,
        authority: str,
        issuer: str,
        client: Prover,
        scope: str = SCOPE,
        loopback_http: bool = False,
    ) -> None:
        """Say which provider, and who we are there.

        Args:
            http: our way out.
            clock: the time.
            authority: below which it describes itself.
            issuer: what it calls itself, or a template of that.
            client: our registration, and its proof.
            scope: what is asked to be told about people.
            loopback_http: allow plain http on this machine.
        """
        self._http = http
        self._clock = clock
        self._authority = authority
        self._issuer = issuer
        self._client = client
        self._scope = scope
        self._loopback = loopback_http
        self._server: tuple[OpenIdServer, float] | None = None
        self._jwks: Jwks | None = None
        self._jwks_url = ""
        self._fetching = asyncio.Lock()

    async def depart(self, asked: Asked, *, prompt: str = "") -> tuple[str, OpenIdServer]:
        """Where to send the browser, and the provider as it described itself at that moment."""
        server = await self._discover()
        url = authorization_url(
            server,
            client_id=self._client.client_id,
            redirect_uri=asked.redirect_uri,
            state=asked.state,
            nonce=asked.nonce,
            challenge=challenge_of(asked.verifier),
            prompt=prompt,
            scope=self._scope,
        )
        return url, server

    async def exchange(self, returned: Returned, asked: Asked, server: OpenIdServer, *, issuer: str) -> TokenAnswer:
        """Trade the code for an id_token, at the very provider the browser was sent to.

        Raises:
            NotAllowed: callback-issuer: somebody else answered (RFC 9207); the code then goes to nobody.
        """
        check_issuer(returned, issuer=issuer, required=server.iss_in_callback)
        if returned.error in _BUSY:
            raise OutsideFailed("sign-in-unavailable", _LATER, phase="sign-in.authorize")
        if returned.error or not returned.code:
            raise NotAllowed("sign-in-declined", "The sign-in was cancelled, or not allowed.", phase="sign-in.authorize")
        steps = exchange_code(
            server,
            code=returned.code,
            redirect_uri=asked.redirect_uri,
            verifier=asked.verifier,
            client=self._client,
            now=self._clock.now(),
        )
        answer = await self._http.drive(steps, timeout=_TIMEOUT)
        if not answer.id_token:
            raise OutsideFailed("id-token-missing", "The sign-in service did not say who signed in.", phase="sign-in.token", permanent=True)
        return answer

    async def judge(
        self, answer: TokenAnswer, asked: Asked, server: OpenIdServer, *, issuer: str, signs: Callable[[str], bool] = lambda _: True
    ) -> IdClaims:
        """The claims of the id_token, every check passed (Core 3.1.3.7). An unknown key is asked for once more, at most once a minute.

        `signs` says of a key that names whom it signs for whether that is good enough.
        """
        for last_try in (False, True):
            keys = (await self._keys(server.jwks, again=last_try)).of_issuer(signs)
            try:
                return verify_id_token(
                    answer.id_token,
                    jwks=keys,
                    issuer=issuer,
                    client_id=self._client.client_id,
                    nonce=asked.nonce,
                    now=self._clock.now(),
                    access_token=answer.access_token,
                )
            except OutsideFailed as error:
                if last_try or error.code != "jwt-key-unknown" or not keys.worth_refetching(self._clock.now()):
                    raise
        raise AssertionError("the second try returns or raises")

    async def _discover(self) -> OpenIdServer:
        if self._server is not None and self._clock.monotonic() < self._server[1]:
            return self._server[0]
        steps = discover(self._authority, issuer=self._issuer, loopback_http=self._loopback)
        server = await self._http.drive(steps, timeout=_TIMEOUT)
        self._server = (server, self._clock.monotonic() + _KEEP_DISCOVERY)
        return server

    async def _keys(self, url: str, *, again: bool) -> Jwks:
        """The provider's keys; of many sign-ins at once, one fetches."""
        asked_at = self._clock.now()
        async with self._fetching:
            kept = self._jwks if self._jwks_url == url else None
            fetched_since = kept is not None and kept.fetched_at is not None and kept.fetched_at > asked_at
            if kept is not None and not kept.stale(asked_at) and (not again or fetched_since):
                return kept
            steps = fetch_jwks(url, now=self._clock.now(), loopback_http=self._loopback)
            self._jwks, self._jwks_url = await self._http.drive(steps, timeout=_TIMEOUT), url
            return self._jwks


def registered(client_id: str, secret: str) -> ClientIdentity:
    """Us with a secret, or with none where the provider gave us none."""
    return ClientIdentity(client_id, "client_secret_basic" if secret else "none", secret=secret)


def text(claims: IdClaims, name: str) -> str:
    """A claim that is text, cut to what we would keep; empty for anything else."""
    value = claims.claims.get(name)
    return value[:320] if isinstance(value, str) else ""
