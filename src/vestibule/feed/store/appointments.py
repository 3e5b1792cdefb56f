"""The SQL of what the feed has said of each appointment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from vestibule.feed.ordering import Word
from vestibule.kit.ids import ConnectionId, ParticipantId, TenantId, VisitId
from vestibule.platform.db import Tx
from vestibule.protocols.hl7v2.notice import Status

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = "visit_id, participant_id, status, said_at, tie"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of an appointment. Its visit is None for one that was cancelled before we heard of it."""

    word: Word
    visit: VisitId | None
    participant: ParticipantId | None


class FeedAppointmentStore:
    """One row for each name of an appointment; a name is a keyed hash."""

    async def lock(self, tenant: TenantId, tx: Tx, connection: ConnectionId, keys: Sequence[bytes], at: datetime) -> Kept | None:
        """What is known, with the appointment's names held until the commit, also those nobody has heard of. `keys` are in order."""
        rows = await tx.fetch(
            "insert into feed_appointments (tenant_id, connection_id, key, status, said_at, changed_at)"
            " select $1, $2, key, '', $4, $5 from unnest($3::bytea[]) as key"
            " on conflict (tenant_id, connection_id, key) do update set changed_at = excluded.changed_at"
            f" returning {_COLUMNS}",
            tenant,
            connection,
            keys,
            _EPOCH,
            at,
        )
        return _newest(rows)

    async def find(self, tenant: TenantId, tx: Tx, connection: ConnectionId, keys: Sequence[bytes]) -> Kept | None:
        """What is known, held until the commit."""
        rows = await tx.fetch(
            f"select {_COLUMNS} from feed_appointments where tenant_id = $1 and connection_id = $2 and key = any($3)"
            " order by key for update",
            tenant,
            connection,
            keys,
        )
        return _newest(rows)

    async def put(
        self, tenant: TenantId, tx: Tx, connection: ConnectionId, keys: Sequence[bytes], kept: Kept, *, ends_at: datetime, at: datetime
    ) -> None:
        """What is known from now on, under each of the names, which are held."""
        await tx.execute(
            "update feed_appointments set visit_id = $4, participant_id = $5, status = $6, said_at = $7, tie = $8, ends_at = $9,"
            " changed_at = $10 where tenant_id = $1 and connection_id = $2 and key = any($3)",
            tenant,
            connection,
            keys,
            kept.visit,
            kept.participant,
            kept.word.status.value,
            kept.word.at,
            kept.word.tie,
            ends_at,
            at,
        )

    async def drop(self, tenant: TenantId, tx: Tx, connection: ConnectionId, keys: Sequence[bytes]) -> None:
        """Nothing is to be known of it after all."""
        await tx.execute(
            "delete from feed_appointments where tenant_id = $1 and connection_id = $2 and key = any($3)", tenant, connection, keys
        )

    async def become(self, tenant: TenantId, tx: Tx, goes: VisitId, stays: VisitId) -> None:
        """A visit turned out to be another."""
        for table in ("feed_appointments", "feed_inbox"):
            await tx.execute(f"update {table} set visit_id = $3 where tenant_id = $1 and visit_id = $2", tenant, goes, stays)

    async def forget(self, tenant: TenantId, tx: Tx, before: datetime) -> None:
        """Appointments that were over by then."""
        await tx.execute("delete from feed_appointments where tenant_id = $1 and ends_at < $2", tenant, before)


def _newest(rows: Sequence[Any]) -> Kept | None:
    """Under one of its names more may be known than under another."""
    known = [_kept(row) for row in rows if row["status"]]
    return max(known, key=lambda one: (one.word.at, one.word.tie), default=None)


def _kept(row: Any) -> Kept:
    word = Word(Status(row["status"]), row["said_at"], row["tie"])
    visit, who = row["visit_id"], row["participant_id"]
    return Kept(word, None if visit is None else VisitId(visit), None if who is None else ParticipantId(who))
