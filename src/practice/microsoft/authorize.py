"""The authorize endpoint and its sign-in page. What is not sure of its app and its address is told to the person and sent nowhere."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import uuid4

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.microsoft.errors import Refusal, missing
from practice.microsoft.places import Place, app_at, directory_of, place
from practice.microsoft.state import Asked
from practice.model import Account, Book, SignInApp
from practice.oauth.errors import OAuthError
from practice.oauth.params import read
from practice.screens.pages import page

COOKIE = "practice_sign_in"
_CHALLENGE = re.compile(r"^[A-Za-z0-9_-]{43}$")
_OPENID = ("openid", "profile", "email", "offline_access")
_GRAPH = re.compile(r"^(https://graph\.microsoft\.com/)?(User\.Read|\.default)$")
_PROMPTS = ("", "login", "none", "consent", "select_account")
_MODES = ("query", "fragment", "form_post")


async def authorize(request: web.Request) -> web.StreamResponse:
    """Answer an authorize request: a sign-in page, or back to the app at once where the browser is signed in already."""
    house = hospital(request)
    note(request, endpoint="authorize", tenant=request.match_info["tenant"][:80])
    try:
        params = await _read(request)
        where = place(house.book, request.match_info["tenant"])
        app, redirect_uri = _returnable(house, where, params)
    except Refusal as refusal:
        return _told(request, refusal)
    mode = params.get("response_mode", "query")
    note(request, client=app.client_id, scope=params.get("scope", "")[:200], prompt=params.get("prompt", ""))
    try:
        asked = _check(where, app, redirect_uri, params)
        return _one_way_or_another(request, where, app, asked, params.get("prompt", ""))
    except Refusal as refusal:
        note(request, error=refusal.error, why=refusal.description[:300])
        answer = {"error": refusal.error, "error_description": refusal.description, "state": params.get("state", "")}
        return _back(request, redirect_uri, mode if mode in _MODES else "query", answer)


async def _read(request: web.Request) -> dict[str, str]:
    try:
        return await read(request)
    except OAuthError as error:
        raise Refusal(9000411, "invalid_request", f"The request is not properly formatted: {error.description}.") from error


def _told(request: web.Request, refusal: Refusal, *, key: str = "") -> web.Response:
    """The page for a person whom nobody can be sent back."""
    note(request, error=refusal.error, why=refusal.description[:300])
    return page(request, "microsoft_error.html", status=refusal.status, refusal=refusal, key=key)


def _returnable(house: Hospital, where: Place, params: Mapping[str, str]) -> tuple[SignInApp, str]:
    if not params.get("client_id"):
        raise missing("client_id")
    app = app_at(house.book, where, params["client_id"])
    redirect_uri = params.get("redirect_uri", "")
    if not redirect_uri or redirect_uri not in app.redirect_uris:
        raise Refusal(
            50011,
            "invalid_request",
            f"The redirect URI '{redirect_uri[:300]}' specified in the request does not match the redirect URIs configured for the "
            f"application '{app.client_id}'. Make sure the redirect URI sent in the request matches one added to your application.",
        )
    return app, redirect_uri


def _check(where: Place, app: SignInApp, redirect_uri: str, params: Mapping[str, str]) -> Asked:
    if "response_type" not in params:
        raise missing("response_type")
    if params["response_type"] != "code":
        raise Refusal(
            700054, "unsupported_response_type", f"response_type '{params['response_type'][:40]}' is not enabled for the application."
        )
    mode = params.get("response_mode", "query")
    if mode not in _MODES:
        raise Refusal(70007, "invalid_request", f"'{mode[:40]}' is not a supported value of 'response_mode' when requesting a token.")
    if params.get("prompt", "") not in _PROMPTS:
        raise Refusal(90023, "invalid_request", f"Unsupported 'prompt' value: '{params['prompt'][:40]}'.")
    return Asked(
        place=where.word,
        client_id=app.client_id,
        redirect_uri=redirect_uri,
        response_mode=mode,
        scopes=scopes_of(app, params.get("scope", "")),
        state=params.get("state", ""),
        nonce=params.get("nonce", ""),
        challenge=_challenge(app, params),
        login_hint=params.get("login_hint", "").lower(),
        client_info=params.get("client_info") == "1",
    )


def scopes_of(app: SignInApp, text: str) -> tuple[str, ...]:
    """The scopes asked for; each known, and `openid` among them."""
    scopes = tuple(dict.fromkeys(text.split()))
    if not scopes:
        raise missing("scope")
    unknown = [scope for scope in scopes if scope not in _OPENID and not _GRAPH.match(scope)]
    if unknown:
        raise Refusal(
            650053,
            "invalid_client",
            f"The application '{app.name}' asked for scope '{unknown[0][:80]}' that doesn't exist on the resource "
            "'00000003-0000-0000-c000-000000000000'. Contact the app vendor.",
        )
    if "openid" not in scopes:
        raise Refusal(
            70011, "invalid_scope", f"The provided value for the input parameter 'scope' is not valid: '{text[:80]}' lacks openid."
        )
    return scopes


def _challenge(app: SignInApp, params: Mapping[str, str]) -> str:
    challenge = params.get("code_challenge", "")
    if not challenge:
        if app.pkce:
            raise Refusal(9002325, "invalid_request", "Proof Key for Code Exchange is required for this application.")
        return ""
    if params.get("code_challenge_method") != "S256":
        raise Refusal(50147, "invalid_request", "The code_challenge_method must be S256.")
    if not _CHALLENGE.match(challenge):
        raise Refusal(501491, "invalid_request", "Invalid size of Code_Challenge parameter.")
    return challenge


def _one_way_or_another(request: web.Request, where: Place, app: SignInApp, asked: Asked, prompt: str) -> web.StreamResponse:
    """Silently, where exactly one account of this browser's session fits; with the page otherwise."""
    house = hospital(request)
    account = _already(request, asked, where, app) if prompt in {"", "none"} else None
    if account is not None:
        return _granted(request, asked, account, directory_of(house.book, where, app, account))
    if prompt == "none":
        raise Refusal(50058, "login_required", "A silent sign-in request was sent but no user is signed in.")
    return _pick(request, house.sign_ins.wait(asked), app, asked)


