"""Numbers of the Twilio-like carrier: those to be had, those one has, what they cost, and the verification of toll-free ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from aiohttp import web

from practice.carriers.model import Kind, OwnedNumber, TwilioAccount
from practice.carriers.seed import number_id
from practice.carriers.shelf import AREA_CODES, COUNTRIES, MONTHLY, offered, place
from practice.carriers.texts import toll_free
from practice.carriers.twilio.answers import VERSION, Refusal, account_of, page_of, rfc2822
from practice.carriers.twilio.carrying import sid
from practice.hospital import Hospital, hospital
from practice.times import instant

_KINDS: dict[str, Kind] = {"TollFree": "toll_free", "Local": "local"}
_CAPABLE = {"voice": True, "SMS": True, "MMS": False}
_NEEDED = (
    "BusinessName",
    "BusinessWebsite",
    "NotificationEmail",
    "UseCaseCategories",
    "UseCaseSummary",
    "ProductionMessageSample",
    "OptInImageUrls",
    "OptInType",
    "MessageVolume",
    "TollfreePhoneNumberSid",
)


def _friendly(number: str) -> str:
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


async def available(request: web.Request) -> web.Response:
    """Numbers of a kind that one could buy."""
    account_of(request)
    country, kind = request.match_info["country"], _KINDS.get(request.match_info["kind"])
    if country not in COUNTRIES or kind is None:
        raise Refusal(20404, request.path)
    area, size = request.query.get("AreaCode", ""), request.query.get("PageSize", "30")
    if (area and not area.isdecimal()) or not size.isdecimal():
        raise Refusal(20001, "AreaCode, PageSize")
    shelf = offered(hospital(request).book.numbers, kind, area)
    contains = request.query.get("Contains", "").strip("*")
    rows = [_available(number, country) for number in islice((n for n in shelf if contains in n), min(int(size), 30))]
    return web.json_response({"available_phone_numbers": rows, "uri": request.path.removeprefix("/twilio")})


def _available(number: str, country: str) -> dict[str, Any]:
    city, state = place(number)
    return {
        "address_requirements": "none",
        "beta": False,
        "capabilities": _CAPABLE,
        "friendly_name": _friendly(number),
        "iso_country": country,
        "lata": None,
        "latitude": None,
        "locality": city or None,
        "longitude": None,
        "phone_number": number,
        "postal_code": None,
        "rate_center": None,
        "region": state or None,
    }


def _own(house: Hospital, account: TwilioAccount) -> list[OwnedNumber]:
    return [one for one in house.book.numbers if one.carrier == "twilio" and one.owner == account.sid]


def _one(house: Hospital, account: TwilioAccount, key: str) -> OwnedNumber:
    found = next((one for one in _own(house, account) if one.id == key), None)
    if found is None:
        raise Refusal(20404, key)
    return found


def number_json(one: OwnedNumber) -> dict[str, Any]:
    """An IncomingPhoneNumber resource."""
    return {
        "account_sid": one.owner,
        "address_requirements": "none",
        "api_version": VERSION,
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
        "date_created": rfc2822(one.bought),
        "date_updated": rfc2822(one.bought),
        "friendly_name": one.name or _friendly(one.number),
        "phone_number": one.number,
        "sid": one.id,
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": one.sms_method,
        "sms_url": one.sms_url,
        "status": "in-use",
        "status_callback": one.status_url,
        "status_callback_method": "POST",
        "uri": f"/{VERSION}/Accounts/{one.owner}/IncomingPhoneNumbers/{one.id}.json",
        "voice_url": None,
    }


def _told(one: OwnedNumber, form: Mapping[str, str]) -> None:
    """Take over what a form says of a number."""
    one.sms_url = form.get("SmsUrl", one.sms_url)
    one.sms_method = "GET" if form.get("SmsMethod", one.sms_method) == "GET" else "POST"
    one.status_url = form.get("StatusCallback", one.status_url)
    one.name = form.get("FriendlyName", one.name)[:64]


async def buy(request: web.Request) -> web.Response:
    """Buy a number by itself or by its area code."""
    account, house = account_of(request), hospital(request)
    form = {name: str(value) for name, value in (await request.post()).items()}
    number, area = form.get("PhoneNumber", ""), form.get("AreaCode", "")
    if not number and area not in AREA_CODES:
        raise Refusal(21451, area)
    kind: Kind = "toll_free" if toll_free(number) else "local"
    found = next((n for n in offered(house.book.numbers, kind, area if not number else "") if number in {"", n}), None)
    if found is None:
        raise Refusal(21422, number)
    made = OwnedNumber(
        number=found, carrier="twilio", owner=account.sid, kind=kind, id=number_id(found), bought=instant(house.now()), registered=True
    )
    _told(made, form)
    house.book.numbers.append(made)
    house.store.save()
    return web.json_response(number_json(made), status=201)


async def listed(request: web.Request) -> web.Response:
    """The account's numbers."""
    account = account_of(request)
    rows = [number_json(one) for one in _own(hospital(request), account) if request.query.get("PhoneNumber") in {None, one.number}]
    return web.json_response(page_of(rows, "incoming_phone_numbers", request.path.removeprefix("/twilio"), request.query))


