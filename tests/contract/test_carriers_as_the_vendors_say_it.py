"""Word for word: what our adapters put on the wire is what the vendors' own libraries put there for the same message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from azure.communication.sms import SmsClient
from azure.core.credentials import AzureKeyCredential
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from support.carriers import HOOK_URL, MESSAGE, PHONE, TEXT, AzureSide, TwilioSide, message
from support.raw_server import Heard, RawServer


class _Here(TwilioHttpClient):
    """The library's client, with the vendor's host replaced."""

    def __init__(self, origin: str) -> None:
        super().__init__(timeout=30)
        self._origin = origin

    def request(self, method: str, url: str, *rest: Any, **more: Any) -> Response:
        return super().request(method, self._origin + url.removeprefix("https://api.twilio.com"), *rest, **more)


def target(heard: Heard) -> tuple[str, str, dict[str, str]]:
    method, where, _ = heard.line.split()
    return method, urlsplit(where).path, dict(parse_qsl(urlsplit(where).query))


async def both(server: RawServer, theirs: Any, ours: Any) -> tuple[Heard, Heard]:
    """The library's request, and ours."""
    await asyncio.to_thread(theirs)
    await ours
    assert len(server.heard) == 2
    return server.heard[0], server.heard[1]


@pytest.mark.parametrize("service", ["", "MG" + "7" * 32])
async def test_a_text_by_twilio(service: str) -> None:
    side = TwilioSide()
    async with side.saying("accepted") as (plain, server):
        account = replace(plain, settings={"messaging_service_sid": service} if service else {})
        client = Client(account.user, account.secret, http_client=_Here(server.origin))
        more = {"messaging_service_sid": service} if service else {}
        back = f"{HOOK_URL}?message={MESSAGE}#rc=4&rp=ct,rt,5xx"
        theirs, ours = await both(
            server,
            lambda: client.messages.create(to=PHONE, from_="+18885550100", body=TEXT, status_callback=back, **more),
            side.carrier.send(account, message(account)),
        )
    await side.close()
    assert target(ours) == target(theirs)
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert sorted(parse_qsl(ours.body.decode())) == sorted(parse_qsl(theirs.body.decode()))


async def test_looking_at_an_account_of_twilios() -> None:
    side = TwilioSide()
    async with side.saying("accepted") as (account, server):
        client = Client(account.user, account.secret, http_client=_Here(server.origin))
        theirs, ours = await both(server, client.api.v2010.accounts(account.user).fetch, side.carrier.check(account))
    await side.close()
    assert target(ours) == target(theirs)
    assert ours.headers["authorization"] == theirs.headers["authorization"]


async def test_a_text_by_azure() -> None:
    side = AzureSide()
    async with side.saying("accepted") as (account, server):
        client = SmsClient(server.origin, AzureKeyCredential(account.secret), retry_total=0)
        theirs, ours = await both(
            server,
            lambda: client.send("+18885550100", PHONE, TEXT, enable_delivery_report=True, tag=str(MESSAGE)),
            side.carrier.send(account, message(account)),
        )
    await side.close()
    assert target(ours) == target(theirs)
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    said, meant = json.loads(ours.body), json.loads(theirs.body)
    recipient = said["smsRecipients"][0]
    assert recipient.pop("repeatabilityRequestId") == str(MESSAGE)
    assert meant["smsRecipients"][0].pop("repeatabilityRequestId")
    first = recipient.pop("repeatabilityFirstSent")
    assert first.endswith("GMT") == meant["smsRecipients"][0].pop("repeatabilityFirstSent").endswith("GMT")
    assert said == meant
    for heard in (theirs, ours):
        assert heard.headers["authorization"] == _expected(heard, account.secret)


def _expected(heard: Heard, key: str) -> str:
    """The signature as the vendor's page describes it, from what went over the wire."""
    method, where, _ = heard.line.split()
    date = heard.headers["x-ms-date"]
    digest = base64.b64encode(hashlib.sha256(heard.body).digest()).decode()
    assert heard.headers["x-ms-content-sha256"] == digest
    text = f"{method}\n{where}\n{date};{heard.headers['host']};{digest}"
    signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
    return f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
