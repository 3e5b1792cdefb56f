"""The addresses by which staff come in and go: sign-in, invitations, the choice of an organisation, sign-out."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.errors import BadInput
from vestibule.identity.members import Members
from vestibule.identity.model import Principal
from vestibule.identity.roles import role_words
from vestibule.identity.service import Identity
from vestibule.identity.sign_in import CALLBACK, CHOICE, SignIns, browser_cookie, destination_of
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.cookies import Cookie, parse, set_cookie
from vestibule.platform.web.pages import page, see_other
from vestibule.protocols.oauth2 import read_callback
from vestibule.tenancy.service import Tenancy

_MAX_FIELDS = 40
_WHY = frozenset({"idle", "over"})


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    """Which organisation."""

    organisation: UUID


@get("/sign-in", access=Access.PUBLIC)
async def sign_in(request: Request[Any, Any, Any], sign_ins: SignIns, to: str = "") -> Response[Any]:
    """Where to prove who one is; without anywhere, what the operator has to set."""
    return page(request, "identity/sign_in.html", providers=list(sign_ins.providers.values()), to=_kept(to), invitation="")


@get("/sign-in/start", access=Access.PUBLIC)
async def start(
    request: Request[Any, Any, Any], sign_ins: SignIns, provider: str = "", invitation: str = "", to: str = ""
) -> Response[Any]:
    """Away to the sign-in service."""
    departure = await sign_ins.begin(provider[:40], invitation=invitation[:200], destination=to)
    set_cookie(request, departure.cookie)
    return see_other(departure.url)


@get(CALLBACK, access=Access.PUBLIC)
async def callback(request: Request[Any, Any, Any], sign_ins: SignIns, actor: Actor) -> Response[Any]:
    """Back from Microsoft."""
    return await _back(request, sign_ins, actor)


@get(CALLBACK + "/{provider:str}", access=Access.PUBLIC)
async def other_callback(request: Request[Any, Any, Any], sign_ins: SignIns, actor: Actor) -> Response[Any]:
    """Back from another sign-in service: each has an address of its own to answer to."""
    return await _back(request, sign_ins, actor)


async def _back(request: Request[Any, Any, Any], sign_ins: SignIns, actor: Actor) -> Response[Any]:
    try:
        pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        returned = read_callback(pairs)
    except (ValueError, BadInput):
        raise BadInput("sign-in-unknown", "We do not know this sign-in. Please start again.", phase="sign-in.callback") from None
    set_cookie(request, Cookie(browser_cookie(returned.state), "", "/sign-in", 0, top_level=True))
    arrival = await sign_ins.finish(request.scope["path"], returned, _cookies(request), actor)
    if arrival.choice is not None:
        set_cookie(request, arrival.choice)
        return see_other("/sign-in/organisations")
    if arrival.opened is None:
        return page(request, "identity/nowhere.html", status=403, person=arrival.person)
    set_cookie(request, arrival.opened.cookie)
    return see_other(arrival.path)


@get("/sign-in/organisations", access=Access.PUBLIC)
async def choices(request: Request[Any, Any, Any], sign_ins: SignIns, search: str = "", after: str = "") -> Response[Any]:
    """The organisations of somebody who has just signed in."""
    mine = await sign_ins.choices(_cookies(request), search=search, after=after)
    return page(request, "identity/choose.html", mine=mine, search=search, after=after)


@post("/sign-in/organisations", access=Access.PUBLIC, status_code=303)
async def choose(request: Request[Any, Any, Any], data: URLEncodedBody[Choice], sign_ins: SignIns, actor: Actor) -> Response[Any]:
    """Into the chosen one."""
    arrival = await sign_ins.choose(_cookies(request), TenantId(data.organisation), actor)
    set_cookie(request, Cookie(CHOICE, "", "/sign-in", 0, top_level=True))
    if arrival.opened is not None:
        set_cookie(request, arrival.opened.cookie)
    return see_other(arrival.path)


@get("/invitation/{code:str}", access=Access.PUBLIC)
async def invitation(
    request: Request[Any, Any, Any], code: str, members: Members, tenancy: Tenancy, db: Database, sign_ins: SignIns
) -> Response[Any]:
    """To which organisation, and to do what; changes nothing: a scanner of mail may look at it as often as it likes."""
    tenant = await members.whose_invitation(db, code)
    async with db.tenant(tenant) as tx:
        invited = await members.invitation(tx, code)
        organisation = await tenancy.tenant(tx)
    return page(
        request,
        "identity/invitation.html",
        organisation=organisation.name,
        roles=role_words(invited.roles),
        named=bool(invited.email),
        providers=list(sign_ins.providers.values()),
        invitation=code,
        to="",
    )


@get("/signed-out", access=Access.PUBLIC)
async def signed_out(request: Request[Any, Any, Any], why: str = "") -> Response[Any]:
    """The page at the end."""
    return page(request, "identity/signed_out.html", why=why if why in _WHY else "")


# ---------------------------------------------------------------------- signed in


@post("/s/{sid:uuid}/sign-out", access=Access.staff(), status_code=303)
async def sign_out(request: Request[Any, Any, Any], principal: Principal, sign_ins: SignIns, actor: Actor) -> Response[Any]:
    """End the session everywhere."""
    await sign_ins.sign_out(principal, actor)
    set_cookie(request, Cookie(f"v_{principal.session.hex}", "", f"/s/{principal.session}/", 0, top_level=True))
    return see_other("/signed-out")


@get("/s/{sid:uuid}/session", access=Access.staff(quiet=True))
async def session(principal: Principal, db: Database, identity: Identity) -> dict[str, int]:
    """How many seconds are left; a page asks this by itself, so it is no use of the session."""
    return {"seconds": await identity.seconds_left(db, principal.session)}


@post("/s/{sid:uuid}/keep-alive", access=Access.staff(), status_code=200)
async def keep_alive(principal: Principal, db: Database, identity: Identity) -> dict[str, int]:
    """A person is there; having been let in is the use."""
    return {"seconds": await identity.seconds_left(db, principal.session)}


@post("/s/{sid:uuid}/organisations-switch", access=Access.staff(), status_code=303)
async def switch(
    request: Request[Any, Any, Any], data: URLEncodedBody[Choice], principal: Principal, sign_ins: SignIns, actor: Actor
) -> Response[Any]:
    """Into another one, by the same sign-in."""
    opened = await sign_ins.switch(principal, TenantId(data.organisation), actor)
    set_cookie(request, opened.cookie)
    return see_other(f"/s/{opened.principal.session}/home")


def _cookies(request: Request[Any, Any, Any]) -> Any:
    return parse(request.headers.get("cookie", ""))


def _kept(to: str) -> str:
    """Where to go afterwards, when that is a page of ours and not the first one anyway."""
    return "" if destination_of(to) == "home" else to


ROUTES = [
    sign_in,
    start,
    callback,
    other_callback,
    choices,
    choose,
    invitation,
    signed_out,
    sign_out,
    session,
    keep_alive,
    switch,
]
