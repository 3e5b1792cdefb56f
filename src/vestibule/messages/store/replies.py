"""The SQL of what comes back: receipts that came too early, who wants no messages, and of what a changed setting still has to reach."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from vestibule.kit.ids import ConnectionId, TenantId, VisitId
from vestibule.messages.model import MessageState, Receipt, Status
from vestibule.platform.db import Database, Tx


class ReceiptStore:
    """Rows of `message_receipts`."""

    async def keep(self, tenant: TenantId, tx: Tx, account: UUID, one: Receipt, at: datetime) -> None:
        """A receipt for a message whose name at the carrier we do not know yet."""
        await tx.execute(
            "insert into message_receipts (tenant_id, account_id, carrier_id, state, status, code, permanent, opted_out, at)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            tenant,
            account,
            one.carrier_id,
            one.state.value,
            one.status.value,
            one.code,
            one.permanent,
            one.opted_out,
            at,
        )

    async def hold(self, tenant: TenantId, tx: Tx, names: Sequence[tuple[UUID, str]]) -> None:
        """Let nobody else write down or look for what carriers call these until the transaction ends; in one order (`names` is sorted)."""
        await tx.execute(
            "select pg_advisory_xact_lock(hashtextextended(k, 0)) from unnest($1::text[]) with ordinality as t(k, n) order by n",
            [f"receipt|{tenant}|{account}|{name}" for account, name in names],
        )

    async def take(self, tenant: TenantId, tx: Tx, names: Sequence[tuple[UUID, str]]) -> list[tuple[UUID, Receipt]]:
        """Those that wait for messages of these names, which are held; they wait no longer. What failed or was delivered comes last."""
        await self.hold(tenant, tx, names)
        rows = await tx.fetch(
            "delete from message_receipts r using unnest($2::uuid[], $3::text[]) as t (account, carrier)"
            " where r.tenant_id = $1 and r.account_id = t.account and r.carrier_id = t.carrier and r.state <> 'incoming'"
            " returning r.account_id, r.carrier_id, r.state, r.status, r.code, r.permanent, r.opted_out",
            tenant,
            [account for account, _ in names],
            [name for _, name in names],
        )
        found = [
            (
                row["account_id"],
                Receipt(
                    row["carrier_id"], MessageState(row["state"]), Status(row["status"]), row["code"], row["permanent"], row["opted_out"]
                ),
            )
            for row in rows
        ]
        return sorted(found, key=lambda pair: (pair[1].state is not MessageState.ACCEPTED, pair[1].state is MessageState.DELIVERED))

    async def first_time(self, tenant: TenantId, tx: Tx, account: UUID, carrier_id: str, at: datetime) -> bool:
        """Note an incoming text; False when we have heard it before."""
        done = await tx.fetchval(
            "insert into message_receipts (tenant_id, account_id, carrier_id, state, at) values ($1, $2, $3, 'incoming', $4)"
            " on conflict do nothing returning true",
            tenant,
            account,
            carrier_id,
            at,
        )
        return bool(done)

    async def whose_old(self, db: Database, before: datetime, after: TenantId, most: int) -> list[TenantId]:
        """Organisations with receipts that nobody has asked for since long before."""
        return [TenantId(row[0]) for row in await db.ask("select whose_receipts_old($1, $2, $3)", before, after, most)]

    async def sweep(self, tenant: TenantId, tx: Tx, before: datetime) -> None:
        """Forget those."""
        await tx.execute("delete from message_receipts where tenant_id = $1 and at < $2", tenant, before)


class OptOutStore:
    """Rows of `opt_outs`."""

    async def known(self, tenant: TenantId, tx: Tx, keys: Sequence[bytes]) -> set[bytes]:
        """Which of these want no messages."""
        rows = await tx.fetch("select phone_key from opt_outs where tenant_id = $1 and phone_key = any($2::bytea[])", tenant, list(keys))
        return {bytes(row["phone_key"]) for row in rows}

    async def add(self, tenant: TenantId, tx: Tx, key: bytes, *, by: str, at: datetime) -> bool:
        """They want none from now on; False when they have wanted none before."""
        done = await tx.fetchval(
            "insert into opt_outs (tenant_id, phone_key, since, by) values ($1, $2, $3, $4) on conflict do nothing returning true",
            tenant,
            key,
            at,
            by,
        )
        return bool(done)

    async def remove(self, tenant: TenantId, tx: Tx, keys: Sequence[bytes]) -> bool:
        """They want them again; False when they have never not."""
        sql = "delete from opt_outs where tenant_id = $1 and phone_key = any($2::bytea[]) returning true"
        return bool(await tx.fetch(sql, tenant, list(keys)))


class ReplanStore:
    """Rows of `message_replans`: connections whose settings were changed, and how far the planning anew has come."""

    async def want(self, tenant: TenantId, tx: Tx, connection: ConnectionId, at: datetime) -> None:
        """From the beginning, also where it was half done."""
        await tx.execute(
            "insert into message_replans (tenant_id, connection_id, wanted_at) values ($1, $2, $3)"
            " on conflict (tenant_id, connection_id) do update set done_until = null, done_visit = null, wanted_at = $3",
            tenant,
            connection,
            at,
        )

    async def next(self, tenant: TenantId, tx: Tx) -> tuple[ConnectionId, tuple[datetime | None, VisitId | None]] | None:
        """A connection, and behind which visit to go on; whoever has it works on it alone."""
        row = await tx.fetchrow(
            "select connection_id, done_until, done_visit from message_replans where tenant_id = $1 order by wanted_at limit 1"
            " for update skip locked",
            tenant,
        )
        return None if row is None else (ConnectionId(row["connection_id"]), (row["done_until"], row["done_visit"]))

    async def visits(
        self, tenant: TenantId, tx: Tx, connection: ConnectionId, behind: tuple[datetime | None, VisitId | None], now: datetime, limit: int
    ) -> list[tuple[datetime, VisitId]]:
        """Visits of a connection that are to come, or that something is planned for, in order."""
        rows = await tx.fetch(
            "select starts_at, id from visits where tenant_id = $1 and connection_id = $2 and state in ('scheduled', 'open')"
            " and merged_into is null and starts_at > $5 and ($4::uuid is null or (starts_at, id) > ($3::timestamptz, $4::uuid))"
            " order by starts_at, id limit $6",
            tenant,
            connection,
            *behind,
            now,
            limit,
        )
        return [(row["starts_at"], VisitId(row["id"])) for row in rows]

    async def done(self, tenant: TenantId, tx: Tx, connection: ConnectionId, until: tuple[datetime, VisitId] | None) -> None:
        """How far it has come; None when it is through."""
        if until is None:
            await tx.execute("delete from message_replans where tenant_id = $1 and connection_id = $2", tenant, connection)
            return
        await tx.execute(
            "update message_replans set done_until = $3, done_visit = $4 where tenant_id = $1 and connection_id = $2",
            tenant,
            connection,
            *until,
        )

    async def whose(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations with something to plan anew."""
        return [TenantId(row[0]) for row in await db.ask("select whose_replans($1, $2)", after, most)]
