"""An app registered at the practice Microsoft cloud, Microsoft's own SDKs pointed at it, and a webhook that says back what it must."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey

from practice.microsoft.graph.model import Permission
from practice.microsoft.seed import ALDER
from practice.server import Running
from support.practice_app import Answer

CLIENT = "6e2f0c11-5a77-4b0e-9f5e-2f1f6a7c9d02"
SECRET = "a secret of the connector"
ROSA = "5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03"
INGRID = "5f1c2a70-0001-4c1e-8a55-2d7b9e3f0a01"
SCOPE = "https://graph.microsoft.com/.default"
EVERYTHING = list(get_args(Permission))


@dataclass(frozen=True)
class Pair:
    """An RSA key and its self-signed certificate."""

    private: rsa.RSAPrivateKey
    der: bytes

    @property
    def base64(self) -> str:
        return base64.b64encode(self.der).decode()

    def thumbprint(self, algorithm: hashes.HashAlgorithm) -> str:
        raw = x509.load_der_x509_certificate(self.der).fingerprint(algorithm)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@functools.cache
def pair(number: int = 0, *, days: int = 365) -> Pair:
    """Made once for all tests: keys take their time."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"connector-{number}.example")])
    ends = datetime.now(UTC) + timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(ends - timedelta(days=400)).not_valid_after(ends)
    return Pair(private, builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER))


def register(hospital: Running, *, policy: bool = True, **more: Any) -> None:
    """The connector's app in the directory of Alder, allowed everything for everybody."""
    app = {"client_id": CLIENT, "name": "Vestibule", "secret": SECRET, "permissions": EVERYTHING, "consented": [ALDER], **more}
    policies = [{"name": "Vestibule", "tid": ALDER, "app_ids": [CLIENT], "everyone": True}] if policy else []
    hospital.setup(sign_in_apps=[app], access_policies=policies)


def assertion(hospital: Running, key: Pair, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """What proves the app by its certificate; a change of None leaves a claim out."""
    now = int(hospital.hospital.now())
    aud = f"{hospital.hospital.at.microsoft}/{ALDER}/oauth2/v2.0/token"
    claims = {"aud": aud, "iss": CLIENT, "sub": CLIENT, "jti": secrets.token_hex(8), "nbf": now, "exp": now + 300, **changes}
    head = {"alg": "PS256", "typ": "JWT", "x5t#S256": key.thumbprint(hashes.SHA256()), **(header or {})}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(head, kept, RSAKey.import_key(key.private), algorithms=["PS256", "RS256"])


@dataclass
class Caller:
    """Calls by hand, to say what an SDK would not."""

    hospital: Running
    session: aiohttp.ClientSession
    token: str = ""

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """A call of Graph; `path` begins with the version."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = f"{self.hospital.hospital.at.graph}/{path}"
        async with self.session.request(method, url, headers={**headers, **more.pop("headers", {})}, **more) as answer:
            return Answer(answer.status, answer.headers, await answer.text())

    async def asks_token(self, tenant: str = ALDER, **changes: str | None) -> Answer:
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET, "scope": SCOPE, **changes}
        url = f"{self.hospital.hospital.at.microsoft}/{tenant}/oauth2/v2.0/token"
        async with self.session.post(url, data={name: value for name, value in form.items() if value is not None}) as answer:
            return Answer(answer.status, answer.headers, await answer.text())

    async def signed_in(self) -> Caller:
        answer = await self.asks_token()
        assert answer.status == 200, answer.text
        self.token = answer.json["access_token"]
        return self


@asynccontextmanager
async def calling(hospital: Running) -> AsyncIterator[Caller]:
    """Somebody with a token."""
    async with aiohttp.ClientSession() as session:
        yield await Caller(hospital, session).signed_in()


@dataclass
class Ear:
    """A customer's endpoint for notifications. `answers` are given in turn, the last one for ever."""

    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    validated: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [202])
    validates: bool = True
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """The bodies it was given, as soon as there are so many."""
        async with self.arrived, asyncio.timeout(seconds):
            await self.arrived.wait_for(lambda: len(self.told) >= count)
        return self.told

    async def take(self, request: web.Request) -> web.Response:
        if "validationToken" in request.query:
            self.validated.append(request.path)
            token = unquote(request.rel_url.raw_query_string.partition("validationToken=")[2].replace("+", " "))
            return web.Response(text=token if self.validates else "no", content_type="text/plain")
        status = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        async with self.arrived:
            if status < 300:
                self.told.append({"path": request.path, **json.loads(await request.text())})
            self.arrived.notify_all()
        return web.Response(status=status)


@asynccontextmanager
async def hearing() -> AsyncIterator[Ear]:
    """An endpoint on loopback."""
    ear = Ear()
    app = web.Application()
    app.add_routes([web.route("*", "/{rest:.*}", ear.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ear.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield ear
    await runner.cleanup()
