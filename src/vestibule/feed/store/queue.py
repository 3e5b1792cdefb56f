"""The SQL of messages on their way from the inbox to the visits, and of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from vestibule.feed.model import InboxState
from vestibule.kit.ids import ConnectionId, TenantId, VisitId
from vestibule.platform.db import Database, Tx

_BIG: Final = 100_000  # bytes; larger bodies are fetched one at a time


# The next messages, of every organisation, for the dispatcher: at most $1, and nobody else is given them for $2 seconds.
CLAIM: Final = f"""
with due as (
  select tenant_id, id from feed_inbox where state = 'new' and run_at <= now() order by run_at, id limit $1 for update skip locked
)
update feed_inbox i set run_at = now() + make_interval(secs => $2), tries = tries + 1 from due d
where i.tenant_id = d.tenant_id and i.id = d.id
returning i.id, i.tenant_id, i.connection_id, i.name, i.tries, i.received_at, case when i.size < {_BIG} then i.body end as body
"""
# In how many seconds the next one is due.
NEXT_DUE: Final = "select extract(epoch from run_at - now())::float8 from feed_inbox where state = 'new' order by run_at, id limit 1"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is to be applied now.

    Attributes:
        tries: this one included; says whose turn it is, so that whoever was too slow finishes nothing.
        body: sealed; None for a large one, which `body` reads.
    """

    id: int
    tenant: TenantId
    connection: ConnectionId
    name: bytes
    tries: int
    received_at: datetime
    body: bytes | None = field(repr=False)


class QueueStore:
    """What becomes of messages."""

    async def body(self, tenant: TenantId, tx: Tx, row: int) -> bytes | None:
        """A sealed body; None when it has been erased."""
        found: bytes | None = await tx.fetchval("select body from feed_inbox where tenant_id = $1 and id = $2", tenant, row)
        return found

    async def finish(
        self,
        tenant: TenantId,
        tx: Tx,
        one: Claimed,
        state: InboxState,
        *,
        event: str,
        code: str,
        visit: VisitId | None,
        hours: int,
        erase: bool,
    ) -> bool:
        """What became of it; False when it was somebody else's to say."""
        done = await tx.fetchval(
            "update feed_inbox set state = $4, event = $5, code = $6, visit_id = $7, processed_at = now(),"
            " keep_until = least(keep_until, received_at + make_interval(hours => $8)), body = case when $9 then null else body end"
            " where tenant_id = $1 and id = $2 and tries = $3 and state = 'new' returning true",
            tenant,
            one.id,
            one.tries,
            state.value,
            event,
            code,
            visit,
            hours,
            erase,
        )
        return bool(done)

    async def again(self, tenant: TenantId, tx: Tx, one: Claimed, *, seconds: float, code: str) -> None:
        """It could not be applied now."""
        await tx.execute(
            "update feed_inbox set run_at = now() + make_interval(secs => $4), code = $5"
            " where tenant_id = $1 and id = $2 and tries = $3 and state = 'new'",
            tenant,
            one.id,
            one.tries,
            seconds,
            code,
        )

    # ------------------------------------------------------------------ forgetting

    async def erase_of_visit(self, tenant: TenantId, tx: Tx, visit: VisitId) -> None:
        """The messages of a visit."""
        await tx.execute("update feed_inbox set body = null where tenant_id = $1 and visit_id = $2 and body is not null", tenant, visit)

    async def erase_over(self, tenant: TenantId, tx: Tx, at: datetime) -> int:
        """Messages whose time to be kept is over; those nobody looked at are `expired`. How many."""
        rows = await tx.fetch(
            "update feed_inbox set body = null, state = case when state in ('new', 'quarantined') then 'expired' else state end"
            " where tenant_id = $1 and keep_until < $2 and body is not null returning id",
            tenant,
            at,
        )
        return len(rows)

    async def forget(self, tenant: TenantId, tx: Tx, before: datetime) -> None:
        """That there ever were messages which came before then."""
        await tx.execute("delete from feed_inbox where tenant_id = $1 and received_at < $2", tenant, before)

    async def whose_bodies(self, db: Database, at: datetime, *, after: TenantId, most: int) -> list[TenantId]:
        """Organisations that keep a message whose time is over."""
        return [TenantId(row[0]) for row in await db.ask("select whose_feed_bodies_over($1, $2, $3)", at, after, most)]

    async def whose_rows(self, db: Database, before: datetime, *, after: TenantId, most: int) -> list[TenantId]:
        """Organisations that remember a message or an appointment from before then."""
        return [TenantId(row[0]) for row in await db.ask("select whose_feed_rows_over($1, $2, $3)", before, after, most)]


def claimed(rows: Iterable[Any]) -> list[Claimed]:
    """What CLAIM gave, in the order in which it came."""
    return sorted((_claimed(row) for row in rows), key=lambda one: one.id)


def _claimed(row: Any) -> Claimed:
    return Claimed(
        id=row["id"],
        tenant=TenantId(row["tenant_id"]),
        connection=ConnectionId(row["connection_id"]),
        name=row["name"],
        tries=row["tries"],
        received_at=row["received_at"],
        body=row["body"],
    )
