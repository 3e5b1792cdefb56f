"""The adapters over real sockets against the practice carriers, which the vendors' own libraries have judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from practice.carriers import seed
from practice.server import Running, start
from support.carriers import MESSAGE, account
from support.practice_carriers import PHONE, Told, Webhook, listening
from support.waiting import until
from vestibule.adapters.carriers.azure import Azure, AzureNumbers
from vestibule.adapters.carriers.twilio import Twilio, TwilioNumbers
from vestibule.errors import NotAllowed, OutsideFailed, TooMany
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import new_id
from vestibule.messages.model import Accepted, Account, CarrierKind, Channel, MessageState, Outgoing, Refused, Sender, Status, Verification
from vestibule.messages.ports import Carrier, Hook, NumberOffer, NumberShop, NumberWish
from vestibule.platform.http import Http

KINDS = [CarrierKind.TWILIO, CarrierKind.AZURE]
ANOTHER = "+12065550143"


class Customer:
    """An account at one of the practice carriers, and the address its receipts go to."""

    def __init__(self, kind: CarrierKind, hospital: Running, hook: Webhook) -> None:
        self.http = Http(allow_loopback_http=True)
        self.kind, self.hospital, self.hook = kind, hospital, hook
        twilio = kind is CarrierKind.TWILIO
        clock = SystemClock()
        self.carrier: Carrier = Twilio(self.http, clock) if twilio else Azure(self.http, clock)
        self.shop: NumberShop = TwilioNumbers(self.http, clock) if twilio else AzureNumbers(self.http, clock)
        self.number = seed.TOLL_FREE if twilio else seed.AZURE_TOLL_FREE
        at = hospital.hospital.at
        self.account: Account = (
            account(kind, endpoint=at.twilio, user=seed.SID, secret=seed.TOKEN)
            if twilio
            else account(kind, endpoint=at.azure, user=seed.RESOURCE, secret=seed.KEY, hook_secret="sesame")
        )
        if twilio:
            hospital.setup(numbers=[{"number": self.number, "sms_url": hook.url}])
        else:
            header = {"header": "X-Vestibule-Key", "header_value": "sesame"}
            hospital.setup(
                azure_resources=[{"name": seed.RESOURCE, "webhook": hook.url, "retry_seconds": 0, "operation_seconds": 0, **header}]
            )

    def message(self, text: str = "Your visit is at 10:30.", *, to: str = PHONE, **more: Any) -> Outgoing:
        sender = Sender(new_id(), self.account, Channel.SMS, self.number)
        return Outgoing(**{"id": MESSAGE, "sender": sender, "to": to, "text": text, "hook_url": self.hook.url, **more})

    async def send(self, text: str = "Your visit is at 10:30.", **more: Any) -> Accepted | Refused:
        return await self.carrier.send(self.account, self.message(text, **more))

    def read(self, told: Told) -> Any:
        headers = {name.lower(): value for name, value in told.headers.items()}
        return self.carrier.read_hook(self.account, Hook(told.method, told.url, headers, told.body.encode()))

    async def receipts(self, until_state: MessageState) -> Sequence[Any]:
        """Everything told so far, once a receipt of this state is among it."""
        found: list[Any] = []

        async def there() -> bool:
            found[:] = [receipt for told in self.hook.told for receipt in self.read(told).receipts]
            return any(receipt.state is until_state for receipt in found)

        await until(there, what=f"a receipt that says {until_state}")
        return found

    def shown(self, phone: str = PHONE) -> list[str]:
        return [text.text for text in self.hospital.hospital.exchange.journal.with_phone(phone) if text.shown]


@pytest.fixture(params=KINDS, ids=[kind.value for kind in KINDS])
async def customer(request: pytest.FixtureRequest) -> AsyncIterator[Customer]:
    hospital = await start()
    async with listening() as hook:
        made = Customer(request.param, hospital, hook)
        yield made
        await made.http.close()
    await hospital.stop()


async def test_a_text_is_shown_once_and_its_receipt_names_it(customer: Customer) -> None:
    answer = await customer.send()
    assert isinstance(answer, Accepted)
    assert not answer.final
    receipts = await customer.receipts(MessageState.DELIVERED)
    assert {(receipt.carrier_id, receipt.message) for receipt in receipts} == {(answer.carrier_id, MESSAGE)}
    assert customer.shown() == ["Your visit is at 10:30."]


@pytest.mark.parametrize("text", ["진료가 예약되었습니다", "您的看診時間已更改 & <b>", "¿Cita? €10 {x} 100%+1", "a" * 700])
async def test_every_text_arrives_as_it_was_written(customer: Customer, text: str) -> None:
    await customer.send(text)
    await customer.receipts(MessageState.DELIVERED)
    assert customer.shown() == [text]


@pytest.mark.parametrize(
    ("trouble", "status", "permanent"),
    [
        ("never", Status.UNREACHABLE, False),
        ("blocked", Status.BLOCKED_NUMBER, True),
        ("unknown", Status.NO_SUCH_NUMBER, True),
    ],
)
async def test_a_phone_that_cannot_be_reached_is_told_so(customer: Customer, trouble: str, status: Status, permanent: bool) -> None:
    customer.hospital.setup(phones=[{"number": PHONE, "trouble": [trouble]}])
    assert isinstance(await customer.send(), Accepted)
    failed = (await customer.receipts(MessageState.FAILED))[-1]
    assert (failed.status, failed.permanent, failed.message) == (status, permanent, MESSAGE)
    assert customer.shown() == []


async def test_a_number_that_is_none_is_refused(customer: Customer) -> None:
    answer = await customer.send(to="+1206555")
    assert answer == Refused(Status.INVALID_NUMBER, "carrier-invalid-number")


async def test_who_said_stop_is_told_and_gets_nothing_more(customer: Customer) -> None:
    customer.hospital.text(PHONE, customer.number, " Stop ")
    told = (await customer.hook.wait(1))[0]
    (text,) = customer.read(told).incoming
    assert (text.phone, text.sender_address, text.text.strip().upper()) == (PHONE, customer.number, "STOP")
    answer = await customer.send()
    stopped = answer if isinstance(answer, Refused) else (await customer.receipts(MessageState.FAILED))[-1]
    assert (stopped.status, stopped.opted_out, stopped.code) == (Status.BLOCKED_BY_RECIPIENT, True, "carrier-opted-out")
    assert "Your visit is at 10:30." not in customer.shown()


async def test_too_many_at_once_are_asked_to_wait(customer: Customer) -> None:
    if customer.kind is CarrierKind.TWILIO:
        customer.hospital.setup(twilio_accounts=[{"sid": seed.SID, "per_second": 1}])
    else:
        customer.hospital.setup(azure_resources=[{"name": seed.RESOURCE, "per_minute": 1}])
    await customer.send()
    with pytest.raises(TooMany):
        await asyncio.gather(*(customer.send(to=ANOTHER, id=new_id()) for _ in range(3)))


async def test_an_unverified_number_is_named_as_such(customer: Customer) -> None:
    if customer.kind is CarrierKind.TWILIO:
        customer.hospital.setup(twilio_accounts=[{"sid": seed.SID, "verification": True}])
    else:
        customer.hospital.setup(azure_resources=[{"name": seed.RESOURCE, "verification": True, "daily": 0}])
    customer.hospital.setup(numbers=[{"number": customer.number, "verification": ""}])
    await customer.send()
    failed = (await customer.receipts(MessageState.FAILED))[-1]
    assert failed.code == "carrier-sender-unverified"


async def test_a_receipt_of_another_account_is_a_forgery(customer: Customer) -> None:
    await customer.send()
    told = (await customer.hook.wait(1))[0]
    customer.account = replace(customer.account, secret="x", hook_secret="y")
    with pytest.raises(NotAllowed):
        customer.read(told)


async def test_an_account_is_looked_at(customer: Customer) -> None:
    await customer.carrier.check(customer.account)
    wrong = "d3Jvbmc=" if customer.kind is CarrierKind.AZURE else "wrong"
    with pytest.raises(NotAllowed) as told:
        await customer.carrier.check(replace(customer.account, secret=wrong))
    assert told.value.code == "carrier-not-signed-in"
    answer = await customer.carrier.send(replace(customer.account, secret=wrong), customer.message())
    assert answer == Refused(Status.OTHER, "carrier-not-signed-in", elsewhere=True)


class TestNumbers:
    """A number is searched, shown with its price, and bought; every step may be asked for again."""

    async def found(self, customer: Customer, **wish: str) -> Sequence[NumberOffer]:
        search = await customer.shop.search(customer.account, NumberWish(**wish), key=new_id())
        offers: list[NumberOffer] = []

        async def done() -> bool:
            offers[:] = await customer.shop.offers(customer.account, search) or []
            return bool(offers)

        await until(done, what="offers")
        return offers

    async def bought(self, customer: Customer, purchase: str) -> str:
        number: list[str] = []

        async def done() -> bool:
            got = await customer.shop.bought(customer.account, purchase)
            number[:] = [got] if got else []
            return bool(got)

        await until(done, what="the number")
        return number[0]

    @pytest.mark.parametrize("kind", ["toll_free", "local"])
    async def test_from_wish_to_text(self, customer: Customer, kind: str) -> None:
        offer = (await self.found(customer, kind=kind))[0]
        assert offer.number.startswith("+1")
        assert float(offer.monthly) > 0
        assert offer.currency == "USD"
        purchase = await customer.shop.buy(customer.account, offer, hook_url=customer.hook.url)
        assert await self.bought(customer, purchase) == offer.number
        customer.number = offer.number
        assert isinstance(await customer.send(), Accepted)

    async def test_asked_to_buy_twice_it_buys_once(self, customer: Customer) -> None:
        offer = (await self.found(customer))[0]
        before = len(customer.hospital.hospital.book.numbers)
        first = await customer.shop.buy(customer.account, offer, hook_url=customer.hook.url)
        await self.bought(customer, first)
        again = await customer.shop.buy(customer.account, offer, hook_url=customer.hook.url)
        assert await self.bought(customer, again) == offer.number
        assert len(customer.hospital.hospital.book.numbers) == before + 1

    async def test_where_there_is_none_it_is_said_for_good(self, customer: Customer) -> None:
        with pytest.raises(OutsideFailed) as told:
            await self.found(customer, kind="local", area_code="999")
        assert told.value.code in {"carrier-no-number", "carrier-refused"}
        assert told.value.permanent

    async def test_how_far_a_verification_has_come(self, customer: Customer) -> None:
        said = await customer.shop.verification(customer.account, customer.number)
        assert said is (Verification.VERIFIED if customer.kind is CarrierKind.TWILIO else None)
        assert await customer.shop.verification(customer.account, "+12065550190") is Verification.NOT_NEEDED
