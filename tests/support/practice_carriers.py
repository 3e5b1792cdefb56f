"""The vendors' own SDKs, pointed at the practice carriers, and a customer's webhook that remembers what it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from azure.communication.phonenumbers import PhoneNumbersClient
from azure.communication.sms import SmsClient
from azure.core.credentials import AzureKeyCredential
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from practice.carriers import seed
from practice.server import Running

HOSTS = ("https://api.twilio.com", "https://messaging.twilio.com", "https://pricing.twilio.com")
PHONE = "+12065550142"
T = TypeVar("T")


class _OnLoopback(TwilioHttpClient):
    """The SDK's client, with the vendor's hosts replaced by the practice carrier's one path. Everything else stays the SDK's."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=30)
        self._base = base

    def request(self, method: str, url: str, *rest: Any, **more: Any) -> Response:
        host = next(host for host in HOSTS if url.startswith(host))
        return super().request(method, self._base + url.removeprefix(host), *rest, **more)


def twilio(hospital: Running, *, sid: str = seed.SID, token: str = seed.TOKEN) -> Client:
    """The official client of the Twilio-like carrier."""
    return Client(sid, token, http_client=_OnLoopback(hospital.hospital.at.twilio))


def azure_sms(hospital: Running, *, key: str = seed.KEY) -> SmsClient:
    """The official client of the Azure-like carrier's texts; it would repeat a 429 for minutes, and may not here."""
    return SmsClient(hospital.hospital.at.azure, AzureKeyCredential(key), retry_total=0)


def azure_numbers(hospital: Running, *, key: str = seed.KEY) -> PhoneNumbersClient:
    """The official client of the Azure-like carrier's numbers."""
    return PhoneNumbersClient(hospital.hospital.at.azure, AzureKeyCredential(key), retry_total=0)


async def call(what: Callable[..., T], *args: Any, **named: Any) -> T:
    """An SDK's blocking call, beside the loop that answers it."""
    return await asyncio.to_thread(what, *args, **named)


@dataclass
class Told:
    """One request to the webhook."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(json.loads(self.body))


@dataclass
class Webhook:
    """Where a customer is told things. `answers` are given in turn, the last one for ever."""

    url: str
    told: list[Told] = field(default_factory=list)
    answers: list[tuple[int, str, str]] = field(default_factory=lambda: [(200, "text/plain", "")])
    validates: bool = True
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait(self, count: int, seconds: float = 30) -> list[Told]:
        """What it was told, as soon as it was told so often."""
        async with self.arrived, asyncio.timeout(seconds):
            await self.arrived.wait_for(lambda: len(self.told) >= count)
        return self.told

    async def take(self, request: web.Request) -> web.Response:
        told = Told(request.method, str(request.url), dict(request.headers), await request.text())
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            code = json.loads(told.body)[0]["data"]["validationCode"]
            return web.json_response({"validationResponse": code} if self.validates else {})
        status, kind, text = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        async with self.arrived:
            self.told.append(told)
            self.arrived.notify_all()
        return web.Response(status=status, content_type=kind, text=text)


@asynccontextmanager
async def listening() -> AsyncIterator[Webhook]:
    """A webhook on loopback."""
    app = web.Application()
    runner = web.AppRunner(app)
    hook = Webhook("")
    app.add_routes([web.route("*", "/{rest:.*}", hook.take)])
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/1"
    yield hook
    await runner.cleanup()
