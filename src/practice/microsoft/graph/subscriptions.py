"""Subscriptions to what happens in a meeting: in `beta` only, with resource data only, one for an app and a meeting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
from aiohttp import web

from practice.calls import note
from practice.hospital import GRAPH, Hospital, hospital
from practice.microsoft.graph.answers import Caller, GraphError, bad, body_of, caller_of, context, moment, only, said
from practice.microsoft.graph.model import OnlineMeeting, Subscription
from practice.microsoft.graph.payloads import exact
from practice.microsoft.graph.sealing import public_key
from practice.times import instant, seconds

_MINUTES: Final = 4_230
LONGEST: Final = timedelta(minutes=_MINUTES)
_LIFECYCLE_FROM: Final = 3600  # from so many seconds on, a lifecycle address must be named
_STATE: Final = 128
_EVENTS = re.compile(r"/?communications/onlineMeetings\(joinWebUrl='([^']+)'\)/meetingCallEvents", re.IGNORECASE)
_BY_FILTER = re.compile(r"/?communications/onlineMeetings/?\?\$filter=JoinWebUrl eq '([^']+)'", re.IGNORECASE)
_NAMES = frozenset(
    {
        "changeType",
        "notificationUrl",
        "lifecycleNotificationUrl",
        "resource",
        "includeResourceData",
        "encryptionCertificate",
        "encryptionCertificateId",
        "expirationDateTime",
        "clientState",
        "latestSupportedTlsVersion",
    }
)
_CHANGES = frozenset({"expirationDateTime", "encryptionCertificate", "encryptionCertificateId", "notificationUrl"})


async def create(request: web.Request) -> web.Response:
    """A subscription, once both endpoints have said the validation token back."""
    house, caller = hospital(request), _caller(request, "subscribe")
    body = await body_of(request)
    only(body, _NAMES, "microsoft.graph.subscription")
    meeting = _meeting(request, house, caller, _text(body, "resource"))
    if _text(body, "changeType") != "updated":
        raise bad("changeType must be 'updated' for this resource.")
    if body.get("includeResourceData") is not True:
        raise bad("includeResourceData must be true: only notifications with resource data are sent here.")
    expires = _expires(house, _text(body, "expirationDateTime"))
    facts = _facts(body)
    if not facts["lifecycle_url"] and seconds(expires) - house.now() > _LIFECYCLE_FROM:
        raise bad("lifecycleNotificationUrl is required when expirationDateTime is more than 1 hour from now.")
    _only_one(house, caller, meeting)
    for url in filter(None, (facts["url"], facts["lifecycle_url"])):
        await _validated(house, url)
    _only_one(house, caller, meeting)
    made = house.graph.subscribe(
        tid=caller.tid, app_id=caller.app_id, thread=meeting.thread, resource=body["resource"], expires=expires, **facts
    )
    note(request, subscription=made.id, meeting=meeting.id)
    return _answer(request, made, status=201)


async def listed(request: web.Request) -> web.Response:
    """Those of this app in this directory."""
    house, caller = hospital(request), _caller(request, "subscriptions")
    mine = [one for one in _alive(house) if (one.tid, one.app_id) == (caller.tid, caller.app_id)]
    return web.json_response({"@odata.context": context(request, "subscriptions"), "value": [_shown(one) for one in mine]})


async def get(request: web.Request) -> web.Response:
    """One of them."""
    return _answer(request, _mine(request, "subscription"))


async def update(request: web.Request) -> web.Response:
    """Prolonged, which reauthorises it too; or with another certificate."""
    house, old = hospital(request), _mine(request, "renew")
    body = await body_of(request)
    only(body, _CHANGES, "microsoft.graph.subscription")
    if ("encryptionCertificate" in body) != ("encryptionCertificateId" in body):
        raise bad("encryptionCertificate and encryptionCertificateId must be updated together.")
    changes: dict[str, str] = {}
    if "expirationDateTime" in body:
        changes["expires"] = _expires(house, _text(body, "expirationDateTime"))
    if "encryptionCertificate" in body:
        changes |= _certificate(body)
    if "notificationUrl" in body:
        changes["url"] = _url(body, "notificationUrl")
        await _validated(house, changes["url"])
    house.notifier.muted.discard(old.id)
    note(request, set=sorted(body))
    return _answer(request, house.graph.renew(msgspec.structs.replace(old, **changes)))


async def reauthorize(request: web.Request) -> web.Response:
    """It goes on, and no longer than before."""
    hospital(request).notifier.muted.discard(_mine(request, "reauthorize").id)
    return web.Response(status=204)


async def delete(request: web.Request) -> web.Response:
    """No more."""
    hospital(request).graph.unsubscribe(_mine(request, "unsubscribe").id)
    return web.Response(status=204)


# ---------------------------------------------------------------------- what they share


def _caller(request: web.Request, endpoint: str) -> Caller:
    caller = caller_of(request)
    note(request, endpoint=endpoint)
    caller.need("OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All")
    return caller


def _alive(house: Hospital) -> list[Subscription]:
    """Without those whose time is over, which are forgotten."""
    now = instant(house.now())
    for one in [one for one in house.graph.subscriptions.values() if one.expires <= now]:
        house.graph.unsubscribe(one.id)
    return list(house.graph.subscriptions.values())


def _mine(request: web.Request, endpoint: str) -> Subscription:
    house, caller, key = hospital(request), _caller(request, endpoint), request.match_info["subscription"]
    found = next((one for one in _alive(house) if one.id == key), None)
    if found is None or (found.tid, found.app_id) != (caller.tid, caller.app_id):
        raise GraphError(404, "ResourceNotFound", "The object was not found.")
    note(request, subscription=found.id)
    return found


def _meeting(request: web.Request, house: Hospital, caller: Caller, resource: str) -> OnlineMeeting:
    if not request.path.startswith(f"{GRAPH}/beta/"):
        raise GraphError(400, "InvalidRequest", f"Resource '{resource[:40]}' is not supported in this version.")
    found = _EVENTS.fullmatch(resource) or _BY_FILTER.fullmatch(resource)
    url = unquote(found[1]) if found else ""
    meeting = house.graph.join(url) if url else None
    # a join link has escapes of its own: in the resource it must be escaped as a whole, once more
    if meeting is None or url != meeting.join_url:
        raise _extension(400, "BadRequest", "The meeting join url in subscription is not valid.")
    if meeting.tid != caller.tid:
        raise _extension(403, "Forbidden", "The meeting tenant does not match the token tenant.")
    return meeting


def _extension(status: int, name: str, reason: str) -> GraphError:
    """A refusal of the service behind, as Graph passes it on."""
    return GraphError(status, "ExtensionError", f"Operation: Create; Exception: [Status Code: {name}; Reason: {reason}]")


def _only_one(house: Hospital, caller: Caller, meeting: OnlineMeeting) -> None:
    there = [one for one in _alive(house) if (one.tid, one.app_id, one.thread) == (caller.tid, caller.app_id, meeting.thread)]
    if there:
        raise _extension(409, "Conflict", "A subscription already exists. It must be deleted before another can be made.")


async def _validated(house: Hospital, url: str) -> None:
    why = await house.notifier.validate(url)
    if why:
        raise GraphError(400, "ValidationError", why)


def _text(body: Mapping[str, Any], name: str, *, most: int = 4_000) -> str:
    value = said(body, name, str, most=most)
    if not value:
        raise bad(f"The required property '{name}' is missing.")
    return str(value)


def _url(body: Mapping[str, Any], name: str) -> str:
    """An endpoint: `https`, and here also `http`, for all of this stays on one machine."""
    url = _text(body, name)
    if urlsplit(url).scheme not in {"https", "http"} or not urlsplit(url).hostname:
        raise bad(f"Notification endpoint must be an HTTPS address ({name}).")
    return url


def _certificate(body: Mapping[str, Any]) -> dict[str, str]:
    certificate = _text(body, "encryptionCertificate", most=10_000)
    try:
        public_key(certificate)
    except ValueError as error:
        raise GraphError(400, "InvalidRequest", "Certificate must be a valid base64-encoded X.509 certificate with an RSA key.") from error
    return {"certificate": certificate, "certificate_id": _text(body, "encryptionCertificateId", most=_STATE)}


def _facts(body: Mapping[str, Any]) -> dict[str, str]:
    lifecycle = _url(body, "lifecycleNotificationUrl") if body.get("lifecycleNotificationUrl") else ""
    state = said(body, "clientState", str, most=_STATE) or ""
    return {"url": _url(body, "notificationUrl"), "lifecycle_url": lifecycle, "client_state": state, **_certificate(body)}


def _expires(house: Hospital, text: str) -> str:
    until = moment(text, "expirationDateTime").timestamp()
    if until <= house.now():
        raise GraphError(400, "InvalidRequest", "Subscription expiration must be in the future.")
    if until > house.now() + LONGEST.total_seconds() + 1:
        raise GraphError(400, "InvalidRequest", f"Subscription expiration can only be {_MINUTES} minutes in the future.")
    return instant(until)


def _answer(request: web.Request, one: Subscription, *, status: int = HTTPStatus.OK) -> web.Response:
    return web.json_response({"@odata.context": context(request, "subscriptions/$entity"), **_shown(one)}, status=status)


def _shown(one: Subscription) -> dict[str, Any]:
    return {
        "id": one.id,
        "resource": one.resource,
        "applicationId": one.app_id,
        "changeType": "updated",
        "clientState": one.client_state,
        "notificationUrl": one.url,
        "lifecycleNotificationUrl": one.lifecycle_url or None,
        "expirationDateTime": exact(one.expires),
        "creatorId": one.app_id,
        "includeResourceData": True,
        "encryptionCertificate": None,
        "encryptionCertificateId": one.certificate_id,
        "latestSupportedTlsVersion": "v1_2",
        "notificationQueryOptions": None,
        "notificationUrlAppId": None,
    }
