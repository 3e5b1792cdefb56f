"""What Twilio tells us by itself: how a message fares, and what somebody texted. Each request is signed over the address it was sent to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit
from uuid import UUID

from vestibule.adapters.carriers.asking import text_of
from vestibule.adapters.carriers.meaning import HOOK, WITHDRAWN, forged
from vestibule.adapters.carriers.twilio.codes import of_receipt
from vestibule.errors import BadInput
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.messages.model import Account, Incoming, MessageState, Receipt
from vestibule.messages.ports import Hook, HookAnswer

OURS: Final = "message"  # a parameter of the address for receipts: the id we gave the message
_SILENCE: Final = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'  # TwiML: nothing is to be answered
_MOST_FIELDS: Final = 200
_LONGEST_TEXT: Final = 10_000
_ALGORITHMS: Final = {"hmac_sha1": "sha1", "hmac_sha256": "sha256"}
_WAITING: Final = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
_ARRIVED: Final = frozenset({"delivered", "read"})
_FAILED: Final = frozenset({"failed", "undelivered"})
_KEYWORDS: Final = frozenset({"STOP", "START", "HELP"})
_SID: Final = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}", re.ASCII)
Fields = Sequence[tuple[str, str]]


def read_hook(account: Account, hook: Hook) -> HookAnswer:
    """What a request says, once its signature is proved."""
    fields = _proved(account, hook)
    said = dict(fields)
    sid = said.get("MessageSid") or said.get("SmsSid") or ""
    if not _SID.fullmatch(sid):
        raise _unreadable()
    status = (said.get("MessageStatus") or said.get("SmsStatus") or "").lower()
    if status == "received" or (not status and "Body" in said):
        return HookAnswer(incoming=[_incoming(said, sid)], content_type="text/xml", body=_SILENCE)
    receipt = _receipt(said, sid, status, _ours(hook.url))
    return HookAnswer(receipts=[receipt] if receipt else [])


def _proved(account: Account, hook: Hook) -> Fields:
    """The request's fields.

    Raises:
        NotAllowed: it is not signed with the account's key.
    """
    said, key = hook.headers.get("x-twilio-signature", ""), account.hook_secret or account.secret
    form = _form(hook)
    # Twilio signs a form with its fields, anything else with the hash of the body as part of the address.
    signed = [] if form is None else form
    if not key or not said or not _signature_is(said, key, _algorithm(hook), hook.url, signed):
        raise forged()
    if form is not None:
        return form
    hashed = dict(parse_qsl(urlsplit(hook.url).query, keep_blank_values=True)).get("bodySHA256", "")
    if not hmac.compare_digest(hashed.lower().encode(), hashlib.sha256(hook.body).hexdigest().encode()):
        raise forged()
    return _json(hook.body)


def _form(hook: Hook) -> Fields | None:
    """The fields of a form; None for another kind of body."""
    kind = hook.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    try:
        return parse_qsl(hook.body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:  # not UTF-8, or too many
        raise forged() from None


def _json(body: bytes) -> Fields:
    try:
        found = read_object(body)
    except JsonError:
        raise _unreadable() from None
    return [(name, text_of(found, name, _LONGEST_TEXT)) for name in found]


def _algorithm(hook: Hook) -> str:
    """SHA-1 unless the request says that its key goes with SHA-256; empty for one we do not know."""
    settings = hook.headers.get("x-twilio-webhooks-signature-settings", "")
    named = dict(part.strip().partition("=")[::2] for part in settings.split(","))
    return _ALGORITHMS.get(named.get("algorithm", "HMAC_SHA1").lower(), "")


def _signature_is(said: str, key: str, algorithm: str, url: str, fields: Fields) -> bool:
    """Whether it is the one we would write. Twilio is of two minds whether a port is part of the address, so both are tried."""
    if not algorithm:
        return False
    told = "".join(name + value for name, value in sorted(set(fields)))
    right = False
    for address in _spellings(url):
        made = hmac.new(key.encode(), (address + told).encode("utf-8", "surrogatepass"), algorithm).digest()
        right |= hmac.compare_digest(base64.b64encode(made), said.encode("utf-8", "surrogatepass"))
    return right


def _spellings(url: str) -> Sequence[str]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return (urlunsplit(parts._replace(netloc=host)), urlunsplit(parts._replace(netloc=f"{host}:{port}")))


def _incoming(said: Mapping[str, str], sid: str) -> Incoming:
    """What somebody texted. Where Twilio itself recognised a keyword, in whatever language, its word for it is the text."""
    keyword = said.get("OptOutType", "").upper()
    text = keyword if keyword in _KEYWORDS else said.get("Body", "")
    return Incoming(said.get("To", ""), said.get("From", ""), text, carrier_id=sid)


def _receipt(said: Mapping[str, str], sid: str, status: str, ours: UUID | None) -> Receipt | None:
    if status in _ARRIVED:
        return Receipt(sid, MessageState.DELIVERED, message=ours)
    if status in _WAITING:
        return Receipt(sid, MessageState.ACCEPTED, message=ours)
    if status in _FAILED:
        return of_receipt(said.get("ErrorCode", "")).failed(sid, ours)
    if status == "canceled":
        return WITHDRAWN.failed(sid, ours)
    return None  # a word Twilio has added since: nothing follows from it


def _ours(url: str) -> UUID | None:
    """The id we gave the message, from the address its receipts go to: it was signed with the rest."""
    named: Any = dict(parse_qsl(urlsplit(url).query)).get(OURS, "")
    try:
        return UUID(named)
    except ValueError:
        return None


def _unreadable() -> BadInput:
    return BadInput("carrier-hook-unreadable", "This request says nothing that could be understood.", phase=HOOK)
