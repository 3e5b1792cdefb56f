"""Carriers as their adapters meet them: the same situations, each told in the words of its kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode
from uuid import UUID

from support.mail_server import HANG_UP, mail_server
from support.raw_server import RawServer, raw_server
from vestibule.adapters.carriers.azure import Azure
from vestibule.adapters.carriers.console import Console
from vestibule.adapters.carriers.smtp import Smtp
from vestibule.adapters.carriers.twilio import Twilio
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId
from vestibule.messages.model import Account, CarrierKind, Channel, Outgoing, Sender
from vestibule.messages.ports import Carrier, Hook
from vestibule.platform.http import Http
from vestibule.platform.mail import Mail

MESSAGE = UUID("01890000-0000-7000-8000-00000000cafe")
PHONE, MAIL, TEXT = "+15005550199", "zelda.quux@example.org", "Zelda Quux, your visit is at ten: https://v.example/j/abc"
HOOK_URL = "https://visits.alder.test/hooks/01890000-0000-7000-8000-0000000000aa"
SID = "SM" + "0a" * 16
_TENANT = TenantId(UUID(int=1))


def account(kind: CarrierKind, **more: Any) -> Account:
    """An account of this kind."""
    return Account(UUID("01890000-0000-7000-8000-0000000000aa"), _TENANT, kind, "Alder", **more)


def message(owner: Account, *, email: bool = False, **more: Any) -> Outgoing:
    """What is to be sent."""
    address, channel = ("visits@alder.test", Channel.EMAIL) if email else ("+18885550100", Channel.SMS)
    sender = Sender(UUID(int=7), owner, channel, address, name="Alder Health")
    filled: dict[str, Any] = {"to": MAIL if email else PHONE, "text": TEXT, "subject": "Your visit" if email else "", "hook_url": HOOK_URL}
    return Outgoing(MESSAGE, sender, **{**filled, **more})


def http(status: int, body: Any = None, *headers: str) -> bytes:
    """An answer in JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n{lines}\r\n".encode() + content


class Side(Protocol):
    """One kind of carrier."""

    carrier: Carrier
    situations: Mapping[str, Any]
    email: bool

    def saying(self, situation: str) -> Any:
        """A server that answers so; gives the account that uses it, and the server."""
        ...

    def account(self, port: int) -> Account: ...

    async def close(self) -> None: ...


class _OverHttp:
    email = False
    situations: Mapping[str, bytes]

    def __init__(self) -> None:
        self._http = Http(allow_loopback_http=True)

    def account(self, port: int) -> Account:
        raise NotImplementedError

    @asynccontextmanager
    async def saying(self, situation: str) -> AsyncIterator[tuple[Account, RawServer]]:
        words = self.situations[situation]

        async def say(_heard: object, writer: Any) -> None:
            writer.write(words)
            if situation in {"lost", "broken"}:
                writer.close()

        async with raw_server(say) as server:
            yield self.account(server.port), server

    async def close(self) -> None:
        await self._http.close()


