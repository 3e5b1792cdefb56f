"""Generating a phone number: look for one, show its price, buy it. Each step is a row's state, so that a reload or a restart loses nothing.

The worker asks the shop, with no transaction open: it takes a row, asks, and writes down what it heard. A worker that dies in between is
relieved after a while, and the step is asked for again: whoever sells numbers sells one number once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from vestibule.errors import Conflict, InvalidFields, NotFound, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, new_id
from vestibule.messages.carrying import Carrying
from vestibule.messages.kept import Order, OrderState
from vestibule.messages.model import Account, CarrierKind, Channel, Sender, Verification
from vestibule.messages.ports import NumberOffer, NumberShop, NumberWish
from vestibule.messages.setting import MessageSettings
from vestibule.messages.store.orders import OrderStore
from vestibule.platform.audit import SYSTEM, Actor, Audit
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.judging import refuse
from vestibule.tenancy.service import bound

_PHASE: Final = "messages.number"
_PATIENCE: Final = timedelta(minutes=5)  # until a step is given up; shops say it takes up to two
_LEASE: Final = timedelta(seconds=45)  # longer than any one question to a shop
_AGAIN: Final = timedelta(seconds=2)
_SLOWEST: Final = timedelta(seconds=20)
_COUNTRIES: Final = frozenset({"US", "CA", "PR", "GB", "DE", "FR", "AU"})
_FIRST: Final = TenantId(UUID(int=0))
_AT_ONCE: Final = 100  # organisations in one round
_AREA: Final = re.compile(r"[0-9]{0,6}")
_KINDS: Final = frozenset({"toll_free", "local"})


class NumberOrders:
    """Orders numbers. Methods taking `tx` act within its organisation."""

    def __init__(
        self,
        *,
        clock: Clock,
        audit: Audit,
        settings: MessageSettings,
        carrying: Carrying,
        shops: Mapping[CarrierKind, NumberShop],
        hook_url: Callable[[UUID], str],
    ) -> None:
        """Say what it works with.

        Args:
            clock: tells the time.
            audit: who ordered and bought what is noted there.
            settings: knows the accounts.
            carrying: takes the number that was bought.
            shops: where an account of a kind gets numbers.
            hook_url: where an account's receipts and incoming texts are to go.
        """
        self._clock = clock
        self._audit = audit
        self._settings = settings
        self._carrying = carrying
        self._shops = shops
        self._hook_url = hook_url
        self._store = OrderStore()

    def sells(self, kind: CarrierKind) -> bool:
        """Whether numbers can be ordered from an account of this kind."""
        return kind in self._shops

    async def order(self, tx: Tx, account: UUID, wish: NumberWish, *, by: Actor) -> Order:
        """Begin to look for a number.

        Raises:
            NotFound: `message-account-not-found`.
            InvalidFields: naming the fields.
        """
        kept = await self._settings.kept_account(tx, account)
        wrong = {
            "account": "" if self.sells(kept.account.kind) else "choice-unknown",
            "country": "" if wish.country in _COUNTRIES else "choice-unknown",
            "kind": "" if wish.kind in _KINDS else "choice-unknown",
            "area_code": "" if _AREA.fullmatch(wish.area_code) else "area-code-malformed",
        }
        refuse({name: code for name, code in wrong.items() if code}, phase=_PHASE)
        now = self._clock.now()
        one = Order(new_id(), account, wish, OrderState.WANTED, now, now, now, now + _PATIENCE, by.id)
        await self._store.add(bound(tx), tx, one)
        detail = {"kind": wish.kind, "country": wish.country}
        self._audit.note(tx, "number.searched", by=by, about=("number-order", one.id), detail=detail)
        return one

    async def get(self, tx: Tx, order: UUID) -> Order:
        """One order.

        Raises:
            NotFound: `number-order-not-found`.
        """
        return _there(await self._store.find(bound(tx), tx, order))

    async def newest(self, tx: Tx, limit: int = 10) -> list[Order]:
        """The newest orders first."""
        return await self._store.newest(bound(tx), tx, limit)

    async def choose(self, tx: Tx, order: UUID, offer: str, *, by: Actor) -> Order:
        """Buy one of the offered numbers. It costs money: the page said how much.

        Raises:
            NotFound: `number-order-not-found`.
            Conflict: `number-order-over`: it has gone on, or was given up.
            InvalidFields: `offer`, when it is none of those shown, or too old.
        """
        one = _there(await self._store.find(bound(tx), tx, order, lock=True))
        if one.state is not OrderState.OFFERED:
            raise Conflict("number-order-over", "This order has gone on meanwhile. Look at it again.", phase=_PHASE)
        chosen = next((each for each in one.offers if each.offer == offer), None)
        if chosen is None:
            raise InvalidFields({"offer": "choice-unknown"}, phase=_PHASE)
        now = self._clock.now()
        if chosen.until is not None and chosen.until <= now:
            raise InvalidFields({"offer": "offer-expired"}, phase=_PHASE)
        one = replace(one, state=OrderState.CHOSEN, chosen=chosen, tries=0, changed_at=now, run_at=now, gives_up_at=now + _PATIENCE)
        await self._store.put(bound(tx), tx, one)
        detail = {"number": chosen.number, "monthly": chosen.monthly, "currency": chosen.currency}
        self._audit.note(tx, "number.ordered", by=by, about=("number-order", one.id), detail=detail)
        return one

    async def give_up(self, tx: Tx, order: UUID, *, by: Actor) -> None:
        """Buy none. A purchase that has begun cannot be stopped.

        Raises:
            NotFound: `number-order-not-found`.
            Conflict: `number-order-over`.
        """
        one = _there(await self._store.find(bound(tx), tx, order, lock=True))
        if one.state not in {OrderState.WANTED, OrderState.SEARCHING, OrderState.OFFERED}:
            raise Conflict("number-order-over", "This order has gone on meanwhile. Look at it again.", phase=_PHASE)
        await self._store.put(bound(tx), tx, replace(one, state=OrderState.GIVEN_UP, changed_at=self._clock.now()))
        self._audit.note(tx, "number.given-up", by=by, about=("number-order", order))

    # ------------------------------------------------------------------ the worker's

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` that have an order to be seen to."""
        return await self._store.whose_due(db, self._clock.now(), after=after, most=most)

    async def round(self, db: Database) -> None:
        """Every order that is due, of every organisation; a slow shop of one holds up the others for one question."""
        for tenant in await self.due(db, _FIRST, _AT_ONCE):
            await self.go_on(db, tenant)

    async def go_on(self, db: Database, tenant: TenantId) -> None:
        """One step of each order of the organisation that is due."""
        for _ in range(20):
            now = self._clock.now()
            async with db.tenant(tenant) as tx:
                one = await self._store.claim(tenant, tx, now, now + _LEASE)
                account = await self._account(tx, one) if one else None
            if one is None:
                return
            try:
                step = await self._step(account, one)
            except VestibuleError as error:
                step = self._failed(one, error)
            async with db.tenant(tenant) as tx:
                await self._keep(tx, one, step)

    async def _account(self, tx: Tx, one: Order) -> Account | None:
        try:
            return await self._settings.account(tx, one.account)
        except NotFound:
            return None

    async def _step(self, account: Account | None, one: Order) -> Order:
        """What the shop says to the step that is next. No transaction is open."""
        if account is None or (shop := self._shops.get(account.kind)) is None:
            raise NotFound("message-account-not-found", "There is no such account.", phase=_PHASE)
        if one.state is OrderState.WANTED:
            return self._on(one, OrderState.SEARCHING, search=await shop.search(account, one.wish, key=one.id))
        if one.state is OrderState.SEARCHING:
            offers = await shop.offers(account, one.search)
            return self._later(one) if offers is None else self._on(one, OrderState.OFFERED, offers=tuple(offers))
        chosen = _chosen(one)
        if one.state is OrderState.CHOSEN:
            return self._on(one, OrderState.BUYING, purchase=await shop.buy(account, chosen, hook_url=self._hook_url(account.id)))
        number = await shop.bought(account, one.purchase)
        return self._later(one) if number is None else self._on(one, OrderState.BOUGHT, chosen=replace(chosen, number=number))

    async def _keep(self, tx: Tx, was: Order, step: Order) -> None:
        now = _there(await self._store.find(bound(tx), tx, was.id, lock=True))
        if now.state is not was.state:  # given up, or seen to by another worker that had the patience
            return
        if step.state is OrderState.BOUGHT:
            step = await self._take(tx, step)
        if step.state is OrderState.FAILED:
            self._audit.note(tx, "number.failed", by=SYSTEM, about=("number-order", step.id), detail={"code": step.code})
        await self._store.put(bound(tx), tx, step)

    async def _take(self, tx: Tx, one: Order) -> Order:
        """The number is ours: it becomes a sender, linked to nothing yet."""
        number = _chosen(one).number
        state = Verification.UNVERIFIED if one.wish.kind == "toll_free" else Verification.NOT_NEEDED
        account = await self._settings.account(tx, one.account)
        wish = Sender(UUID(int=0), account, Channel.SMS, number, verification=state)
        try:
            sender = await self._carrying.add_sender(tx, one.account, wish, by=SYSTEM)
        except InvalidFields as error:
            if set(error.fields.values()) != {"sender-taken"}:
                raise
            sender = next(each.sender for each in await self._settings.senders(tx) if each.sender.address == number)
        self._audit.note(tx, "number.bought", by=SYSTEM, about=("sender", sender.id), detail={"order": str(one.id)})
        return replace(one, sender=sender.id)

    # ------------------------------------------------------------------ rows

    def _on(self, one: Order, state: OrderState, **more: object) -> Order:
        """The next state; the next step begins at once."""
        now = self._clock.now()
        fresh = replace(one, state=state, tries=0, code="", changed_at=now, run_at=now, gives_up_at=now + _PATIENCE)
        return replace(fresh, **more)  # type: ignore[arg-type]

    def _later(self, one: Order) -> Order:
        """Ask again in a while, but not for ever."""
        now = self._clock.now()
        if now >= one.gives_up_at:
            return self._over(one, "number-order-slow", now)
        return replace(one, run_at=now + min(_AGAIN * max(one.tries, 1), _SLOWEST))

    def _failed(self, one: Order, error: VestibuleError) -> Order:
        permanent = error.permanent
        if permanent:
            return self._over(one, error.code, self._clock.now())
        later = self._later(one)
        return replace(later, code=error.code) if later.state is not OrderState.FAILED else later

    def _over(self, one: Order, code: str, at: datetime) -> Order:
        return replace(one, state=OrderState.FAILED, code=code, changed_at=at)


def _there(one: Order | None) -> Order:
    if one is None:
        raise NotFound("number-order-not-found", "There is no such order.", phase=_PHASE)
    return one


def _chosen(one: Order) -> NumberOffer:
    if one.chosen is None:
        raise NotFound("number-order-not-found", "There is no such order.", phase=_PHASE)
    return one.chosen
