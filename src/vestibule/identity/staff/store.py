"""Rows of members and their invitations."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from vestibule.identity.model import Member, MemberState, Person, StaffRole
from vestibule.kit.ids import MemberId, TenantId
from vestibule.platform.db import Tx

_COLUMNS = "id, state, name, email, roles, signed_in_at, invitation_expires_at, listed"
_FIRST = UUID(int=0)


class StaffStore:
    """All SQL of members."""

    async def listing(
        self, tenant: TenantId, tx: Tx, search: str, after: tuple[str, ...], limit: int
    ) -> list[tuple[Member, tuple[str, str]]]:
        """Members and invitations behind `after` in the order of their names, each with its keys in that order."""
        rows = await tx.fetch(
            f"select {_COLUMNS} from members where tenant_id = $1 and state <> 'removed' and (listed, id) > ($2, $3) "
            "and ($4 = '' or strpos(listed, lower($4)) > 0 or strpos(lower(email), lower($4)) > 0) order by listed, id limit $5",
            tenant,
            after[0],
            _uuid(after[1]),
            search,
            limit,
        )
        return [(_member(row), (row["listed"], str(row["id"]))) for row in rows]

    async def get(self, tenant: TenantId, tx: Tx, member: MemberId, *, locked: bool = False) -> Member | None:
        """One member; `locked`: nobody else changes them until the transaction ends."""
        lock = " for update" if locked else ""
        row = await tx.fetchrow(f"select {_COLUMNS} from members where tenant_id = $1 and id = $2{lock}", tenant, member)
        return _member(row) if row else None

    async def several(self, tenant: TenantId, tx: Tx, members: Collection[MemberId]) -> list[Member]:
        """Those of these who are known."""
        rows = await tx.fetch(f"select {_COLUMNS} from members where tenant_id = $1 and id = any($2)", tenant, list(members))
        return [_member(row) for row in rows]

    async def with_email(self, tenant: TenantId, tx: Tx, email: str) -> Member | None:
        """The member or invitation with this address, members first."""
        row = await tx.fetchrow(
            f"select {_COLUMNS} from members where tenant_id = $1 and state <> 'removed' and lower(email) = lower($2) "
            "order by state limit 1 for update",
            tenant,
            email,
        )
        return _member(row) if row else None

    async def put_invitation(
        self,
        tenant: TenantId,
        tx: Tx,
        member: MemberId,
        *,
        email: str,
        name: str,
        roles: Iterable[StaffRole],
        code_hash: bytes,
        at: datetime,
        expires_at: datetime,
    ) -> None:
        """Insert an invitation, or give one that nobody has accepted a new code."""
        await tx.execute(
            "insert into members (tenant_id, id, email, name, roles, invitation_hash, invited_at, invitation_expires_at) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant_id, id) do update set name = excluded.name, "
            "roles = excluded.roles, invitation_hash = excluded.invitation_hash, invited_at = excluded.invited_at, "
            "invitation_expires_at = excluded.invitation_expires_at",
            tenant,
            member,
            email,
            name,
            _texts(roles),
            code_hash,
            at,
            expires_at,
        )

    async def whose_invitation(self, tx: Tx, code_hash: bytes) -> TenantId | None:
        """The organisation an invitation is to, in a transaction without one."""
        found = await tx.fetchval("select whose_invitation($1)", code_hash)
        return TenantId(found) if found else None

    async def invited(self, tenant: TenantId, tx: Tx, code_hash: bytes, *, locked: bool) -> Member | None:
        """Whom an invitation that waits is for."""
        lock = " for update" if locked else ""
        row = await tx.fetchrow(
            f"select {_COLUMNS} from members where tenant_id = $1 and invitation_hash = $2 and state = 'invited'{lock}", tenant, code_hash
        )
        return _member(row) if row else None

    async def person(self, tenant: TenantId, tx: Tx, issuer: str, subject: str) -> Member | None:
        """The member whom the sign-in calls this."""
        row = await tx.fetchrow(
            f"select {_COLUMNS} from members where tenant_id = $1 and issuer = $2 and subject = $3 and state = 'active' for update",
            tenant,
            issuer,
            subject,
        )
        return _member(row) if row else None

    async def one_at_a_time(self, tenant: TenantId, tx: Tx, issuer: str, subject: str) -> None:
        """Let nobody else look for this person to join until the transaction ends."""
        await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"member {tenant} {issuer} {subject}")

    async def join(self, tenant: TenantId, tx: Tx, member: MemberId, person: Person, at: datetime) -> None:
        """The invitation is accepted; it cannot be used again."""
        await tx.execute(
            "update members set state = 'active', issuer = $3, subject = $4, joined_at = $5, invitation_hash = null, "
            "invitation_expires_at = null where tenant_id = $1 and id = $2",
            tenant,
            member,
            person.issuer,
            person.subject,
            at,
        )

    async def note_sign_in(self, tenant: TenantId, tx: Tx, member: MemberId, name: str, email: str, at: datetime) -> None:
        """Name and address as the sign-in gives them now; what it does not give stays as it was."""
        await tx.execute(
            "update members set signed_in_at = $3, name = coalesce(nullif($4, ''), name), email = coalesce(nullif($5, ''), email) "
            "where tenant_id = $1 and id = $2",
            tenant,
            member,
            at,
            name,
            email,
        )

    async def set_roles(self, tenant: TenantId, tx: Tx, member: MemberId, roles: Iterable[StaffRole]) -> None:
        """What they may do from now on."""
        await tx.execute("update members set roles = $3 where tenant_id = $1 and id = $2", tenant, member, _texts(roles))

    async def remove(self, tenant: TenantId, tx: Tx, member: MemberId, at: datetime) -> None:
        """Not a member any more. The name stays for whoever reads the audit; what the sign-in knows them by, and the address, go."""
        await tx.execute(
            "update members set state = 'removed', removed_at = $3, roles = '{}', issuer = '', subject = '', email = '', "
            "invitation_hash = null, invitation_expires_at = null where tenant_id = $1 and id = $2",
            tenant,
            member,
            at,
        )

    async def lock_administrators(self, tenant: TenantId, tx: Tx) -> list[MemberId]:
        """The organisation's administrators; nobody changes one until the transaction ends."""
        rows = await tx.fetch(
            "select id from members where tenant_id = $1 and state = 'active' and 'administrator' = any(roles) order by id for update",
            tenant,
        )
        return [MemberId(row["id"]) for row in rows]

    async def organisations_of(
        self, tx: Tx, issuer: str, subject: str, search: str, after: tuple[str, ...] | None, limit: int
    ) -> list[tuple[TenantId, str]]:
        """The organisations of one person behind `after`, in a transaction without one."""
        name, last = after or ("", "")
        rows = await tx.fetch("select * from organisations_of($1, $2, $3, $4, $5, $6)", issuer, subject, search, name, _uuid(last), limit)
        return [(TenantId(row["organisation"]), row["organisation_name"]) for row in rows]

    async def identity_of(self, tenant: TenantId, tx: Tx, member: MemberId) -> tuple[str, str]:
        """Issuer and subject of a member; empty for who is none."""
        row = await tx.fetchrow("select issuer, subject from members where tenant_id = $1 and id = $2", tenant, member)
        return (row["issuer"], row["subject"]) if row else ("", "")


def _member(row: Any) -> Member:
    return Member(
        id=MemberId(row["id"]),
        state=MemberState(row["state"]),
        name=row["name"],
        email=row["email"],
        roles=frozenset(StaffRole(role) for role in row["roles"]),
        signed_in_at=row["signed_in_at"],
        invitation_expires_at=row["invitation_expires_at"],
    )


def _texts(roles: Iterable[StaffRole]) -> list[str]:
    return sorted(role.value for role in roles)


def _uuid(text: str) -> UUID:
    """The id in a cursor; the first of all for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return _FIRST
