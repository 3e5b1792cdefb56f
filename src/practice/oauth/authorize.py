"""The authorize endpoint (RFC 6749 4.1.1, RFC 7636, SMART 2.2 "Obtain authorization code"), by GET and by POST."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.model import ClientApp
from practice.oauth.errors import OAuthError
from practice.oauth.grants import Context, Person
from practice.oauth.params import read
from practice.oauth.scopes import grant
from practice.screens.pages import page

_CHALLENGE = re.compile(r"^[A-Za-z0-9_-]{43}$")  # RFC 7636 4.2: BASE64URL(SHA256(verifier))
_WAITING = 200


@dataclass(frozen=True)
class Request:
    """A request that stood every check but the person's own consent."""

    app: ClientApp
    redirect_uri: str
    state: str
    challenge: str
    scopes: list[str]
    nonce: str


WAITING: web.AppKey[dict[str, Request]] = web.AppKey("waiting", dict[str, Request])


async def authorize(request: web.Request) -> web.StreamResponse:
    """Answer an authorize request: back to the client with a code or an error, or a sign-in page."""
    house = hospital(request)
    try:
        params = await read(request)
        app, redirect_uri = _returnable(house, params)
    except OAuthError as error:
        note(request, error=error.error, why=error.description)
        return page(request, "oauth_error.html", status=400, error=error)
    note(request, client=app.client_id, launch="launch" in params, scope=params.get("scope", ""))
    try:
        asked = _check(house, app, redirect_uri, params)
        if "launch" not in params:
            return _standalone(request, asked)
        return _approve(house, asked, _use_ticket(house, app, asked, params["launch"]))
    except OAuthError as error:
        note(request, error=error.error, why=error.description)
        answer = {"error": error.error, "error_description": error.description, "state": params.get("state", "")}
        return _back(house, redirect_uri, {key: value for key, value in answer.items() if value})


def _returnable(house: Hospital, params: Mapping[str, str]) -> tuple[ClientApp, str]:
    """The client and where to answer it. Until both are sure, nothing is sent anywhere (RFC 6749 4.1.2.1)."""
    app = house.book.app(params.get("client_id", ""))
    if app is None:
        raise OAuthError("invalid_request", "client_id is not registered here")
    redirect_uri = params.get("redirect_uri", "")
    if redirect_uri not in app.redirect_uris or not redirect_uri:
        raise OAuthError("invalid_request", "redirect_uri is not exactly one of those registered for this client")
    return app, redirect_uri


def _check(house: Hospital, app: ClientApp, redirect_uri: str, params: Mapping[str, str]) -> Request:
    """Every parameter, strictly."""
    if params.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    if not params.get("state", "").strip():
        raise OAuthError("invalid_request", "state is required")
    if params.get("aud") != house.at.fhir:
        raise OAuthError("invalid_request", f"aud must be exactly {house.at.fhir}")
    if params.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.match(params.get("code_challenge", "")):
        raise OAuthError("invalid_request", "code_challenge must be the base64url of a SHA-256")
    scopes = grant(params.get("scope", ""), app.scopes, levels=("patient", "user"))
    return Request(app, redirect_uri, params["state"], params["code_challenge"], scopes, params.get("nonce", ""))


def _use_ticket(house: Hospital, app: ClientApp, asked: Request, launch: str) -> Context:
    ticket = house.grants.show_ticket(launch, app.client_id)
    if "launch" not in asked.scopes:
        raise OAuthError("invalid_scope", "an EHR launch needs the scope launch")
    ticket.used = True
    return ticket.context


def _approve(house: Hospital, asked: Request, context: Context) -> web.Response:
    code = house.grants.code(
        house.book.settings.code_seconds,
        client_id=asked.app.client_id,
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        scopes=asked.scopes,
        nonce=asked.nonce,
        context=context,
    )
    return _back(house, asked.redirect_uri, {"code": code.value, "state": asked.state})


def _back(house: Hospital, redirect_uri: str, answer: dict[str, str]) -> web.Response:
    """Send the browser back, with `iss` (RFC 9207) as the setting says."""
    mode = house.book.settings.response_iss
    if mode != "off":
        answer["iss"] = house.at.issuer if mode == "on" else "https://another-hospital.example/oauth2"
    parts = urlsplit(redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(answer)) if part)
    return web.Response(status=302, headers={"Location": urlunsplit(parts._replace(query=query)), "Cache-Control": "no-store"})


# A standalone launch: the person says who they are, and a clinician which patient.


def _standalone(request: web.Request, asked: Request) -> web.Response:
    """The sign-in page, for an app that may do without a launch, where keys and OAuth are set up."""
    house = hospital(request)
    if not asked.app.standalone:
        raise OAuthError("unauthorized_client", "this app may only be launched from the record")
    if not house.book.settings.oauth or not asked.app.has_keys:
        error = OAuthError("OAUTH2", "Keys or OAuth are not set up for this app in the record")
        note(request, error=error.error, why=error.description)
        return page(request, "oauth_error.html", status=400, error=error)
    return _ask_who(request, asked)


def _ask_who(request: web.Request, asked: Request) -> web.Response:
    waiting = request.app[WAITING]
    while len(waiting) >= _WAITING:
        waiting.pop(next(iter(waiting)))
    key = secrets.token_urlsafe(24)
    waiting[key] = asked
    return page(
        request,
        "sign_in.html",
        key=key,
        asked=asked,
        book=hospital(request).book,
        wants_patient="launch/patient" in asked.scopes,
        here=f"{request.path}/sign-in",
    )


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Take the answer of the sign-in page."""
    house = hospital(request)
    try:
        params = await read(request)
        asked = _waiting(request, params.get("key", ""))
    except OAuthError as error:
        note(request, error=error.error, why=error.description)
        return page(request, "oauth_error.html", status=400, error=error)
    note(request, client=asked.app.client_id)
    who = _without_right(house, params)
    if who:
        note(request, error="access_denied", why=f"{who} may not sign in here")
        return page(request, "no_right.html", status=403, who=who, asked=asked)
    request.app[WAITING].pop(params.get("key", ""), None)
    try:
        return _approve(house, asked, _signed_in(house, asked, params))
    except OAuthError as error:
        note(request, error=error.error, why=error.description)
        return _back(house, asked.redirect_uri, {"error": error.error, "error_description": error.description, "state": asked.state})


def _waiting(request: web.Request, key: str) -> Request:
    asked = request.app[WAITING].get(key)
    if asked is None:
        raise OAuthError("invalid_request", "this sign-in is over; start again from the app")
    return asked


def _without_right(house: Hospital, params: Mapping[str, str]) -> str:
    """The name of an EHR user who may not sign in to apps; nothing for everybody else."""
    kind, _, key = params.get("who", "").partition("/")
    user = house.book.practitioner(key) if kind == "Practitioner" else None
    return user.name if user and not user.may_sign_in else ""


def _signed_in(house: Hospital, asked: Request, params: Mapping[str, str]) -> Context:
    kind, _, key = params.get("who", "").partition("/")
    if kind == "Practitioner" and (practitioner := house.book.practitioner(key)):
        patient = house.book.patient(params.get("patient", "")) if "launch/patient" in asked.scopes else None
        if "launch/patient" in asked.scopes and patient is None:
            raise OAuthError("access_denied", "no patient was chosen")
        return Context(user=Person("Practitioner", practitioner.id), patient=patient.id if patient else None)
    if kind == "Patient" and (account := house.book.patient(key)):
        return Context(user=Person("Patient", account.id), patient=account.id)
    raise OAuthError("access_denied", "the person did not sign in")
