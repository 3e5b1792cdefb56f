"""Numbers by Twilio: a search is answered at once, so its name is the wish itself; whoever buys asks first whether it is ours already."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

from vestibule.adapters.carriers.asking import Misconfigured, Outside, ask_once, member, text_of, told
from vestibule.adapters.carriers.meaning import NUMBERS
from vestibule.adapters.carriers.twilio.account import base_of, credentials, product_of
from vestibule.adapters.carriers.twilio.carrier import FORM
from vestibule.errors import BadInput, NotAllowed, OutsideFailed, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Ask
from vestibule.messages.model import Account, Verification
from vestibule.messages.ports import NumberOffer, NumberWish

_KINDS: Final = {"toll_free": "TollFree", "local": "Local"}
_PRICED: Final = {"toll_free": "toll free", "local": "local"}
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_AREA: Final = re.compile(r"[0-9]{0,6}", re.ASCII)
_SHOWN: Final = 10
# TollfreeVerification.status of its messaging API, v1.
_STATES: Final = {
    "PENDING_REVIEW": Verification.PENDING,
    "IN_REVIEW": Verification.PENDING,
    "TWILIO_APPROVED": Verification.VERIFIED,
    "TWILIO_REJECTED": Verification.REJECTED,
}
_TOLL_FREE: Final = re.compile(r"\+18(?:00|33|44|55|66|77|88)[0-9]{7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TwilioNumbers:
    """The port `NumberShop` for Twilio."""

    outside: Outside
    clock: Clock

    async def search(self, account: Account, wish: NumberWish, *, key: UUID) -> str:  # noqa: ARG002  nothing is begun that a key would name
        """The wish, as text."""
        if wish.kind not in _KINDS or not _COUNTRY.fullmatch(wish.country) or not _AREA.fullmatch(wish.area_code):
            raise BadInput("carrier-number-wish", "There are no numbers of this kind or country.", phase=NUMBERS)
        return json.dumps([wish.country, wish.kind, wish.area_code])

    async def offers(self, account: Account, search: str) -> Sequence[NumberOffer] | None:
        """What can be bought just now; an offer is held by nobody."""
        country, kind, area = json.loads(search)
        query = {"SmsEnabled": "true", "PageSize": str(_SHOWN)} | ({"AreaCode": area} if area else {})
        found = await self._get(account, f"{base_of(account)}/AvailablePhoneNumbers/{country}/{_KINDS[kind]}.json?{urlencode(query)}")
        numbers = [text_of(one, "phone_number") for one in _listed(found, "available_phone_numbers")]
        numbers = [number for number in numbers if number]
        if not numbers:
            raise OutsideFailed("carrier-no-number", "The carrier has no such number just now.", phase=NUMBERS, permanent=True)
        monthly, currency = await self._price(account, country, kind)
        return [NumberOffer(number, number, monthly, currency) for number in numbers]

    async def buy(self, account: Account, offer: NumberOffer, *, hook_url: str) -> str:
        """Buy it, with the address that incoming texts go to. Asked again after an answer that was lost, it finds the number it bought."""
        owned = await self._owned(account, offer.number)
        if owned:
            return owned
        fields = {"PhoneNumber": offer.number}
        if hook_url:
            fields |= {"SmsUrl": hook_url, "SmsMethod": "POST"}
        made = await self._post(account, f"{base_of(account)}/IncomingPhoneNumbers.json", fields)
        return _sid(made)

    async def bought(self, account: Account, purchase: str) -> str | None:
        """The number, as the account has it."""
        found = await self._get(account, f"{base_of(account)}/IncomingPhoneNumbers/{quote(purchase, safe='')}.json")
        number = text_of(found, "phone_number")
        if not number:
            raise OutsideFailed("carrier-answer-senseless", "The carrier's answer makes no sense.", phase=NUMBERS)
        return number

    async def verification(self, account: Account, number: str) -> Verification | None:
        """Toll-free numbers have one, others none of this kind."""
        if not _TOLL_FREE.fullmatch(number):
            return Verification.NOT_NEEDED
        sid = await self._owned(account, number)
        if not sid:
            return None
        base = product_of(account, "messaging")
        found = await self._get(account, f"{base}/v1/Tollfree/Verifications?{urlencode({'TollfreePhoneNumberSid': sid, 'PageSize': '1'})}")
        asked = _listed(found, "verifications")
        return _STATES.get(text_of(asked[0], "status")) if asked else Verification.UNVERIFIED

    async def _owned(self, account: Account, number: str) -> str:
        found = await self._get(account, f"{base_of(account)}/IncomingPhoneNumbers.json?{urlencode({'PhoneNumber': number})}")
        ours = [one for one in _listed(found, "incoming_phone_numbers") if text_of(one, "phone_number") == number]
        return text_of(ours[0], "sid") if ours else ""

    async def _price(self, account: Account, country: str, kind: str) -> tuple[str, str]:
        """A month's price; two empty texts where the carrier does not say."""
        try:
            found = await self._get(account, f"{product_of(account, 'pricing')}/v1/PhoneNumbers/Countries/{country}")
        except VestibuleError:
            return "", ""
        prices = {text_of(one, "number_type"): text_of(one, "current_price") for one in _listed(found, "phone_number_prices")}
        return prices.get(_PRICED[kind], ""), text_of(found, "price_unit").upper()

    async def _get(self, account: Account, url: str) -> Any:
        return await self._asked(account, Ask("GET", url, NUMBERS, {"Accept": "application/json"}))

    async def _post(self, account: Account, url: str, fields: dict[str, str]) -> Any:
        return await self._asked(account, Ask("POST", url, NUMBERS, FORM, urlencode(fields).encode()))

    async def _asked(self, account: Account, ask: Ask) -> Any:
        try:
            return told(await ask_once(self.outside, ask, self.clock, bearer=credentials(account, ask.url)), NUMBERS)
        except Misconfigured:
            raise NotAllowed("carrier-address-wrong", "The account's address is none that may be called.", phase=NUMBERS) from None


def _listed(value: Any, name: str) -> list[Any]:
    found = member(value, name)
    return found if isinstance(found, list) else []


def _sid(value: Any) -> str:
    sid = text_of(value, "sid")
    if not sid:
        raise OutsideFailed("carrier-answer-senseless", "The carrier's answer makes no sense.", phase=NUMBERS)
    return sid
