"""The web application: routes, and what stands in front of all of them."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import urlsplit

from aiohttp import web

from practice.calls import Handler, record
from practice.carriers import ledger as carriers
from practice.carriers.azure import routes as azure
from practice.carriers.twilio import routes as twilio
from practice.fhir import routes as fhir
from practice.fhir import statements
from practice.hospital import BASES, FAMILY, FHIR, HOSPITAL, MICROSOFT, OAUTH, ORACLE_FHIR, ORACLE_ISSUER, ORACLE_OAUTH, STATUS, Hospital
from practice.microsoft import routes as microsoft
from practice.microsoft.graph import routes as graph
from practice.oauth.authorize import WAITING, authorize, sign_in
from practice.oauth.discovery import jwks, openid_configuration, smart_configuration
from practice.oauth.token import token
from practice.screens import api, booking, desk, ehr, engine, forms, handset, mailbox, portal, records
from practice.screens.pages import ASSETS, POLICY, UNFRAMED
from practice.status import set_status
from practice.teams import cloud
from practice.teams import pages as teams

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_FOR_PROGRAMS = ("/interconnect/", "/tenants/", "/r4/", "/twilio/", "/sms", "/phoneNumbers", "/availablePhoneNumbers", "/graph/")
_PERSONAS = tuple(f"{ORACLE_OAUTH}/personas/{who}/authorize" for who in ("provider", "patient"))
_MOST_BYTES = 4_000_000


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Loopback names only (a foreign page must not reach us by DNS rebinding), and forms only from our own pages."""
    if urlsplit(f"//{request.host}").hostname not in _LOOPBACK:
        return web.Response(status=421, text="this hospital answers on localhost only")
    origin = request.headers.get("Origin")
    own_form = request.method in {"GET", "HEAD"} or request.path.startswith(_FOR_PROGRAMS) or microsoft.open_to_all(request.path)
    if not own_form and origin is not None and urlsplit(origin).netloc != request.host:
        return web.Response(status=403, text="this form was sent from another site")
    answer = await handler(request)
    if not answer.prepared:
        microsofts = request.path.startswith(("/teams/", f"{MICROSOFT}/"))
        answer.headers.setdefault("Content-Security-Policy", UNFRAMED if microsofts else POLICY)
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        house = request.app[HOSPITAL]
        if house.book.settings.clock_skew:
            answer.headers["Date"] = formatdate(house.now() + house.book.settings.clock_skew, usegmt=True)
    return answer


def _sign_in(issuer: str, token_path: str, *authorize_paths: str) -> list[web.RouteDef]:
    """The authorization server under one vendor's addresses."""
    return [
        web.get(f"{issuer}/.well-known/openid-configuration", openid_configuration),
        web.get(f"{issuer}/jwks", jwks),
        web.post(token_path, token),
        *(
            route
            for path in authorize_paths
            for route in (web.get(path, authorize), web.post(path, authorize), web.post(f"{path}/sign-in", sign_in))
        ),
    ]


def _records(base: str) -> list[web.RouteDef]:
    """Reading and searching under one FHIR base."""
    return [
        web.post(f"{base}/{{kind}}/_search", fhir.find_all),
        web.get(f"{base}/{{kind}}/{{id}}", fhir.read),
        web.get(f"{base}/{{kind}}", fhir.find_all),
        web.route("*", f"{base}{{rest:(/.*)?}}", fhir.unsupported),
    ]


def _described(base: str) -> list[web.RouteDef]:
    """What one FHIR base says of itself."""
    return [web.get(f"{base}/metadata", statements.metadata), web.get(f"{base}/.well-known/smart-configuration", smart_configuration)]


def build(house: Hospital) -> web.Application:
    """The application of one hospital."""
    app = web.Application(middlewares=[guard, record], client_max_size=_MOST_BYTES)
    app[HOSPITAL] = house
    app[WAITING] = {}
    app.add_routes(
        [
            *(route for base in (*BASES, ORACLE_FHIR) for route in _described(base)),
            *_sign_in(OAUTH, f"{OAUTH}/token", f"{OAUTH}/authorize"),
            *_sign_in(ORACLE_ISSUER, f"{ORACLE_OAUTH}/token", *_PERSONAS),
            web.route("*", STATUS, set_status),
            *_records(FHIR),
            *_records(ORACLE_FHIR),
            web.route("*", f"{FAMILY}{{rest:(/.*)?}}", statements.no_such_base),
            web.route("*", "/r4{rest:(/.*)?}", statements.no_such_base),
            *microsoft.ROUTES,
            *graph.ROUTES,
            *twilio.ROUTES,
            *azure.ROUTES,
            *carriers.ROUTES,
            *api.ROUTES,
            *booking.ROUTES,
            *desk.ROUTES,
            *ehr.ROUTES,
            *engine.ROUTES,
            *forms.ROUTES,
            *portal.ROUTES,
            *handset.ROUTES,
            *mailbox.ROUTES,
            *records.ROUTES,
            *teams.ROUTES,
            *cloud.ROUTES,
            web.static("/assets", ASSETS),
        ]
    )
    return app
