"""The SQL of presence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Tx


class PresenceStore:
    """Who holds whose socket, and until when that may be believed without hearing again."""

    async def hold(self, tenant: TenantId, tx: Tx, visit: VisitId, participant: ParticipantId, *, holder: str, until: datetime) -> None:
        """This holder has them now; whoever had them before has not."""
        await tx.execute(
            "insert into presence (tenant_id, participant_id, visit_id, holder, until) values ($1, $2, $3, $4, $5)"
            " on conflict (tenant_id, participant_id) do update set visit_id = $3, holder = $4, until = $5",
            tenant,
            participant,
            visit,
            holder,
            until,
        )

    async def renew(self, tenant: TenantId, tx: Tx, holders: Mapping[ParticipantId, str], until: datetime) -> list[ParticipantId]:
        """Those still held by who says so; whom the answer leaves out has been taken over or let go."""
        rows = await tx.fetch(
            "update presence p set until = $4 from unnest($2::uuid[], $3::text[]) as t(who, holder)"
            " where p.tenant_id = $1 and p.participant_id = t.who and p.holder = t.holder returning p.participant_id",
            tenant,
            list(holders.keys()),
            list(holders.values()),
            until,
        )
        return [ParticipantId(r["participant_id"]) for r in rows]

    async def holder(self, tenant: TenantId, tx: Tx, participant: ParticipantId) -> str | None:
        """Who has them, if anyone."""
        found: str | None = await tx.fetchval(
            "select holder from presence where tenant_id = $1 and participant_id = $2", tenant, participant
        )
        return found

    async def release(self, tenant: TenantId, tx: Tx, participant: ParticipantId, *, expired_by: datetime | None = None) -> bool:
        """Let go; with `expired_by` only when the promise had run out by then. False when nothing was held."""
        done = await tx.fetchval(
            "delete from presence where tenant_id = $1 and participant_id = $2 and ($3::timestamptz is null or until < $3) returning true",
            tenant,
            participant,
            expired_by,
        )
        return bool(done)

    async def release_all(self, tenant: TenantId, tx: Tx, visit: VisitId) -> None:
        """The visit is over."""
        await tx.execute("delete from presence where tenant_id = $1 and visit_id = $2", tenant, visit)

    async def expired(self, tx: Tx, at: datetime, at_most: int) -> list[tuple[TenantId, VisitId, ParticipantId]]:
        """Of every tenant, for the dispatcher: promises that have run out."""
        rows = await tx.fetch(
            "select tenant_id, visit_id, participant_id from presence where until < $1 order by until limit $2", at, at_most
        )
        return [(TenantId(r["tenant_id"]), VisitId(r["visit_id"]), ParticipantId(r["participant_id"])) for r in rows]
