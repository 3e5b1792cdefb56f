"""Members of an organisation, by the way people come: invited, joined, signed in."""

from __future__ import annotations

from vestibule.identity.members import Members
from vestibule.identity.model import Member, Person, StaffRole
from vestibule.identity.service import OpenedSession
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database

BY = Actor("staff", "somebody")
ADMIN = StaffRole.ADMINISTRATOR


def person(name: str = "Robin Ash", *, subject: str = "oid-1", email: str = "") -> Person:
    return Person("entra", "https://sign-in.example/t1", subject, name, email or f"{name.split(maxsplit=1)[0].lower()}@alder.example")


async def invited(members: Members, db: Database, tenant: TenantId, *, email: str = "", roles: frozenset[StaffRole] | None = None) -> str:
    async with db.tenant(tenant) as tx:
        return (await members.invite(tx, email=email, roles=roles or frozenset({ADMIN}), by=BY)).code


async def joined(members: Members, db: Database, tenant: TenantId, who: Person, *roles: StaffRole) -> Member:
    code = await invited(members, db, tenant, email=who.email, roles=frozenset(roles or (ADMIN,)))
    async with db.tenant(tenant) as tx:
        await members.accept(tx, code, who, BY)
        found = await members.signed_in(tx, who)
        assert found is not None
        return found


async def opened(members: Members, db: Database, tenant: TenantId, member: Member) -> OpenedSession:
    async with db.tenant(tenant) as tx:
        return await members.open_session(tx, member)
