"""Who carries messages: accounts at carriers, tested, in the order in which they are tried."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import Conflict, InvalidFields, VestibuleError
from vestibule.identity.model import Principal
from vestibule.messages.carrying import AccountWish
from vestibule.messages.desk import words
from vestibule.messages.desk.frame import ADMINISTRATORS, BAD, STALE, AnyRequest, AnyResponse, Desk, Step, back, show
from vestibule.messages.kept import KeptAccount
from vestibule.messages.model import CarrierKind
from vestibule.platform.audit import Actor

_EMPTY: Final = {
    "name": "",
    "endpoint": "",
    "user": "",
    "messaging_service_sid": "",
    "account_sid": "",
    "tls": "starttls",
    "price": "",
    "currency": "USD",
}
_SETTINGS: Final = ("messaging_service_sid", "account_sid", "tls", "price", "currency")


class AccountForm(msgspec.Struct, forbid_unknown_fields=True):
    """An account as a form writes it. Empty secrets leave the stored ones; `forget_hook` takes the second away."""

    name: str = ""
    endpoint: str = ""
    user: str = ""
    secret: str = ""
    hook_secret: str = ""
    forget_hook: str = ""
    messaging_service_sid: str = ""
    account_sid: str = ""
    tls: str = ""
    price: str = ""
    currency: str = ""
    revision: int = 0

    def typed(self) -> dict[str, str]:
        """What is shown again when it cannot be saved; secrets are not."""
        return {name: getattr(self, name).strip() for name in _EMPTY}

    def wish(self, kind: CarrierKind) -> AccountWish:
        """What is wanted."""
        typed = self.typed()
        return AccountWish(
            kind=kind,
            name=typed["name"],
            endpoint=typed["endpoint"],
            user=typed["user"],
            secret=self.secret.strip() or None,
            hook_secret="" if self.forget_hook == "yes" else self.hook_secret.strip() or None,
            settings={name: typed[name] for name in _SETTINGS if typed[name]},
        )


class OrderForm(msgspec.Struct, forbid_unknown_fields=True):
    """Accounts in the order in which they were shown, and the one that is to go up."""

    account: str | list[str] = ""
    up: str = ""


class Looked(msgspec.Struct, forbid_unknown_fields=True):
    """A press of a button about what was on the page."""

    revision: int


@get("/s/{sid:uuid}/messages/carriers", access=ADMINISTRATORS)
async def carriers_page(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """The accounts, and which kinds can be added."""
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
    return show(request, principal, "carriers.html", over, step=Step.CARRIERS, kinds=words.kinds(), offered=_offered(desk))


@post("/s/{sid:uuid}/messages/carriers/order", access=ADMINISTRATORS)
async def order_carriers(principal: Principal, data: URLEncodedBody[OrderForm], desk: Desk, actor: Actor) -> AnyResponse:
    """One goes up."""
    order = [data.account] if isinstance(data.account, str) else list(data.account)
    if data.up in order and (place := order.index(data.up)) > 0:
        order[place - 1], order[place] = order[place], order[place - 1]
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.carrying.order_accounts(tx, [UUID(one) for one in order if _is_uuid(one)], by=actor)
    return back(principal, "carriers", told="saved")


@get("/s/{sid:uuid}/messages/carriers/new/{kind:str}", access=ADMINISTRATORS)
async def new_carrier(request: AnyRequest, principal: Principal, kind: str, desk: Desk) -> AnyResponse:
    """An empty form of a kind."""
    return await _form(request, principal, desk, _kind(kind), None, {**_EMPTY, "name": words.kinds()[_kind(kind).value]})


@post("/s/{sid:uuid}/messages/carriers/new/{kind:str}", access=ADMINISTRATORS)
async def add_carrier(
    request: AnyRequest, principal: Principal, kind: str, data: URLEncodedBody[AccountForm], desk: Desk, actor: Actor
) -> AnyResponse:
    """Add it, and ask it at once whether it works."""
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            made = await desk.carrying.add_account(tx, data.wish(_kind(kind)), by=actor)
    except InvalidFields as error:
        return await _form(request, principal, desk, _kind(kind), None, data.typed(), wrong=dict(error.fields), status=BAD)
    works = await _checked(principal, desk, made.id, actor)
    return back(principal, "carriers", told="works" if works else "fails")


@get("/s/{sid:uuid}/messages/carriers/{account:uuid}", access=ADMINISTRATORS)
async def carrier_page(request: AnyRequest, principal: Principal, account: UUID, desk: Desk) -> AnyResponse:
    """One account, to be changed, tested or removed."""
    async with desk.db.tenant(principal.tenant) as tx:
        kept = await desk.settings.kept_account(tx, account)
    return await _form(request, principal, desk, kept.account.kind, kept, _values(kept))


@post("/s/{sid:uuid}/messages/carriers/{account:uuid}", access=ADMINISTRATORS)
async def change_carrier(
    request: AnyRequest, principal: Principal, account: UUID, data: URLEncodedBody[AccountForm], desk: Desk, actor: Actor
) -> AnyResponse:
    """Change it, and ask it at once whether it works."""
    async with desk.db.tenant(principal.tenant) as tx:
        kept = await desk.settings.kept_account(tx, account)
    try:
        async with desk.db.tenant(principal.tenant) as tx:
            await desk.carrying.change_account(tx, account, data.wish(kept.account.kind), revision=data.revision, by=actor)
    except InvalidFields as error:
        return await _form(request, principal, desk, kept.account.kind, kept, data.typed(), wrong=dict(error.fields), status=BAD)
    except Conflict:
        return await _form(request, principal, desk, kept.account.kind, kept, data.typed(), stale=True, status=STALE)
    works = await _checked(principal, desk, account, actor)
    return back(principal, "carriers", told="saved" if works else "fails")


@post("/s/{sid:uuid}/messages/carriers/{account:uuid}/test", access=ADMINISTRATORS)
async def test_carrier(principal: Principal, account: UUID, desk: Desk, actor: Actor) -> AnyResponse:
    """Ask it something that changes nothing."""
    works = await _checked(principal, desk, account, actor)
    return back(principal, "carriers", told="works" if works else "fails")


@post("/s/{sid:uuid}/messages/carriers/{account:uuid}/remove", access=ADMINISTRATORS)
async def remove_carrier(principal: Principal, account: UUID, data: URLEncodedBody[Looked], desk: Desk, actor: Actor) -> AnyResponse:
    """Take it out of use, and its senders with it."""
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.carrying.remove_account(tx, account, revision=data.revision, by=actor)
    return back(principal, "carriers", told="removed")


async def _checked(principal: Principal, desk: Desk, account: UUID, by: Actor) -> bool:
    """Ask the carrier, with no transaction open; keep what it said."""
    async with desk.db.tenant(principal.tenant) as tx:
        kept = await desk.settings.kept_account(tx, account)
    code = ""
    try:
        await desk.carriers[kept.account.kind].check(kept.account)
    except VestibuleError as error:
        code = error.code
    async with desk.db.tenant(principal.tenant) as tx:
        await desk.carrying.note_test(tx, kept, code, by=by)
    return not code


async def _form(
    request: AnyRequest,
    principal: Principal,
    desk: Desk,
    kind: CarrierKind,
    kept: KeptAccount | None,
    values: dict[str, str],
    **more: Any,
) -> AnyResponse:
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
    facts = {"stale": False, **more}
    hook = f"{desk.origin}/hooks/{kept.account.id}" if kept else ""
    return show(
        request,
        principal,
        "carrier.html",
        over,
        step=Step.CARRIERS,
        kind=kind.value,
        kept=kept,
        values=values,
        hook=hook,
        kinds=words.kinds(),
        plain_mail=desk.plain_mail,
        **facts,
    )


def _values(kept: KeptAccount) -> dict[str, str]:
    one = kept.account
    plain = {"name": one.name, "endpoint": one.endpoint, "user": one.user}
    return {**_EMPTY, **{name: str(one.settings[name]) for name in _SETTINGS if name in one.settings}, **plain}


def _offered(desk: Desk) -> list[str]:
    """Kinds that can be added; the console only where development is."""
    return [kind.value for kind in CarrierKind if kind is not CarrierKind.CONSOLE or desk.loopback]


def _kind(text: str) -> CarrierKind:
    try:
        return CarrierKind(text)
    except ValueError:
        raise InvalidFields({"kind": "choice-unknown"}, phase="messages.account") from None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


ROUTES = [carriers_page, order_carriers, new_carrier, add_carrier, carrier_page, change_carrier, test_carrier, remove_carrier]
