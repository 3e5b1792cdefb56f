"""The SQL of `meetings` and `meeting_ways`: a visit's meeting elsewhere, and to whom the way into it was given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Database, Tx

Row: TypeAlias = Any  # an asyncpg Record


class MeetingStore:
    """Rows of `meetings` and `meeting_ways`."""

    async def find(self, tenant: TenantId, tx: Tx, visit: VisitId, *, lock: bool = False) -> Row | None:
        """A visit's meeting; with `lock`, nobody else changes it until the transaction ends."""
        return await tx.fetchrow(
            f"select * from meetings where tenant_id = $1 and visit_id = $2{' for no key update' if lock else ''}", tenant, visit
        )

    async def find_many(self, tenant: TenantId, tx: Tx, visits: Collection[VisitId]) -> list[Row]:
        """Those of several visits that have one."""
        return list(await tx.fetch("select * from meetings where tenant_id = $1 and visit_id = any($2::uuid[])", tenant, list(visits)))

    async def insert(
        self, tenant: TenantId, tx: Tx, visit: VisitId, *, starts_at: datetime | None, ends_at: datetime | None, now: datetime
    ) -> bool:
        """A meeting is wanted; False where there is one already."""
        done = await tx.fetchval(
            "insert into meetings (tenant_id, visit_id, starts_at, ends_at, wanted_at) values ($1, $2, $3, $4, $5)"
            " on conflict (tenant_id, visit_id) do nothing returning true",
            tenant,
            visit,
            starts_at,
            ends_at,
            now,
        )
        return bool(done)

    async def change(self, tenant: TenantId, tx: Tx, visit: VisitId, columns: Mapping[str, Any]) -> None:
        """Write some columns; their names come from our own table of them, never from outside."""
        sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, start=3))
        await tx.execute(f"update meetings set {sets} where tenant_id = $1 and visit_id = $2", tenant, visit, *columns.values())

    async def rename(self, tenant: TenantId, tx: Tx, visit: VisitId, into: VisitId) -> None:
        """Two visits are one: what is kept under the one's id is kept under the other's, whose own meeting was never made."""
        await tx.execute("delete from meetings where tenant_id = $1 and visit_id = $2", tenant, into)
        await tx.execute("update meeting_subscriptions set state = 'over' where tenant_id = $1 and visit_id = $2", tenant, into)
        for table in ("meetings", "meeting_ways", "meeting_subscriptions", "meeting_roster", "meeting_reports", "meeting_quality"):
            await tx.execute(f"update {table} set visit_id = $3 where tenant_id = $1 and visit_id = $2", tenant, visit, into)

    # ------------------------------------------------------------------ what is due

    async def due(self, tenant: TenantId, tx: Tx, at: datetime, limit: int) -> list[Row]:
        """Meetings somebody is to look at by then, the longest due first."""
        return list(
            await tx.fetch("select * from meetings where tenant_id = $1 and look_at <= $2 order by look_at limit $3", tenant, at, limit)
        )

    async def whose_due(self, db: Database, at: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations that have any."""
        return [TenantId(row[0]) for row in await db.ask("select whose_meetings_due($1, $2, $3)", at, after, most)]

    async def to_end(self, tenant: TenantId, tx: Tx, at: datetime, only: VisitId | None, limit: int) -> list[Row]:
        """Meetings whose call was over long enough by then that their visit may be ended; of one visit, where it is named."""
        return list(
            await tx.fetch(
                "select visit_id from meetings where tenant_id = $1 and end_at <= $2 and ($3::uuid is null or visit_id = $3)"
                " order by end_at limit $4",
                tenant,
                at,
                only,
                limit,
            )
        )

    async def whose_to_end(self, db: Database, at: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations that have any."""
        return [TenantId(row[0]) for row in await db.ask("select whose_meetings_to_end($1, $2, $3)", at, after, most)]

    async def forget(self, tenant: TenantId, tx: Tx, at: datetime, limit: int) -> int:
        """Erase the links of meetings over long enough by then, who was shown them and who was there; of how many. Times stay."""
        rows = await tx.fetch(
            "update meetings set join_sealed = null, visitor_join_sealed = null, meeting_id = '', forget_at = null"
            " where tenant_id = $1 and visit_id in"
            " (select visit_id from meetings where tenant_id = $1 and forget_at <= $2 order by forget_at limit $3) returning visit_id",
            tenant,
            at,
            limit,
        )
        for table in ("meeting_ways", "meeting_roster", "meeting_subscriptions"):
            await tx.execute(f"delete from {table} where tenant_id = $1 and visit_id = any($2::uuid[])", tenant, [r[0] for r in rows])
        return len(rows)

    async def whose_to_forget(self, db: Database, at: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations that have any."""
        return [TenantId(row[0]) for row in await db.ask("select whose_meetings_to_forget($1, $2, $3)", at, after, most)]

    # ------------------------------------------------------------------ ways in

    async def give_way(
        self, tenant: TenantId, tx: Tx, visit: VisitId, participant: ParticipantId, at: datetime, identity: bytes | None
    ) -> None:
        """Somebody was shown the way in; the latest time counts, and the latest account that is known."""
        await tx.execute(
            "insert into meeting_ways (tenant_id, visit_id, participant_id, given_at, identity_key) values ($1, $2, $3, $4, $5)"
            " on conflict (tenant_id, visit_id, participant_id)"
            " do update set given_at = $4, identity_key = coalesce($5, meeting_ways.identity_key)",
            tenant,
            visit,
            participant,
            at,
            identity,
        )

    async def ways(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Row]:
        """To whom it was given, the latest first."""
        return list(
            await tx.fetch(
                "select participant_id, given_at, identity_key from meeting_ways where tenant_id = $1 and visit_id = $2"
                " order by given_at desc",
                tenant,
                visit,
            )
        )

    # ------------------------------------------------------------------ who is there, for pages

    async def present_of(self, tenant: TenantId, tx: Tx, visits: Collection[VisitId]) -> list[Row]:
        """Who is in the meetings of these visits or knocks there: `visit_id`, `participant_id` (none for a stranger) and `state`."""
        return list(
            await tx.fetch(
                "select visit_id, participant_id, state from meeting_roster"
                " where tenant_id = $1 and visit_id = any($2::uuid[]) and state in ('in', 'lobby')",
                tenant,
                list(visits),
            )
        )
