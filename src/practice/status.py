"""SetExternalConnectionStatus: a video system tells the EHR who connected to, or left, a visit.

Path, headers and parameter names follow public samples of the Epic call; the sentences of the refusals are our own.
"""

from __future__ import annotations

import hmac
from typing import Any

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.live import CONNECTED, DISCONNECTED, PATIENT, PROVIDER
from practice.model import Appointment
from practice.oauth.clients import read_basic

NAMES = ("ConferenceID", "ExternalID", "ExternalIDType", "VendorName", "ConnectionStatus")
_LONGEST = 200


class Refused(Exception):
    """A refusal: status, a code in capitals, and a sentence."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


async def set_status(request: web.Request) -> web.StreamResponse:
    """Take one status."""
    house = hospital(request)
    try:
        _caller(house, request)
        params = await _params(house, request)
        visit, person = _judge(house, params)
    except Refused as error:
        note(request, error=error.code, why=str(error))
        text = f"An error occurred while executing the command: {error.code} details: {error}."
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None  # noqa: PLR2004 - RFC 6750 3
        return web.json_response({"Message": "An error has occurred.", "ExceptionMessage": text}, status=error.status, headers=headers)
    connected = params["ConnectionStatus"] == CONNECTED
    note(request, applied={"visit": visit.id, "type": params["ExternalIDType"], "person": person, "connected": connected})
    return web.json_response({})


def _caller(house: Hospital, request: web.Request) -> None:
    """Epic-Client-ID names a registered client, and the credentials are that client's."""
    client_id = request.headers.get("Epic-Client-ID", "")
    if not client_id:
        raise Refused(401, "NO-CLIENT-ID", "the header Epic-Client-ID is required")
    app = house.book.app(client_id)
    if app is None:
        raise Refused(401, "UNKNOWN-CLIENT", "Epic-Client-ID is not registered here")
    note(request, client=client_id)
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    allowed = {"bearer", "basic"} if house.book.settings.status_auth == "both" else {house.book.settings.status_auth}
    if scheme.lower() not in allowed:
        raise Refused(401, "NOT-AUTHENTICATED", f"Authorization must be {' or '.join(sorted(allowed))}")
    if scheme.lower() == "bearer":
        token = house.grants.bearer(credentials.strip())
        if token is None:
            raise Refused(401, "INVALID-TOKEN", "the access token is unknown or over")
        if token.client_id != client_id:
            raise Refused(403, "WRONG-CLIENT", "Epic-Client-ID is not the client of the token")
    else:
        _check_basic(house, request.headers["Authorization"])
    if not app.status_api:
        raise Refused(403, "API-NOT-GRANTED", "this client is not registered for this API")


def _check_basic(house: Hospital, authorization: str) -> None:
    user, password = read_basic(authorization)
    settings = house.book.settings
    same_user = hmac.compare_digest(user.encode(), f"emp${settings.basic_user}".encode())
    if not (same_user and hmac.compare_digest(password.encode(), settings.basic_password.encode())):
        raise Refused(401, "NOT-AUTHENTICATED", "user or password is wrong; the user is written emp$user")


async def _params(house: Hospital, request: web.Request) -> dict[str, str]:
    """From the query; for other verbs also from a form or a JSON object."""
    if request.method not in house.book.settings.status_verbs:
        raise Refused(405, "VERB", f"use {' or '.join(house.book.settings.status_verbs)}")
    given: dict[str, Any] = dict(request.query)
    if request.method != "GET" and request.can_read_body:
        given |= await _body(request)
    params = {name: str(given.get(name, "")).strip() for name in NAMES}
    note(request, params={name: value[:_LONGEST] for name, value in params.items()})
    missing = [name for name, value in params.items() if not value]
    if missing:
        raise Refused(400, "MISSING-PARAMETER", ", ".join(missing))
    if any(len(value) > _LONGEST for value in params.values()):
        raise Refused(400, "TOO-LONG", "a parameter is too long")
    return params


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        return dict(await request.post())
    try:
        body = await request.json()
    except (ValueError, RecursionError) as error:
        raise Refused(400, "INVALID-BODY", "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "INVALID-BODY", "the body is not a JSON object")
    return body


def _judge(house: Hospital, params: dict[str, str]) -> tuple[Appointment, str]:
    """The visit and the person meant; every value must be one we know."""
    conference = params["ConferenceID"]
    visits = [a for a in house.book.appointments if conference in {a.conference, a.csn}]
    if not visits:
        raise Refused(404, "UNKNOWN-CONFERENCE", "ConferenceID is neither a conference nor a CSN of this hospital")
    if params["ConnectionStatus"] not in {CONNECTED, DISCONNECTED}:
        raise Refused(400, "INVALID-STATUS", "ConnectionStatus must be 1 (connected) or 2 (disconnected)")
    kind, key = params["ExternalIDType"], params["ExternalID"]
    if kind not in {PROVIDER, PATIENT}:
        raise Refused(400, "INVALID-ID-TYPE", "ExternalIDType must be 1 (provider) or 2 (patient)")
    return _match(house, visits, kind, key)


def _match(house: Hospital, visits: list[Appointment], kind: str, key: str) -> tuple[Appointment, str]:
    """A provider of this hospital, or a patient of this conference (a group visit has several), by one id however they were named."""
    found = house.book.practitioner(key) if kind == PROVIDER else house.book.patient(key)
    theirs = [visit for visit in visits if found and (kind == PROVIDER or visit.patient == found.id)]
    if found and theirs:
        return theirs[0], found.id
    if not house.book.settings.know_people:
        return visits[0], key
    raise Refused(404, "UNKNOWN-PERSON", "ExternalID is not a provider of this hospital, or not a patient of this visit")
