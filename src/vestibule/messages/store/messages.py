"""The SQL of messages: planned, given to a carrier, settled. Nothing of a patient but a number typed for one text, sealed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from vestibule.kit.ids import ConnectionId, EffectId, ParticipantId, TenantId, VisitId
from vestibule.messages.model import Channel, Message, MessageState, Purpose, Status
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import Place

Row = asyncpg.Record
_MESSAGE = (
    "m.id, m.tenant_id, m.visit_id, m.participant_id, m.connection_id, m.purpose, m.channel, m.key, m.state, m.due_at, m.about, m.minutes,"
    " m.place, m.nth, m.turn, m.tries, m.round, m.effect_id, m.status, m.code, m.sender_id, m.account_id, m.carrier_id, m.segments,"
    " m.test, m.planned_at, m.sent_at, m.settled_at, m.language"
)


class MessageStore:
    """Rows of `messages`."""

    # ------------------------------------------------------------------ reading

    async def of_visits(self, tenant: TenantId, tx: Tx, visits: Sequence[VisitId]) -> list[Message]:
        """Every message about these visits, the oldest first."""
        sql = f"select {_MESSAGE} from messages m where m.tenant_id = $1 and m.visit_id = any($2::uuid[]) order by m.id"
        return [message_of(row) for row in await tx.fetch(sql, tenant, list(visits))]

    async def find(self, tenant: TenantId, tx: Tx, messages: Sequence[UUID], *, lock: bool = False) -> list[Message]:
        """Some, by id; with `lock` nobody else changes them until the transaction ends."""
        sql = f"select {_MESSAGE} from messages m where m.tenant_id = $1 and m.id = any($2::uuid[]) order by m.id"
        return [message_of(row) for row in await tx.fetch(sql + (" for update" if lock else ""), tenant, list(messages))]

    async def visits_of(self, tenant: TenantId, tx: Tx, messages: Sequence[UUID]) -> set[VisitId]:
        """Which visits these are about."""
        sql = "select distinct visit_id from messages where tenant_id = $1 and id = any($2::uuid[])"
        return {VisitId(row[0]) for row in await tx.fetch(sql, tenant, list(messages))}

    async def by_carrier(self, tenant: TenantId, tx: Tx, account: UUID, carrier_ids: Sequence[str]) -> list[Message]:
        """Those that an account's carrier calls so."""
        where = "m.tenant_id = $1 and m.account_id = $2 and m.carrier_id = any($3::text[])"
        rows = await tx.fetch(f"select {_MESSAGE} from messages m where {where} order by m.id", tenant, account, list(carrier_ids))
        return [message_of(row) for row in rows]

    async def for_a_person(self, tenant: TenantId, tx: Tx, limit: int) -> list[Message]:
        """Those that failed or whose outcome is open, and that nobody has dealt with; the newest first."""
        sql = (
            f"select {_MESSAGE} from messages m where m.tenant_id = $1 and m.state in ('failed', 'unknown') and m.dealt_at is null"
            " order by m.id desc limit $2"
        )
        return [message_of(row) for row in await tx.fetch(sql, tenant, limit)]

    async def waiting(self, tenant: TenantId, tx: Tx, limit: int) -> list[Message]:
        """Those that are planned, the next one first."""
        sql = f"select {_MESSAGE} from messages m where m.tenant_id = $1 and m.state = 'planned' order by m.due_at limit $2"
        return [message_of(row) for row in await tx.fetch(sql, tenant, limit)]

    async def newest(self, tenant: TenantId, tx: Tx, limit: int) -> list[Message]:
        """The newest."""
        sql = f"select {_MESSAGE} from messages m where m.tenant_id = $1 order by m.id desc limit $2"
        return [message_of(row) for row in await tx.fetch(sql, tenant, limit)]

    async def numbers(self, tenant: TenantId, tx: Tx) -> tuple[int, int]:
        """How many wait for a person, and how many are planned."""
        row = await tx.fetchrow(
            "select (select count(*) from messages where tenant_id = $1 and state in ('failed', 'unknown') and dealt_at is null) as open,"
            " (select count(*) from messages where tenant_id = $1 and state = 'planned') as planned",
            tenant,
        )
        return (0, 0) if row is None else (row["open"], row["planned"])

    async def directs_since(self, tenant: TenantId, tx: Tx, participant: ParticipantId, since: datetime) -> int:
        """How many texts people sent somebody by hand lately."""
        sql = "select count(*) from messages where tenant_id = $1 and participant_id = $2 and purpose = 'direct' and planned_at >= $3"
        return int(await tx.fetchval(sql, tenant, participant, since))

    async def typed(self, tenant: TenantId, tx: Tx, messages: Sequence[UUID]) -> dict[UUID, bytes]:
        """Numbers that were typed for one text, sealed."""
        sql = "select id, to_sealed from messages where tenant_id = $1 and id = any($2::uuid[]) and to_sealed is not null"
        return {row["id"]: row["to_sealed"] for row in await tx.fetch(sql, tenant, list(messages))}

    # ------------------------------------------------------------------ planning

    async def add(self, tenant: TenantId, tx: Tx, one: Message, to_sealed: bytes | None = None) -> bool:
        """Plan a new one; False when there is one of that key."""
        done = await tx.fetchval(
            "insert into messages (tenant_id, id, visit_id, participant_id, connection_id, purpose, channel, key, due_at, about, minutes,"
            " place, nth, effect_id, to_sealed, planned_at, language)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
            " on conflict (tenant_id, key) do nothing returning id",
            tenant,
            one.id,
            one.visit,
            one.participant,
            one.connection,
            one.purpose.value,
            one.channel.value,
            one.key,
            one.due_at,
            one.about,
            one.minutes,
            one.place.value,
            one.nth,
            one.effect,
            to_sealed,
            one.planned_at,
            one.language,
        )
        return done is not None

    async def plan_again(self, tenant: TenantId, tx: Tx, message: UUID, *, due_at: datetime, round_: int, tries: int) -> None:
        """One that was withdrawn, or failed in a way that may pass, is planned once more; its new effect is told by `wait_for`."""
        await tx.execute(
            "update messages set state = 'planned', due_at = $3, round = $4, tries = $5, code = '', status = null, settled_at = null,"
            " dealt_at = null, sender_id = null, account_id = null, carrier_id = null where tenant_id = $1 and id = $2",
            tenant,
            message,
            due_at,
            round_,
            tries,
        )

    async def wait_for(self, tenant: TenantId, tx: Tx, message: UUID, effect: EffectId | None) -> None:
        """The effect that sends it."""
        await tx.execute("update messages set effect_id = $3 where tenant_id = $1 and id = $2", tenant, message, effect)

    async def postpone(self, tenant: TenantId, tx: Tx, message: UUID, due_at: datetime) -> None:
        """Mean it for another time."""
        await tx.execute("update messages set due_at = $3 where tenant_id = $1 and id = $2 and state = 'planned'", tenant, message, due_at)

    async def withdraw(self, tenant: TenantId, tx: Tx, messages: Mapping[UUID, str], at: datetime) -> None:
        """Do not send these, each for its reason."""
        await tx.execute(
            "update messages m set state = 'withdrawn', code = w.code, settled_at = $4, to_sealed = null"
            " from unnest($2::uuid[], $3::text[]) as w (id, code) where m.tenant_id = $1 and m.id = w.id and m.state = 'planned'",
            tenant,
            list(messages),
            list(messages.values()),
            at,
        )

    async def move(self, tenant: TenantId, tx: Tx, visit: VisitId, into: VisitId, same: Mapping[ParticipantId, ParticipantId]) -> None:
        """Two visits are one, and some of their people too."""
        await tx.execute("update messages set visit_id = $3 where tenant_id = $1 and visit_id = $2", tenant, visit, into)
        await tx.execute(
            "update messages m set participant_id = t.stays from unnest($3::uuid[], $4::uuid[]) as t (goes, stays)"
            " where m.tenant_id = $1 and m.visit_id = $2 and m.participant_id = t.goes",
            tenant,
            into,
            list(same),
            list(same.values()),
        )

    # ------------------------------------------------------------------ sending

    async def mark(self, tenant: TenantId, tx: Tx, rows: Sequence[tuple[UUID, UUID, UUID, int, bool]], at: datetime) -> set[UUID]:
        """These are given to a carrier now: (message, sender, account, segments, test) each. Those returned were still planned."""
        found = await tx.fetch(
            "update messages m set state = 'sending', sender_id = t.sender, account_id = t.account, segments = t.segments, test = t.test,"
            " sent_at = $7, turn = nextval('message_turns'), carrier_id = null, code = ''"
            " from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::boolean[]) as t (id, sender, account, segments, test)"
            " where m.tenant_id = $1 and m.id = t.id and m.state = 'planned' returning m.id",
            tenant,
            *([row[n] for row in rows] for n in range(5)),
            at,
        )
        return {row["id"] for row in found}

    async def unmark(self, tenant: TenantId, tx: Tx, messages: Sequence[UUID]) -> None:
        """These were surely not sent."""
        await tx.execute(
            "update messages set state = 'planned', turn = 0, sent_at = null, sender_id = null, account_id = null"
            " where tenant_id = $1 and id = any($2::uuid[]) and state = 'sending'",
            tenant,
            list(messages),
        )

    async def settle(self, tenant: TenantId, tx: Tx, rows: Sequence[Settled], at: datetime) -> None:
        """What became of these."""
        await tx.execute(
            "update messages m set state = t.state, status = t.status, code = t.code, carrier_id = coalesce(t.carrier, m.carrier_id),"
            " to_sealed = null, settled_at = case when t.state in ('delivered', 'failed') then $7 else m.settled_at end"
            " from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) as t (id, state, status, code, carrier)"
            " where m.tenant_id = $1 and m.id = t.id",
            tenant,
            [row.message for row in rows],
            [row.state.value for row in rows],
            [None if row.status is None else row.status.value for row in rows],
            [row.code for row in rows],
            [row.carrier_id or None for row in rows],
            at,
        )

    async def dealt_with(self, tenant: TenantId, tx: Tx, message: UUID, at: datetime) -> None:
        """Somebody has looked at it."""
        await tx.execute("update messages set dealt_at = $3 where tenant_id = $1 and id = $2", tenant, message, at)

    # ------------------------------------------------------------------ what vanished workers leave behind

    async def whose_lost(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations with texts whose worker vanished."""
        return [TenantId(row[0]) for row in await db.ask("select whose_texts_lost($1, $2)", after, most)]

    async def lost(self, tenant: TenantId, tx: Tx, limit: int) -> list[Message]:
        """Those whose effect is of unknown outcome while they are said to be planned or on their way."""
        sql = (
            f"select {_MESSAGE} from messages m join effects e on e.tenant_id = m.tenant_id and e.id = m.effect_id"
            " where m.tenant_id = $1 and e.state = 'unknown' and m.state in ('planned', 'sending') order by m.id limit $2"
        )
        return [message_of(row) for row in await tx.fetch(sql, tenant, limit)]


class Settled:
    """What became of a message, on its way into its row."""

    __slots__ = ("carrier_id", "code", "message", "state", "status")

    def __init__(self, message: UUID, state: MessageState, status: Status | None = None, code: str = "", carrier_id: str = "") -> None:
        self.message, self.state, self.status, self.code, self.carrier_id = message, state, status, code, carrier_id


def message_of(row: Row) -> Message:
    """A row as a Message."""
    return Message(
        id=row["id"],
        tenant=TenantId(row["tenant_id"]),
        visit=VisitId(row["visit_id"]),
        participant=ParticipantId(row["participant_id"]),
        connection=None if row["connection_id"] is None else ConnectionId(row["connection_id"]),
        purpose=Purpose(row["purpose"]),
        channel=Channel(row["channel"]),
        key=row["key"],
        state=MessageState(row["state"]),
        due_at=row["due_at"],
        about=row["about"],
        minutes=row["minutes"],
        status=None if row["status"] is None else Status(row["status"]),
        code=row["code"],
        sender=row["sender_id"],
        sent_at=row["sent_at"],
        settled_at=row["settled_at"],
        segments=row["segments"],
        test=row["test"],
        place=Place(row["place"]),
        nth=row["nth"],
        turn=row["turn"],
        tries=row["tries"],
        round=row["round"],
        account=row["account_id"],
        carrier_id=row["carrier_id"] or "",
        effect=None if row["effect_id"] is None else EffectId(row["effect_id"]),
        planned_at=row["planned_at"],
        language=row["language"],
    )


def ids(messages: Collection[Message]) -> list[UUID]:
    """Their ids."""
    return [one.id for one in messages]
