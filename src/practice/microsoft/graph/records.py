"""Call records of a whole directory, found by when they began or by who took part and never by the meeting."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.microsoft.graph.afterwards import recorded
from practice.microsoft.graph.answers import Caller, GraphError, bad, caller_of, context, moment, not_found, paged
from practice.microsoft.graph.model import OnlineMeeting
from practice.microsoft.graph.quality import session, whose
from practice.teams.model import Call
from practice.times import seconds

_PAGE = 60
_MOST, _MOST_OF_ONE = 1_500, 10  # in twenty seconds, for an app in a directory and for one record
_WHEN = re.compile(r"startDateTime\s+(ge|gt|le|lt)\s+(\S+)", re.IGNORECASE)
_WHO = re.compile(r"participants_v2/any\(p:\s?p/id\s+eq\s+'([^']+)'\)", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_SESSIONS = re.compile(r"sessions(\(\$expand=segments\))?")


async def listed(request: web.Request) -> web.Response:
    """Records by their begin or their people, sixty a page."""
    house, caller = _door(request, "callRecords")
    rows = [_record(meeting, call) for meeting, call in recorded(house, caller.tid) if _fits(request, call)]
    value, following = paged(request, rows, _PAGE)
    body: dict[str, Any] = {"@odata.context": context(request, "communications/callRecords"), "value": value}
    return web.json_response({**body, "@odata.nextLink": following} if following else body)


async def get(request: web.Request) -> web.Response:
    """One record; with `$expand`, its sessions and its people."""
    house, meeting, call = _one(request, "callRecord")
    body = {"@odata.context": context(request, "communications/callRecords/$entity"), **_record(meeting, call)}
    for part in filter(None, re.split(r",(?![^(]*\))", request.query.get("$expand", ""))):
        sessions = _SESSIONS.fullmatch(part.strip())
        if sessions:
            body |= _sessions(request, house, call, segments=bool(sessions[1]))
        elif part.strip() == "participants_v2":
            body["participants_v2"] = [{"id": one.person, "identity": whose(house, one)} for one in _people(call).values()]
        else:
            raise bad(f"Parsing OData Select and Expand failed: Could not find a property named '{part[:60]}'.")
    return web.json_response(body)


async def sessions(request: web.Request) -> web.Response:
    """The connections of one record, sixty a page."""
    house, _, call = _one(request, "sessions")
    rows = [session(house, call, one, segments=request.query.get("$expand") == "segments") for one in call.attended]
    value, following = paged(request, rows, _PAGE)
    body: dict[str, Any] = {"@odata.context": context(request, "sessions"), "value": value}
    return web.json_response({**body, "@odata.nextLink": following} if following else body)


# ---------------------------------------------------------------------- what they share


def _door(request: web.Request, endpoint: str) -> tuple[Hospital, Caller]:
    house, caller = hospital(request), caller_of(request)
    note(request, endpoint=endpoint)
    caller.need("CallRecords.Read.All")
    _within(house, f"records {caller.app_id} {caller.tid}", _MOST)
    return house, caller


def _within(house: Hospital, what: str, most: int) -> None:
    early = house.graph.a_while.admit(what, house.now(), most)
    if early:
        raise GraphError(429, "TooManyRequests", "Too many requests.", {"Retry-After": str(int(early) + 1)})


def _one(request: web.Request, endpoint: str) -> tuple[Hospital, OnlineMeeting, Call]:
    house, caller = _door(request, endpoint)
    key = request.match_info["record"]
    _within(house, f"record {key}", _MOST_OF_ONE)
    found = next(((meeting, call) for meeting, call in recorded(house, caller.tid) if call.id == key), None)
    if found is None:
        raise not_found("Call record not found.")
    note(request, record=key, meeting=found[0].id)
    return house, *found


def _sessions(request: web.Request, house: Hospital, call: Call, *, segments: bool) -> dict[str, Any]:
    at = f"{house.at.base}{request.path}/sessions"
    rows = [session(house, call, one, segments=segments) for one in call.attended]
    value, following = paged(request, rows, _PAGE, at=at)
    if not following:
        return {"sessions": value}
    return {"sessions": value, "sessions@odata.nextLink": f"{following}&$expand=segments" if segments else following}


def _people(call: Call) -> dict[str, Any]:
    return {one.person: one for one in call.attended}


def _record(meeting: OnlineMeeting, call: Call) -> dict[str, Any]:
    who = {"user": {"id": meeting.organizer, "displayName": None, "tenantId": meeting.tid}}
    return {
        "id": call.id,
        "version": 1,
        "type": "groupCall",
        "modalities": ["audio", "video"],
        "lastModifiedDateTime": call.ended,
        "startDateTime": call.started,
        "endDateTime": call.ended,
        "joinWebUrl": meeting.join_url,
        "organizer_v2": {"id": meeting.organizer, "identity": who},
    }


def _fits(request: web.Request, call: Call) -> bool:
    """Whether a record is one that `$filter` asks for."""
    text = request.query.get("$filter", "").strip()
    return all(_fits_one(part, call) for part in _AND.split(text)) if text else True


def _fits_one(part: str, call: Call) -> bool:
    when, who = _WHEN.fullmatch(part), _WHO.fullmatch(part)
    if who:
        return any(one.person == unquote(who[1]) for one in call.attended)
    if when is None:
        raise bad(f"Invalid filter clause: '{part[:80]}' cannot be filtered by.")
    begun, limit = seconds(call.started), moment(when[2], "startDateTime").timestamp()
    return {"ge": begun >= limit, "gt": begun > limit, "le": begun <= limit, "lt": begun < limit}[when[1].lower()]
