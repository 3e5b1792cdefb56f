"""Texts at the Azure-like carrier: sent to up to a hundred recipients at once, repeatable without harm, reported by events."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import uuid4

from aiohttp import web
from msgspec import Meta, Struct, field

from practice.carriers.azure.answers import Refusal, read, resource_of
from practice.carriers.azure.grid import Grid
from practice.carriers.exchange import Exchange
from practice.carriers.model import APPROVED, AzureResource, OwnedNumber
from practice.carriers.phones import NOT_VERIFIED, OPTED_OUT, fate
from practice.carriers.texts import Text, keyword, possible, segments
from practice.hospital import hospital
from practice.times import instant

_DETAILS = {
    0: "No error.",
    4000: "4000: Message is rejected",
    4003: "4003: Unsupported destination",
    4004: "4004: The destination number does not exist",
    4005: "4005: Blocked by the destination's network",
    4006: "4006: The destination number cannot be reached",
    4007: "Sender blocked for given recipient",
    4010: "4010: The toll-free number is not verified",
    9999: "9999: Unknown failure",
}
_STOPPED = "You have opted out and will get no more texts from this number. Reply START to get them again."
_STARTED = "You will get texts from this number again."


class Recipient(Struct, rename="camel", forbid_unknown_fields=True):
    """One recipient of a text."""

    to: Annotated[str, Meta(max_length=100)]
    repeatability_request_id: Annotated[str, Meta(max_length=100)] = ""
    repeatability_first_sent: Annotated[str, Meta(max_length=100)] = ""


class Options(Struct, rename="camel"):
    """How a text is sent."""

    enable_delivery_report: bool
    tag: Annotated[str, Meta(max_length=2048)] | None = None
    delivery_report_timeout_in_seconds: Annotated[int, Meta(ge=60, le=43_200)] | None = None


class Send(Struct, rename="camel"):
    """A request to send."""

    sender: Annotated[str, Meta(min_length=1, max_length=100)] = field(name="from")
    sms_recipients: Annotated[list[Recipient], Meta(min_length=1, max_length=100)]
    message: Annotated[str, Meta(max_length=2048)]
    sms_send_options: Options | None = None


def own_number(exchange: Exchange, resource: AzureResource, said: str) -> OwnedNumber:
    """The sender, which must be the resource's own.

    Raises:
        Refusal: 400 for no number, 401 for another's.
    """
    if not possible(said):
        raise Refusal(400, "BadRequest", "Invalid From phone number format")
    found = exchange.owned(said)
    if found is None or (found.carrier, found.owner) != ("azure", resource.name):
        raise Refusal(401, "Unauthorized", "The From number does not belong to this resource")
    return found


async def send(request: web.Request) -> web.Response:
    """Queue a text to each recipient; 202 says no more than that."""
    resource = await resource_of(request)
    house = hospital(request)
    wanted: Send = await read(request, Send)
    number = own_number(house.exchange, resource, wanted.sender)
    early = house.exchange.a_minute.admit(number.number, house.now(), resource.per_minute, len(wanted.sms_recipients))
    if early:
        house.exchange.journal.refuse(number.number)
        raise Refusal(429, "TooManyRequests", "Too many texts from this number", {"Retry-After": str(int(early) + 1)})
    value = [_take(house.exchange, house.grid, resource, number, wanted, one) for one in wanted.sms_recipients]
    return web.json_response({"value": value}, status=202)


def _take(exchange: Exchange, grid: Grid, resource: AzureResource, number: OwnedNumber, wanted: Send, one: Recipient) -> dict[str, Any]:
    """One recipient's part of the answer."""
    if not possible(one.to):
        return _item(one.to, 400, why="Invalid To phone number format.")
    key = one.repeatability_request_id.lower()
    if bool(key) != bool(one.repeatability_first_sent):
        return _item(one.to, 400, why="Repeatability needs its id and its first time.")
    known = exchange.journal.keyed.get((resource.name, key)) if key else None
    if known is not None:
        same = (known.sender, known.to, known.text) == (wanted.sender, one.to, wanted.message)
        return _item(one.to, 202, known.id, "accepted") if same else _item(one.to, 400, "", "rejected", "The id was used for another text.")
    options = wanted.sms_send_options
    text = Text(
        id=f"Outgoing_{instant(exchange.now()).translate(str.maketrans('', '', '-:TZ'))}{uuid4()}",
        carrier="azure",
        account=resource.name,
        sender=wanted.sender,
        to=one.to,
        text=wanted.message,
        segments=segments(wanted.message),
        key=key,
        tag=(options.tag if options else None) or "",
        receipts=bool(options and options.enable_delivery_report),
    )
    exchange.journal.accept(text)
    exchange.soon(_carry_out(exchange, grid, resource, number, text))
    return _item(one.to, 202, text.id, "accepted" if key else "")


def _item(to: str, status: int, message_id: str = "", repeated: str = "", why: str = "") -> dict[str, Any]:
    item: dict[str, Any] = {"to": to, "httpStatusCode": status, "successful": not why}
    if message_id:
        item["messageId"] = message_id
    if repeated:
        item["repeatabilityResult"] = repeated
    return {**item, "errorMessage": why} if why else item


