"""The SQL of contacts: how a patient can be reached about an appointment."""

from __future__ import annotations

from datetime import datetime

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Database, Tx
from vestibule.visits.store.rows import Row

_CONTACT = "participant_id, visit_id, phone_sealed, phone_key, email_sealed, language, noted_at"


class ContactStore:
    """One row a person; everything of them sealed."""

    async def find(self, tenant: TenantId, tx: Tx, participant: ParticipantId) -> Row | None:
        """How somebody can be reached."""
        return await tx.fetchrow(f"select {_CONTACT} from contacts where tenant_id = $1 and participant_id = $2", tenant, participant)

    async def of_visit(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Row]:
        """Everybody of a visit who can be reached."""
        return list(
            await tx.fetch(f"select {_CONTACT} from contacts where tenant_id = $1 and visit_id = $2 order by participant_id", tenant, visit)
        )

    async def of_visits(self, tenant: TenantId, tx: Tx, visits: list[VisitId]) -> list[Row]:
        """Everybody of several visits who can be reached."""
        return list(await tx.fetch(f"select {_CONTACT} from contacts where tenant_id = $1 and visit_id = any($2::uuid[])", tenant, visits))

    async def forget_at(self, tenant: TenantId, tx: Tx, visit: VisitId, at: datetime) -> None:
        """When to forget it, whatever happens."""
        await tx.execute(
            "update contacts set forget_at = $3 where tenant_id = $1 and visit_id = $2 and forget_at is distinct from $3", tenant, visit, at
        )

    async def to_forget(self, tenant: TenantId, tx: Tx, at: datetime, limit: int) -> list[VisitId]:
        """Visits whose contacts are to be forgotten by now."""
        sql = "select visit_id from contacts where tenant_id = $1 and forget_at <= $2 group by 1 order by min(forget_at), 1 limit $3"
        return [VisitId(row[0]) for row in await tx.fetch(sql, tenant, at, limit)]

    async def whose_to_forget(self, db: Database, at: datetime, after: TenantId, most: int) -> list[TenantId]:
        """Organisations with contacts to be forgotten by now."""
        return [TenantId(row[0]) for row in await db.ask("select whose_contacts_over($1, $2, $3)", at, after, most)]

    async def put(
        self,
        tenant: TenantId,
        tx: Tx,
        visit: VisitId,
        participant: ParticipantId,
        *,
        phone: bytes | None,
        phone_key: bytes | None,
        email: bytes | None,
        language: str,
        at: datetime,
    ) -> None:
        """What is known now; what was known before is forgotten."""
        await tx.execute(
            "insert into contacts (tenant_id, participant_id, visit_id, phone_sealed, phone_key, email_sealed, language, noted_at)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant_id, participant_id) do update"
            " set visit_id = $3, phone_sealed = $4, phone_key = $5, email_sealed = $6, language = $7, noted_at = $8",
            tenant,
            participant,
            visit,
            phone,
            phone_key,
            email,
            language,
            at,
        )

    async def with_phone(self, tenant: TenantId, tx: Tx, phone_keys: list[bytes]) -> list[Row]:
        """Everybody who is reached under a number, by any of its keyed hashes."""
        return list(await tx.fetch(f"select {_CONTACT} from contacts where tenant_id = $1 and phone_key = any($2)", tenant, phone_keys))

    async def drop(self, tenant: TenantId, tx: Tx, participant: ParticipantId) -> None:
        """Forget it of one person, who is known as somebody else now."""
        await tx.execute("delete from contacts where tenant_id = $1 and participant_id = $2", tenant, participant)

    async def erase(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[ParticipantId]:
        """Forget it; of whom anything was known."""
        rows = await tx.fetch("delete from contacts where tenant_id = $1 and visit_id = $2 returning participant_id", tenant, visit)
        return sorted(ParticipantId(row["participant_id"]) for row in rows)
