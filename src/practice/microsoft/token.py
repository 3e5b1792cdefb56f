"""The token endpoint: codes and refresh tokens for id_tokens, and tokens of their own for apps without a person."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.microsoft.apps import own_token, proven
from practice.microsoft.claims import id_token
from practice.microsoft.discovery import refused
from practice.microsoft.errors import Refusal, missing
from practice.microsoft.places import Place, place
from practice.microsoft.state import Granted
from practice.model import SignInApp
from practice.oauth.errors import OAuthError
from practice.oauth.params import read

_VERIFIER = re.compile(r"^[A-Za-z0-9\-._~]{43,128}$")
_QUIET = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
_EXPIRES = 3600


async def token(request: web.Request) -> web.StreamResponse:
    """Answer a token request."""
    house = hospital(request)
    note(request, endpoint="token", tenant=request.match_info["tenant"][:80])
    try:
        where = place(house.book, request.match_info["tenant"])
        params = await _read(request)
        note(request, grant=params.get("grant_type", "")[:40])
        app = proven(house, where, params)
        note(request, client=app.client_id)
        if params["grant_type"] == "client_credentials":
            return web.json_response(own_token(house, where, app, params), headers=_QUIET)
        granted = _redeemed(house, where, app, params)
        note(request, user=granted.oid, directory=granted.tid)
        return web.json_response(_answer(house, granted), headers=_QUIET)
    except Refusal as refusal:
        return refused(house, request, refusal)


async def _read(request: web.Request) -> dict[str, str]:
    try:
        params = await read(request)
    except OAuthError as error:
        raise Refusal(900144, "invalid_request", f"The request is not properly formatted: {error.description}.") from error
    return {**params, **_basic(request.headers.get("Authorization", ""))}


def _basic(header: str) -> dict[str, str]:
    """Client id and secret of a Basic header, form-encoded as RFC 6749 2.3.1 has it."""
    if header[:6].lower() != "basic ":
        return {}
    try:
        name, _, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refusal(900144, "invalid_request", "The Authorization header is not properly formatted.") from error
    return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}


def _redeemed(house: Hospital, where: Place, app: SignInApp, params: Mapping[str, str]) -> Granted:
    kind = params["grant_type"]
    if kind == "refresh_token":
        if not params.get("refresh_token"):
            raise missing("refresh_token")
        return _same_tenant(where, house.sign_ins.refreshing(params["refresh_token"], app.client_id))
    if kind != "authorization_code":
        raise Refusal(70003, "unsupported_grant_type", f"The app requested an unsupported grant type '{kind[:40]}'.")
    for name in ("code", "redirect_uri"):
        if not params.get(name):
            raise missing(name)
    granted = house.sign_ins.redeem(params["code"], app.client_id)
    if params["redirect_uri"] != granted.asked.redirect_uri:
        raise Refusal(
            500112,
            "invalid_grant",
            f"The reply address '{params['redirect_uri'][:200]}' does not match the reply address '{granted.asked.redirect_uri}' provided "
            "when requesting Authorization code.",
        )
    _check_verifier(granted.asked.challenge, params.get("code_verifier", ""))
    return _same_tenant(where, granted)


def _same_tenant(where: Place, granted: Granted) -> Granted:
    if where.tid and where.tid != granted.tid:
        raise Refusal(700005, "invalid_grant", "Provided Authorization Code is intended to use against other tenant, thus rejected.")
    return granted


def _check_verifier(challenge: str, verifier: str) -> None:
    if not challenge and not verifier:
        return
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not _VERIFIER.match(verifier) or not hmac.compare_digest(made, challenge):
        raise Refusal(501481, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request.")


def _answer(house: Hospital, granted: Granted) -> dict[str, Any]:
    account = house.book.account(granted.oid)
    if account is None or not account.enabled:
        raise Refusal(50057, "invalid_grant", "The user account is disabled.")
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "scope": " ".join(scope for scope in granted.asked.scopes if scope != "offline_access"),
        "expires_in": _EXPIRES,
        "ext_expires_in": _EXPIRES,
        "access_token": f"EwB{secrets.token_urlsafe(120)}",
        "id_token": id_token(house, granted, account),
    }
    if "offline_access" in granted.asked.scopes:
        body["refresh_token"] = house.sign_ins.refresher(granted)
    if granted.asked.client_info:
        info = json.dumps({"uid": account.oid, "utid": account.tid}).encode()
        body["client_info"] = base64.urlsafe_b64encode(info).rstrip(b"=").decode()
    return body
