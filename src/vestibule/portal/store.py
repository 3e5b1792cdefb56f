"""The SQL of the portal's own two tables: an approver's sign-ins to the EHR, and what the doctor found last."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from vestibule.kit.ids import ConnectionId, MemberId, SessionId, TenantId
from vestibule.platform.db import Database, Tx

Row = asyncpg.Record


class PortalStore:
    """Rows of `ehr_sign_ins` and `doctor_reports`."""

    async def whose(self, db: Database, state_hash: bytes) -> TenantId | None:
        """The organisation of a sign-in that comes back."""
        found = (await db.ask("select whose_ehr_sign_in($1)", state_hash))[0][0]
        return None if found is None else TenantId(found)

    async def whose_over(self, db: Database, expired: datetime, before: datetime, *, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with sign-ins that expired and still keep something sealed, or that began before `before`."""
        rows = await db.ask("select whose_ehr_sign_ins_over($1, $2, $3, $4)", expired, before, after, most)
        return [TenantId(row[0]) for row in rows]

    async def begin(
        self,
        tenant: TenantId,
        tx: Tx,
        sign_in: UUID,
        *,
        connection: ConnectionId,
        version: int,
        revision: int,
        member: MemberId,
        session: SessionId,
        state_hash: bytes,
        browser_hash: bytes,
        sealed: bytes,
        at: datetime,
        expires_at: datetime,
    ) -> None:
        """Keep a sign-in that is about to leave."""
        await tx.execute(
            "insert into ehr_sign_ins (tenant_id, id, connection_id, version, revision, member_id, session_id, state_hash, browser_hash, "
            "sealed, started_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            tenant,
            sign_in,
            connection,
            version,
            revision,
            member,
            session,
            state_hash,
            browser_hash,
            sealed,
            at,
            expires_at,
        )

    async def take(self, tenant: TenantId, tx: Tx, state_hash: bytes, browser_hash: bytes, at: datetime) -> Row | None:
        """The sign-in as it was found; if it was good, nothing can use it again, and its secrets are gone from the row."""
        return await tx.fetchrow(
            "with found as (select id, connection_id, version, revision, member_id, session_id, browser_hash, sealed, expires_at, used_at "
            "from ehr_sign_ins where tenant_id = $1 and state_hash = $2 for update), "
            "taken as (update ehr_sign_ins e set used_at = $4, sealed = null from found f "
            "where e.tenant_id = $1 and e.id = f.id and f.used_at is null and f.expires_at > $4 and f.browser_hash = $3) "
            "select * from found",
            tenant,
            state_hash,
            browser_hash,
            at,
        )

    async def end(self, tenant: TenantId, tx: Tx, sign_in: UUID, *, proved_at: datetime | None, code: str) -> None:
        """How it ended: proved, or the code of why not."""
        await tx.execute(
            "update ehr_sign_ins set proved_at = $3, code = $4 where tenant_id = $1 and id = $2", tenant, sign_in, proved_at, code
        )

    async def latest(self, tenant: TenantId, tx: Tx, connection: ConnectionId, member: MemberId, revision: int) -> Row | None:
        """What counts of somebody's sign-ins at one revision of a connection: a proof that is still good for something, else the newest."""
        return await tx.fetchrow(
            "select session_id, version, used_at, proved_at, spent_at, code from ehr_sign_ins "
            "where tenant_id = $1 and connection_id = $2 and member_id = $3 and revision = $4 "
            "order by (proved_at is not null and spent_at is null) desc, started_at desc limit 1",
            tenant,
            connection,
            member,
            revision,
        )

    async def spend(
        self,
        tenant: TenantId,
        tx: Tx,
        *,
        connection: ConnectionId,
        member: MemberId,
        session: SessionId,
        version: int,
        revision: int,
        since: datetime,
        at: datetime,
    ) -> bool:
        """Use up the proof of exactly this person, session, version and revision; False when there is none."""
        status = await tx.execute(
            "update ehr_sign_ins set spent_at = $8 where tenant_id = $1 and connection_id = $2 and member_id = $3 and session_id = $4 "
            "and version = $5 and revision = $6 and proved_at > $7 and spent_at is null",
            tenant,
            connection,
            member,
            session,
            version,
            revision,
            since,
            at,
        )
        return status != "UPDATE 0"

    async def unseal(self, tenant: TenantId, tx: Tx, expired: datetime) -> None:
        """Erase what sign-ins keep sealed that expired before then: nobody can come back with them."""
        await tx.execute(
            "update ehr_sign_ins set sealed = null where tenant_id = $1 and expires_at < $2 and sealed is not null", tenant, expired
        )

    async def forget(self, tenant: TenantId, tx: Tx, before: datetime) -> None:
        """Delete sign-ins that began before `before`."""
        await tx.execute("delete from ehr_sign_ins where tenant_id = $1 and started_at < $2", tenant, before)

    async def put_report(
        self, tenant: TenantId, tx: Tx, connection: ConnectionId, kind: str, *, revision: int, at: datetime, findings: list[dict[str, str]]
    ) -> None:
        """Keep what the doctor found, instead of what it found before."""
        await tx.execute(
            "insert into doctor_reports (tenant_id, connection_id, kind, revision, at, findings) values ($1, $2, $3, $4, $5, $6) "
            "on conflict (tenant_id, connection_id, kind) do update set revision = excluded.revision, at = excluded.at, "
            "findings = excluded.findings",
            tenant,
            connection,
            kind,
            revision,
            at,
            msgspec.json.encode(findings).decode(),
        )

    async def reports(self, tenant: TenantId, tx: Tx, connections: list[ConnectionId]) -> list[Row]:
        """The kept reports of these connections."""
        return list(
            await tx.fetch(
                "select connection_id, kind, revision, at, findings from doctor_reports where tenant_id = $1 and connection_id = any($2)",
                tenant,
                connections,
            )
        )


def read_findings(row: Row) -> list[dict[str, Any]]:
    """The findings of a report as they were kept."""
    found: list[dict[str, Any]] = msgspec.json.decode(row["findings"])
    return found
