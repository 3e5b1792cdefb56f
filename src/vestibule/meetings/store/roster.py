"""The SQL of who is in a meeting, as Microsoft tells it, and of what we heard of its call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Database, Tx

_COLUMNS = "graph_id, identity_key, participant_id, state, as_of, sequence, came_at"


class Presence(StrEnum):
    """Where somebody in the roster is."""

    LOBBY = "lobby"
    IN = "in"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Present:
    """A row of `meeting_roster`: one presence of somebody in a meeting.

    Attributes:
        graph_id: Microsoft's name of the presence.
        identity: a keyed hash of who it is there, by which they are known again.
        participant: whom we take them for; None for somebody who did not come through us.
        as_of: since when this is so, by Microsoft's clock.
        sequence: the roster's own number, where it had one.
        came_at: when they were first in the call.
    """

    graph_id: str
    identity: bytes | None
    participant: ParticipantId | None
    state: Presence
    as_of: datetime
    sequence: int | None = None
    came_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What we heard of a meeting's call."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    heard_at: datetime | None = None
    delayed_at: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether it goes on, for all we know."""
        return self.started_at is not None and (self.ended_at is None or self.ended_at < self.started_at)


class RosterStore:
    """Rows of `meeting_roster`, and what `meetings` keeps of the call."""

    # ------------------------------------------------------------------ who is there

    async def of(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Present]:
        """Everybody who was ever there."""
        rows = await tx.fetch(
            f"select {_COLUMNS} from meeting_roster where tenant_id = $1 and visit_id = $2 order by graph_id", tenant, visit
        )
        return [_read(row) for row in rows]

    async def put(self, tenant: TenantId, tx: Tx, visit: VisitId, rows: Sequence[Present]) -> None:
        """Keep these as they are now."""
        await tx.executemany(
            f"insert into meeting_roster (tenant_id, visit_id, {_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            " on conflict (tenant_id, visit_id, graph_id) do update set identity_key = $4, participant_id = $5, state = $6, as_of = $7,"
            " sequence = $8, came_at = $9",
            [(tenant, visit, r.graph_id, r.identity, r.participant, r.state.value, r.as_of, r.sequence, r.came_at) for r in rows],
        )

    # ------------------------------------------------------------------ the call

    async def call(self, tenant: TenantId, tx: Tx, visit: VisitId) -> Call | None:
        """What was heard of it; None for a visit without a meeting elsewhere. Locked until the transaction ends."""
        row = await tx.fetchrow(
            "select call_started_at, call_ended_at, heard_at, delayed_at from meetings where tenant_id = $1 and visit_id = $2"
            " for no key update",
            tenant,
            visit,
        )
        return None if row is None else Call(row["call_started_at"], row["call_ended_at"], row["heard_at"], row["delayed_at"])

    async def heard(self, tenant: TenantId, tx: Tx, visit: VisitId, call: Call) -> None:
        """What is known now; where nothing is delayed any more, neither is there a reason."""
        await tx.execute(
            "update meetings set call_started_at = $3, call_ended_at = $4, heard_at = $5, delayed_at = $6,"
            " delay_code = case when $6::timestamptz is null then '' else delay_code end where tenant_id = $1 and visit_id = $2",
            tenant,
            visit,
            call.started_at,
            call.ended_at,
            call.heard_at,
            call.delayed_at,
        )

    async def delayed(self, tenant: TenantId, tx: Tx, visit: VisitId, code: str, at: datetime) -> bool:
        """Live status is late; False where that is known, or there is no meeting."""
        done = await tx.fetchval(
            "update meetings set delayed_at = $4, delay_code = $3 where tenant_id = $1 and visit_id = $2 and state = 'made'"
            " and delayed_at is null returning true",
            tenant,
            visit,
            code,
            at,
        )
        return bool(done)

    # ------------------------------------------------------------------ what should have been heard

    async def silent(self, tenant: TenantId, tx: Tx, since: datetime, given: datetime, limit: int) -> list[VisitId]:
        """Meetings into which a way was given between these times, and of which nothing was heard since."""
        rows = await tx.fetch(
            "select distinct w.visit_id from meeting_ways w join meetings m using (tenant_id, visit_id)"
            " where w.tenant_id = $1 and w.given_at > $2 and w.given_at <= $3 and m.state = 'made' and m.delayed_at is null"
            " and (m.heard_at is null or m.heard_at < w.given_at) limit $4",
            tenant,
            since,
            given,
            limit,
        )
        return [VisitId(row[0]) for row in rows]

    async def unheard(self, tenant: TenantId, tx: Tx, visit: VisitId, since: datetime, given: datetime) -> list[ParticipantId]:
        """Those of one meeting: who was shown the way and is not known to be there."""
        rows = await tx.fetch(
            "select w.participant_id from meeting_ways w join meetings m using (tenant_id, visit_id)"
            " where w.tenant_id = $1 and w.visit_id = $2 and w.given_at > $3 and w.given_at <= $4"
            " and (m.heard_at is null or m.heard_at < w.given_at)"
            " and not exists (select from meeting_roster r where r.tenant_id = w.tenant_id and r.visit_id = w.visit_id"
            " and r.participant_id = w.participant_id and r.state <> 'gone')",
            tenant,
            visit,
            since,
            given,
        )
        return [ParticipantId(row[0]) for row in rows]

    async def with_gap(self, tenant: TenantId, tx: Tx, since: datetime, limit: int) -> list[VisitId]:
        """Meetings of whose roster a number has been missing since then."""
        rows = await tx.fetch(
            "select distinct s.visit_id from meeting_subscriptions s join meetings m using (tenant_id, visit_id)"
            " where s.tenant_id = $1 and s.missing_since <= $2 and m.state = 'made' and m.delayed_at is null limit $3",
            tenant,
            since,
            limit,
        )
        return [VisitId(row[0]) for row in rows]

    async def stale(self, tenant: TenantId, tx: Tx, before: datetime, limit: int) -> list[VisitId]:
        """Meetings with a call that began before then, and that nobody said is over."""
        rows = await tx.fetch(
            "select visit_id from meetings where tenant_id = $1 and call_started_at <= $2"
            " and (call_ended_at is null or call_ended_at < call_started_at) limit $3",
            tenant,
            before,
            limit,
        )
        return [VisitId(row[0]) for row in rows]

    async def whose_stale(self, db: Database, before: datetime, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with any."""
        return [TenantId(row[0]) for row in await db.ask("select whose_meeting_calls_stale($1, $2, $3)", before, after, most)]

    async def whose_silent(
        self, db: Database, since: datetime, given: datetime, missing: datetime, after: TenantId, most: int
    ) -> list[TenantId]:
        """The next organisations with meetings of either kind."""
        rows = await db.ask("select whose_meetings_silent($1, $2, $3, $4, $5)", since, given, missing, after, most)
        return [TenantId(row[0]) for row in rows]


def _read(row: asyncpg.Record) -> Present:
    fields = dict(row)
    who = fields["participant_id"]
    return Present(
        graph_id=fields["graph_id"],
        identity=fields["identity_key"],
        participant=None if who is None else ParticipantId(who),
        state=Presence(fields["state"]),
        as_of=fields["as_of"],
        sequence=fields["sequence"],
        came_at=fields["came_at"],
    )
