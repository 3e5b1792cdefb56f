"""What Event Grid delivers: how a message fared, and what somebody texted; in its own schema or as CloudEvents.

Event Grid signs nothing. It can be told to send a header of our choosing with every delivery, whose value it keeps as a secret; that value,
the account's `hook_secret`, is the proof. Its handshakes are answered without it, because whether it sends the header with them is not
documented: an answer gives back what was asked, and no message follows from it.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from vestibule.adapters.carriers.asking import member, text_of
from vestibule.adapters.carriers.azure.codes import DELIVERED, NO_REPORTS, of_report
from vestibule.adapters.carriers.meaning import HOOK, forged
from vestibule.errors import BadInput
from vestibule.kit.jsontext import JsonError, read_json
from vestibule.messages.model import Account, Incoming, MessageState, Receipt
from vestibule.messages.ports import Hook, HookAnswer

HEADER: Final = "x-vestibule-key"
_REPORT: Final = "microsoft.communication.smsdeliveryreportreceived"
_RECEIVED: Final = "microsoft.communication.smsreceived"
_VALIDATION: Final = "microsoft.eventgrid.subscriptionvalidationevent"
_SENDER: Final = re.compile(r"[a-z0-9.-]{1,100}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
_WITHOUT_PLUS: Final = re.compile(r"[1-9][0-9]{7,14}", re.ASCII)
_LONGEST_TEXT: Final = 10_000
_RATE: Final = "3000"  # deliveries a minute


def read_hook(account: Account, hook: Hook) -> HookAnswer:
    """What a delivery says, once it is proved."""
    if hook.method == "OPTIONS":
        return _greeted(hook)
    proved = _proved(account, hook)
    if not proved and hook.headers.get("aeg-event-type", "").lower() != "subscriptionvalidation":
        raise forged()
    events = _events(hook.body)
    code = next((text_of(data, "validationCode") for kind, data in events if kind == _VALIDATION), "")
    if _CODE.fullmatch(code):
        return HookAnswer(content_type="application/json", body=json.dumps({"validationResponse": code}).encode())
    if not proved:
        raise forged()
    receipts = [receipt for kind, data in events if kind == _REPORT and (receipt := _receipt(data))]
    incoming = [text for kind, data in events if kind == _RECEIVED and (text := _incoming(data))]
    return HookAnswer(receipts=receipts, incoming=incoming)


def _greeted(hook: Hook) -> HookAnswer:
    """CloudEvents' handshake (HTTP WebHooks 1.0.1, 4): whoever asks to send may ask to; what is sent is proved by itself."""
    origin = hook.headers.get("webhook-request-origin", "").lower()
    if not _SENDER.fullmatch(origin):
        raise forged()
    return HookAnswer(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": _RATE})


def _proved(account: Account, hook: Hook) -> bool:
    """Whether the delivery carries the secret header."""
    said, key = hook.headers.get(HEADER, ""), account.hook_secret
    return bool(key) and hmac.compare_digest(said.encode("utf-8", "surrogatepass"), key.encode())


def _events(body: bytes) -> list[tuple[str, Any]]:
    """Kind and data of each event; what is no event is passed over, so that one odd one in a batch keeps back no other.

    Raises:
        BadInput: the body is not JSON.
    """
    try:
        found = read_json(body)
    except JsonError:
        raise BadInput("carrier-hook-unreadable", "This request says nothing that could be understood.", phase=HOOK) from None
    return list(_each(found if isinstance(found, list) else [found]))


def _each(found: list[Any]) -> Iterator[tuple[str, Any]]:
    for event in found:
        kind = text_of(event, "eventType") or text_of(event, "type")
        data = member(event, "data")
        if kind and isinstance(data, dict):
            yield kind.lower(), data


def _receipt(data: Any) -> Receipt | None:
    carrier_id, status = text_of(data, "messageId"), text_of(data, "deliveryStatus").lower()
    if not carrier_id:
        return None
    ours = _ours(text_of(data, "tag") or text_of(data, "Tag"))
    code, meaning = of_report(text_of(data, "deliveryStatusDetails", 2000))
    if status == "delivered" or code == DELIVERED:
        return Receipt(carrier_id, MessageState.DELIVERED, message=ours)
    if code == NO_REPORTS:
        return Receipt(carrier_id, MessageState.ACCEPTED, code="carrier-no-reports", message=ours)
    return meaning.failed(carrier_id, ours) if status == "failed" else None


def _incoming(data: Any) -> Incoming | None:
    phone, to = text_of(data, "from"), text_of(data, "to")
    text = text_of(data, "message", _LONGEST_TEXT)
    return Incoming(_number(to), _number(phone), text, carrier_id=text_of(data, "messageId")) if phone and to else None


def _number(said: str) -> str:
    """E.164: Event Grid leaves the plus out, though not always; a short code has none."""
    return f"+{said}" if _WITHOUT_PLUS.fullmatch(said) else said


def _ours(tag: str) -> UUID | None:
    try:
        return UUID(tag)
    except ValueError:
        return None
