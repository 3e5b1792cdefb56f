"""The addresses of the Azure-like carrier. The signature covers the host, so they stand at the root, as the vendor's do."""

from __future__ import annotations

from aiohttp import web

from practice.calls import Handler, note
from practice.carriers.azure import numbers, texts
from practice.carriers.azure.answers import Refusal
from practice.hospital import hospital

_SHELF = "/availablePhoneNumbers"
_COUNTRY = f"{_SHELF}/countries/{{country}}"


def _strict(handler: Handler) -> Handler:
    """Refusals as the vendor shapes them, and noted for the ledger."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            note(request, error=refusal.code, why=str(refusal))
            return refusal.answer()

    return answer


async def validate(request: web.Request) -> web.Response:
    """Somebody opens the validation URL of a subscription."""
    if hospital(request).grid.validated(request.query.get("id", "")):
        return web.Response(text="The webhook is validated.")
    return web.Response(status=400, text="There is nothing to validate under this id.")


ROUTES = [
    web.post("/sms", _strict(texts.send)),
    web.post(r"/sms/optouts:{what:add|remove|check}", _strict(texts.opt_outs)),
    web.get(f"{_SHELF}/countries", _strict(numbers.countries)),
    web.get(f"{_COUNTRY}/areaCodes", _strict(numbers.area_codes)),
    web.get(f"{_COUNTRY}/offerings", _strict(numbers.offerings)),
    web.post(f"{_COUNTRY}/:search", _strict(numbers.search)),
    web.get(f"{_SHELF}/searchResults/{{search}}", _strict(numbers.result)),
    web.post(f"{_SHELF}/:purchase", _strict(numbers.purchase)),
    web.get("/phoneNumbers/operations/{operation}", _strict(numbers.operation)),
    web.get("/phoneNumbers", _strict(numbers.listed)),
    web.get("/phoneNumbers/{number}", _strict(numbers.fetch)),
    web.delete("/phoneNumbers/{number}", _strict(numbers.release)),
    web.get("/eventGrid/validate", validate),
]
