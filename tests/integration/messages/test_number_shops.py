"""Numbers when the shop does not behave: what is known of each step afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from support.carriers import AzureSide, TwilioSide, http
from support.raw_server import raw_server
from vestibule.adapters.carriers.azure import AzureNumbers
from vestibule.adapters.carriers.twilio import TwilioNumbers
from vestibule.errors import BadInput, NotAllowed, OutsideFailed, TooMany, Unavailable, VestibuleError
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import new_id
from vestibule.messages.model import Account, CarrierKind, Verification
from vestibule.messages.ports import NumberOffer, NumberShop, NumberWish
from vestibule.platform.http import Http

OFFER = NumberOffer("offer-1", "+18885550123", "2.00", "USD")
KINDS = [CarrierKind.TWILIO, CarrierKind.AZURE]


@asynccontextmanager
async def shop(kind: CarrierKind, answers: Mapping[str, bytes]) -> AsyncIterator[tuple[NumberShop, Account, list[str]]]:
    """A shop whose carrier answers by the first of these words that stands in a request's line."""
    lines: list[str] = []

    async def say(heard: Any, writer: Any) -> None:
        lines.append(heard.line.removesuffix(" HTTP/1.1"))
        words = next((said for word, said in answers.items() if word in heard.line), http(404, {}))
        writer.write(words)
        if not words:
            writer.close()

    door = Http(allow_loopback_http=True)
    async with raw_server(say) as server:
        side = TwilioSide() if kind is CarrierKind.TWILIO else AzureSide()
        made: NumberShop = TwilioNumbers(door, SystemClock()) if kind is CarrierKind.TWILIO else AzureNumbers(door, SystemClock())
        yield made, side.account(server.port), lines
        await side.close()
    await door.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wish", [NumberWish(kind="mobile"), NumberWish(country="usa"), NumberWish(country="../x"), NumberWish(area_code="1 2")]
)
async def test_a_wish_no_shop_can_fulfil_is_refused_before_anybody_is_asked(kind: CarrierKind, wish: NumberWish) -> None:
    async with shop(kind, {}) as (made, account, lines):
        with pytest.raises(BadInput) as told:
            await made.search(account, wish, key=new_id())
    assert told.value.code == "carrier-number-wish"
    assert lines == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(429, {}, "Retry-After: 3"), TooMany),
        (http(503), Unavailable),
        (http(500), OutsideFailed),
        (b"", OutsideFailed),
        (http(400, {"code": 21422}), OutsideFailed),
        (http(200, "a text"), OutsideFailed),
        (http(200, {}), OutsideFailed),
    ],
)
async def test_a_purchase_that_goes_wrong_is_an_error_by_name(kind: CarrierKind, answer: bytes, error: type[VestibuleError]) -> None:
    owned = http(200, {"incoming_phone_numbers": []}) if kind is CarrierKind.TWILIO else http(404, {})
    answers = {"GET": owned, "POST": answer}
    async with shop(kind, answers) as (made, account, lines):
        with pytest.raises(error):
            await made.buy(account, OFFER, hook_url="https://visits.alder.test/hooks/1")
    assert len([line for line in lines if line.startswith("POST")]) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_number_that_is_ours_already_is_not_bought_again(kind: CarrierKind) -> None:
    mine = {"incoming_phone_numbers": [{"sid": "PN1", "phone_number": OFFER.number}]}
    owned = http(200, mine if kind is CarrierKind.TWILIO else {"phoneNumber": OFFER.number})
    async with shop(kind, {"GET": owned}) as (made, account, lines):
        await made.buy(account, OFFER, hook_url="")
    assert all(line.startswith("GET") for line in lines)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_address_that_cannot_be_called_is_named(kind: CarrierKind) -> None:
    async with shop(kind, {}) as (made, account, _):
        wrong = type(account)(account.id, account.tenant, kind, "x", endpoint="http://10.0.0.1", user="u", secret=account.secret)
        with pytest.raises(NotAllowed) as told:
            await made.buy(wrong, OFFER, hook_url="")
    assert told.value.code == "carrier-address-wrong"


@pytest.mark.parametrize(
    ("state", "code"),
    [("failed", "carrier-no-number"), ("pondering", "carrier-answer-senseless"), (None, "carrier-answer-senseless")],
)
async def test_an_operation_of_azures_that_fails_says_so(state: str | None, code: str) -> None:
    async with shop(CarrierKind.AZURE, {"operations": http(200, {"status": state})}) as (made, account, _):
        with pytest.raises(OutsideFailed) as told:
            await made.offers(account, "op-1:search-1")
    assert told.value.code == code


@pytest.mark.parametrize("state", ["notStarted", "running"])
async def test_an_operation_under_way_is_no_answer_yet(state: str) -> None:
    async with shop(CarrierKind.AZURE, {"operations": http(200, {"status": state})}) as (made, account, _):
        assert await made.offers(account, "op-1:search-1") is None
        assert await made.bought(account, "op-1:+18885550123") is None


@pytest.mark.parametrize("search", ["", ":", "../x:y", "op:../../phoneNumbers", "o p:s"])
async def test_names_that_no_operation_has_are_not_asked_for(search: str) -> None:
    answers = {"operations": http(200, {"status": "succeeded"})}
    async with shop(CarrierKind.AZURE, answers) as (made, account, lines):
        with pytest.raises(OutsideFailed):
            await made.offers(account, search)
    assert not [line for line in lines if ".." in line]


async def test_without_a_price_list_the_price_is_left_open() -> None:
    found = http(200, {"available_phone_numbers": [{"phone_number": OFFER.number}, {"phone_number": None}, "odd"]})
    async with shop(
        CarrierKind.TWILIO, {"AvailablePhoneNumbers": found, "pricing": http(500), "PhoneNumbers/Countries": http(500)}
    ) as parts:
        made, account, _ = parts
        offers = await made.offers(account, await made.search(account, NumberWish(), key=new_id()))
    assert offers == [NumberOffer(OFFER.number, OFFER.number, "", "")]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("PENDING_REVIEW", Verification.PENDING),
        ("IN_REVIEW", Verification.PENDING),
        ("TWILIO_APPROVED", Verification.VERIFIED),
        ("TWILIO_REJECTED", Verification.REJECTED),
        ("SOMETHING_NEW", None),
        ("", Verification.UNVERIFIED),
    ],
)
async def test_how_far_a_verification_has_come(status: str, said: Verification | None) -> None:
    answers = {
        "IncomingPhoneNumbers": http(200, {"incoming_phone_numbers": [{"sid": "PN1", "phone_number": OFFER.number}]}),
        "Verifications": http(200, {"verifications": [{"status": status}] if status else []}),
    }
    async with shop(CarrierKind.TWILIO, answers) as (made, account, _):
        assert await made.verification(account, OFFER.number) is said
