"""A record that answers whatever a test tells it to: the good answers of a small SMART server, each of which can be replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from conformance.signing import RSA, jwk, token

CLIENT = "bad-record-client"


@dataclass
class BadRecord:
    """Answers by path; a test changes `claims`, `answer`, `resources`, or replaces a whole body in `instead`."""

    base: str = ""
    nonce: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Callable[[], web.Response]] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] = lambda claims: token(claims, RSA, alg="RS256")
    asked: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)  # paths that never answer
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def fhir(self) -> str:
        return f"{self.base}/fhir"

    def id_token(self) -> str:
        now = int(time.time())
        claims = {"iss": self.base, "aud": CLIENT, "sub": "u1", "iat": now, "exp": now + 300, "nonce": self.nonce}
        claims |= {"fhirUser": f"{self.fhir}/Practitioner/d1"} | self.claims
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def token_answer(self) -> dict[str, Any]:
        usual = {"access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "patient": "p1", "encounter": "e1", "sessionId": "4711"}
        body = usual | {"userId": "19", "id_token": self.id_token()} | self.answer
        return {name: value for name, value in body.items() if value is not None}

    def resource(self, kind: str, key: str) -> dict[str, Any]:
        usual: dict[str, Any] = {
            "Patient/p1": {"name": [{"text": "Ann Example"}]},
            "Practitioner/d1": {"name": [{"text": "Dr. D"}]},
            "Encounter/e1": {"subject": {"reference": "Patient/p1"}, "appointment": [{"reference": "Appointment/a1"}]},
            "Appointment/a1": {
                "status": "booked",
                "start": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "participant": [{"actor": {"reference": "Patient/p1"}}],
            },
        }
        return {"resourceType": kind, "id": key} | usual.get(f"{kind}/{key}", {}) | self.resources.get(f"{kind}/{key}", {})

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/jwks",
            "capabilities": ["launch-ehr", "permission-v2"],
        }

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path in self.silent:
            await self.over.wait()
        if request.path in self.instead:
            return self.instead[request.path]()
        if request.path == "/authorize":
            self.nonce = request.query["nonce"]
            back = urlencode({"code": "c0de", "state": request.query["state"]})
            raise web.HTTPFound(f"{request.query['redirect_uri']}?{back}")
        if request.path == "/token":
            return web.json_response(self.token_answer())
        if request.path == "/jwks":
            return web.json_response({"keys": [jwk(RSA, "k1")]})
        if request.path.endswith("/.well-known/smart-configuration"):
            return web.json_response(self.configuration())
        if request.path.startswith("/fhir/") and request.path.count("/") == 3:
            _, _, kind, key = request.path.split("/")
            return web.json_response(self.resource(kind, key))
        raise web.HTTPNotFound

    def press(self, own: str, launch: str, kind: str = "provider") -> str:
        return f"{own}/launch/{kind}?{urlencode({'iss': self.fhir, 'launch': launch})}"


@asynccontextmanager
async def bad_record() -> AsyncIterator[BadRecord]:
    """One that listens."""
    record = BadRecord()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", record.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    record.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield record
    finally:
        record.over.set()
        await runner.cleanup()
