"""An OpenID provider of a few lines that says whatever a test wants it to say: right or wrong."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from conformance.signing import RSA, jwk, token
from support.ports import free_port

CLIENT = "vestibule"
SECRET = "s3cret: with a colon"
TID = "0a1de7c4-3b52-4f6e-9d10-5c2f8e7a4b01"
OID = "5f1c2a70-0001-4c1e-8a55-2d7b9e3f0a01"
Claims = dict[str, Any]


@dataclass
class Provider:
    """What it says, and what it heard.

    Attributes:
        document: changes to the discovery document.
        claims: changes the claims of the next token; None takes one away.
        sign: makes the token of claims.
        told: the parameters of every authorize request.
        asked: the form of every token request.
        answer: what the callback is given besides or instead; None takes it away.
    """

    base: str
    document: dict[str, Any] = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)
    sign: Callable[[Claims], str] = lambda claims: token(claims, RSA, alg="RS256")
    answer: dict[str, str | None] = field(default_factory=dict)
    token_status: int = 200
    token_body: dict[str, Any] = field(default_factory=dict)
    told: list[dict[str, str]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    discovered: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(RSA, "k1")])

    @property
    def entra(self) -> str:
        """The same as an authority of many Microsoft tenants."""
        return f"{self.base}/organizations/v2.0"

    def token_for(self, told: dict[str, str]) -> str:
        """A faultless id_token, but for what the test has changed."""
        now = int(time.time())
        entra = self.document.get("issuer", "").count("{tenantid}")
        own: Claims = {"iss": self.document.get("issuer", self.base).replace("{tenantid}", TID), "sub": "person-1"}
        if entra:
            own |= {"tid": TID, "oid": OID, "preferred_username": "ingrid.solheim@alder.example"}
        claims = {**own, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": told.get("nonce"), "name": "Ingrid Solheim", **self.claims}
        return self.sign({name: value for name, value in claims.items() if value is not None})

    async def _configuration(self, _request: web.Request) -> web.Response:
        self.discovered += 1
        own = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/keys",
        }
        return web.json_response({name: value for name, value in {**own, **self.document}.items() if value is not None})

    async def _authorize(self, request: web.Request) -> web.Response:
        told = dict(request.query)
        self.told.append(told)
        code = secrets.token_urlsafe(16)
        self.codes[code] = told
        back = {"code": code, "state": told["state"], **self.answer}
        query = urlencode({name: value for name, value in back.items() if value is not None})
        return web.Response(status=302, headers={"Location": f"{told['redirect_uri']}?{query}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append({**form, "authorization": request.headers.get("Authorization", "")})
        told = self.codes.pop(form.get("code", ""), None)
        if told is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        body = {"access_token": "at", "token_type": "Bearer", "id_token": self.token_for(told), **self.token_body}
        return web.json_response({name: value for name, value in body.items() if value is not None}, status=self.token_status)

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": self.keys})


@asynccontextmanager
async def provider(*, entra: bool = False) -> AsyncIterator[Provider]:
    """A provider that answers; `entra`: one that speaks for many tenants, braces and all."""
    port = free_port()
    one = Provider(f"http://localhost:{port}")
    if entra:
        one.document["issuer"] = f"{one.base}/{{tenantid}}/v2.0"
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", one._configuration),
            web.get("/organizations/v2.0/.well-known/openid-configuration", one._configuration),
            web.get(f"/{TID}/v2.0/.well-known/openid-configuration", one._configuration),
            web.get("/authorize", one._authorize),
            web.post("/token", one._token),
            web.get("/keys", one._keys),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "localhost", port).start()
    try:
        yield one
    finally:
        await runner.cleanup()