class TwilioSide(_OverHttp):
    """Twilio."""

    situations: ClassVar = {
        "accepted": http(201, {"sid": SID, "status": "queued", "error_code": None}),
        "invalid": http(400, {"code": 21211, "message": "The 'To' number +15005550199 is not a valid phone number", "status": 400}),
        "opted-out": http(400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}),
        "unverified": http(400, {"code": 30032, "status": 400}),
        "not-signed-in": http(401, {"code": 20003, "message": "Authenticate", "status": 401}),
        "never-heard-of": http(400, {"code": 99999, "status": 400}),
        "busy": http(429, {"code": 20429, "status": 429}, "Retry-After: 7"),
        "away": http(503, {"code": 20503, "status": 503}, "Retry-After: 7"),
        "full": http(400, {"code": 21611, "status": 400}),
        "fault": http(500, {"code": 20500, "status": 500}),
        "gateway": http(502),
        "lost": b"",
        "broken": b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{",
        "senseless": http(201, {"hello": "world"}),
        "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    }

    def __init__(self) -> None:
        super().__init__()
        self.carrier: Carrier = Twilio(self._http, SystemClock())

    def account(self, port: int) -> Account:
        return account(CarrierKind.TWILIO, endpoint=f"http://127.0.0.1:{port}", user="AC" + "1" * 32, secret="auth-token")

    def delivered(self, owner: Account) -> Hook:
        return self.signed(owner, {"MessageSid": SID, "MessageStatus": "delivered", "To": PHONE})

    def failed(self, owner: Account) -> Hook:
        return self.signed(owner, {"MessageSid": SID, "MessageStatus": "undelivered", "ErrorCode": "30003", "To": PHONE})

    def stopped(self, owner: Account) -> Hook:
        return self.signed(owner, {"MessageSid": SID, "SmsStatus": "received", "From": PHONE, "To": "+18885550100", "Body": " Stop "})

    def signed(self, owner: Account, fields: Mapping[str, str], url: str = f"{HOOK_URL}?message={MESSAGE}", key: str = "") -> Hook:
        text = url + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.new((key or owner.secret).encode(), text.encode(), hashlib.sha1).digest()
        headers = {
            "x-twilio-signature": base64.b64encode(digest).decode(),
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        }
        return Hook("POST", url, headers, urlencode(fields).encode())


def _result(**one: Any) -> bytes:
    return http(202, {"value": [{"to": PHONE, **one}]})


class AzureSide(_OverHttp):
    """Azure Communication Services."""

    situations: ClassVar = {
        "accepted": _result(messageId="Outgoing_1", httpStatusCode=202, successful=True, repeatabilityResult="accepted"),
        "invalid": _result(httpStatusCode=400, successful=False, errorMessage="Invalid To phone number format."),
        "opted-out": _result(httpStatusCode=400, successful=False, errorMessage="Recipient has opted out."),
        "unverified": http(403, {"error": {"code": "Forbidden", "message": "The toll-free number is not verified."}}),
        "not-signed-in": http(401, {"error": {"code": "Denied", "message": "Denied by the resource provider."}}),
        "never-heard-of": http(418, {"error": {"code": "Teapot", "message": "No."}}),
        "busy": http(429, {"error": {"code": "TooManyRequests"}}, "Retry-After: 7"),
        "away": http(503, None, "Retry-After: 7"),
        "full": _result(httpStatusCode=429, successful=False),
        "fault": http(500, {"error": {"code": "InternalServerError"}}),
        "gateway": http(502),
        "lost": b"",
        "broken": b"HTTP/1.1 202 Accepted\r\nContent-Length: 900\r\n\r\n{",
        "senseless": http(202, {"value": []}),
        "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    }
    key = "static-secret"

    def __init__(self) -> None:
        super().__init__()
        self.carrier: Carrier = Azure(self._http, SystemClock())

    def account(self, port: int) -> Account:
        secret = base64.b64encode(b"k" * 32).decode()
        return account(CarrierKind.AZURE, endpoint=f"http://127.0.0.1:{port}", user="alder", secret=secret, hook_secret=self.key)

    def delivered(self, owner: Account) -> Hook:
        return self.event("SMSDeliveryReportReceived", deliveryStatus="Delivered", deliveryStatusDetails="2000")

    def failed(self, owner: Account) -> Hook:
        return self.event("SMSDeliveryReportReceived", deliveryStatus="Failed", deliveryStatusDetails="4006: not reachable")

    def stopped(self, owner: Account) -> Hook:
        return self.event("SMSReceived", to="+18885550100", **{"from": PHONE}, message=" Stop ")

    def event(self, kind: str, *, key: str = "", **data: Any) -> Hook:
        filled = {"messageId": "Outgoing_1", "from": "+18885550100", "to": PHONE, "tag": str(MESSAGE), **data}
        event = {
            "id": "1",
            "eventType": f"Microsoft.Communication.{kind}",
            "data": filled,
            "topic": "/x",
            "eventTime": "2026-11-21T10:00:00Z",
        }
        headers = {"aeg-event-type": "Notification", "content-type": "application/json", "x-vestibule-key": key or self.key}
        return Hook("POST", HOOK_URL, headers, json.dumps([event]).encode())


class SmtpSide:
    """A mail server."""

    email = True
    situations: Mapping[str, Mapping[str, str]] = {
        "accepted": {},
        "invalid": {"RCPT": "553 5.1.3 <zelda.quux@example.org> is no address"},
        "not-signed-in": {"AUTH": "535 5.7.8 no"},
        "never-heard-of": {"MAIL": "571 no"},
        "busy": {"RCPT": "450 4.7.28 slower"},
        "away": {"GREETING": "421 4.3.0 later"},
        "fault": {"CONTENT": HANG_UP},
        "lost": {"CONTENT": HANG_UP},
        "broken": {"CONTENT": "what?"},
    }

    def __init__(self) -> None:
        self.carrier: Carrier = Smtp(Mail(allow_loopback=True), SystemClock())

    def account(self, port: int) -> Account:
        return account(CarrierKind.SMTP, endpoint=f"127.0.0.1:{port}", user="alder", secret="post-word", settings={"tls": "none"})

    @asynccontextmanager
    async def saying(self, situation: str) -> AsyncIterator[tuple[Account, Any]]:
        async with mail_server(self.situations[situation], sign_in=True) as server:
            yield self.account(server.port), server

    async def close(self) -> None:
        """Nothing is kept."""


class ConsoleSide:
    """A terminal."""

    email = False
    situations: Mapping[str, str] = {"accepted": ""}

    def __init__(self) -> None:
        self.said: list[str] = []
        self.carrier: Carrier = Console(self.said.append)

    def account(self, port: int) -> Account:
        return replace(account(CarrierKind.CONSOLE), endpoint=f"{port}" if port else "")

    @asynccontextmanager
    async def saying(self, situation: str) -> AsyncIterator[tuple[Account, Any]]:
        yield self.account(0), self

    async def close(self) -> None:
        """Nothing is kept."""
