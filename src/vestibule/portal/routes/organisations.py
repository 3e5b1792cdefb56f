"""The organisations of the person who is signed in: go to another one, or add one below the present one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import InvalidFields
from vestibule.identity.members import Members
from vestibule.identity.model import Person, Principal, StaffRole
from vestibule.platform.audit import Actor
from vestibule.platform.cells import Cells
from vestibule.platform.db import Database
from vestibule.platform.web.cookies import set_cookie
from vestibule.platform.web.pages import see_other
from vestibule.portal import words
from vestibule.portal.pages import ADMINISTRATORS, BAD, MEMBERS, AnyRequest, AnyResponse, me, query, sentences, show
from vestibule.portal.ports import Doorman
from vestibule.tenancy.organisations import Organisations


class NewOrganisation(msgspec.Struct, forbid_unknown_fields=True):
    """A new organisation below the present one."""

    name: str = ""
    support_phone: str = ""


@get("/s/{sid:uuid}/organisations", access=MEMBERS)
async def organisations_page(
    request: AnyRequest, principal: Principal, db: Database, organisations: Organisations, members: Members
) -> AnyResponse:
    """Where this person belongs, by name, a page at a time."""
    return await _page(request, principal, db, organisations, members, {"name": "", "support_phone": ""})


@post("/s/{sid:uuid}/organisations", access=ADMINISTRATORS)
async def add_organisation(
    request: AnyRequest,
    principal: Principal,
    data: URLEncodedBody[NewOrganisation],
    db: Database,
    organisations: Organisations,
    members: Members,
    cells: Cells,
    sign_ins: Doorman,
    actor: Actor,
) -> AnyResponse:
    """Make a child of the present organisation; who makes it is its administrator, and goes there."""
    try:
        made = await organisations.create(
            db,
            name=data.name.strip(),
            support_phone=data.support_phone.strip(),
            region=cells.region,  # one of another region is made there: nothing of it is kept here
            parent=principal.tenant,
            by=actor,
        )
    except InvalidFields as error:
        typed = {"name": data.name, "support_phone": data.support_phone}
        return await _page(request, principal, db, organisations, members, typed, mistakes=sentences(error.fields), status=BAD)
    person = await _person(principal, db, members)
    async with db.tenant(made) as tx:
        invited = await members.invite(tx, email=person.email, name=person.name, roles={StaffRole.ADMINISTRATOR}, by=actor)
        await members.accept(tx, invited.code, person, actor)
    opened = await sign_ins.switch(principal, made, actor)
    set_cookie(request, opened.cookie)
    return see_other(f"/s/{opened.principal.session}/home")


async def _person(principal: Principal, db: Database, members: Members) -> Person:
    """Who is signed in, as their sign-in knows them."""
    async with db.tenant(principal.tenant) as tx:
        member = await members.get(tx, me(principal))
        issuer, subject = await members.identity_of(tx, member.id)
    return Person("", issuer, subject, member.name, member.email)


async def _page(
    request: AnyRequest,
    principal: Principal,
    db: Database,
    organisations: Organisations,
    members: Members,
    values: dict[str, str],
    **more: Any,
) -> AnyResponse:
    asked = query(request, "search")
    after = str(request.query_params.get("after", ""))
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
        issuer, subject = await members.identity_of(tx, me(principal))
    found = await members.organisations_of(db, issuer, subject, search=asked["search"], after=after)
    return show(
        request,
        principal,
        "organisations.html",
        brand=brand,
        here_id=principal.tenant,
        found=found,
        asked=asked,
        query=urlencode(asked),
        first=not after,
        values=values,
        names=words.fields(),
        **more,
    )


ROUTES = [organisations_page, add_organisation]