async def _carry_out(exchange: Exchange, grid: Grid, resource: AzureResource, number: OwnedNumber, text: Text) -> None:
    """Bring a text to its phone, and report."""
    phone = exchange.phone(text.to)
    code = fate(text, phone, number, verify=False)
    if (text.sender, text.to) in exchange.journal.opted_out:
        code = OPTED_OUT
    elif resource.verification and number.kind == "toll_free" and number.verification != APPROVED:
        over = exchange.a_day.admit(text.sender, exchange.now(), resource.daily) if resource.daily else 1.0
        code = NOT_VERIFIED if over else code
    if code:
        exchange.journal.change(text, status="Failed", code=code, why=_DETAILS[code])
    else:
        exchange.show(text, status="Delivered")
    if not text.receipts or phone.has("lost"):
        return
    if phone.has("slow"):
        await asyncio.sleep(phone.seconds)
    event = grid.report(resource, _report(grid, text))
    if phone.has("forged"):
        await grid.forge(
            resource, grid.report(resource, {**_report(grid, text), "deliveryStatus": "Failed", "deliveryStatusDetails": _DETAILS[4000]})
        )
    for _ in range(3 if phone.has("duplicate") else 1):
        await grid.tell(resource, event, hold=phone.has("disorder"))


def _report(grid: Grid, text: Text) -> dict[str, Any]:
    """What a delivery report says of a text; the sender stands there without its plus."""
    good = text.code == 0
    attempt = {
        "timestamp": grid.stamp(),
        "segmentsSucceeded": text.segments if good else 0,
        "segmentsFailed": 0 if good else text.segments,
    }
    return {
        "messageId": text.id,
        "from": text.sender[1:],
        "to": text.to,
        "deliveryStatus": text.status,
        "deliveryStatusDetails": _DETAILS[text.code],
        "receivedTimestamp": grid.stamp(),
        "deliveryAttempts": [attempt],
        "Tag": text.tag,
    }


def receive(exchange: Exchange, grid: Grid, number: OwnedNumber, sender: str, words: str) -> Text:
    """A phone texts a number of a resource. Stop words are acted on here, and told to the customer like every text."""
    text = Text(
        id=f"Incoming_{instant(exchange.now()).translate(str.maketrans('', '', '-:TZ'))}{uuid4()}",
        carrier="azure",
        account=number.owner,
        sender=sender,
        to=number.number,
        text=words,
        way="in",
        status="received",
        segments=segments(words),
    )
    exchange.journal.accept(text)
    word = keyword(words)
    if word in {"STOP", "START"}:
        was = (number.number, sender) in exchange.journal.opted_out
        exchange.journal.opt(number.number, sender, out=word == "STOP")
        if was != (word == "STOP"):
            _answer(exchange, text, _STOPPED if word == "STOP" else _STARTED)
    resource = exchange.resource(number.owner)
    if resource is not None:
        data = {
            "messageId": text.id,
            "from": sender[1:],
            "to": number.number[1:],
            "message": words,
            "receivedTimestamp": grid.stamp(),
            "segmentCount": text.segments,
        }
        exchange.soon(_tell_incoming(exchange, grid, resource, data, "START" if word == "STOP" else "STOP"))
    return text


async def _tell_incoming(exchange: Exchange, grid: Grid, resource: AzureResource, data: dict[str, Any], forged: str) -> None:
    """An incoming text's event, as often as the phone's troubles say; `forged` is what a forger says in its place."""
    phone = exchange.phone(f"+{data['from']}")
    if phone.has("forged"):
        await grid.forge(resource, grid.received(resource, {**data, "messageId": f"Incoming_{uuid4()}", "message": forged}))
    event = grid.received(resource, data)
    for _ in range(3 if phone.has("duplicate") else 1):
        await grid.tell(resource, event)


def _answer(exchange: Exchange, text: Text, words: str) -> None:
    answer = Text(
        id=f"Answer_{uuid4()}",
        carrier="azure",
        account=text.account,
        sender=text.to,
        to=text.sender,
        text=words,
        way="auto",
        segments=segments(words),
    )
    exchange.journal.accept(answer)
    exchange.show(answer, status="Delivered")


# ---------------------------------------------------------------------- opt-outs


class OptOut(Struct):
    """Recipients who want nothing more from a sender."""

    sender: Annotated[str, Meta(min_length=1, max_length=100)] = field(name="from")
    recipients: Annotated[list[Recipient], Meta(min_length=1, max_length=100)]


async def opt_outs(request: web.Request) -> web.Response:
    """Add, remove or check them."""
    resource = await resource_of(request)
    exchange = hospital(request).exchange
    wanted: OptOut = await read(request, OptOut)
    number = own_number(exchange, resource, wanted.sender).number
    what = request.match_info["what"]
    value = []
    for one in wanted.recipients:
        if not possible(one.to):
            value.append({"to": one.to, "httpStatusCode": 400, "errorMessage": "Invalid To phone number format."})
            continue
        if what != "check":
            exchange.journal.opt(number, one.to, out=what == "add")
        value.append({"to": one.to, "httpStatusCode": 200, "isOptedOut": (number, one.to) in exchange.journal.opted_out})
    return web.json_response({"value": value})
