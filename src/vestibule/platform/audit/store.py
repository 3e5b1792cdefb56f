"""The audit's SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from vestibule.kit.ids import TenantId
from vestibule.platform.audit.chain import Head
from vestibule.platform.audit.model import Actor, Entry, Outcome, Written, content_hash, moment
from vestibule.platform.db import Database, Tx

COLUMNS: Final = (
    "seq, at, actor_kind, actor_id, actor_session, actor_address, reference, action, about_kind, about_id, outcome, detail, previous, hash"
)


def appending(entries: Sequence[Entry]) -> str:
    """The statement that appends these to the chain of the transaction's tenant. It stands alone: a parameter would cost a round trip.

    What the entries say goes over in hexadecimal, in which nothing can be mistaken for SQL.
    """
    text = msgspec.json.encode([_row(entry) for entry in entries]).hex()
    return f"select audit_append(convert_from(decode('{text}', 'hex'), 'UTF8')::jsonb)"


def _row(entry: Entry) -> dict[str, object]:
    who = entry.actor
    return {
        "at": moment(entry.at),
        "actor_kind": who.kind,
        "actor_id": who.id,
        "actor_session": who.session,
        "actor_address": who.address,
        "reference": who.reference,
        "action": entry.action,
        "about_kind": entry.about_kind,
        "about_id": entry.about_id,
        "outcome": entry.outcome.value,
        "detail": entry.detail,
        "content": content_hash(entry).hex(),
    }


class AuditStore:
    """Reads what was written."""

    async def tenants(self, db: Database) -> list[TenantId]:
        """Every organisation that has a chain, or could have one."""
        return [TenantId(row[0]) for row in await db.ask("select whose_audits()")]

    async def chain(self, tenant: TenantId, tx: Tx, after: int, limit: int) -> tuple[Head | None, list[Written]]:
        """The entries that follow a number, and where the chain ends, both as of one moment."""
        rows = await tx.fetch(
            f"select h.seq as head_seq, h.hash as head_hash, e.* from (select 1) one "
            "left join audit_heads h on h.tenant_id = $1 "
            f"left join lateral (select {COLUMNS} from audit_entries where tenant_id = $1 and seq > $2 order by seq limit $3) e on true "
            "order by e.seq",
            tenant,
            after,
            limit,
        )
        head = None if rows[0]["head_seq"] is None else Head(rows[0]["head_seq"], bytes(rows[0]["head_hash"]))
        return head, [written(row) for row in rows if row["seq"] is not None]

    async def head(self, tenant: TenantId, tx: Tx) -> Head:
        """Where the chain ends."""
        row = await tx.fetchrow("select seq, hash from audit_heads where tenant_id = $1", tenant)
        return Head() if row is None else Head(row["seq"], bytes(row["hash"]))


def written(row: Any) -> Written:
    """A row as what it tells of."""
    who = Actor(row["actor_kind"], row["actor_id"], row["actor_session"], row["actor_address"], row["reference"])
    about_kind, about_id = row["about_kind"], row["about_id"]
    detail = msgspec.json.decode(row["detail"])
    entry = Entry(row["at"], who, row["action"], about_kind, about_id, Outcome(row["outcome"]), detail)
    return Written(row["seq"], entry, bytes(row["previous"]), bytes(row["hash"]))
