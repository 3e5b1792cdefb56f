"""Numbers of the Azure-like carrier: what may be had, searching and buying as operations that one asks after, and those one has."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, Literal
from urllib.parse import unquote
from uuid import uuid4

from aiohttp import web
from msgspec import Meta, Struct

from practice.carriers.azure.answers import Refusal, read, resource_of
from practice.carriers.model import AzureResource, Kind, OwnedNumber
from practice.carriers.shelf import AREA_CODES, COUNTRIES, MONTHLY, TOLL_FREE_CODES, offered
from practice.hospital import Hospital, hospital
from practice.times import instant, seconds

Capability = Literal["none", "inbound", "outbound", "inbound+outbound"]
_OFFER_SECONDS = 15 * 60
_KINDS: dict[str, Kind] = {"tollFree": "toll_free", "geographic": "local"}
_WORDS = {kind: word for word, kind in _KINDS.items()}


class Capabilities(Struct):
    """What a number is for."""

    calling: Capability
    sms: Capability


class Search(Struct, rename="camel"):
    """A wish for numbers."""

    phone_number_type: Literal["geographic", "tollFree", "mobile"]
    assignment_type: Literal["person", "application"]
    capabilities: Capabilities
    area_code: Annotated[str, Meta(pattern=r"^\d{0,3}$")] | None = None
    quantity: Annotated[int, Meta(ge=1, le=10)] | None = None


class Purchase(Struct, rename="camel"):
    """A purchase of what a search found."""

    search_id: Annotated[str, Meta(max_length=100)]
    agree_to_not_resell: bool = False


class Operation(Struct, kw_only=True):
    """Something under way: done when its time has come."""

    id: str
    kind: Literal["search", "purchase", "releasePhoneNumber"]
    owner: str
    began: float
    ends: float
    result: str = ""
    numbers: list[str]
    number_kind: Kind = "toll_free"
    error: str = ""
    applied: bool = False


def _cost(kind: Kind) -> dict[str, Any]:
    return {"amount": float(MONTHLY[kind]), "currencyCode": "USD", "billingFrequency": "monthly"}


def _started(request: web.Request, operation: Operation, named: str, location: str = "") -> web.Response:
    """202, and where to ask."""
    version = request.query["api-version"]
    headers = {
        "Operation-Location": f"/phoneNumbers/operations/{operation.id}?api-version={version}",
        "operation-id": operation.id,
        named: operation.result or operation.id,
        "Access-Control-Expose-Headers": "Location,Operation-Location,operation-id",
    }
    if location:
        headers["Location"] = f"{location}?api-version={version}"
    return web.Response(status=202, headers=headers)


def _begin(house: Hospital, resource: AzureResource, **facts: Any) -> Operation:
    now = house.now()
    made = Operation(
        **{"id": f"{facts['kind']}_{uuid4()}", "owner": resource.name, "began": now, "ends": now + resource.operation_seconds, **facts}
    )
    house.operations[made.id] = made
    return made


async def search(request: web.Request) -> web.Response:
    """Begin a search; what it finds is held for a quarter of an hour."""
    resource, house = await resource_of(request), hospital(request)
    wanted: Search = await read(request, Search)
    kind = _KINDS.get(wanted.phone_number_type)
    if request.match_info["country"] not in COUNTRIES or kind is None:
        raise Refusal(404, "NotFound", "No such numbers are sold there")
    if kind == "toll_free" and wanted.assignment_type != "application":
        raise Refusal(400, "BadRequest", "Toll-free numbers are for applications")
    held = [n for one in house.operations.values() if one.kind == "search" and _holds(house, one) for n in one.numbers]
    taken = [*house.book.numbers, *(OwnedNumber(number=n, carrier="azure", owner="") for n in held)]
    found = list(islice(offered(taken, kind, wanted.area_code or ""), wanted.quantity or 1))
    made = _begin(house, resource, kind="search", result=str(uuid4()), numbers=found, number_kind=kind, error="" if found else "OutOfStock")
    return _started(request, made, "search-id", f"/availablePhoneNumbers/searchResults/{made.result}")


def _holds(house: Hospital, one: Operation) -> bool:
    return house.now() < one.ends + _OFFER_SECONDS and not one.applied


async def result(request: web.Request) -> web.Response:
    """What a search found."""
    resource, house = await resource_of(request), hospital(request)
    one = _search(house, resource, request.match_info["search"])
    if one.error:
        raise Refusal(404, one.error, "There are no such numbers at present")
    return web.json_response(
        {
            "searchId": one.result,
            "phoneNumbers": one.numbers,
            "phoneNumberType": _WORDS[one.number_kind],
            "assignmentType": "application",
            "capabilities": {"calling": "none", "sms": "inbound+outbound"},
            "cost": _cost(one.number_kind),
            "searchExpiresBy": instant(one.ends + _OFFER_SECONDS),
            "errorCode": 0,
            "error": "NoError",
        }
    )


def _search(house: Hospital, resource: AzureResource, key: str) -> Operation:
    found: Operation | None = next(
        (o for o in house.operations.values() if o.kind == "search" and (o.owner, o.result) == (resource.name, key)), None
    )
    if found is None or house.now() < found.ends:
        raise Refusal(404, "NotFound", "There is no result of that search")
    return found


async def purchase(request: web.Request) -> web.Response:
    """Begin to buy what a search found."""
    resource, house = await resource_of(request), hospital(request)
    wanted: Purchase = await read(request, Purchase)
    found = _search(house, resource, wanted.search_id)
    if not _holds(house, found):
        raise Refusal(404, "ReservationExpired", "The search is over; search again")
    found.applied = True
    return _started(request, _begin(house, resource, kind="purchase", numbers=found.numbers, number_kind=found.number_kind), "purchase-id")


def _apply(house: Hospital, one: Operation) -> None:
    """What an operation does when its time has come."""
    if one.applied or house.now() < one.ends or one.kind == "search":
        return
    one.applied = True
    if one.kind == "releasePhoneNumber":
        house.book.numbers[:] = [n for n in house.book.numbers if n.number not in one.numbers]
    else:
        house.book.numbers += [
            OwnedNumber(
                number=n, carrier="azure", owner=one.owner, kind=one.number_kind, id=n[1:], bought=instant(one.ends), verification=""
            )
            for n in one.numbers
        ]
    house.store.save()


async def operation(request: web.Request) -> web.Response:
    """How far something has come."""
    resource, house = await resource_of(request), hospital(request)
    one = house.operations.get(request.match_info["operation"])
    if one is None or one.owner != resource.name:
        raise Refusal(404, "NotFound", "There is no such operation")
    _apply(house, one)
    done = house.now() >= one.ends
    body: dict[str, Any] = {
        "operationType": one.kind,
        "status": "running" if not done else "failed" if one.error else "succeeded",
        "createdDateTime": instant(one.began),
        "id": one.id,
        "lastActionDateTime": instant(min(one.ends, house.now())),
    }
    if one.kind == "search":
        body["resourceLocation"] = f"/availablePhoneNumbers/searchResults/{one.result}?api-version={request.query['api-version']}"
    if done and one.error:
        body["error"] = {"code": one.error, "message": "There are no such numbers at present"}
    return web.json_response(body)


def _number_json(one: OwnedNumber) -> dict[str, Any]:
    return {
        "id": one.id or one.number[1:],
        "phoneNumber": one.number,
        "countryCode": one.country,
        "phoneNumberType": _WORDS[one.kind],
        "capabilities": {"calling": "none", "sms": "inbound+outbound"},
        "assignmentType": "application",
        "purchaseDate": one.bought or instant(seconds("2026-01-12T09:00:00+00:00")),
        "cost": _cost(one.kind),
    }


def _own(request: web.Request, resource: AzureResource) -> list[OwnedNumber]:
    house = hospital(request)
    for one in list(house.operations.values()):
        _apply(house, one)
    return [one for one in house.book.numbers if (one.carrier, one.owner) == ("azure", resource.name)]


def _one(request: web.Request, resource: AzureResource) -> OwnedNumber:
    key = unquote(request.match_info["number"]).lstrip("+")
    found = next((one for one in _own(request, resource) if one.number[1:] == key), None)
    if found is None:
        raise Refusal(404, "PhoneNumberNotFound", "The resource has no such number")
    return found


async def listed(request: web.Request) -> web.Response:
    """The numbers of a resource."""
    resource = await resource_of(request)
    return web.json_response({"phoneNumbers": [_number_json(one) for one in _own(request, resource)]})


async def fetch(request: web.Request) -> web.Response:
    """One of them."""
    return web.json_response(_number_json(_one(request, await resource_of(request))))


async def release(request: web.Request) -> web.Response:
    """Begin to give one back."""
    resource = await resource_of(request)
    one = _one(request, resource)
    made = _begin(hospital(request), resource, kind="releasePhoneNumber", numbers=[one.number], number_kind=one.kind)
    return _started(request, made, "release-id")


async def countries(request: web.Request) -> web.Response:
    """Where numbers are sold."""
    await resource_of(request)
    names = {"US": "United States", "CA": "Canada", "PR": "Puerto Rico"}
    return web.json_response({"countries": [{"localizedName": names[code], "countryCode": code} for code in COUNTRIES]})


async def area_codes(request: web.Request) -> web.Response:
    """Which area codes there are of a kind."""
    await resource_of(request)
    codes = TOLL_FREE_CODES if request.query.get("phoneNumberType") == "tollFree" else tuple(AREA_CODES)
    return web.json_response({"areaCodes": [{"areaCode": code} for code in codes]})


async def offerings(request: web.Request) -> web.Response:
    """What kinds of numbers there are, and their cost."""
    await resource_of(request)
    rows = [
        {
            "phoneNumberType": word,
            "assignmentType": "application",
            "availableCapabilities": {"calling": "none", "sms": "inbound+outbound"},
            "cost": _cost(kind),
        }
        for word, kind in _KINDS.items()
    ]
    return web.json_response({"phoneNumberOfferings": rows})
