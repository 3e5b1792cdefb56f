"""The SQL of what Microsoft sent: taken in once, claimed by workers, finished, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database, Tx

# Workers hear of it with the commit.
CHANNEL: Final = "vestibule_meeting_notice"


class Arrived(NamedTuple):
    """A row of `meeting_inbox`, in the order of its columns.

    Attributes:
        kind: `notification`, `lifecycle`, or `look`, which is a note to ourselves.
        fingerprint: the same for what is sent again.
    """

    id: UUID
    subscription: UUID
    kind: str
    fingerprint: bytes
    sealed: bytes | None
    came_at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """Something to be worked through now.

    Attributes:
        tries: this one included; says whose turn it is, so that whoever was too slow finishes nothing.
    """

    tenant: TenantId
    id: UUID
    subscription: UUID
    kind: str
    came_at: datetime
    tries: int
    sealed: bytes | None = field(repr=False)


# The next of every organisation, for the dispatcher: at most $1, and nobody else is given them for $2 seconds. What came for one meeting is
# worked through in the order in which it came: behind one that somebody has, or that waits, nothing is given out. So claims are made one
# after the other (IN_TURN), each seeing the one before.
IN_TURN: Final = "select pg_advisory_xact_lock(hashtext('vestibule.meeting_inbox'))"
CLAIM: Final = """
with due as (
  select i.tenant_id, i.id from meeting_inbox i
  where i.done_at is null and i.run_at <= now() and not exists (
    select from meeting_inbox b where b.tenant_id = i.tenant_id and b.subscription_id = i.subscription_id and b.done_at is null
    and b.id < i.id and b.run_at > now())
  order by i.run_at, i.id limit $1 for update skip locked
)
update meeting_inbox i set run_at = now() + make_interval(secs => $2), tries = tries + 1 from due d
where i.tenant_id = d.tenant_id and i.id = d.id
returning i.tenant_id, i.id, i.subscription_id, i.kind, i.came_at, i.tries, i.sealed
"""
# In how many seconds the next one is due, when none can be claimed now: what is due and was not given out stands behind another.
NEXT_DUE: Final = """
select extract(epoch from run_at - now())::float8 from meeting_inbox where done_at is null and run_at > now() order by run_at limit 1
"""


class InboxStore:
    """Rows of `meeting_inbox`."""

    async def add(self, tenant: TenantId, tx: Tx, rows: Sequence[Arrived]) -> int:
        """Take these in, but for what was taken before and what is for no subscription of ours; how many were new."""
        found = await tx.fetch(
            "insert into meeting_inbox (tenant_id, id, subscription_id, kind, fingerprint, sealed, came_at)"
            " select $1, g.id, g.subscription, g.kind, g.fingerprint, g.sealed, g.came_at"
            " from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::bytea[], $7::timestamptz[])"
            " as g (id, subscription, kind, fingerprint, sealed, came_at)"
            " join meeting_subscriptions s on s.tenant_id = $1 and s.id = g.subscription and s.state <> 'over'"
            " on conflict (tenant_id, subscription_id, fingerprint) do nothing returning id",
            tenant,
            *([row[n] for row in rows] for n in range(6)),
        )
        return len(found)

    async def finish(self, tenant: TenantId, tx: Tx, rows: Sequence[tuple[Claimed, str]], at: datetime) -> int:
        """These have an end, each with its code; what they carried is erased. How many were still ours to finish."""
        found = await tx.fetch(
            "update meeting_inbox i set done_at = $5, code = g.code, sealed = null"
            " from unnest($2::uuid[], $3::int[], $4::text[]) as g (id, tries, code)"
            " where i.tenant_id = $1 and i.id = g.id and i.tries = g.tries and i.done_at is null returning i.id",
            tenant,
            [one.id for one, _ in rows],
            [one.tries for one, _ in rows],
            [code for _, code in rows],
            at,
        )
        return len(found)

    async def again(self, tenant: TenantId, tx: Tx, one: Claimed, *, seconds: float, code: str) -> None:
        """It could not be done now."""
        await tx.execute(
            "update meeting_inbox set run_at = now() + make_interval(secs => $4), code = $5"
            " where tenant_id = $1 and id = $2 and tries = $3 and done_at is null",
            tenant,
            one.id,
            one.tries,
            seconds,
            code,
        )

    async def free(self, tenant: TenantId, tx: Tx, rows: Sequence[Claimed]) -> None:
        """These were not begun with."""
        await tx.execute(
            "update meeting_inbox i set run_at = now(), tries = i.tries - 1 from unnest($2::uuid[], $3::int[]) as g (id, tries)"
            " where i.tenant_id = $1 and i.id = g.id and i.tries = g.tries and i.done_at is null",
            tenant,
            [one.id for one in rows],
            [one.tries for one in rows],
        )

    async def forget(self, tenant: TenantId, tx: Tx, before: datetime) -> None:
        """That there ever was anything which came before then."""
        await tx.execute("delete from meeting_inbox where tenant_id = $1 and came_at <= $2", tenant, before)

    async def whose_old(self, db: Database, before: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations that remember something from before then."""
        return [TenantId(row[0]) for row in await db.ask("select whose_meeting_inbox_old($1, $2, $3)", before, after, most)]


def claimed(rows: Sequence[Any]) -> list[Claimed]:
    """What CLAIM gave, in the order in which it came."""
    return sorted((_claimed(row) for row in rows), key=lambda one: one.id)


def _claimed(row: Any) -> Claimed:
    return Claimed(
        tenant=TenantId(row["tenant_id"]),
        id=row["id"],
        subscription=row["subscription_id"],
        kind=row["kind"],
        came_at=row["came_at"],
        tries=row["tries"],
        sealed=row["sealed"],
    )
