"""What every carrier's adapter must keep: the same situations over each kind, told in its own words.

The one question behind all of them: after this, may the message be given to somebody again? A yes that is wrong texts a patient twice.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.canary import Canary
from support.carriers import HOOK_URL, MAIL, MESSAGE, PHONE, SID, TEXT, AzureSide, ConsoleSide, Side, SmtpSide, TwilioSide, message
from vestibule.errors import NotAllowed, OutsideFailed, TooMany, Unavailable, VestibuleError
from vestibule.messages.model import Accepted, MessageState, Refused, Status
from vestibule.messages.ports import Hook

SIDES: dict[str, type[Any]] = {"twilio": TwilioSide, "azure": AzureSide, "smtp": SmtpSide, "console": ConsoleSide}
TOLD = {"twilio": TwilioSide, "azure": AzureSide}


def cases(*situations: str) -> Any:
    """Each situation with each carrier that has words for it."""
    pairs = [(name, situation) for name, kind in SIDES.items() for situation in situations if situation in _words(kind)]
    return pytest.mark.parametrize(("side", "situation"), pairs, indirect=["side"])


def _words(kind: type[Any]) -> Any:
    return kind.situations


@pytest.fixture(params=sorted(SIDES))
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    made: Side = SIDES[request.param]()
    yield made
    await made.close()


@pytest.fixture(params=sorted(TOLD))
async def telling(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    made = TOLD[request.param]()
    yield made
    await made.close()


async def send(side: Side, situation: str) -> Accepted | Refused:
    async with side.saying(situation) as (account, _):
        return await side.carrier.send(account, message(account, email=side.email))


async def test_what_it_takes_has_its_name(side: Side) -> None:
    answer = await send(side, "accepted")
    assert isinstance(answer, Accepted)
    assert answer.carrier_id
    assert answer.final == (side.email or isinstance(side, ConsoleSide))


NO = {
    "invalid": Refused(Status.INVALID_NUMBER, "carrier-invalid-number"),
    "opted-out": Refused(Status.BLOCKED_BY_RECIPIENT, "carrier-opted-out", opted_out=True),
    "not-signed-in": Refused(Status.OTHER, "carrier-not-signed-in", elsewhere=True),
}


@cases(*NO)
async def test_a_no_says_why_and_whether_another_may_be_asked(side: Side, situation: str) -> None:
    assert await send(side, situation) == NO[situation]


@cases("unverified", "never-heard-of")
async def test_a_no_that_is_not_the_patients_fault_lets_another_carrier_try(side: Side, situation: str) -> None:
    answer = await send(side, situation)
    assert isinstance(answer, Refused)
    assert answer.elsewhere
    assert not answer.opted_out


@cases("busy", "full")
async def test_slower_is_said_with_the_time_it_names_and_nothing_was_sent(side: Side, situation: str) -> None:
    with pytest.raises(TooMany) as told:
        await send(side, situation)
    assert told.value.retry_after == (7 if situation == "busy" and not side.email else None)


@cases("away")
async def test_a_carrier_that_says_it_is_away_has_sent_nothing(side: Side, situation: str) -> None:
    with pytest.raises(Unavailable):
        await send(side, situation)


@cases("fault", "gateway", "lost", "broken", "senseless", "page")
async def test_an_answer_that_is_lost_or_makes_no_sense_leaves_it_open(side: Side, situation: str) -> None:
    with pytest.raises(OutsideFailed) as told:
        await send(side, situation)
    assert not told.value.permanent
    assert told.value.code in {"carrier-answer-lost", "carrier-answer-senseless"}


async def test_nobody_listening_is_known_not_to_have_heard(side: Side) -> None:
    if isinstance(side, ConsoleSide):
        return
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    account = side.account(port)
    with pytest.raises(Unavailable) as told:
        await side.carrier.send(account, message(account, email=side.email))
    assert told.value.code == "carrier-unreachable"


@pytest.mark.parametrize("address", ["http://10.1.2.3", "ftp://x", "no address at all", "http://169.254.169.254"])
async def test_an_address_that_must_not_be_called_is_refused_and_another_carrier_may_try(side: Side, address: str) -> None:
    if isinstance(side, ConsoleSide):
        return
    account = replace(side.account(1), endpoint=address.removeprefix("http://") if side.email else address)
    answer = await side.carrier.send(account, message(account, email=side.email))
    assert answer == Refused(Status.OTHER, "carrier-address-wrong", elsewhere=True)


async def test_nothing_of_the_patient_is_logged_or_stands_in_an_error(side: Side) -> None:
    bird = Canary({"phone": PHONE, "mail": MAIL, "text": TEXT, "name": "Zelda"})
    seen: list[str] = []
    with capture_logs() as lines:
        for situation in side.situations:
            try:
                seen.append(repr(await send(side, situation)))
            except VestibuleError as error:
                seen.extend((str(error), repr(error), error.sentence, repr(error.__cause__)))
    seen += [json.dumps(line, default=str) for line in lines]
    assert bird.found("log", seen) == []


async def test_neither_account_nor_message_shows_secrets_when_printed(side: Side) -> None:
    account = side.account(1)
    bird = Canary({"phone": PHONE, "mail": MAIL, "text": TEXT, **({"secret": account.secret} if account.secret else {})})
    assert bird.found("repr", [repr(account), repr(message(account, email=side.email))]) == []


class TestWhatACarrierTellsUs:
    """Receipts and incoming texts, of the carriers that send them."""

    async def test_a_receipt_names_the_message_and_says_it_arrived(self, telling: Any) -> None:
        account = telling.account(1)
        (receipt,) = telling.carrier.read_hook(account, telling.delivered(account)).receipts
        assert (receipt.state, receipt.message) == (MessageState.DELIVERED, MESSAGE)
        assert receipt.carrier_id in {SID, "Outgoing_1"}

    async def test_a_failure_that_passes_is_told_from_one_for_good(self, telling: Any) -> None:
        account = telling.account(1)
        (receipt,) = telling.carrier.read_hook(account, telling.failed(account)).receipts
        assert (receipt.state, receipt.status, receipt.permanent) == (MessageState.FAILED, Status.UNREACHABLE, False)
        assert receipt.code == "carrier-unreachable-number"

    async def test_a_text_from_a_phone_comes_as_it_was_typed(self, telling: Any) -> None:
        account = telling.account(1)
        answer = telling.carrier.read_hook(account, telling.stopped(account))
        (text,) = answer.incoming
        assert (text.phone, text.sender_address, text.text) == (PHONE, "+18885550100", " Stop ")
        assert answer.status == 200
        assert not answer.receipts

    async def test_the_same_receipt_again_is_the_same_receipt(self, telling: Any) -> None:
        account = telling.account(1)
        hook = telling.delivered(account)
        assert telling.carrier.read_hook(account, hook) == telling.carrier.read_hook(account, hook)

    @pytest.mark.parametrize("what", ["delivered", "failed", "stopped"])
    async def test_without_proof_nothing_is_believed(self, telling: Any, what: str) -> None:
        account = telling.account(1)
        good: Hook = getattr(telling, what)(account)
        other = replace(account, secret="another", hook_secret="another")
        for owner, hook in itertools.chain(
            [(other, good), (replace(account, secret="", hook_secret=""), good)],
            [(account, replace(good, headers={k: v for k, v in good.headers.items() if "signature" not in k and "vestibule" not in k}))],
            [(account, replace(good, headers={k: ("" if "signature" in k or "vestibule" in k else v) for k, v in good.headers.items()}))],
        ):
            with pytest.raises(NotAllowed) as told:
                telling.carrier.read_hook(owner, hook)
            assert told.value.code == "carrier-hook-forged"

    async def test_kinds_that_send_nothing_believe_nothing(self) -> None:
        for side in (SmtpSide(), ConsoleSide()):
            with pytest.raises(NotAllowed):
                side.carrier.read_hook(side.account(1), Hook("POST", HOOK_URL, {}, b""))


class TestLookingAtAnAccount:
    """A question that changes nothing."""

    async def test_a_wrong_secret_is_told_from_a_carrier_that_is_away(self, side: Side) -> None:
        if isinstance(side, ConsoleSide):
            await side.carrier.check(side.account(0))
            return
        async with side.saying("not-signed-in") as (account, _):
            with pytest.raises(NotAllowed) as told:
                await side.carrier.check(account)
        assert told.value.code == "carrier-not-signed-in"
        async with side.saying("away") as (account, _):
            with pytest.raises(Unavailable):
                await side.carrier.check(account)

    async def test_an_account_that_works_is_silent(self, side: Side) -> None:
        async with side.saying("accepted") as (account, _):
            await side.carrier.check(account)
