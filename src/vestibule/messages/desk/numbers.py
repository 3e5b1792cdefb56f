"""What messages come from: numbers that are generated or brought along, and the connections they write for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import Conflict, InvalidFields, VestibuleError
from vestibule.identity.model import Principal
from vestibule.kit.ids import ConnectionId
from vestibule.messages.desk import words
from vestibule.messages.desk.carriers import Looked
from vestibule.messages.desk.frame import ADMINISTRATORS, BAD, STALE, AnyRequest, AnyResponse, Desk, Step, back, show
from vestibule.messages.kept import KeptSender
from vestibule.messages.model import Account, CarrierKind, Channel, Sender, Verification
from vestibule.messages.ports import NumberWish
from vestibule.platform.audit import Actor
from vestibule.tenancy.judging import refuse

_NUMBERS = "messages.number"


class SenderForm(msgspec.Struct, forbid_unknown_fields=True):
    """A sender as a form writes it."""

    account: str = ""
    address: str = ""
    name: str = ""
    per_minute: str = ""
    verification: str = ""
    excluded: str = ""
    connections: str | list[str] = ""
    revision: int = 0

    def typed(self) -> dict[str, Any]:
        """What is shown again."""
        names = ("account", "address", "name", "per_minute", "verification", "excluded")
        return {**{name: getattr(self, name).strip() for name in names}, "connections": self.linked()}

    def linked(self) -> list[str]:
        """The ticked connections."""
        return [self.connections] if isinstance(self.connections, str) and self.connections else list(self.connections)


class WishForm(msgspec.Struct, forbid_unknown_fields=True):
    """Which number is wanted."""

    account: str = ""
    country: str = "US"
    kind: str = "toll_free"
    area_code: str = ""


class ChoiceForm(msgspec.Struct, forbid_unknown_fields=True):
    """Which of the offered numbers; `sure` says that the price was read."""

    offer: str = ""
    sure: str = ""


@get("/s/{sid:uuid}/messages/numbers", access=ADMINISTRATORS)
async def numbers_page(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """Senders, and orders that are under way."""
    return await _list(request, principal, desk)


@post("/s/{sid:uuid}/messages/numbers/order", access=ADMINISTRATORS)
async def order_number(request: AnyRequest, principal: Principal, data: URLEncodedBody[WishForm], desk: Desk, actor: Actor) -> AnyResponse:
    """Begin to look for a number."""
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            wish = NumberWish(data.country, data.kind, data.area_code.strip())
            order = await desk.orders.order(tx, _uuid(data.account, "account"), wish, by=actor)
    except InvalidFields as error:
        return await _list(request, principal, desk, wished=msgspec.to_builtins(data), wrong=dict(error.fields), status=BAD)
    return back(principal, f"numbers/orders/{order.id}")


@get("/s/{sid:uuid}/messages/numbers/orders/{order:uuid}", access=ADMINISTRATORS)
async def order_page(request: AnyRequest, principal: Principal, order: UUID, desk: Desk) -> AnyResponse:
    """How far an order is; one may leave and come back."""
    return await _order(request, principal, order, desk)


@post("/s/{sid:uuid}/messages/numbers/orders/{order:uuid}", access=ADMINISTRATORS)
async def buy_number(
    request: AnyRequest, principal: Principal, order: UUID, data: URLEncodedBody[ChoiceForm], desk: Desk, actor: Actor
) -> AnyResponse:
    """Buy one of those that were offered."""
    try:
        refuse({} if data.sure == "yes" else {"sure": "purchase-unconfirmed"}, phase=_NUMBERS)
        async with desk.db.tenant(principal.tenant) as tx:
            await desk.orders.choose(tx, order, data.offer, by=actor)
    except InvalidFields as error:
        return await _order(request, principal, order, desk, wrong=dict(error.fields), chosen=data.offer, status=BAD)
    return back(principal, f"numbers/orders/{order}", told="ordered")


@post("/s/{sid:uuid}/messages/numbers/orders/{order:uuid}/give-up", access=ADMINISTRATORS)
async def give_up_number(principal: Principal, order: UUID, desk: Desk, actor: Actor) -> AnyResponse:
    """Buy none."""
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.orders.give_up(tx, order, by=actor)
    return back(principal, "numbers", told="kept")


@get("/s/{sid:uuid}/messages/numbers/new", access=ADMINISTRATORS)
async def new_sender(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """Bring one's own number or address."""
    values = {"account": "", "address": "", "name": "", "per_minute": "200", "verification": "", "excluded": "", "connections": []}
    return await _form(request, principal, desk, None, values)


