"""Attendance reports: one for each time the meeting took place, some seconds after its end."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital
from practice.microsoft.graph.afterwards import identity, over
from practice.microsoft.graph.answers import bad, caller_of, context, not_found
from practice.microsoft.graph.meetings import meeting_of
from practice.microsoft.graph.model import OnlineMeeting
from practice.teams.model import Call, Presence
from practice.times import seconds


async def listed(request: web.Request) -> web.Response:
    """The reports there are; who was there is not among them."""
    house, meeting = await _meeting(request, "attendanceReports")
    value = [_report(call) for call in _there(house, meeting)]
    return web.json_response({"@odata.context": context(request, "attendanceReports"), "value": value})


async def get(request: web.Request) -> web.Response:
    """One report; with `$expand=attendanceRecords`, who was there."""
    house, call = await _call(request, "attendanceReport")
    expand = request.query.get("$expand", "")
    if expand not in {"", "attendanceRecords"}:
        raise bad(f"Parsing OData Select and Expand failed: Could not find a property named '{expand[:60]}'.")
    body = {"@odata.context": context(request, "attendanceReports/$entity"), **_report(call)}
    return web.json_response({**body, "attendanceRecords": _records(house, call)} if expand else body)


async def records(request: web.Request) -> web.Response:
    """Who was there."""
    house, call = await _call(request, "attendanceRecords")
    return web.json_response({"@odata.context": context(request, "attendanceRecords"), "value": _records(house, call)})


async def _meeting(request: web.Request, endpoint: str) -> tuple[Hospital, OnlineMeeting]:
    caller_of(request).need("OnlineMeetingArtifact.Read.All")
    house, _, meeting = await meeting_of(request, endpoint, permission=False)
    return house, meeting


async def _call(request: web.Request, endpoint: str) -> tuple[Hospital, Call]:
    house, meeting = await _meeting(request, endpoint)
    found = next((call for call in _there(house, meeting) if call.id == request.match_info["report"]), None)
    if found is None:
        raise not_found("Attendance report not found.")
    note(request, report=found.id)
    return house, found


def _there(house: Hospital, meeting: OnlineMeeting) -> list[Call]:
    return over(house, meeting, after=house.book.cloud.report_seconds)


def _people(call: Call) -> dict[tuple[str, str], list[Presence]]:
    """Everybody once, with each time they were in the call. Whoever saw only the lobby is not in it."""
    people: dict[tuple[str, str], list[Presence]] = {}
    for one in call.attended:
        people.setdefault((one.who, one.person), []).append(one)
    return people


def _report(call: Call) -> dict[str, Any]:
    return {
        "id": call.id,
        "totalParticipantCount": len(_people(call)),
        "meetingStartDateTime": call.started,
        "meetingEndDateTime": call.ended,
    }


def _records(house: Hospital, call: Call) -> list[dict[str, Any]]:
    return [_record(house, call, times) for times in _people(call).values()]


def _record(house: Hospital, call: Call, times: list[Presence]) -> dict[str, Any]:
    first = times[0]
    account = house.book.account(first.person) if first.who == "user" else None
    intervals = [_interval(one.admitted, one.over or call.ended) for one in times]
    return {
        "id": first.person if first.who == "user" else first.id,
        "emailAddress": (account.email if account else "") or None,
        "totalAttendanceInSeconds": sum(one["durationInSeconds"] for one in intervals),
        "role": first.role,
        "identity": {"@odata.type": "#microsoft.graph.communicationsUserIdentity", **identity(house, first)},
        "attendanceIntervals": intervals,
        "registrationId": None,
        "externalRegistrationInformation": None,
    }


def _interval(came: str, went: str) -> dict[str, Any]:
    return {"joinDateTime": came, "leaveDateTime": went, "durationInSeconds": int(seconds(went) - seconds(came))}
