"""The SQL of short links; only the hash of a code is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Tx
from vestibule.visits.model import PersonRole
from vestibule.visits.store.rows import Row

_LINK = "id, visit_id, role, made_by, made_at, expires_at, revoked_at, participant_id"


class LinkStore:
    """Short links into visits; only the hash of a code is kept."""

    async def insert(
        self,
        tenant: TenantId,
        tx: Tx,
        visit: VisitId,
        *,
        link: UUID,
        code_hash: bytes,
        role: PersonRole,
        made_by: ParticipantId | None,
        at: datetime,
        expires_at: datetime,
        participant: ParticipantId | None = None,
    ) -> None:
        """A new link."""
        await tx.execute(
            "insert into visit_links (tenant_id, id, visit_id, code_hash, role, made_by, made_at, expires_at, participant_id)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            tenant,
            link,
            visit,
            code_hash,
            role,
            made_by,
            at,
            expires_at,
            participant,
        )

    async def insert_many(
        self,
        tenant: TenantId,
        tx: Tx,
        rows: Sequence[tuple[UUID, VisitId, bytes, datetime, ParticipantId]],
        *,
        role: PersonRole,
        at: datetime,
    ) -> None:
        """New links: (id, visit, hash of the code, end, whose place) each."""
        await tx.execute(
            "insert into visit_links (tenant_id, id, visit_id, code_hash, role, made_at, expires_at, participant_id)"
            " select $1, id, visit, hash, $7, $8, expires, participant"
            " from unnest($2::uuid[], $3::uuid[], $4::bytea[], $5::timestamptz[], $6::uuid[]) as t (id, visit, hash, expires, participant)",
            tenant,
            *([row[n] for row in rows] for n in range(5)),
            role,
            at,
        )

    async def whose(self, tx: Tx, code_hash: bytes) -> TenantId | None:
        """The tenant of a link, in a transaction without one."""
        found: UUID | None = await tx.fetchval("select whose_link($1)", code_hash)
        return None if found is None else TenantId(found)

    async def find(self, tenant: TenantId, tx: Tx, code_hash: bytes) -> Row | None:
        """The link of that code."""
        return await tx.fetchrow(f"select {_LINK} from visit_links where tenant_id = $1 and code_hash = $2", tenant, code_hash)

    async def of_visit(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Row]:
        """The links of a visit, the newest first."""
        return list(
            await tx.fetch(f"select {_LINK} from visit_links where tenant_id = $1 and visit_id = $2 order by made_at desc", tenant, visit)
        )

    async def revoke(self, tenant: TenantId, tx: Tx, visit: VisitId, link: UUID, at: datetime) -> bool:
        """Close a link; False when it was closed, or is not there."""
        done = await tx.fetchval(
            "update visit_links set revoked_at = $4 where tenant_id = $1 and visit_id = $2 and id = $3 and revoked_at is null"
            " returning true",
            tenant,
            visit,
            link,
            at,
        )
        return bool(done)
