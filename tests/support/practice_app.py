"""A client of the practice hospital, written from the specifications and not from its code."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from joserfc import jwt
from joserfc.jwk import RSAKey

from practice.server import Running

CLIENT = "test-app"
REDIRECT = "http://127.0.0.1:9/callback"
EHR_SCOPE = "openid fhirUser launch offline_access user/Patient.rs user/Appointment.rs user/Encounter.rs user/Practitioner.rs"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Clock:
    """A time that moves on when a test says so, and stands still when it wants that."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._stands_at: float | None = None

    def __call__(self) -> float:
        return (time.time() if self._stands_at is None else self._stands_at) + self.ahead

    def stand_still(self) -> None:
        """From now on it goes only where `ahead` takes it."""
        self._stands_at = time.time()


@dataclass
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def sent_back(self) -> dict[str, str]:
        """The parameters of a redirect."""
        return {k: v[0] for k, v in parse_qs(urlsplit(self.headers["Location"]).query).items()}


@dataclass
class App:
    """A SMART client that does what the specification says, and in tests what it forbids."""

    hospital: Running
    session: aiohttp.ClientSession
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    keys: list[Any] = field(default_factory=list)
    jwks_asked: int = 0

    async def ask(self, method: str, url: str, **more: Any) -> Answer:
        full = url if url.startswith("http") else self.hospital.url + url
        async with self.session.request(method, full, allow_redirects=False, **more) as answer:
            return Answer(answer.status, answer.headers, await answer.text())

    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def launch_value(self, kind: str = "provider", csn: str = "", user: str = "") -> str:
        url = self.hospital.launch(kind, csn or self.hospital.hospital.book.appointments[2].csn, user)
        return parse_qs(urlsplit(url).query)["launch"][0]

    def authorize_params(self, **changes: str | None) -> dict[str, str]:
        params: dict[str, str | None] = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "scope": EHR_SCOPE,
            "state": "state-of-this-browser",
            "aud": self.hospital.fhir,
            "code_challenge": self.challenge(),
            "code_challenge_method": "S256",
            "nonce": "nonce-of-this-launch",
            **changes,
        }
        if "launch" not in changes:
            params["launch"] = self.launch_value()
        return {key: value for key, value in params.items() if value is not None}

    async def authorize(self, **changes: str | None) -> Answer:
        return await self.ask("GET", self.hospital.hospital.at.authorize, params=self.authorize_params(**changes))

    async def code(self, **changes: str | None) -> str:
        return (await self.authorize(**changes)).sent_back["code"]

    def assertion(self, *, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        key = key or self.keys[0]
        now = int(self.hospital.hospital.now())
        claims = {
            "iss": CLIENT,
            "sub": CLIENT,
            "aud": self.hospital.hospital.at.token,
            "exp": now + 240,
            "iat": now,
            "jti": secrets.token_urlsafe(16),
            **changes,
        }
        alg = "RS384" if isinstance(key, RSAKey) else "ES384"
        head = {"alg": alg, "typ": "JWT", "kid": key.kid, **(header or {})}
        claims = {k: v for k, v in claims.items() if v is not None}
        return jwt.encode(
            {k: v for k, v in head.items() if v is not None}, claims, key, algorithms=["RS384", "ES384", "ES256", "RS256", "HS256"]
        )

    async def token(self, assertion: str | None = None, **changes: str | None) -> Answer:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
            **changes,
        }
        return await self.ask("POST", self.hospital.hospital.at.token, data={k: v for k, v in form.items() if v is not None})

    async def launched(self, **changes: str | None) -> dict[str, Any]:
        answer = await self.token(code=await self.code(**changes))
        assert answer.status == 200, answer.text
        return dict(answer.json)

    async def backend(self, scope: str | None = "system/Appointment.rs", **changes: str | None) -> Answer:
        return await self.token(grant_type="client_credentials", scope=scope, redirect_uri=None, code_verifier=None, **changes)

    async def fhir(self, path: str, token: str) -> Answer:
        return await self.ask("GET", f"{self.hospital.fhir}/{path}", headers={"Authorization": f"Bearer {token}"})
