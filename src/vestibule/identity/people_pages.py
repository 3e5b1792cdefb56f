"""The people of an organisation, on a page of its administrators: who is in, who is invited, what each may do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.errors import BadInput, Conflict
from vestibule.identity.members import Members
from vestibule.identity.model import Principal, StaffRole
from vestibule.identity.roles import role_table, role_words
from vestibule.kit.clock import Clock
from vestibule.kit.ids import MemberId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import page, see_other
from vestibule.tenancy.service import Tenancy

_ADMINISTRATORS = Access.staff(StaffRole.ADMINISTRATOR)
# What a person can mend in the form itself; anything else is a page of its own.
_FIELD = {"member-email-wrong": "email", "member-exists": "email", "member-roles-missing": "roles"}


class RoleChoice(msgspec.Struct, forbid_unknown_fields=True):
    """A switch for each role; absent when it is off."""

    administrator: str = ""
    approver: str = ""
    clinician: str = ""
    care_team: str = ""
    reports_reader: str = ""
    auditor: str = ""
    integration_engineer: str = ""

    @property
    def roles(self) -> frozenset[StaffRole]:
        """Those that are on."""
        return frozenset(role for role in StaffRole if getattr(self, role.value))


class NewMember(RoleChoice, forbid_unknown_fields=True):
    """Whom to invite."""

    email: str = ""
    name: str = ""


@get("/s/{sid:uuid}/people", access=_ADMINISTRATORS)
async def people(
    request: Request[Any, Any, Any],
    principal: Principal,
    db: Database,
    members: Members,
    tenancy: Tenancy,
    clock: Clock,
    search: str = "",
    after: str = "",
) -> Response[Any]:
    """Members and invitations."""
    async with db.tenant(principal.tenant) as tx:
        found = await members.listing(tx, search=search, after=after)
        brand = (await tenancy.tenant(tx)).name
    return page(
        request, "identity/people.html", found=found, search=search, after=after, role_words=role_words, brand=brand, now=clock.now()
    )


@get("/s/{sid:uuid}/people/invite", access=_ADMINISTRATORS)
async def invite_form(request: Request[Any, Any, Any], principal: Principal, db: Database, tenancy: Tenancy) -> Response[Any]:
    """An empty form."""
    return await _form(request, principal, db, tenancy, NewMember(), {})


@post("/s/{sid:uuid}/people/invite", access=_ADMINISTRATORS, status_code=200)
async def invite(
    request: Request[Any, Any, Any],
    data: URLEncodedBody[NewMember],
    principal: Principal,
    db: Database,
    members: Members,
    tenancy: Tenancy,
    actor: Actor,
) -> Response[Any]:
    """Make the link and show it, once: a page and no redirect, for the link is kept nowhere it could be shown from again."""
    try:
        async with db.tenant(principal.tenant) as tx:
            invited = await members.invite(tx, email=data.email, name=data.name, roles=data.roles, by=actor)
            brand = (await tenancy.tenant(tx)).name
    except (BadInput, Conflict) as error:
        if error.code not in _FIELD:
            raise
        return await _form(request, principal, db, tenancy, data, {_FIELD[error.code]: _(error.sentence)})
    link = f"{request.app.state.web.origin}/invitation/{invited.code}"
    roles = role_words(data.roles)
    return page(request, "identity/invited.html", link=link, email=data.email.strip(), roles=roles, brand=brand)


async def _form(
    request: Request[Any, Any, Any], principal: Principal, db: Database, tenancy: Tenancy, data: NewMember, mistakes: dict[str, str]
) -> Response[Any]:
    async with db.tenant(principal.tenant) as tx:
        brand = (await tenancy.tenant(tx)).name
    status = 400 if mistakes else 200
    return page(request, "identity/invite.html", status=status, data=data, mistakes=mistakes, roles=role_table(), brand=brand)


@get("/s/{sid:uuid}/people/{member:uuid}", access=_ADMINISTRATORS)
async def person(
    request: Request[Any, Any, Any], member: UUID, principal: Principal, db: Database, members: Members, tenancy: Tenancy
) -> Response[Any]:
    """One of them: roles to change, and the way out."""
    async with db.tenant(principal.tenant) as tx:
        found = await members.get(tx, MemberId(member))
        brand = (await tenancy.tenant(tx)).name
    return page(
        request, "identity/person.html", person=found, roles=role_table(), mistakes={}, chosen=found.roles, me=principal.member, brand=brand
    )


@post("/s/{sid:uuid}/people/{member:uuid}", access=_ADMINISTRATORS, status_code=303)
async def change(
    request: Request[Any, Any, Any],
    member: UUID,
    data: URLEncodedBody[RoleChoice],
    principal: Principal,
    db: Database,
    members: Members,
    tenancy: Tenancy,
    actor: Actor,
) -> Response[Any]:
    """Other roles. Who loses one is signed out, the administrator who does it to themselves too."""
    try:
        async with db.tenant(principal.tenant) as tx:
            await members.change_roles(tx, MemberId(member), data.roles, actor)
    except (BadInput, Conflict) as error:
        async with db.tenant(principal.tenant) as tx:
            found, brand = await members.get(tx, MemberId(member)), (await tenancy.tenant(tx)).name
        facts = {"person": found, "chosen": data.roles, "mistakes": {"roles": _(error.sentence)}, "me": principal.member, "brand": brand}
        return page(request, "identity/person.html", status=error.status, roles=role_table(), **facts)
    return see_other(f"/s/{principal.session}/people")


@get("/s/{sid:uuid}/people/{member:uuid}/removal", access=_ADMINISTRATORS)
async def ask_remove(
    request: Request[Any, Any, Any], member: UUID, principal: Principal, db: Database, members: Members, tenancy: Tenancy
) -> Response[Any]:
    """Are you sure?"""
    async with db.tenant(principal.tenant) as tx:
        found, brand = await members.get(tx, MemberId(member)), (await tenancy.tenant(tx)).name
    return page(request, "identity/remove.html", person=found, me=principal.member, brand=brand)


@post("/s/{sid:uuid}/people/{member:uuid}/removal", access=_ADMINISTRATORS, status_code=303)
async def remove(member: UUID, principal: Principal, db: Database, members: Members, actor: Actor) -> Response[Any]:
    """Out, at once."""
    async with db.tenant(principal.tenant) as tx:
        await members.remove(tx, MemberId(member), actor)
    return see_other(f"/s/{principal.session}/people")


ROUTES = [people, invite_form, invite, person, change, ask_remove, remove]
