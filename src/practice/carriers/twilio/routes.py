"""The addresses of the Twilio-like carrier. The vendor has a host for each part; here they are under one path."""

from __future__ import annotations

from aiohttp import web

from practice.calls import Handler, note
from practice.carriers.twilio import accounts, messages, numbers
from practice.carriers.twilio.answers import VERSION, Refusal

TWILIO = "/twilio"
_ACCOUNT = f"{TWILIO}/{VERSION}/Accounts/{{account}}"
_VERIFICATIONS = f"{TWILIO}/v1/Tollfree/Verifications"


def _strict(handler: Handler) -> Handler:
    """Refusals as the vendor words them, and noted for the ledger."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            note(request, error=str(refusal.code), why=refusal.about)
            return refusal.answer()

    return answer


async def _nothing(request: web.Request) -> web.Response:
    raise Refusal(20404, request.path)


ROUTES = [
    web.get(f"{_ACCOUNT}.json", _strict(accounts.fetch)),
    web.post(f"{_ACCOUNT}/Messages.json", _strict(messages.create)),
    web.get(f"{_ACCOUNT}/Messages.json", _strict(messages.listed)),
    web.get(f"{_ACCOUNT}/Messages/{{sid}}.json", _strict(messages.fetch)),
    web.get(f"{_ACCOUNT}/AvailablePhoneNumbers/{{country}}/{{kind}}.json", _strict(numbers.available)),
    web.post(f"{_ACCOUNT}/IncomingPhoneNumbers.json", _strict(numbers.buy)),
    web.get(f"{_ACCOUNT}/IncomingPhoneNumbers.json", _strict(numbers.listed)),
    web.get(f"{_ACCOUNT}/IncomingPhoneNumbers/{{sid}}.json", _strict(numbers.fetch)),
    web.post(f"{_ACCOUNT}/IncomingPhoneNumbers/{{sid}}.json", _strict(numbers.update)),
    web.delete(f"{_ACCOUNT}/IncomingPhoneNumbers/{{sid}}.json", _strict(numbers.release)),
    web.post(_VERIFICATIONS, _strict(numbers.verify)),
    web.get(_VERIFICATIONS, _strict(numbers.verifications)),
    web.get(f"{_VERIFICATIONS}/{{sid}}", _strict(numbers.verification)),
    web.get(f"{TWILIO}/v1/PhoneNumbers/Countries/{{country}}", _strict(numbers.prices)),
    web.route("*", f"{TWILIO}{{rest:(/.*)?}}", _strict(_nothing)),
]
