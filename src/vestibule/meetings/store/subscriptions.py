"""The SQL of our subscriptions at Microsoft: which there are, how far they are, and when to look at them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from vestibule.kit.ids import TenantId, VisitId
from vestibule.platform.db import Database, Tx

_COLUMNS = "id, visit_id, graph_id, key_id, state, expires_at, check_at, check_code, tries, code, roster_number, missing, missing_since"


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A row of `meeting_subscriptions`.

    Attributes:
        id: ours; what `clientState` says.
        graph_id: Microsoft's; None before it has one.
        key_id: of the certificate it encrypts for.
        check_code: why it is to be looked at before its time.
        tries: how often looking failed in a row.
        roster_number: the roster's own number, as far as it was heard; `missing` how many below it were not.
    """

    id: UUID
    visit: VisitId
    graph_id: str | None
    key_id: str
    state: str
    expires_at: datetime | None
    check_at: datetime | None
    check_code: str
    tries: int
    code: str
    roster_number: int | None
    missing: int
    missing_since: datetime | None


class SubscriptionStore:
    """Rows of `meeting_subscriptions`."""

    async def of_visit(self, tenant: TenantId, tx: Tx, visit: VisitId, *, lock: bool = False) -> SubscriptionRow | None:
        """The one that counts."""
        sql = f"select {_COLUMNS} from meeting_subscriptions where tenant_id = $1 and visit_id = $2 and state <> 'over'"
        row = await tx.fetchrow(sql + (" for no key update" if lock else ""), tenant, visit)
        return None if row is None else _read(row)

    async def find(self, tenant: TenantId, tx: Tx, subscription: UUID, *, lock: bool = False) -> SubscriptionRow | None:
        """One, by our id."""
        sql = f"select {_COLUMNS} from meeting_subscriptions where tenant_id = $1 and id = $2"
        row = await tx.fetchrow(sql + (" for no key update" if lock else ""), tenant, subscription)
        return None if row is None else _read(row)

    async def due(self, tenant: TenantId, tx: Tx, at: datetime, limit: int) -> list[SubscriptionRow]:
        """Those to be looked at by then, the longest due first."""
        sql = f"select {_COLUMNS} from meeting_subscriptions where tenant_id = $1 and check_at <= $2 order by check_at limit $3"
        return [_read(row) for row in await tx.fetch(sql, tenant, at, limit)]

    async def add(self, tenant: TenantId, tx: Tx, subscription: UUID, visit: VisitId) -> bool:
        """One is wanted for a visit; False where it has one."""
        done = await tx.fetchval(
            "insert into meeting_subscriptions (tenant_id, id, visit_id) values ($1, $2, $3)"
            " on conflict (tenant_id, visit_id) where state <> 'over' do nothing returning true",
            tenant,
            subscription,
            visit,
        )
        return bool(done)

    async def live(
        self,
        tenant: TenantId,
        tx: Tx,
        subscription: UUID,
        *,
        graph_id: str,
        key_id: str,
        expires_at: datetime,
        check_at: datetime,
        now: datetime,
    ) -> bool:
        """Microsoft keeps it; False where it is over meanwhile. A new one begins to count the roster anew."""
        done = await tx.fetchval(
            "update meeting_subscriptions set state = 'live', key_id = $4, expires_at = $5, check_at = $6, check_code = '', code = '',"
            " tries = 0, made_at = case when graph_id is distinct from $3 then $7 else made_at end, checked_at = $7,"
            " roster_number = case when graph_id is distinct from $3 then null else roster_number end,"
            " missing = case when graph_id is distinct from $3 then 0 else missing end,"
            " missing_since = case when graph_id is distinct from $3 then null else missing_since end, graph_id = $3"
            " where tenant_id = $1 and id = $2 and state <> 'over' returning true",
            tenant,
            subscription,
            graph_id,
            key_id,
            expires_at,
            check_at,
            now,
        )
        return bool(done)

    async def removed(self, tenant: TenantId, tx: Tx, subscription: UUID) -> None:
        """Microsoft keeps it no more."""
        await tx.execute(
            "update meeting_subscriptions set state = 'removed' where tenant_id = $1 and id = $2 and state <> 'over'", tenant, subscription
        )

    async def failed(self, tenant: TenantId, tx: Tx, subscription: UUID, code: str, check_at: datetime) -> None:
        """Looking at it did not work."""
        await tx.execute(
            "update meeting_subscriptions set code = $3, check_at = $4, tries = tries + 1 where tenant_id = $1 and id = $2",
            tenant,
            subscription,
            code,
            check_at,
        )

    async def check(self, tenant: TenantId, tx: Tx, subscription: UUID, code: str, at: datetime) -> None:
        """Somebody should look at it now, and why."""
        await tx.execute(
            "update meeting_subscriptions set check_at = least(check_at, $4), check_code = $3"
            " where tenant_id = $1 and id = $2 and state <> 'over'",
            tenant,
            subscription,
            code,
            at,
        )

    async def leave(self, tenant: TenantId, tx: Tx, subscription: UUID) -> None:
        """Nothing is to be looked at any more: it runs out by itself, or is ended by somebody else."""
        await tx.execute("update meeting_subscriptions set check_at = null where tenant_id = $1 and id = $2", tenant, subscription)

    async def over(self, tenant: TenantId, tx: Tx, subscription: UUID) -> None:
        """It has ended, and nothing that comes for it counts."""
        await tx.execute(
            "update meeting_subscriptions set state = 'over', check_at = null, missing_since = null where tenant_id = $1 and id = $2",
            tenant,
            subscription,
        )

    async def check_other_keys(self, tenant: TenantId, tx: Tx, key: str, at: datetime) -> None:
        """Those that name another certificate than this one are to be told of it."""
        await tx.execute(
            "update meeting_subscriptions set check_at = least(check_at, $3) where tenant_id = $1 and state = 'live' and key_id <> $2",
            tenant,
            key,
            at,
        )

    async def keys_in_use(self, tenant: TenantId, tx: Tx) -> list[str]:
        """The certificates that some of them name."""
        sql = "select distinct key_id from meeting_subscriptions where tenant_id = $1 and state in ('wanted', 'live')"
        return [row[0] for row in await tx.fetch(sql, tenant)]

    async def counted(
        self, tenant: TenantId, tx: Tx, subscription: UUID, *, number: int | None, missing: int, missing_since: datetime | None
    ) -> None:
        """How far the roster's own number was heard."""
        await tx.execute(
            "update meeting_subscriptions set roster_number = $3, missing = $4, missing_since = $5 where tenant_id = $1 and id = $2",
            tenant,
            subscription,
            number,
            missing,
            missing_since,
        )

    async def whose_due(self, db: Database, at: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with some to be looked at by then."""
        return [TenantId(row[0]) for row in await db.ask("select whose_meeting_subscriptions_due($1, $2, $3)", at, after, most)]


def _read(row: asyncpg.Record) -> SubscriptionRow:
    fields = dict(row)
    return SubscriptionRow(visit=VisitId(fields.pop("visit_id")), **fields)
