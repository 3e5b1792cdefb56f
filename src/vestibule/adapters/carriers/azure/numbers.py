"""Numbers by Azure: searching and buying are long-running operations, asked for by their names until they are done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from vestibule.adapters.carriers.asking import Misconfigured, Outside, ask_once, member, text_of, told
from vestibule.adapters.carriers.azure.carrier import NUMBERS_VERSION
from vestibule.adapters.carriers.azure.signing import question, signed
from vestibule.adapters.carriers.meaning import NUMBERS
from vestibule.errors import BadInput, NotAllowed, OutsideFailed
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer
from vestibule.messages.model import Account, Verification
from vestibule.messages.ports import NumberOffer, NumberWish

_KINDS: Final = {"toll_free": "tollFree", "local": "geographic"}
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_AREA: Final = re.compile(r"[0-9]{0,6}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)  # of an operation or a search
_NOT_FOUND: Final = 404
_TOLL_FREE: Final = re.compile(r"\+18(?:00|33|44|55|66|77|88)[0-9]{7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AzureNumbers:
    """The port `NumberShop` for Azure Communication Services."""

    outside: Outside
    clock: Clock

    async def search(self, account: Account, wish: NumberWish, *, key: UUID) -> str:  # noqa: ARG002  the interface has no place for a key
        """Begin a search: the operation's name and the search's."""
        if wish.kind not in _KINDS or not _COUNTRY.fullmatch(wish.country) or not _AREA.fullmatch(wish.area_code):
            raise BadInput("carrier-number-wish", "There are no numbers of this kind or country.", phase=NUMBERS)
        body = {
            "phoneNumberType": _KINDS[wish.kind],
            "assignmentType": "application",
            "capabilities": {"calling": "none", "sms": "inbound+outbound"},
            "quantity": 1,
        } | ({"areaCode": wish.area_code} if wish.area_code else {})
        answer = await self._ask(account, "POST", f"/availablePhoneNumbers/countries/{wish.country}/:search", body)
        _accepted(answer)
        return f"{_operation(answer)}:{_named(answer.headers.get('search-id', ''))}"

    async def offers(self, account: Account, search: str) -> Sequence[NumberOffer] | None:
        """What the search found, once its operation is done."""
        operation, _, found = search.partition(":")
        if not await self._done(account, operation, "carrier-no-number"):
            return None
        result = told(await self._ask(account, "GET", f"/availablePhoneNumbers/searchResults/{_named(found)}"), NUMBERS)
        numbers = member(result, "phoneNumbers")
        cost, until = member(result, "cost"), _moment(text_of(result, "searchExpiresBy"))
        monthly, currency = _amount(member(cost, "amount")), text_of(cost, "currencyCode")
        offers = [NumberOffer(found, str(n), monthly, currency, until) for n in numbers] if isinstance(numbers, list) else []
        if not offers:
            raise OutsideFailed("carrier-no-number", "The carrier has no such number just now.", phase=NUMBERS, permanent=True)
        return offers

    async def buy(self, account: Account, offer: NumberOffer, *, hook_url: str) -> str:  # noqa: ARG002  Event Grid is set up by hand
        """Begin to buy what the search reserved. Asked again after an answer that was lost, it finds the number it bought."""
        if await self._owned(account, offer.number):
            return f":{offer.number}"
        answer = await self._ask(account, "POST", "/availablePhoneNumbers/:purchase", {"searchId": offer.offer})
        _accepted(answer)
        return f"{_operation(answer)}:{offer.number}"

    async def bought(self, account: Account, purchase: str) -> str | None:
        """The number, once the operation is done."""
        operation, _, number = purchase.partition(":")
        if operation and not await self._done(account, operation, "carrier-purchase-failed"):
            return None
        return number

    async def verification(self, account: Account, number: str) -> Verification | None:  # noqa: ARG002  told in the Azure portal only
        """Only the Azure portal tells how far a toll-free number's verification has come."""
        return None if _TOLL_FREE.fullmatch(number) else Verification.NOT_NEEDED

    async def _done(self, account: Account, operation: str, failure: str) -> bool:
        """Whether an operation is over; OutsideFailed with the code when it has failed."""
        found = told(await self._ask(account, "GET", f"/phoneNumbers/operations/{_named(operation)}"), NUMBERS)
        state = text_of(found, "status").lower()
        if state == "failed":
            raise OutsideFailed(failure, "The carrier could not do it.", phase=NUMBERS, permanent=True)
        if state not in {"notstarted", "running", "succeeded"}:
            raise OutsideFailed("carrier-answer-senseless", "The carrier's answer makes no sense.", phase=NUMBERS)
        return state == "succeeded"

    async def _owned(self, account: Account, number: str) -> bool:
        answer = await self._ask(account, "GET", f"/phoneNumbers/{quote(number, safe='')}")
        return answer.status != _NOT_FOUND and text_of(told(answer, NUMBERS), "phoneNumber") == number

    async def _ask(self, account: Account, method: str, path: str, body: Any = None) -> Answer:
        ask = question(account, method, path, phase=NUMBERS, version=NUMBERS_VERSION, body=body)
        try:
            ask, signature = signed(account, ask, self.clock.now())
            return await ask_once(self.outside, ask, self.clock, bearer=signature)
        except Misconfigured:
            raise NotAllowed("carrier-address-wrong", "The account's address or key cannot be used.", phase=NUMBERS) from None


def _accepted(answer: Answer) -> None:
    """An operation was begun; its answer need not have a body."""
    if not answer.success:
        told(answer, NUMBERS)


def _operation(answer: Answer) -> str:
    """The operation's name: a header of its own, or the end of its address."""
    named = answer.headers.get("operation-id", "")
    return _named(named or answer.headers.get("operation-location", "").partition("?")[0].rstrip("/").rpartition("/")[2])


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise OutsideFailed("carrier-answer-senseless", "The carrier's answer makes no sense.", phase=NUMBERS)
    return name


def _amount(value: Any) -> str:
    """A price as it was said; a whole number or a fraction."""
    return f"{value:.2f}" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