@post("/s/{sid:uuid}/messages/numbers/new", access=ADMINISTRATORS)
async def add_sender(request: AnyRequest, principal: Principal, data: URLEncodedBody[SenderForm], desk: Desk, actor: Actor) -> AnyResponse:
    """Add it and link it."""
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            account = await desk.settings.account(tx, _uuid(data.account, "account"))
            made = await desk.carrying.add_sender(tx, account.id, _wanted(data, account), by=actor)
            await desk.carrying.link(tx, made.id, _connections(data), by=actor)
    except InvalidFields as error:
        return await _form(request, principal, desk, None, data.typed(), wrong=dict(error.fields), status=BAD)
    return back(principal, "numbers", told="saved")


@get("/s/{sid:uuid}/messages/numbers/{sender:uuid}", access=ADMINISTRATORS)
async def sender_page(request: AnyRequest, principal: Principal, sender: UUID, desk: Desk) -> AnyResponse:
    """One sender: its rate, what it never texts, whom it writes for, how far its verification is."""
    async with desk.db.tenant(principal.tenant) as tx:
        kept = await desk.settings.sender(tx, sender)
    return await _form(request, principal, desk, kept, _values(kept))


@post("/s/{sid:uuid}/messages/numbers/{sender:uuid}", access=ADMINISTRATORS)
async def change_sender(
    request: AnyRequest, principal: Principal, sender: UUID, data: URLEncodedBody[SenderForm], desk: Desk, actor: Actor
) -> AnyResponse:
    """Change it and link it."""
    async with desk.db.tenant(principal.tenant) as tx:
        kept = await desk.settings.sender(tx, sender)
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            wanted = _wanted(data, kept.sender.account)
            changes = {name: getattr(wanted, name) for name in ("name", "per_minute", "excluded", "verification")}
            await desk.carrying.change_sender(tx, sender, changes, revision=data.revision, by=actor)
            await desk.carrying.link(tx, sender, _connections(data), by=actor)
    except InvalidFields as error:
        return await _form(request, principal, desk, kept, data.typed(), wrong=dict(error.fields), status=BAD)
    except Conflict:
        return await _form(request, principal, desk, kept, data.typed(), stale=True, status=STALE)
    return back(principal, "numbers", told="saved")


@post("/s/{sid:uuid}/messages/numbers/{sender:uuid}/ask", access=ADMINISTRATORS)
async def ask_verification(principal: Principal, sender: UUID, desk: Desk, actor: Actor) -> AnyResponse:
    """Ask the carrier how far the verification of a number is."""
    async with desk.db.tenant(principal.tenant) as tx:
        kept = await desk.settings.sender(tx, sender)
    shop, said = desk.shops.get(kept.sender.account.kind), None
    if shop is not None:
        try:
            said = await shop.verification(kept.sender.account, kept.sender.address)
        except VestibuleError:
            return back(principal, f"numbers/{sender}", told="fails")
    if said is not None:
        async with desk.db.tenant(principal.tenant) as tx:
            await desk.carrying.note_verification(tx, sender, said, by=actor)
    return back(principal, f"numbers/{sender}", told="asked")


@post("/s/{sid:uuid}/messages/numbers/{sender:uuid}/remove", access=ADMINISTRATORS)
async def remove_sender(principal: Principal, sender: UUID, data: URLEncodedBody[Looked], desk: Desk, actor: Actor) -> AnyResponse:
    """Take it out of use; the number stays yours at the carrier."""
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.carrying.remove_sender(tx, sender, revision=data.revision, by=actor)
    return back(principal, "numbers", told="removed")


