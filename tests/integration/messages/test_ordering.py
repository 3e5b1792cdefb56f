"""Generating a number: the steps survive whatever happens between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from support.message_office import MessageOffice
from vestibule.errors import Conflict, InvalidFields, NotFound, OutsideFailed, Unavailable, VestibuleError
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId, new_id
from vestibule.messages.kept import Order, OrderState
from vestibule.messages.model import Account, CarrierKind, Verification
from vestibule.messages.ordering import NumberOrders
from vestibule.messages.ports import NumberOffer, NumberWish
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
OFFER = NumberOffer("search-1", "+18335550100", "2.00", "USD", NOW + timedelta(minutes=15))


@dataclass
class Shop:
    """Sells one number, as slowly and unwillingly as one likes."""

    waits: int = 0
    failing: list[VestibuleError] = field(default_factory=list)
    sold: list[str] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)

    def _turn(self) -> bool:
        if self.failing:
            raise self.failing.pop(0)
        self.waits -= 1
        return self.waits < 0

    async def search(self, account: Account, wish: NumberWish, *, key: UUID) -> str:
        self._turn()
        return f"search-{wish.area_code}"

    async def offers(self, account: Account, search: str) -> Sequence[NumberOffer] | None:
        return [OFFER] if self._turn() else None

    async def buy(self, account: Account, offer: NumberOffer, *, hook_url: str) -> str:
        self._turn()
        self.sold = sorted({*self.sold, offer.number})
        self.hooks.append(hook_url)
        return "purchase-1"

    async def bought(self, account: Account, purchase: str) -> str | None:
        return OFFER.number if self._turn() else None

    async def verification(self, account: Account, number: str) -> Verification | None:
        return None


@dataclass
class Market:
    """An office that may order from a shop."""

    db: Database
    tenant: TenantId
    clock: FrozenClock
    office: MessageOffice
    shop: Shop
    orders: NumberOrders

    async def order(self, carrier: CarrierKind = CarrierKind.TWILIO, **wish: str) -> Order:
        async with self.db.tenant(self.tenant) as tx:
            account = await self.office.account(tx, carrier)
            return await self.orders.order(tx, account.id, NumberWish(**wish), by=SYSTEM)

    async def choose(self, order: Order, offer: str = OFFER.offer) -> Order:
        async with self.db.tenant(self.tenant) as tx:
            return await self.orders.choose(tx, order.id, offer, by=SYSTEM)

    async def round(self, seconds: int = 60) -> None:
        """What the worker does in a while."""
        for _ in range(seconds):
            for tenant in await self.orders.due(self.db, TenantId(UUID(int=0)), 10):
                await self.orders.go_on(self.db, tenant)
            self.clock.advance(1)

    async def now(self, order: Order) -> Order:
        async with self.db.tenant(self.tenant) as tx:
            return await self.orders.get(tx, order.id)


@pytest.fixture
def market(db: Database, tenant: TenantId) -> Market:
    clock, shop = FrozenClock(NOW), Shop()
    office = MessageOffice(clock=clock)
    orders = NumberOrders(
        clock=clock,
        audit=Audit(clock),
        settings=office.settings,
        carrying=office.carrying,
        shops={CarrierKind.TWILIO: shop, CarrierKind.AZURE: shop},
        hook_url=lambda account: f"https://visit.example/hooks/{account}",
    )
    return Market(db, tenant, clock, office, shop, orders)


async def test_a_number_is_found_shown_bought_and_becomes_a_sender(market: Market, owner: asyncpg.Connection) -> None:
    market.shop.waits = 4
    order = await market.order(area_code="833")
    await market.round(30)
    offered = await market.now(order)
    assert (offered.state, offered.offers, offered.search) == (OrderState.OFFERED, (OFFER,), "search-833")
    assert market.shop.sold == []  # nothing is bought before somebody says so
    market.shop.waits = 4
    await market.choose(order)
    await market.round(30)
    bought = await market.now(order)
    assert bought.state is OrderState.BOUGHT
    async with market.db.tenant(market.tenant) as tx:
        [kept] = await market.office.settings.senders(tx)
    assert (kept.sender.id, kept.sender.address, kept.sender.verification) == (bought.sender, OFFER.number, Verification.UNVERIFIED)
    assert kept.connections == frozenset()
    assert market.shop.hooks == [f"https://visit.example/hooks/{order.account}"]
    acts = await owner.fetch("select action from audit_entries where tenant_id = $1 and action like 'number.%' order by seq", market.tenant)
    assert [row["action"] for row in acts] == ["number.searched", "number.ordered", "number.bought"]
    assert await market.orders.due(market.db, TenantId(UUID(int=0)), 10) == []


async def test_a_worker_that_died_in_the_middle_of_a_purchase_is_relieved(market: Market) -> None:
    order = await market.order()
    await market.round(5)
    await market.choose(order)

    class Killed(BaseException):
        pass

    market.shop.failing.append(Killed())  # type: ignore[arg-type]
    with pytest.raises(Killed):
        await market.round(1)
    await market.round(10)
    assert (await market.now(order)).state is OrderState.CHOSEN  # nobody else takes it too early
    await market.round(60)
    assert (await market.now(order)).state is OrderState.BOUGHT
    assert market.shop.sold == [OFFER.number]


async def test_what_passes_is_tried_again_and_what_does_not_is_said(market: Market) -> None:
    market.shop.failing = [Unavailable("carrier-unavailable", "x", phase="t"), Unavailable("carrier-unavailable", "x", phase="t")]
    order = await market.order()
    await market.round(30)
    assert (await market.now(order)).state is OrderState.OFFERED
    none = await market.order(CarrierKind.AZURE)
    market.shop.failing = [OutsideFailed("carrier-no-number", "x", phase="t", permanent=True)]
    await market.round(5)
    failed = await market.now(none)
    assert (failed.state, failed.code) == (OrderState.FAILED, "carrier-no-number")


async def test_a_shop_that_never_answers_is_given_up(market: Market) -> None:
    market.shop.waits = 100_000
    order = await market.order()
    await market.round(6 * 60)
    failed = await market.now(order)
    assert (failed.state, failed.code) == (OrderState.FAILED, "number-order-slow")


async def test_only_what_was_offered_can_be_bought_and_only_in_time(market: Market, other_tenant: TenantId) -> None:
    order = await market.order()
    with pytest.raises(Conflict):
        await market.choose(order)
    await market.round(5)
    with pytest.raises(InvalidFields):
        await market.choose(order, "another")
    market.clock.advance(16 * 60)
    with pytest.raises(InvalidFields) as late:
        await market.choose(order)
    assert late.value.fields == {"offer": "offer-expired"}
    async with market.db.tenant(other_tenant) as tx:
        for work in (market.orders.get(tx, order.id), market.orders.choose(tx, order.id, OFFER.offer, by=SYSTEM)):
            with pytest.raises(NotFound):
                await work
    async with market.db.tenant(market.tenant) as tx:
        await market.orders.give_up(tx, order.id, by=SYSTEM)
        with pytest.raises(Conflict):
            await market.orders.give_up(tx, order.id, by=SYSTEM)
        assert [one.state for one in await market.orders.newest(tx)] == [OrderState.GIVEN_UP]


@pytest.mark.parametrize(
    ("wish", "fields"),
    [
        ({"country": "XX"}, {"country": "choice-unknown"}),
        ({"kind": "vanity"}, {"kind": "choice-unknown"}),
        ({"area_code": "8a"}, {"area_code": "area-code-malformed"}),
    ],
)
async def test_a_wish_nobody_can_fulfil_is_refused(market: Market, wish: dict[str, str], fields: dict[str, str]) -> None:
    with pytest.raises(InvalidFields) as refused:
        await market.order(**wish)
    assert refused.value.fields == fields


async def test_the_console_sells_no_numbers_and_nobodys_account_neither(market: Market) -> None:
    with pytest.raises(InvalidFields):
        await market.order(CarrierKind.CONSOLE)
    async with market.db.tenant(market.tenant) as tx:
        with pytest.raises(NotFound):
            await market.orders.order(tx, new_id(), NumberWish(), by=SYSTEM)