async def fetch(request: web.Request) -> web.Response:
    """One of the account's numbers."""
    return web.json_response(number_json(_one(hospital(request), account_of(request), request.match_info["sid"])))


async def update(request: web.Request) -> web.Response:
    """Where its texts go, and what it is called."""
    house = hospital(request)
    one = _one(house, account_of(request), request.match_info["sid"])
    _told(one, {name: str(value) for name, value in (await request.post()).items()})
    house.store.save()
    return web.json_response(number_json(one))


async def release(request: web.Request) -> web.Response:
    """Give a number back."""
    house = hospital(request)
    house.book.numbers.remove(_one(house, account_of(request), request.match_info["sid"]))
    house.store.save()
    return web.Response(status=204)


async def prices(request: web.Request) -> web.Response:
    """What numbers cost a month (the vendor's pricing host)."""
    account_of(request)
    country = request.match_info["country"]
    if country not in COUNTRIES:
        raise Refusal(20404, country)
    rows = [
        {"number_type": words, "base_price": MONTHLY[kind], "current_price": MONTHLY[kind]}
        for words, kind in (("local", _KINDS["Local"]), ("toll free", _KINDS["TollFree"]))
    ]
    return web.json_response(
        {"country": country, "iso_country": country, "phone_number_prices": rows, "price_unit": "USD", "url": str(request.url)}
    )


# ---------------------------------------------------------------------- verification of toll-free numbers


def _verification(request: web.Request, one: OwnedNumber) -> dict[str, Any]:
    rejected = one.verification == "TWILIO_REJECTED"
    return {
        "sid": one.verification_id,
        "account_sid": one.owner,
        "tollfree_phone_number_sid": one.id,
        "tollfree_phone_number": one.number,
        "status": one.verification,
        "date_created": one.bought,
        "date_updated": instant(hospital(request).now()),
        "rejection_reason": "The opt-in could not be seen" if rejected else None,
        "error_code": 30506 if rejected else None,
        "edit_allowed": rejected,
        "url": f"{request.url.origin()}/twilio/v1/Tollfree/Verifications/{one.verification_id}",
    }


async def verify(request: web.Request) -> web.Response:
    """Ask for a verification."""
    account, house = account_of(request), hospital(request)
    form = await request.post()
    missing = [name for name in _NEEDED if not form.get(name)]
    if missing:
        raise Refusal(20001, ", ".join(missing))
    one = _one(house, account, str(form["TollfreePhoneNumberSid"]))
    if one.kind != "toll_free":
        raise Refusal(22101, one.number)
    one.verification, one.verification_id = "PENDING_REVIEW", one.verification_id or sid("HH")
    house.store.save()
    return web.json_response(_verification(request, one), status=201)


async def verifications(request: web.Request) -> web.Response:
    """The account's verifications, by number or state."""
    account = account_of(request)
    query = request.query
    rows = [
        _verification(request, one)
        for one in _own(hospital(request), account)
        if one.verification_id and query.get("TollfreePhoneNumberSid") in {None, one.id} and query.get("Status") in {None, one.verification}
    ]
    meta = {"page": 0, "page_size": 50, "first_page_url": str(request.url), "key": "verifications", "url": str(request.url)}
    return web.json_response({"verifications": rows, "meta": {**meta, "next_page_url": None, "previous_page_url": None}})


async def verification(request: web.Request) -> web.Response:
    """One verification."""
    account = account_of(request)
    key = request.match_info["sid"]
    found = next((one for one in _own(hospital(request), account) if one.verification_id == key), None)
    if found is None:
        raise Refusal(20404, key)
    return web.json_response(_verification(request, found))
