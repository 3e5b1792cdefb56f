"""The SQL of visits, the people in them, and their events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, TenantId, VisitId
from vestibule.platform.db import Tx
from vestibule.visits.model import SYNTHETIC, EventKind, Identifier, PersonRole, VisitEvent
from vestibule.visits.store.rows import Row, to_json

_VISIT = (
    "id, tenant_id, connection_id, department_id, state, seq, starts_at, ends_at, created_at, opened_at, ended_at, met_at,"
    " outcome, outcome_by_person, merged_into, place"
)
_PERSON = (
    "id, visit_id, role, state, since, arrived_at, connected_at, person_type, person_sealed, person_key, door_key, name_sealed,"
    " checks::text as checks, same_as, leads"
)


class VisitStore:
    """Visits, the people in them, and their events."""

    # ------------------------------------------------------------------ visits

    async def find(self, tenant: TenantId, tx: Tx, visit: VisitId, *, lock: bool = False) -> Row | None:
        """One visit's row; with `lock`, nobody else steps it until the transaction ends."""
        return await tx.fetchrow(
            f"select {_VISIT} from visits where tenant_id = $1 and id = $2{' for update' if lock else ''}", tenant, visit
        )

    async def find_many(self, tenant: TenantId, tx: Tx, visits: Sequence[VisitId], *, lock: bool) -> list[Row]:
        """Several rows, locked in the order of their ids."""
        sql = f"select {_VISIT} from visits where tenant_id = $1 and id = any($2::uuid[]) order by id{' for update' if lock else ''}"
        return list(await tx.fetch(sql, tenant, list(visits)))

    async def find_day(self, tenant: TenantId, tx: Tx, department: DepartmentId | None, begin: datetime, end: datetime) -> list[Row]:
        """A department's visits between two times, and those still open from before; survivors of merges only, no synthetic ones."""
        return list(
            await tx.fetch(
                f"select {_VISIT} from visits where tenant_id = $1 and department_id is not distinct from $2 and merged_into is null"
                " and coalesce(starts_at, created_at) < $4 and (coalesce(starts_at, created_at) >= $3 or state = 'open')"
                " and ($2::uuid is not null or not exists"
                " (select from visit_identifiers i where i.tenant_id = $1 and i.visit_id = visits.id and i.system = $5))"
                " order by coalesce(starts_at, created_at), id limit 500",
                tenant,
                department,
                begin,
                end,
                SYNTHETIC,
            )
        )

    async def find_unfinished(
        self, tenant: TenantId, tx: Tx, before: datetime, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Row]:
        """Visits neither ended nor cancelled whose time (or, without an appointment, whose beginning) lies before; oldest first."""
        return list(
            await tx.fetch(
                f"select {_VISIT} from visits where tenant_id = $1 and state in ('scheduled', 'open') and merged_into is null"
                " and coalesce(starts_at, opened_at, created_at) < $2 and ($4::uuid is null or"
                " (coalesce(starts_at, opened_at, created_at), id) > ($3, $4))"
                " order by coalesce(starts_at, opened_at, created_at), id limit $5",
                tenant,
                before,
                *(after or (None, None)),
                limit,
            )
        )

    async def insert(
        self,
        tenant: TenantId,
        tx: Tx,
        visit: VisitId,
        *,
        connection: ConnectionId | None,
        department: DepartmentId | None,
        starts_at: datetime | None,
        ends_at: datetime | None,
        at: datetime,
    ) -> None:
        """A new visit, without events yet."""
        await tx.execute(
            "insert into visits (tenant_id, id, connection_id, department_id, starts_at, ends_at, created_at)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            tenant,
            visit,
            connection,
            department,
            starts_at,
            ends_at,
            at,
        )

    async def change(self, tenant: TenantId, tx: Tx, visit: VisitId, **columns: Any) -> None:
        """Set columns of a visit; their names are the program's own."""
        sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, start=3))
        await tx.execute(f"update visits set {sets} where tenant_id = $1 and id = $2", tenant, visit, *columns.values())

    # ------------------------------------------------------------------ identifiers

    async def lock_identifiers(self, tenant: TenantId, tx: Tx, identifiers: Sequence[Identifier]) -> None:
        """Let nobody else look for these until the transaction ends; in one order, so that two launches never wait for each other."""
        keys = sorted({f"{tenant}|{i.connection}|{i.system}|{i.value}" for i in identifiers})
        await tx.execute(
            "select pg_advisory_xact_lock(hashtextextended(k, 0)) from unnest($1::text[]) with ordinality as t(k, n) order by n", keys
        )

    async def find_by_identifiers(self, tenant: TenantId, tx: Tx, identifiers: Sequence[Identifier]) -> list[VisitId]:
        """The visits that carry any of them, the oldest first."""
        rows = await tx.fetch(
            "select distinct v.id, v.created_at from unnest($2::uuid[], $3::text[], $4::text[]) as t(c, s, n)"
            " join visit_identifiers i on i.tenant_id = $1 and i.connection_id = t.c and i.system = t.s and i.value = t.n"
            " join visits v on v.tenant_id = $1 and v.id = i.visit_id order by v.created_at, v.id",
            tenant,
            [i.connection for i in identifiers],
            [i.system for i in identifiers],
            [i.value for i in identifiers],
        )
        return [VisitId(r["id"]) for r in rows]

    async def add_identifiers(self, tenant: TenantId, tx: Tx, visit: VisitId, identifiers: Sequence[Identifier]) -> None:
        """Let these lead to this visit; one that leads to another visit already is left alone."""
        await tx.execute(
            "insert into visit_identifiers (tenant_id, connection_id, system, value, visit_id)"
            " select $1, c, s, v, $5 from unnest($2::uuid[], $3::text[], $4::text[]) as t(c, s, v) on conflict do nothing",
            tenant,
            [i.connection for i in identifiers],
            [i.system for i in identifiers],
            [i.value for i in identifiers],
            visit,
        )

    async def identifiers(self, tenant: TenantId, tx: Tx, visit: VisitId) -> list[Identifier]:
        """Every name the outside world has for it."""
        rows = await tx.fetch(
            "select connection_id, system, value from visit_identifiers where tenant_id = $1 and visit_id = $2"
            " order by connection_id, system, value",
            tenant,
            visit,
        )
        return [Identifier(ConnectionId(r["connection_id"]), r["system"], r["value"]) for r in rows]

    async def bearing(self, tenant: TenantId, tx: Tx, visits: Sequence[VisitId], system: str) -> set[VisitId]:
        """Those that have a name of this system."""
        rows = await tx.fetch(
            "select visit_id from visit_identifiers where tenant_id = $1 and visit_id = any($2::uuid[]) and system = $3",
            tenant,
            list(visits),
            system,
        )
        return {VisitId(row["visit_id"]) for row in rows}

    async def move_to(self, tenant: TenantId, tx: Tx, loser: VisitId, survivor: VisitId) -> None:
        """Let identifiers, people, links, presence, contacts and earlier mergers of one visit belong to another."""
        for table in ("visit_identifiers", "participants", "visit_links", "presence", "contacts"):
            await tx.execute(f"update {table} set visit_id = $3 where tenant_id = $1 and visit_id = $2", tenant, loser, survivor)
        await tx.execute(
            "update visits set merged_into = $3 where tenant_id = $1 and (merged_into = $2 or id = $2)", tenant, loser, survivor
        )

    # ------------------------------------------------------------------ people

    async def people(self, tenant: TenantId, tx: Tx, visits: Sequence[VisitId]) -> list[Row]:
        """Everybody in these visits, in the order in which they were added; aliases included."""
        return list(
            await tx.fetch(
                f"select {_PERSON} from participants where tenant_id = $1 and visit_id = any($2::uuid[]) order by visit_id, id",
                tenant,
                list(visits),
            )
        )

    async def insert_person(
        self, tenant: TenantId, tx: Tx, visit: VisitId, participant: ParticipantId, *, role: PersonRole, at: datetime, **columns: Any
    ) -> None:
        """Somebody new in a visit, expected; column names are the program's own."""
        names = "".join(f", {name}" for name in columns)
        values = "".join(f", ${n}" for n in range(6, 6 + len(columns)))
        await tx.execute(
            f"insert into participants (tenant_id, id, visit_id, role, since{names}) values ($1, $2, $3, $4, $5{values})",
            tenant,
            participant,
            visit,
            role,
            at,
            *columns.values(),
        )

    async def change_person(self, tenant: TenantId, tx: Tx, participant: ParticipantId, **columns: Any) -> None:
        """Set columns of a participant; their names are the program's own."""
        sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, start=3))
        await tx.execute(f"update participants set {sets} where tenant_id = $1 and id = $2", tenant, participant, *columns.values())

    async def alias(self, tenant: TenantId, tx: Tx, goes: ParticipantId, stays: ParticipantId) -> None:
        """One participant turned out to be another; whoever was taken for the first is the other too."""
        await tx.execute(
            "update participants set same_as = $3, name_sealed = null where tenant_id = $1 and (id = $2 or same_as = $2)",
            tenant,
            goes,
            stays,
        )

    async def erase_names(self, tenant: TenantId, tx: Tx, visit: VisitId) -> None:
        """Forget what people called themselves."""
        await tx.execute("update participants set name_sealed = null where tenant_id = $1 and visit_id = $2", tenant, visit)

    async def erase_persons(self, tenant: TenantId, tx: Tx, visit: VisitId) -> None:
        """Forget who people are to the record."""
        await tx.execute(
            "update participants set person_sealed = null, person_key = null, name_sealed = null where tenant_id = $1 and visit_id = $2",
            tenant,
            visit,
        )

    async def erase_persons_before(self, tenant: TenantId, tx: Tx, before: datetime) -> int:
        """Forget who people were in visits that were over by then, whatever is still owed; how many people."""
        done = await tx.execute(
            "update participants p set person_sealed = null, person_key = null, name_sealed = null from visits v"
            " where p.tenant_id = $1 and v.tenant_id = $1 and v.id = p.visit_id and v.ended_at <= $2"
            " and (p.person_sealed is not null or p.person_key is not null or p.name_sealed is not null)",
            tenant,
            before,
        )
        return int(done.rsplit(" ", 1)[1])

    # ------------------------------------------------------------------ events

    async def append(
        self,
        tenant: TenantId,
        tx: Tx,
        visit: VisitId,
        *,
        at: datetime,
        kind: EventKind,
        participant: ParticipantId | None,
        body: Mapping[str, Any],
        columns: Mapping[str, Any],
    ) -> int:
        """The next row of the list, and the visit's columns that it changes; returns its number.

        The visit's row lock makes the numbers 1, 2, 3 ... without gaps. Column names are the program's own.
        """
        sets = "".join(f", {name} = ${n}" for n, name in enumerate(columns, start=7))
        return int(
            await tx.fetchval(
                f"with v as (update visits set seq = seq + 1{sets} where tenant_id = $1 and id = $2 returning seq)"
                " insert into visit_events (tenant_id, visit_id, seq, at, kind, participant_id, body)"
                " select $1, $2, v.seq, $3, $4, $5, $6::jsonb from v returning seq",
                tenant,
                visit,
                at,
                kind,
                participant,
                to_json(body),
                *columns.values(),
            )
        )

    async def append_many(self, tenant: TenantId, tx: Tx, before: Mapping[VisitId, int], events: Sequence[VisitEvent]) -> bool:
        """The next rows of several lists, which change no column; False when a list is longer than `before` says."""
        after: dict[VisitId, int] = {}
        for event in events:
            after[event.visit] = event.seq
        moved = await tx.fetch(
            "update visits v set seq = t.after from unnest($2::uuid[], $3::integer[], $4::integer[]) as t (id, before, after)"
            " where v.tenant_id = $1 and v.id = t.id and v.seq = t.before returning v.id",
            tenant,
            list(after),
            [before[visit] for visit in after],
            list(after.values()),
        )
        await tx.execute(
            "insert into visit_events (tenant_id, visit_id, seq, at, kind, participant_id, body)"
            " select $1, visit, seq, at, kind, who, body::jsonb from unnest($2::uuid[], $3::integer[], $4::timestamptz[], $5::text[],"
            " $6::uuid[], $7::text[]) as t (visit, seq, at, kind, who, body)",
            tenant,
            [event.visit for event in events],
            [event.seq for event in events],
            [event.at for event in events],
            [event.kind.value for event in events],
            [event.participant for event in events],
            [to_json(event.body) for event in events],
        )
        return len(moved) == len(after)

    async def events(self, tenant: TenantId, tx: Tx, visit: VisitId, *, after: int = 0, limit: int = 1000) -> list[VisitEvent]:
        """The list from a number on."""
        rows = await tx.fetch(
            "select seq, at, kind, participant_id, body::text as body from visit_events"
            " where tenant_id = $1 and visit_id = $2 and seq > $3 order by seq limit $4",
            tenant,
            visit,
            after,
            limit,
        )
        return [_event(tenant, visit, r) for r in rows]


def _event(tenant: TenantId, visit: VisitId, row: Row) -> VisitEvent:
    who: UUID | None = row["participant_id"]
    body = msgspec.json.decode(row["body"])
    return VisitEvent(tenant, visit, row["seq"], row["at"], EventKind(row["kind"]), None if who is None else ParticipantId(who), body)
