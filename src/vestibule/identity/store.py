"""Rows of sessions and one-time tickets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from vestibule.identity.model import Principal, Role, StaffRole
from vestibule.kit.ids import ConnectionId, DepartmentId, MemberId, ParticipantId, SessionId, TenantId, VisitId
from vestibule.platform.db import Database, Tx

TOUCH_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it rests.

    Attributes:
        idle: after so long without use it is over.
    """

    principal: Principal
    secret_hash: bytes = field(repr=False)
    frame_origins: tuple[str, ...]
    last_seen_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    idle: timedelta

    def over(self, now: datetime) -> bool:
        """True once closed, expired, or unused for too long."""
        return self.closed_at is not None or now >= self.ends_at

    @property
    def ends_at(self) -> datetime:
        """When it will be over unless it is used before."""
        return min(self.expires_at, self.last_seen_at + self.idle)

    def to_be_touched(self, now: datetime) -> bool:
        """True when its next use is worth writing down: the last was a while ago."""
        return not self.over(now) and now - self.last_seen_at >= min(TOUCH_EVERY, self.idle / 60)


class IdentityStore:
    """All SQL of identity."""

    async def whose_sessions(self, tx: Tx, sids: Sequence[SessionId]) -> dict[SessionId, TenantId]:
        """The tenants of sessions, in a transaction without one; sessions nobody has are left out."""
        rows = await tx.fetch("select sid, whose_session(sid) as tenant from unnest($1::uuid[]) as sid", sids)
        return {SessionId(row["sid"]): TenantId(row["tenant"]) for row in rows if row["tenant"]}

    async def whose_over(self, db: Database, before: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next tenants with sessions or tickets that ended before then."""
        return [TenantId(row[0]) for row in await db.ask("select whose_sessions_over($1, $2, $3)", before, after, most)]

    async def whose_ticket(self, tx: Tx, ticket_hash: bytes) -> TenantId | None:
        """The tenant of a ticket."""
        found = await tx.fetchval("select whose_ticket($1)", ticket_hash)
        return TenantId(found) if found else None

    async def add_session(self, tenant: TenantId, tx: Tx, row: SessionRow) -> None:
        """Insert a session."""
        who = row.principal
        await tx.execute(
            "insert into sessions (tenant_id, id, secret_hash, role, visit_id, participant_id, connection_id, department_id, framed, "
            "frame_origins, opened_at, last_seen_at, expires_at, member_id, idle_seconds) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13, $14)",
            tenant,
            who.session,
            row.secret_hash,
            who.role.value,
            who.visit,
            who.participant,
            who.connection,
            who.department,
            who.framed,
            list(row.frame_origins),
            row.last_seen_at,
            row.expires_at,
            who.member,
            int(row.idle.total_seconds()) if who.member else None,
        )

    async def sessions(self, tenant: TenantId, tx: Tx, sids: Sequence[SessionId], idle: timedelta) -> list[SessionRow]:
        """Sessions by id, over or not; `idle` is for those that have no idle time of their own.

        What a member may do is read from the member, not from the session; whoever is no member any more has no session.
        """
        rows = await tx.fetch(
            "select s.id, secret_hash, role, visit_id, participant_id, connection_id, department_id, framed, frame_origins, last_seen_at, "
            "expires_at, member_id, idle_seconds, coalesce(m.roles, '{}') as roles, "
            "case when member_id is not null and m.state is distinct from 'active' then coalesce(closed_at, last_seen_at) "
            "else closed_at end as closed_at "
            "from sessions s left join members m on m.tenant_id = s.tenant_id and m.id = s.member_id "
            "where s.tenant_id = $1 and s.id = any($2)",
            tenant,
            sids,
        )
        return [_session(tenant, row, idle) for row in rows]

    async def seen(self, tenant: TenantId, tx: Tx, sids: Sequence[SessionId], now: datetime) -> None:
        """Note that sessions are in use; one that somebody is changing right now is in use anyway, and not worth waiting for."""
        await tx.execute(
            "update sessions set last_seen_at = $3 where tenant_id = $1 and id in "
            "(select id from sessions where tenant_id = $1 and id = any($2) and last_seen_at < $3 for update skip locked)",
            tenant,
            sids,
            now,
        )

    async def bind(self, tenant: TenantId, tx: Tx, sid: SessionId, participant: ParticipantId, visit: VisitId | None) -> None:
        """Note who this session is in its visit."""
        await tx.execute(
            "update sessions set participant_id = $3, visit_id = coalesce($4, visit_id) where tenant_id = $1 and id = $2",
            tenant,
            sid,
            participant,
            visit,
        )

    async def close(self, tenant: TenantId, tx: Tx, sids: Sequence[SessionId], now: datetime) -> list[SessionId]:
        """Close these; returns those that were open."""
        rows = await tx.fetch(
            "update sessions set closed_at = $3 where tenant_id = $1 and id = any($2) and closed_at is null returning id", tenant, sids, now
        )
        return [SessionId(row["id"]) for row in rows]

    async def open_sessions(
        self,
        tenant: TenantId,
        tx: Tx,
        *,
        visit: VisitId | None = None,
        participant: ParticipantId | None = None,
        member: MemberId | None = None,
    ) -> list[SessionId]:
        """The open sessions of a visit, of one participant or of one member."""
        rows = await tx.fetch(
            "select id from sessions where tenant_id = $1 and closed_at is null and (visit_id = $2 or $2::uuid is null) "
            "and (participant_id = $3 or $3::uuid is null) and (member_id = $4 or $4::uuid is null)",
            tenant,
            visit,
            participant,
            member,
        )
        return [SessionId(row["id"]) for row in rows]

    async def add_ticket(
        self, tenant: TenantId, tx: Tx, ticket_hash: bytes, like: Principal, *, purpose: str, destination: str, expires_at: datetime
    ) -> None:
        """Insert a ticket."""
        await tx.execute(
            "insert into tickets (tenant_id, hash, role, visit_id, participant_id, connection_id, department_id, purpose, destination, "
            "expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            tenant,
            ticket_hash,
            like.role.value,
            like.visit,
            like.participant,
            like.connection,
            like.department,
            purpose,
            destination,
            expires_at,
        )

    async def use_ticket(self, tenant: TenantId, tx: Tx, ticket_hash: bytes, now: datetime) -> Any | None:
        """Use a ticket up. Of any number who try at once, one gets the row."""
        return await tx.fetchrow(
            "update tickets set used_at = $3 where tenant_id = $1 and hash = $2 and used_at is null and expires_at > $3 "
            "returning role, visit_id, participant_id, connection_id, department_id, destination",
            tenant,
            ticket_hash,
            now,
        )

    async def void_tickets(
        self, tenant: TenantId, tx: Tx, now: datetime, *, visit: VisitId | None = None, participant: ParticipantId | None = None
    ) -> None:
        """Use up the unused tickets of a visit or of one participant, so that none opens a door after it was closed."""
        await tx.execute(
            "update tickets set used_at = $2 where tenant_id = $1 and used_at is null "
            "and (visit_id = $3 or $3::uuid is null) and (participant_id = $4 or $4::uuid is null)",
            tenant,
            now,
            visit,
            participant,
        )

    async def sweep(self, tenant: TenantId, tx: Tx, before: datetime) -> int:
        """Forget sessions and tickets that ended before then; returns how many sessions."""
        await tx.execute("delete from tickets where tenant_id = $1 and expires_at < $2", tenant, before)
        done = await tx.execute("delete from sessions where tenant_id = $1 and least(expires_at, closed_at) < $2", tenant, before)
        return int(done.split()[-1])


def _session(tenant: TenantId, row: Any, idle: timedelta) -> SessionRow:
    who = principal(tenant, SessionId(row["id"]), row, framed=row["framed"])
    if row["member_id"]:
        who = replace(who, member=MemberId(row["member_id"]), roles=frozenset(StaffRole(role) for role in row["roles"]))
    return SessionRow(
        principal=who,
        secret_hash=row["secret_hash"],
        frame_origins=tuple(row["frame_origins"]),
        last_seen_at=row["last_seen_at"],
        expires_at=row["expires_at"],
        closed_at=row["closed_at"],
        idle=idle if row["idle_seconds"] is None else timedelta(seconds=row["idle_seconds"]),
    )


def principal(tenant: TenantId, sid: SessionId, row: Any, *, framed: bool) -> Principal:
    """The principal that a session's or a ticket's columns describe."""
    return Principal(
        session=sid,
        tenant=tenant,
        role=Role(row["role"]),
        visit=VisitId(row["visit_id"]) if row["visit_id"] else None,
        participant=ParticipantId(row["participant_id"]) if row["participant_id"] else None,
        connection=ConnectionId(row["connection_id"]) if row["connection_id"] else None,
        department=DepartmentId(row["department_id"]) if row["department_id"] else None,
        framed=framed,
    )
