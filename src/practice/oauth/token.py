"""The token endpoint: authorization_code with PKCE, refresh_token, client_credentials for backend services."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.model import ClientApp
from practice.oauth.context import expand, values
from practice.oauth.errors import OAuthError
from practice.oauth.grants import Code, Context, Person, Token
from practice.oauth.params import read
from practice.oauth.scopes import grant, split

_VERIFIER = re.compile(r"^[A-Za-z0-9\-._~]{43,128}$")  # RFC 7636 4.1
_QUIET = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_BACKEND_SECONDS = 300
_ID_SECONDS = 300


async def token(request: web.Request) -> web.StreamResponse:
    """Answer a token request."""
    house = hospital(request)
    try:
        params = await read(request)
        note(request, grant=params.get("grant_type", ""))
        app = await house.proof.client(house.book, params, request.headers.get("Authorization", ""), house.now())
        note(request, client=app.client_id)
        body = _grant(house, app, params)
    except OAuthError as error:
        note(request, error=error.error, why=error.description)
        headers = {**_QUIET, "WWW-Authenticate": "Basic"} if error.status == 401 else _QUIET  # noqa: PLR2004 - RFC 6749 5.2
        return web.json_response({"error": error.error, "error_description": error.description}, status=error.status, headers=headers)
    note(request, scope=body["scope"])
    return web.json_response(body, headers=_QUIET)


def _grant(house: Hospital, app: ClientApp, params: Mapping[str, str]) -> dict[str, Any]:
    kind = params.get("grant_type", "")
    if kind == "authorization_code":
        return _from_code(house, app, params)
    if kind == "refresh_token":
        return _from_refresh(house, app, params)
    if kind == "client_credentials":
        return _for_backend(house, app, params)
    raise OAuthError("unsupported_grant_type", "grant_type must be authorization_code, refresh_token or client_credentials")


def _from_code(house: Hospital, app: ClientApp, params: Mapping[str, str]) -> dict[str, Any]:
    for name in ("code", "redirect_uri", "code_verifier"):
        if not params.get(name):
            raise OAuthError("invalid_request", f"{name} is required")
    code = house.grants.redeem(params["code"], app.client_id)
    if params["redirect_uri"] != code.redirect_uri:
        raise OAuthError("invalid_grant", "redirect_uri is not the one of the authorize request")
    _check_verifier(code, params["code_verifier"])
    what: dict[str, Any] = {"client_id": app.client_id, "scopes": code.scopes, "context": code.context, "family": code.family}
    access = house.grants.access(house.book.settings.access_seconds, **what)
    body = _answer(house, access, code.nonce)
    if app.auth != "none" and {"offline_access", "online_access"} & set(code.scopes):
        body["refresh_token"] = house.grants.refresher(nonce=code.nonce, **what).value
    return body


def _check_verifier(code: Code, verifier: str) -> None:
    if not _VERIFIER.match(verifier):
        raise OAuthError("invalid_grant", "code_verifier must be 43 to 128 unreserved characters")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(challenge, code.challenge):
        raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge")


def _from_refresh(house: Hospital, app: ClientApp, params: Mapping[str, str]) -> dict[str, Any]:
    if not params.get("refresh_token"):
        raise OAuthError("invalid_request", "refresh_token is required")
    had = house.grants.refreshing(params["refresh_token"], app.client_id)
    wanted = split(params.get("scope", "")) or had.scopes
    if not set(wanted) <= set(had.scopes):
        raise OAuthError("invalid_scope", "a refresh cannot widen the scope")
    access = house.grants.access(
        house.book.settings.access_seconds, client_id=app.client_id, scopes=wanted, context=had.context, family=had.family
    )
    return {**_answer(house, access, had.nonce), "refresh_token": had.value}


def _for_backend(house: Hospital, app: ClientApp, params: Mapping[str, str]) -> dict[str, Any]:
    if app.auth != "private_key_jwt":
        raise OAuthError("unauthorized_client", "client_credentials needs private_key_jwt")
    scopes = grant(params.get("scope", ""), app.scopes, levels=("system",))
    access = house.grants.access(
        min(_BACKEND_SECONDS, house.book.settings.access_seconds), client_id=app.client_id, scopes=scopes, context=Context(), family=""
    )
    return _plain(house, access)


def _plain(house: Hospital, access: Token) -> dict[str, Any]:
    lifetime = round(access.expires - house.now())
    return {"access_token": access.value, "token_type": "Bearer", "expires_in": lifetime, "scope": " ".join(access.scopes)}


def _answer(house: Hospital, access: Token, nonce: str) -> dict[str, Any]:
    """The token answer with its launch context."""
    context = access.context
    record = house.book.launch(context.record) if context.record else None
    body: dict[str, Any] = expand(record.context, values(house.book, context)) if record else {}
    body |= _plain(house, access)
    scopes = set(access.scopes)
    if context.patient and scopes & {"launch", "launch/patient"}:
        body["patient"] = context.patient
    appointment = house.book.appointment(context.appointment) if context.appointment else None
    if appointment and scopes & {"launch", "launch/encounter"}:
        body["encounter"] = appointment.encounter
        body["fhirContext"] = [{"reference": f"Appointment/{appointment.id}"}]
    body["need_patient_banner"] = False if context.record else bool(context.patient)
    if context.user and "openid" in scopes:
        body["id_token"] = _id_token(house, access, context.user, nonce)
    return body


def _id_token(house: Hospital, access: Token, user: Person, nonce: str) -> str:
    now = int(house.now())
    claims: dict[str, Any] = {
        "iss": house.at.issuer,
        "sub": user.id,
        "aud": access.client_id,
        "iat": now,
        "exp": now + _ID_SECONDS,
    }
    if nonce:
        claims["nonce"] = nonce
    if {"fhirUser", "profile"} & set(access.scopes):
        claims["fhirUser"] = f"{house.at.fhir}/{user.kind}/{user.id}"
    return house.keys.sign(claims)
