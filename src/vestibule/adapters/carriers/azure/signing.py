"""Requests to a resource, signed with its access key (HMAC-SHA256 over verb, path, date, host and the body's hash)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from vestibule.adapters.carriers.asking import Misconfigured
from vestibule.kit.exchange import Ask
from vestibule.kit.origins import origin_of
from vestibule.messages.model import Account
from vestibule.platform.http import Credentials

_SIGNED: Final = "x-ms-date;host;x-ms-content-sha256"


def base_of(account: Account) -> str:
    """The resource's own address; without one, the usual address of a resource of this name."""
    return (account.endpoint or f"https://{account.user}.communication.azure.com").rstrip("/")


def question(
    account: Account, method: str, path: str, *, phase: str, version: str, body: Any = None, query: Mapping[str, str] | None = None
) -> Ask:
    """A request to the resource, unsigned."""
    url = f"{base_of(account)}{path}?{urlencode({**(query or {}), 'api-version': version})}"
    headers = {"Accept": "application/json"}
    if body is None:
        return Ask(method, url, phase, headers)
    return Ask(method, url, phase, headers | {"Content-Type": "application/json"}, msgspec.json.encode(body))


def signed(account: Account, ask: Ask, now: datetime) -> tuple[Ask, Credentials]:
    """The request with its date and hash, and the signature, which reaches exactly the resource's origin.

    Raises:
        Misconfigured: the address is none, or the key is not base64.
    """
    try:
        key, origin = base64.b64decode(account.secret, validate=True), origin_of(ask.url)
    except ValueError:
        raise Misconfigured("endpoint or key") from None
    parts = urlsplit(ask.url)
    date = format_datetime(now.astimezone(UTC), usegmt=True)
    digest = base64.b64encode(hashlib.sha256(ask.body or b"").digest()).decode()
    text = f"{ask.method}\n{parts.path}?{parts.query}\n{date};{origin.partition('://')[2]};{digest}"
    signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    headers = {**ask.headers, "x-ms-date": date, "x-ms-content-sha256": digest}
    header = f"HMAC-SHA256 SignedHeaders={_SIGNED}&Signature={signature}"
    return Ask(ask.method, ask.url, ask.phase, headers, ask.body), Credentials(origin, header)
