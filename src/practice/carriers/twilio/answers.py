"""The Twilio-like carrier's answers: who is asking, refusals with the vendor's codes, resources as JSON."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from practice.carriers.model import TwilioAccount
from practice.carriers.texts import Text
from practice.hospital import hospital

VERSION = "2010-04-01"
# code: HTTP status and what it means
_NOT_PROVED = 20003
REFUSALS: dict[int, tuple[int, str]] = {
    20001: (400, "A parameter is not valid"),
    _NOT_PROVED: (401, "Authenticate"),
    20005: (403, "The account is not active"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too many requests"),
    21211: (400, "The 'To' number is not a valid phone number"),
    21212: (400, "The 'From' number is not a valid phone number, short code or alphanumeric sender"),
    21266: (400, "'To' and 'From' cannot be the same"),
    21408: (400, "Texts to this region are not enabled for the account"),
    21422: (400, "The phone number is not available"),
    21451: (400, "The area code is not valid"),
    21602: (400, "A text body is required"),
    21603: (400, "A 'From' number or a messaging service is required"),
    21604: (400, "A 'To' number is required"),
    21606: (400, "The 'From' number is not a text-capable number of this account"),
    21609: (400, "The 'StatusCallback' is not a valid URL"),
    21610: (400, "The recipient has unsubscribed from this sender"),
    21612: (400, "The 'To' number cannot be reached from this 'From' number"),
    21614: (400, "The 'To' number is not a mobile number"),
    21617: (400, "The body is longer than 1600 characters"),
    21701: (400, "The messaging service does not exist"),
    21703: (400, "The messaging service has no senders"),
    22101: (400, "A number of this kind is not toll-free"),
}


class Refusal(Exception):
    """The carrier says no, by code."""

    def __init__(self, code: int, about: str = "") -> None:
        super().__init__(about)
        self.code = code
        self.about = about

    def answer(self) -> web.Response:
        """In the documented shape."""
        status, words = REFUSALS[self.code]
        body = {
            "code": self.code,
            "message": f"{words}: {self.about}" if self.about else words,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": status,
        }
        headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if self.code == _NOT_PROVED else {}
        return web.json_response(body, status=status, headers=headers)


def account_of(request: web.Request) -> TwilioAccount:
    """Whose request this is.

    Raises:
        Refusal: 20003 for whoever does not prove it, 20404 for another's address, 20005 for a suspended account.
    """
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    try:
        sid, _, token = base64.b64decode(value, validate=True).decode().partition(":") if kind.lower() == "basic" else ("", "", "")
    except (binascii.Error, UnicodeDecodeError):
        sid, token = "", ""
    account = hospital(request).exchange.account(sid)
    if account is None or not hmac.compare_digest(account.token.encode(), token.encode()):
        raise Refusal(_NOT_PROVED)
    if request.match_info.get("account", sid) != sid:
        raise Refusal(20404, request.path)
    if account.suspended:
        raise Refusal(20005)
    return account


def rfc2822(at: str) -> str | None:
    """A time as the 2010 interface writes it."""
    return format_datetime(datetime.fromisoformat(at)) if at else None


def message_json(text: Text, code: int | None) -> dict[str, Any]:
    """A Message resource."""
    uri = f"/{VERSION}/Accounts/{text.account}/Messages/{text.id}"
    direction = {"out": "outbound-api", "in": "inbound", "auto": "outbound-reply"}[text.way]
    return {
        "account_sid": text.account,
        "api_version": VERSION,
        "body": text.text,
        "date_created": rfc2822(text.at),
        "date_sent": None if text.status in {"queued", "accepted"} else rfc2822(text.updated),
        "date_updated": rfc2822(text.updated),
        "direction": direction,
        "error_code": code,
        "error_message": text.why or None if code else None,
        "from": text.sender,
        "messaging_service_sid": text.service or None,
        "num_media": "0",
        "num_segments": str(text.segments),
        "price": None,
        "price_unit": "USD",
        "sid": text.id,
        "status": text.status,
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
        "tags": None,
        "to": text.to,
        "uri": f"{uri}.json",
    }


def page_of(rows: list[dict[str, Any]], name: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of a list, with the address of the next one.

    Raises:
        Refusal: 20001 for a page that is no number.
    """
    try:
        size, number = min(int(query.get("PageSize", "50")), 1000), int(query.get("Page", "0"))
    except ValueError as error:
        raise Refusal(20001, "PageSize, Page") from error
    if size < 1 or number < 0:
        raise Refusal(20001, "PageSize, Page")
    first = number * size
    more = first + size < len(rows)

    def at(which: int) -> str:
        return f"{path}?PageSize={size}&Page={which}"

    return {
        name: rows[first : first + size],
        "page": number,
        "page_size": size,
        "start": first,
        "end": max(min(first + size, len(rows)) - 1, 0),
        "uri": at(number),
        "first_page_uri": at(0),
        "next_page_uri": at(number + 1) if more else None,
        "previous_page_uri": at(number - 1) if number else None,
    }
