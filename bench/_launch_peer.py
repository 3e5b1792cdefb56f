"""The peer of the launch benchmark: the least a SMART app can be. One file on aiohttp, no database, no page templates, everything in
dicts; it makes the same requests of the record, checks the id_token's signature and basic claims, and says hello.

    python -m bench._launch_peer FHIR_BASE CLIENT_ID PORT
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

SCOPE = "launch openid fhirUser user/Practitioner.rs user/Patient.rs user/Encounter.rs user/Appointment.rs"
COOKIE = {"httponly": True, "secure": True, "samesite": "None"}


class Peer:
    """Begin, callback, confirm."""

    def __init__(self, fhir: str, client_id: str, own: str) -> None:
        self.fhir, self.client_id, self.own = fhir, client_id, own
        self.key = ECKey.generate_key("P-384", auto_kid=True)
        self.begun: dict[str, tuple[str, str, str]] = {}
        self.sessions: dict[str, tuple[str, str]] = {}
        self.server: dict[str, Any] = {}
        self.jwks: KeySet | None = None
        self.http: aiohttp.ClientSession | None = None

    async def get(self, url: str, token: str = "") -> Any:
        """GET as JSON."""
        assert self.http
        headers = {"Epic-Client-ID": self.client_id} | ({"Authorization": f"Bearer {token}"} if token else {})
        async with self.http.get(url, headers=headers) as answer:
            return await answer.json(content_type=None)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Off to the record."""
        if request.query["iss"] != self.fhir:
            raise web.HTTPForbidden
        if not self.server:
            self.server = await self.get(f"{self.fhir}/.well-known/smart-configuration")
        state, browser, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(4))
        self.begun[state] = (browser, verifier, nonce)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": f"{self.own}/launch/callback",
            "scope": SCOPE,
            "state": state,
            "aud": self.fhir,
            "launch": request.query["launch"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "nonce": nonce,
        }
        answer = web.HTTPSeeOther(f"{self.server['authorization_endpoint']}?{urlencode(query)}")
        answer.set_cookie("browser", browser, path="/launch/callback", **COOKIE)  # type: ignore[arg-type]
        raise answer

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """Back again."""
        browser, verifier, nonce = self.begun.pop(request.query["state"])
        if request.cookies.get("browser") != browser:
            raise web.HTTPForbidden
        token = await self.exchange(request.query["code"], verifier)
        await self.identify(token["id_token"], nonce)
        access, base = token["access_token"], self.fhir
        user = jwt_user(token["id_token"])
        patient, _, encounter = await asyncio.gather(
            self.get(f"{base}/Patient/{token['patient']}", access),
            self.get(user, access),
            self.get(f"{base}/Encounter/{token['encounter']}", access),
        )
        booked = await self.get(f"{base}/{encounter['appointment'][0]['reference']}", access)
        sid = secrets.token_urlsafe(16)
        self.sessions[sid] = (patient["name"][0]["text"], booked["start"])
        answer = web.HTTPSeeOther(f"/s/{sid}/confirm")
        answer.set_cookie("session", sid, path=f"/s/{sid}/", **COOKIE)  # type: ignore[arg-type]
        raise answer

    async def exchange(self, code: str, verifier: str) -> Any:
        """The token."""
        assert self.http
        now = int(time.time())
        url = self.server["token_endpoint"]
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": url, "iat": now, "exp": now + 240, "jti": secrets.token_urlsafe(24)}
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.own}/launch/callback",
            "code_verifier": verifier,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": "ES384", "kid": self.key.kid}, claims, self.key, algorithms=["ES384"]),
        }
        async with self.http.post(url, data=form, headers={"Epic-Client-ID": self.client_id}) as answer:
            return await answer.json()

    async def identify(self, id_token: str, nonce: str) -> None:
        """The signature and the basic claims."""
        if self.jwks is None:
            self.jwks = KeySet.import_key_set(await self.get(self.server["jwks_uri"]))
        claims = jwt.decode(id_token, self.jwks, algorithms=["RS256"]).claims
        right = claims["iss"] == self.server["issuer"] and claims["aud"] == self.client_id and claims["nonce"] == nonce
        if not right or claims["exp"] < time.time():
            raise web.HTTPForbidden

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """Whom one is about to join."""
        name, start = self.sessions[request.cookies["session"]]
        return web.Response(text=f"<h1>{name}</h1><p>{start}</p><form method=post><button>Join</button></form>", content_type="text/html")

    async def confirmed(self, request: web.Request) -> web.StreamResponse:
        """Yes."""
        raise web.HTTPSeeOther(f"/s/{self.sessions[request.cookies['session']]}/console")

    async def keys(self, _: web.Request) -> web.StreamResponse:
        """Our public key."""
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def life(self, _: web.Application) -> Any:
        """The client session lives as long as the server."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as self.http:
            yield


def jwt_user(id_token: str) -> str:
    """The fhirUser of a token whose signature has been checked."""
    body = id_token.split(".")[1]
    import json  # noqa: PLC0415

    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["fhirUser"])


def main() -> None:
    """Serve until killed."""
    fhir, client_id, port = sys.argv[1:]
    peer = Peer(fhir, client_id, f"http://127.0.0.1:{port}")
    app = web.Application()
    app.cleanup_ctx.append(peer.life)
    app.add_routes(
        [
            web.get("/launch/provider", peer.begin),
            web.get("/launch/callback", peer.callback),
            web.get("/s/{sid}/confirm", peer.confirm),
            web.post("/s/{sid}/confirm", peer.confirmed),
            web.get("/jwks.json", peer.keys),
            web.get("/health/ready", peer.keys),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=None, print=None)


if __name__ == "__main__":
    main()
