"""The web application: routes, and what stands in front of all of them."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from practice.calls import Handler, record
from practice.fhir import routes as fhir
from practice.hospital import FHIR, HOSPITAL, OAUTH, STATUS, Hospital
from practice.microsoft import routes as microsoft
from practice.oauth.authorize import WAITING, authorize, sign_in
from practice.oauth.discovery import jwks, openid_configuration, smart_configuration
from practice.oauth.token import token
from practice.screens import api, desk, ehr, forms, portal, records
from practice.screens.pages import ASSETS, POLICY
from practice.status import set_status

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_MOST_BYTES = 4_000_000


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Loopback names only (a foreign page must not reach us by DNS rebinding), and forms only from our own pages."""
    if urlsplit(f"//{request.host}").hostname not in _LOOPBACK:
        return web.Response(status=421, text="this hospital answers on localhost only")
    origin = request.headers.get("Origin")
    own_form = request.method in {"GET", "HEAD"} or request.path.startswith("/interconnect/") or microsoft.open_to_all(request.path)
    if not own_form and origin is not None and urlsplit(origin).netloc != request.host:
        return web.Response(status=403, text="this form was sent from another site")
    answer = await handler(request)
    if not answer.prepared:
        answer.headers.setdefault("Content-Security-Policy", POLICY)
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    return answer


def build(house: Hospital) -> web.Application:
    """The application of one hospital."""
    app = web.Application(middlewares=[guard, record], client_max_size=_MOST_BYTES)
    app[HOSPITAL] = house
    app[WAITING] = {}
    app.add_routes(
        [
            web.get(f"{FHIR}/metadata", fhir.metadata),
            web.get(f"{FHIR}/.well-known/smart-configuration", smart_configuration),
            web.get(f"{OAUTH}/.well-known/openid-configuration", openid_configuration),
            web.get(f"{OAUTH}/jwks", jwks),
            web.get(f"{OAUTH}/authorize", authorize),
            web.post(f"{OAUTH}/authorize", authorize),
            web.post(f"{OAUTH}/authorize/sign-in", sign_in),
            web.post(f"{OAUTH}/token", token),
            web.route("*", STATUS, set_status),
            web.post(f"{FHIR}/{{kind}}/_search", fhir.find_all),
            web.get(f"{FHIR}/{{kind}}/{{id}}", fhir.read),
            web.get(f"{FHIR}/{{kind}}", fhir.find_all),
            web.route("*", f"{FHIR}{{rest:(/.*)?}}", fhir.unsupported),
            *microsoft.ROUTES,
            *api.ROUTES,
            *desk.ROUTES,
            *ehr.ROUTES,
            *forms.ROUTES,
            *portal.ROUTES,
            *records.ROUTES,
            web.static("/assets", ASSETS),
        ]
    )
    return app
