"""The SQL of number orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from vestibule.kit.ids import TenantId
from vestibule.messages.kept import Order, OrderState
from vestibule.messages.ports import NumberOffer, NumberWish
from vestibule.platform.db import Database, Tx

_COLUMNS: Final = (
    "id, account_id, country, number_kind, area_code, state, search, offers, chosen, purchase, sender_id, code, tries, ordered_by, "
    "ordered_at, changed_at, run_at, gives_up_at"
)
_MOVING: Final = "('wanted', 'searching', 'chosen', 'buying')"


class OrderStore:
    """Rows of `message_number_orders`."""

    async def whose_due(self, db: Database, at: datetime, *, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with an order that has something to be asked."""
        return [TenantId(row[0]) for row in await db.ask("select whose_number_orders($1, $2, $3)", at, after, most)]

    async def add(self, tenant: TenantId, tx: Tx, one: Order) -> None:
        """Keep a new one."""
        await tx.execute(
            "insert into message_number_orders (tenant_id, id, account_id, country, number_kind, area_code, state, ordered_by, ordered_at, "
            "changed_at, run_at, gives_up_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            tenant,
            one.id,
            one.account,
            one.wish.country,
            one.wish.kind,
            one.wish.area_code,
            one.state.value,
            one.ordered_by,
            one.ordered_at,
            one.changed_at,
            one.run_at,
            one.gives_up_at,
        )

    async def find(self, tenant: TenantId, tx: Tx, order: UUID, *, lock: bool = False) -> Order | None:
        """One order."""
        row = await tx.fetchrow(
            f"select {_COLUMNS} from message_number_orders where tenant_id = $1 and id = $2{' for no key update' if lock else ''}",
            tenant,
            order,
        )
        return _order(row) if row else None

    async def newest(self, tenant: TenantId, tx: Tx, limit: int) -> list[Order]:
        """The newest orders first."""
        rows = await tx.fetch(
            f"select {_COLUMNS} from message_number_orders where tenant_id = $1 order by ordered_at desc, id desc limit $2", tenant, limit
        )
        return [_order(row) for row in rows]

    async def claim(self, tenant: TenantId, tx: Tx, at: datetime, until: datetime) -> Order | None:
        """One that has something to be asked; nobody else takes it before `until`."""
        row = await tx.fetchrow(
            f"update message_number_orders set run_at = $3, tries = tries + 1 where tenant_id = $1 and id = (select id "
            f"from message_number_orders where tenant_id = $1 and state in {_MOVING} and run_at <= $2 order by run_at limit 1 "
            f"for update skip locked) returning {_COLUMNS}",
            tenant,
            at,
            until,
        )
        return _order(row) if row else None

    async def put(self, tenant: TenantId, tx: Tx, one: Order) -> None:
        """Keep how far it has come."""
        await tx.execute(
            "update message_number_orders set state = $3, search = $4, offers = $5, chosen = $6, purchase = $7, sender_id = $8, code = $9, "
            "tries = $10, changed_at = $11, run_at = $12, gives_up_at = $13 where tenant_id = $1 and id = $2",
            tenant,
            one.id,
            one.state.value,
            one.search,
            _json(one.offers),
            None if one.chosen is None else _json([one.chosen]),
            one.purchase,
            one.sender,
            one.code,
            one.tries,
            one.changed_at,
            one.run_at,
            one.gives_up_at,
        )


def _json(offers: Sequence[NumberOffer]) -> str:
    return msgspec.json.encode([asdict(one) for one in offers]).decode()


def _offers(text: str | None) -> tuple[NumberOffer, ...]:
    return msgspec.json.decode(text or "[]", type=tuple[NumberOffer, ...])


def _order(row: asyncpg.Record) -> Order:
    chosen: tuple[Any, ...] = _offers(row["chosen"])
    return Order(
        id=row["id"],
        account=row["account_id"],
        wish=NumberWish(row["country"], row["number_kind"], row["area_code"]),
        state=OrderState(row["state"]),
        ordered_at=row["ordered_at"],
        changed_at=row["changed_at"],
        run_at=row["run_at"],
        gives_up_at=row["gives_up_at"],
        ordered_by=row["ordered_by"],
        search=row["search"],
        offers=_offers(row["offers"]),
        chosen=chosen[0] if chosen else None,
        purchase=row["purchase"],
        sender=row["sender_id"],
        code=row["code"],
        tries=row["tries"],
    )