# ------------------------------------------------------------------ pages


async def _list(request: AnyRequest, principal: Principal, desk: Desk, **more: Any) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over, orders = await desk.overview(tx), await desk.orders.newest(tx, 5)
    # What was bought and writes for somebody stands among the senders; here stands what still needs anybody.
    settled = {one.sender.id for one in over.senders if one.connections}
    orders = [one for one in orders if one.sender not in settled]
    shops = [(str(one.account.id), one.account.name) for one in over.accounts if desk.orders.sells(one.account.kind)]
    facts: dict[str, Any] = {"wished": {"account": "", "country": "US", "kind": "toll_free", "area_code": ""}, **more}
    return show(request, principal, "numbers.html", over, step=Step.NUMBERS, orders=orders, shops=shops, **_words(), **facts)


async def _order(request: AnyRequest, principal: Principal, order: UUID, desk: Desk, **more: Any) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over, one = await desk.overview(tx), await desk.orders.get(tx, order)
    return show(request, principal, "order.html", over, step=Step.NUMBERS, one=one, **{**_words(), "chosen": "", **more})


async def _form(
    request: AnyRequest, principal: Principal, desk: Desk, kept: KeptSender | None, values: dict[str, Any], **more: Any
) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
    accounts = [(str(one.account.id), one.account.name) for one in over.accounts]
    can_ask = kept is not None and kept.sender.account.kind in desk.shops and kept.sender.channel is Channel.SMS
    facts = {"values": values, "accounts": accounts, "can_ask": can_ask, "stale": False, **_words(), **more}
    return show(request, principal, "sender.html", over, step=Step.NUMBERS, kept=kept, **facts)


def _words() -> dict[str, Any]:
    return {
        "verifications": words.verifications(),
        "verification_options": [(key, word[0]) for key, word in words.verifications().items()],
        "order_states": words.order_states(),
        "channels": words.channels(),
        "kinds": words.kinds(),
    }


def _values(kept: KeptSender) -> dict[str, Any]:
    one = kept.sender
    return {
        "account": str(one.account.id),
        "address": one.address,
        "name": one.name,
        "per_minute": str(one.per_minute),
        "verification": one.verification.value,
        "excluded": "\n".join(one.excluded),
        "connections": [str(each) for each in kept.connections],
    }


def _wanted(data: SenderForm, account: Account) -> Sender:
    """The sender of a form.

    Raises:
        InvalidFields: naming the fields that are no numbers and no choices.
    """
    address = data.address.strip()
    channel = Channel.EMAIL if "@" in address or account.kind is CarrierKind.SMTP else Channel.SMS
    if channel is Channel.SMS and address.startswith("+"):
        address = "+" + "".join(char for char in address if char.isdecimal())  # people write spaces and dashes
    rate = data.per_minute.strip()
    if not rate.isdecimal() or len(rate) > len("100000"):
        raise InvalidFields({"per_minute": "rate-range"}, phase="messages.sender")
    try:
        verification = Verification(data.verification) if data.verification else _usual(address)
    except ValueError:
        raise InvalidFields({"verification": "choice-unknown"}, phase="messages.sender") from None
    excluded = tuple(dict.fromkeys(line.strip() for line in data.excluded.splitlines() if line.strip()))
    return Sender(UUID(int=0), account, channel, address, data.name.strip(), int(rate), verification, excluded)


def _usual(address: str) -> Verification:
    """Toll-free numbers of North America are verified, others are not."""
    toll_free = address.startswith(("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888"))
    return Verification.UNVERIFIED if toll_free and len(address) == len("+18335550100") else Verification.NOT_NEEDED


def _connections(data: SenderForm) -> list[ConnectionId]:
    return [ConnectionId(_uuid(one, "connections")) for one in data.linked()]


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidFields({field: "choice-unknown"}, phase=_NUMBERS) from None


ROUTES = [
    numbers_page,
    order_number,
    order_page,
    buy_number,
    give_up_number,
    new_sender,
    add_sender,
    sender_page,
    change_sender,
    ask_verification,
    remove_sender,
]
