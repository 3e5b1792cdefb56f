"""What every call to the hospital's interfaces goes through: the trouble switches, and the ledger."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from practice.hospital import FAMILY, GRAPH, HOSPITAL, MICROSOFT, OAUTH, STATUS, Hospital, hospital
from practice.spoiling import spoil
from practice.trouble import Group, Switch

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Note(dict[str, Any]):
    """What handlers wrote down for the ledger line of a call."""


NOTE: web.RequestKey[Note] = web.RequestKey("note", Note)

_FHIR = rf"({FAMILY}(/[^/]+)?|/r4/[^/]+)"
_OAUTH = rf"({OAUTH}|/tenants/[^/]+/(protocols/oauth2/profiles/smart-v1(/personas/(provider|patient))?|oidc/idsps/[^/]+))"
_GROUPS: tuple[tuple[re.Pattern[str], Group], ...] = (
    (re.compile(rf"{_FHIR}/(metadata|\.well-known/smart-configuration)"), "discovery"),
    (re.compile(rf"{_OAUTH}/\.well-known/.*"), "discovery"),
    (re.compile(rf"{_OAUTH}/authorize.*"), "authorize"),
    (re.compile(rf"{_OAUTH}/token"), "token"),
    (re.compile(rf"{_OAUTH}/jwks"), "jwks"),
    (re.compile(rf"({FAMILY}|/r4)(/.*)?"), "fhir"),
    (re.compile(rf"{MICROSOFT}/.*"), "microsoft"),
    (re.compile(rf"{GRAPH}(/.*)?"), "graph"),
    (re.compile(r"/twilio/.*"), "twilio"),
    (re.compile(r"/(sms|phoneNumbers|availablePhoneNumbers)(/.*)?"), "azure"),
    (re.compile(STATUS), "status"),
)
_REFUSALS: dict[str, tuple[int, str]] = {
    "error": (500, "trouble switch: internal error"),
    "busy": (429, "trouble switch: too many requests"),
    "throttle": (429, "trouble switch: too many requests"),
    "refuse": (401, "trouble switch: token refused"),
    "forbid": (403, "trouble switch: forbidden"),
    "invalid_client": (401, "trouble switch: client refused"),
    "invalid_grant": (400, "trouble switch: grant refused"),
}
_CARRIERS = {"twilio", "azure"}
_SPOILT = {"garbage", "truncated", "empty", "huge", "dribble", "redirect"}
# The codes of FHIR's issue-type value set for the answers above.
_ISSUES = {400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 429: "throttled"}


def group_of(path: str) -> Group | None:
    """Which group of endpoints a path belongs to; None for the screens."""
    return next((group for pattern, group in _GROUPS if pattern.fullmatch(path)), None)


def elsewhere(house: Hospital, path: str) -> bool:
    """Whether a path has the shape of a vendor whom this hospital does not take after at present."""
    return path.startswith((FAMILY, OAUTH) if house.at.oracle else ("/r4/", "/tenants/"))


def note(request: web.Request, **facts: Any) -> None:
    """Write something into the ledger line of this call."""
    line: Note = request[NOTE]
    line.update(facts)


def outcome(status: int, text: str, *, issue: str = "") -> web.Response:
    """A FHIR refusal."""
    body = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": issue or _ISSUES.get(status, "exception"), "diagnostics": text}],
    }
    return web.json_response(body, status=status, content_type="application/fhir+json")


def _words(group: Group, switch: Switch, status: int, text: str) -> dict[str, Any]:
    """A refusal in the words of the vendor whom a group takes after."""
    if group == "twilio":
        code = {401: 20003, 429: 20429}.get(status, 20500)
        return {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    if group == "azure":
        return {"error": {"code": {401: "Denied", 429: "TooManyRequests"}.get(status, "InternalServerError"), "message": text}}
    if group == "graph":
        codes = {401: "InvalidAuthenticationToken", 403: "Forbidden", 429: "TooManyRequests"}
        return {"error": {"code": codes.get(status, "InternalServerError"), "message": text, "innerError": {}}}
    return {"error": switch.mode if switch.mode.startswith("invalid_") else "temporarily_unavailable", "Message": text}


def _refusal(group: Group, switch: Switch) -> web.Response:
    status, text = _REFUSALS[switch.mode]
    answer = outcome(status, text) if group == "fhir" else web.json_response(_words(group, switch, status, text), status=status)
    if switch.mode == "busy":
        answer.headers["Retry-After"] = str(int(switch.seconds))
    if switch.mode == "refuse":
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer


async def _answer(request: web.Request, handler: Handler, group: Group, switch: Switch) -> web.StreamResponse:
    if switch.mode in _REFUSALS:
        note(request, trouble=switch.mode)
        return _refusal(group, switch)
    if switch.mode != "off":
        note(request, trouble=switch.mode)
    if switch.mode in {"slow", "hang"}:
        await asyncio.sleep(switch.seconds)
    if switch.mode == "hang":
        return web.Response(status=503)
    if elsewhere(hospital(request), request.path):
        note(request, error="not-found", why="this hospital has another vendor's addresses at present")
        return outcome(404, "no such place here")
    try:
        return await handler(request)
    except web.HTTPException as refusal:  # aiohttp's own, e.g. 413
        return web.Response(status=refusal.status, text=refusal.text)


def _enter(house: Hospital, request: web.Request, group: Group, answer: web.StreamResponse) -> None:
    """Write the ledger line, then act on it: what is not in the ledger did not happen."""
    facts: Note = request[NOTE]
    good = answer.status < HTTPStatus.BAD_REQUEST and not facts.get("error")
    line = {
        "kind": group,
        "method": request.method,
        "path": request.path,
        "client": "",
        "status": answer.status,
        "outcome": "trouble" if facts.get("trouble") in {*_REFUSALS, *_SPOILT, "hang"} else "ok" if good else "refused",
        **facts,
    }
    entry = house.ledger.append(line, safe=group not in _CARRIERS)
    if "applied" in entry:
        house.live.tell(**entry["applied"], at=entry["at"])


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the switches act, and have the call in the ledger before its answer leaves."""
    group = group_of(request.path)
    if group is None:
        return await handler(request)
    house = request.app[HOSPITAL]
    request[NOTE] = Note()
    switch = house.trouble.meet(group, request.path)
    answer = await _answer(request, handler, group, switch)
    _enter(house, request, group, answer)
    if switch.mode in _SPOILT:
        return await spoil(request, answer, switch, house.book.settings.redirect_to)
    if switch.mode == "late":
        await asyncio.sleep(switch.seconds)
    if switch.mode in {"lost", "hang"} and request.transport is not None:
        request.transport.abort()
    return answer
