"""The departments of an organisation: where visits take place, and by which clock."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import InvalidFields
from vestibule.identity.model import Principal
from vestibule.kit.ids import DepartmentId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.pages import see_other
from vestibule.portal import words
from vestibule.portal.pages import ADMINISTRATORS, BAD, AnyRequest, AnyResponse, query, sentences, show
from vestibule.tenancy.judging import zones
from vestibule.tenancy.organisations import Organisations

_EMPTY = {"name": "", "zone": "", "external": ""}


class DepartmentForm(msgspec.Struct, forbid_unknown_fields=True):
    """A department as a form writes it."""

    name: str = ""
    zone: str = ""
    external: str = ""


@get("/s/{sid:uuid}/departments", access=ADMINISTRATORS)
async def departments_page(request: AnyRequest, principal: Principal, db: Database, organisations: Organisations) -> AnyResponse:
    """Departments by name, a page at a time."""
    asked, after = query(request, "search"), str(request.query_params.get("after", ""))
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
        found = await organisations.departments(tx, search=asked["search"], after=after)
    return show(request, principal, "departments.html", brand=brand, found=found, asked=asked, query=urlencode(asked), first=not after)


@get("/s/{sid:uuid}/departments/new", access=ADMINISTRATORS)
async def new_department(request: AnyRequest, principal: Principal, db: Database, organisations: Organisations) -> AnyResponse:
    """An empty form, the time zone already that of the department before."""
    async with db.tenant(principal.tenant) as tx:
        known = await organisations.departments(tx, limit=1)
    values = {**_EMPTY, "zone": known.items[0].zone if known.items else ""}
    return await _form(request, principal, db, organisations, values)


@post("/s/{sid:uuid}/departments/new", access=ADMINISTRATORS)
async def add_department(
    request: AnyRequest,
    principal: Principal,
    data: URLEncodedBody[DepartmentForm],
    db: Database,
    organisations: Organisations,
    actor: Actor,
) -> AnyResponse:
    """Add it, then back to the list."""
    typed = _typed(data)
    try:
        async with db.tenant(principal.tenant) as tx:
            await organisations.add_department(tx, **typed, by=actor)
    except InvalidFields as error:
        return await _form(request, principal, db, organisations, typed, mistakes=sentences(error.fields), status=BAD)
    return see_other(f"/s/{principal.session}/departments")


@get("/s/{sid:uuid}/departments/{department:uuid}", access=ADMINISTRATORS)
async def department_page(
    request: AnyRequest, principal: Principal, department: UUID, db: Database, organisations: Organisations
) -> AnyResponse:
    """One department, to be changed or removed."""
    async with db.tenant(principal.tenant) as tx:
        one = await organisations.department(tx, DepartmentId(department))
    values = {"name": one.name, "zone": one.zone, "external": one.external}
    return await _form(request, principal, db, organisations, values, department=one)


@post("/s/{sid:uuid}/departments/{department:uuid}", access=ADMINISTRATORS)
async def change_department(
    request: AnyRequest,
    principal: Principal,
    department: UUID,
    data: URLEncodedBody[DepartmentForm],
    db: Database,
    organisations: Organisations,
    actor: Actor,
) -> AnyResponse:
    """Change it, then back to the list."""
    typed = _typed(data)
    try:
        async with db.tenant(principal.tenant) as tx:
            one = await organisations.department(tx, DepartmentId(department))
            await organisations.change_department(tx, DepartmentId(department), **typed, by=actor)
    except InvalidFields as error:
        return await _form(request, principal, db, organisations, typed, department=one, mistakes=sentences(error.fields), status=BAD)
    return see_other(f"/s/{principal.session}/departments")


@post("/s/{sid:uuid}/departments/{department:uuid}/remove", access=ADMINISTRATORS)
async def remove_department(
    principal: Principal, department: UUID, db: Database, organisations: Organisations, actor: Actor
) -> AnyResponse:
    """It takes no new visits; those it had keep it."""
    async with db.tenant(principal.tenant) as tx:
        await organisations.remove_department(tx, DepartmentId(department), by=actor)
    return see_other(f"/s/{principal.session}/departments")


def _typed(data: DepartmentForm) -> dict[str, str]:
    return {"name": data.name.strip(), "zone": data.zone.strip(), "external": data.external.strip()}


async def _form(
    request: AnyRequest, principal: Principal, db: Database, organisations: Organisations, values: dict[str, str], **more: Any
) -> AnyResponse:
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
    facts = {"department": None, **more}
    return show(request, principal, "department.html", brand=brand, values=values, zones=sorted(zones()), names=words.fields(), **facts)


ROUTES = [departments_page, new_department, add_department, department_page, change_department, remove_department]
