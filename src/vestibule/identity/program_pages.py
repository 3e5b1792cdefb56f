"""The programs of an organisation: their bearer tokens, made and withdrawn on a page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.errors import BadInput
from vestibule.identity.model import Principal, StaffRole
from vestibule.identity.people_pages import RoleChoice
from vestibule.identity.roles import role_table, role_words
from vestibule.identity.tokens import Tokens
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TokenId
from vestibule.kit.numbers import digits
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import page, see_other
from vestibule.tenancy.service import Tenancy

_WHO = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER)
_FIELD = {"token-name-missing": "name", "token-days-wrong": "days", "token-roles-missing": "roles", "token-roles-beyond": "roles"}


class NewToken(RoleChoice, forbid_unknown_fields=True):
    """Which program, and for how long."""

    name: str = ""
    days: str = "365"


@get("/s/{sid:uuid}/programs", access=_WHO)
async def programs(
    request: Request[Any, Any, Any],
    principal: Principal,
    db: Database,
    tokens: Tokens,
    tenancy: Tenancy,
    clock: Clock,
    search: str = "",
    after: str = "",
) -> Response[Any]:
    """Tokens, those that ended lately too."""
    async with db.tenant(principal.tenant) as tx:
        found = await tokens.listing(tx, search=search, after=after)
        brand = (await tenancy.tenant(tx)).name
    return page(
        request, "identity/programs.html", found=found, search=search, after=after, role_words=role_words, brand=brand, now=clock.now()
    )


@get("/s/{sid:uuid}/programs/new", access=_WHO)
async def new_form(request: Request[Any, Any, Any], principal: Principal, db: Database, tenancy: Tenancy) -> Response[Any]:
    """An empty form."""
    return await _form(request, principal, db, tenancy, NewToken(), {})


@post("/s/{sid:uuid}/programs/new", access=_WHO, status_code=200)
async def make(
    request: Request[Any, Any, Any],
    data: URLEncodedBody[NewToken],
    principal: Principal,
    db: Database,
    tokens: Tokens,
    tenancy: Tenancy,
    actor: Actor,
) -> Response[Any]:
    """Make the token and show it, once."""
    try:
        _judge_reach(principal, data)
        days = digits(data.days, most=4) or 0
        async with db.tenant(principal.tenant) as tx:
            made = await tokens.make(tx, name=data.name, roles=data.roles, days=days, by=actor)
            brand = (await tenancy.tenant(tx)).name
    except BadInput as error:
        if error.code not in _FIELD:
            raise
        return await _form(request, principal, db, tenancy, data, {_FIELD[error.code]: _(error.sentence)})
    return page(request, "identity/token.html", token=made.token, secret=made.secret, roles=role_words(data.roles), brand=brand)


def _judge_reach(principal: Principal, data: NewToken) -> None:
    """Nobody may make a program that can do more than they can themselves; an administrator could give themselves any role."""
    if StaffRole.ADMINISTRATOR not in principal.roles and not data.roles <= principal.roles:
        raise BadInput("token-roles-beyond", "A token may do no more than you may yourself.", phase="tokens")


async def _form(
    request: Request[Any, Any, Any], principal: Principal, db: Database, tenancy: Tenancy, data: NewToken, mistakes: dict[str, str]
) -> Response[Any]:
    async with db.tenant(principal.tenant) as tx:
        brand = (await tenancy.tenant(tx)).name
    offered = [row for row in role_table() if StaffRole.ADMINISTRATOR in principal.roles or row[0] in principal.roles]
    status = 400 if mistakes else 200
    return page(request, "identity/new_token.html", status=status, data=data, mistakes=mistakes, roles=offered, brand=brand)


@post("/s/{sid:uuid}/programs/{token:uuid}/withdraw", access=_WHO, status_code=303)
async def withdraw(token: UUID, principal: Principal, db: Database, tokens: Tokens, actor: Actor) -> Response[Any]:
    """End a token at once."""
    async with db.tenant(principal.tenant) as tx:
        await tokens.withdraw(tx, TokenId(token), actor)
    return see_other(f"/s/{principal.session}/programs")


ROUTES = [programs, new_form, make, withdraw]