def _already(request: web.Request, asked: Asked, where: Place, app: SignInApp) -> Account | None:
    book = hospital(request).book
    found = [book.account(oid) for oid in hospital(request).sign_ins.sessions.get(request.cookies.get(COOKIE, ""), [])]
    fits = [one for one in found if one and asked.login_hint in {"", one.user_name.lower()} and _may(book, where, app, one)]
    return fits[0] if len(fits) == 1 else None


def _may(book: Book, where: Place, app: SignInApp, account: Account) -> bool:
    try:
        return bool(directory_of(book, where, app, account))
    except Refusal:
        return False


def _pick(request: web.Request, key: str, app: SignInApp, asked: Asked) -> web.Response:
    book = hospital(request).book
    groups = [(d.name, [a for a in book.people_accounts if a.tid == d.tid]) for d in book.directories]
    groups.append(("Personal accounts", [a for a in book.people_accounts if book.directory(a.tid) is None]))
    shown = [(name, sorted(people, key=lambda a: a.user_name.lower() != asked.login_hint)) for name, people in groups if people]
    return page(request, "microsoft_pick.html", key=key, app=app, asked=asked, groups=shown)


async def pick(request: web.Request) -> web.StreamResponse:
    """Somebody chose their account, or went back."""
    house = hospital(request)
    note(request, endpoint="pick")
    form = {name: str(value) for name, value in (await request.post()).items()}
    asked = house.sign_ins.waiting(form.get("key", ""))
    app = house.book.sign_in_app(asked.client_id) if asked else None
    if asked is None or app is None:
        return _told(request, Refusal(165000, "invalid_request", "This sign-in is over. Start again from the app."))
    note(request, client=app.client_id, tenant=asked.place)
    who = form.get("account", "")
    if who == "again":
        return _pick(request, form["key"], app, asked)
    account = house.book.account(who)
    if account is None:
        house.sign_ins.waiting(form["key"], over=True)
        return _cancelled(request, asked)
    try:
        tid = directory_of(house.book, place(house.book, asked.place), app, account)
    except Refusal as refusal:
        return _told(request, refusal, key=form["key"])
    house.sign_ins.waiting(form["key"], over=True)
    return _granted(request, asked, account, tid)


def _cancelled(request: web.Request, asked: Asked) -> web.Response:
    note(request, error="access_denied", why="cancelled")
    answer = {
        "error": "access_denied",
        "error_subcode": "cancel",
        "error_description": "AADSTS65004: User declined to consent to access the app.",
        "state": asked.state,
    }
    return _back(request, asked.redirect_uri, asked.response_mode, answer)


def _granted(request: web.Request, asked: Asked, account: Account, tid: str) -> web.Response:
    house = hospital(request)
    code = house.sign_ins.code(asked, oid=account.oid, tid=tid, seconds=house.book.settings.code_seconds)
    note(request, user=account.oid, directory=tid)
    answer = _back(request, asked.redirect_uri, asked.response_mode, {"code": code, "state": asked.state, "session_state": str(uuid4())})
    key = request.cookies.get(COOKIE, "")
    if key not in house.sign_ins.sessions:
        key = secrets.token_urlsafe(24)
        house.sign_ins.sessions[key] = []
    house.sign_ins.sessions[key] = [*(oid for oid in house.sign_ins.sessions[key] if oid != account.oid), account.oid]
    answer.set_cookie(COOKIE, key, path="/", httponly=True, samesite="Lax", secure=request.secure)
    return answer


def _back(request: web.Request, redirect_uri: str, mode: str, answer: Mapping[str, str]) -> web.Response:
    """Send the browser back the way that was asked for."""
    said = {name: value for name, value in answer.items() if value}
    if mode == "form_post":
        return page(request, "microsoft_post.html", redirect_uri=redirect_uri, said=said)
    parts, text = urlsplit(redirect_uri), urlencode(said)
    if mode == "fragment":
        to = urlunsplit(parts._replace(fragment=text))
    else:
        to = urlunsplit(parts._replace(query="&".join(part for part in (parts.query, text) if part)))
    return web.Response(status=302, headers={"Location": to, "Cache-Control": "no-store"})


async def logout(request: web.Request) -> web.StreamResponse:
    """End this browser's sign-ins; back to the app where it named a registered address."""
    house = hospital(request)
    note(request, endpoint="logout", tenant=request.match_info["tenant"][:80])
    house.sign_ins.sessions.pop(request.cookies.get(COOKIE, ""), None)
    after = request.query.get("post_logout_redirect_uri", "")
    known = after and any(after in (*app.redirect_uris, *app.logout_uris) for app in house.book.sign_in_apps)
    if known:
        state = request.query.get("state", "")
        answer = _back(request, after, "query", {"state": state})
    else:
        answer = page(request, "microsoft_out.html")
    answer.del_cookie(COOKIE, path="/")
    return answer
