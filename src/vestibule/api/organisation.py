"""The token's organisation, its departments and its people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.response import Response

from vestibule.api.operations import Operation
from vestibule.api.shapes import (
    DepartmentChange,
    DepartmentIn,
    DepartmentOut,
    Listing,
    ListQuery,
    MemberOut,
    OrganisationChange,
    OrganisationOut,
)
from vestibule.api.wire import answer, body, check_tag, nothing, query, tag_of, wanted_tag
from vestibule.identity.members import Members
from vestibule.identity.model import Caller, Member, StaffRole
from vestibule.kit.ids import DepartmentId, MemberId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.tenancy.model import Department, Organisation
from vestibule.tenancy.organisations import Organisations

_ADMIN = Access.token(StaffRole.ADMINISTRATOR)
_PEOPLE = Access.token(StaffRole.ADMINISTRATOR, StaffRole.AUDITOR)
ORGANISATION = "/api/v1/organisation"
DEPARTMENTS = "/api/v1/departments"
MEMBERS = "/api/v1/members"


@get(ORGANISATION, access=Access.token(), api=Operation("readOrganisation", "Read the organisation.", OrganisationOut, tagged=True))
async def read_organisation(principal: Caller, db: Database, organisations: Organisations) -> Response[Any]:
    """The organisation the token belongs to."""
    async with db.tenant(principal.tenant) as tx:
        return _organisation(await organisations.get(tx))


@patch(
    ORGANISATION,
    access=_ADMIN,
    api=Operation(
        "changeOrganisation",
        "Change the organisation's own settings; what is left out stays.",
        OrganisationOut,
        body=OrganisationChange,
        matched=True,
        tagged=True,
        unprocessable=True,
    ),
)
async def change_organisation(
    request: Request[Any, Any, Any], principal: Caller, db: Database, organisations: Organisations, actor: Actor
) -> Response[Any]:
    """Change what the body names."""
    wanted_tag(request)
    asked = await body(request, OrganisationChange)
    async with db.tenant(principal.tenant) as tx:
        was = await organisations.change(tx, {}, by=actor)  # changes nothing and holds the row, so that two cannot both be first
        check_tag(request, tag_of(_organisation_out(was)))
        return _organisation(await organisations.change(tx, _given(asked), by=actor))


def _organisation(one: Organisation) -> Response[Any]:
    out = _organisation_out(one)
    return answer(out, tag=tag_of(out))


def _organisation_out(one: Organisation) -> OrganisationOut:
    return OrganisationOut(**{name: getattr(one, name) for name in OrganisationOut.__struct_fields__})


def _given(asked: msgspec.Struct) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name in asked.__struct_fields__ if (value := getattr(asked, name)) is not msgspec.UNSET}


# ---------------------------------------------------------------------- departments


@get(DEPARTMENTS, access=Access.token(), api=Operation("listDepartments", "List departments.", Listing[DepartmentOut], query=ListQuery))
async def list_departments(request: Request[Any, Any, Any], principal: Caller, db: Database, organisations: Organisations) -> Response[Any]:
    """By name."""
    asked = query(request, ListQuery)
    async with db.tenant(principal.tenant) as tx:
        page = await organisations.departments(tx, search=asked.search, after=asked.after, limit=asked.limit)
    return answer(Listing[DepartmentOut](items=[_department_out(one) for one in page.items], next=page.next))


@post(
    DEPARTMENTS,
    access=_ADMIN,
    status_code=201,
    api=Operation("addDepartment", "Add a department.", DepartmentOut, 201, body=DepartmentIn, tagged=True, unprocessable=True),
)
async def add_department(
    request: Request[Any, Any, Any], principal: Caller, db: Database, organisations: Organisations, actor: Actor
) -> Response[Any]:
    """A new one."""
    asked = await body(request, DepartmentIn)
    async with db.tenant(principal.tenant) as tx:
        one = await organisations.add_department(tx, name=asked.name, zone=asked.zone, external=asked.external, by=actor)
    return _department(one, created=True)


@get(
    f"{DEPARTMENTS}/{{department:uuid}}",
    access=Access.token(),
    api=Operation("readDepartment", "Read a department.", DepartmentOut, tagged=True),
)
async def read_department(department: UUID, principal: Caller, db: Database, organisations: Organisations) -> Response[Any]:
    """One department."""
    async with db.tenant(principal.tenant) as tx:
        return _department(await organisations.department(tx, DepartmentId(department)))


@patch(
    f"{DEPARTMENTS}/{{department:uuid}}",
    access=_ADMIN,
    api=Operation(
        "changeDepartment",
        "Change a department; what is left out stays.",
        DepartmentOut,
        body=DepartmentChange,
        matched=True,
        tagged=True,
        unprocessable=True,
    ),
)
async def change_department(
    request: Request[Any, Any, Any], department: UUID, principal: Caller, db: Database, organisations: Organisations, actor: Actor
) -> Response[Any]:
    """Change what the body names."""
    wanted_tag(request)
    asked = await body(request, DepartmentChange)
    async with db.tenant(principal.tenant) as tx:
        await organisations.change(tx, {}, by=actor)  # holds the organisation's row: one change of a department after the other
        was = await organisations.department(tx, DepartmentId(department))
        check_tag(request, tag_of(_department_out(was)))
        return _department(await organisations.change_department(tx, DepartmentId(department), **_given(asked), by=actor))


@delete(
    f"{DEPARTMENTS}/{{department:uuid}}",
    access=_ADMIN,
    status_code=200,  # what it answers is 204, which Litestar lets a Response say only itself
    api=Operation(
        "removeDepartment", "Remove a department: it takes no new visits; those that were there keep it.", status=204, matched=True
    ),
)
async def remove_department(
    request: Request[Any, Any, Any], department: UUID, principal: Caller, db: Database, organisations: Organisations, actor: Actor
) -> Response[Any]:
    """Take it out of the lists."""
    wanted_tag(request)
    async with db.tenant(principal.tenant) as tx:
        await organisations.change(tx, {}, by=actor)
        was = await organisations.department(tx, DepartmentId(department))
        check_tag(request, tag_of(_department_out(was)))
        await organisations.remove_department(tx, DepartmentId(department), by=actor)
    return nothing()


def _department(one: Department, *, created: bool = False) -> Response[Any]:
    out = _department_out(one)
    return answer(out, status=201 if created else 200, tag=tag_of(out), location=f"{DEPARTMENTS}/{one.id}" if created else "")


def _department_out(one: Department) -> DepartmentOut:
    return DepartmentOut(id=one.id, name=one.name, zone=one.zone, external=one.external)


# ---------------------------------------------------------------------- people


@get(
    MEMBERS,
    access=_PEOPLE,
    api=Operation("listMembers", "List the organisation's people and invitations.", Listing[MemberOut], query=ListQuery),
)
async def list_members(request: Request[Any, Any, Any], principal: Caller, db: Database, members: Members) -> Response[Any]:
    """By name. Who may come in is for people to decide, so a program can only look."""
    asked = query(request, ListQuery)
    async with db.tenant(principal.tenant) as tx:
        page = await members.listing(tx, search=asked.search, after=asked.after, limit=asked.limit)
    return answer(Listing[MemberOut](items=[_member_out(one) for one in page.items], next=page.next))


@get(f"{MEMBERS}/{{member:uuid}}", access=_PEOPLE, api=Operation("readMember", "Read one person.", MemberOut))
async def read_member(member: UUID, principal: Caller, db: Database, members: Members) -> Response[Any]:
    """One person."""
    async with db.tenant(principal.tenant) as tx:
        return answer(_member_out(await members.get(tx, MemberId(member))))


def _member_out(one: Member) -> MemberOut:
    roles = sorted(one.roles)
    return MemberOut(id=one.id, name=one.name, email=one.email, roles=roles, state=one.state, signed_in_at=one.signed_in_at)


ROUTES = [
    read_organisation,
    change_organisation,
    list_departments,
    add_department,
    read_department,
    change_department,
    remove_department,
    list_members,
    read_member,
]
