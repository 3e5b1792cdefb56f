"""The addresses of the cloud, as Graph has them: `v1.0` and `beta` differ in what may be subscribed to."""

from __future__ import annotations

from aiohttp import web

from practice.calls import note
from practice.hospital import GRAPH
from practice.microsoft.graph import attendance, desk, meetings, people, records, subscriptions
from practice.microsoft.graph.answers import GraphError, caller_of, strict

_ROOT = f"{GRAPH}/{{version:v1\\.0|beta}}"
_USER = f"{_ROOT}/users/{{user}}"
_MEETINGS = f"{_USER}/onlineMeetings"
_RECORDS = f"{_ROOT}/communications/callRecords"
_SUBSCRIPTIONS = f"{_ROOT}/subscriptions"
_SUBSCRIPTION = f"{_SUBSCRIPTIONS}/{{subscription}}"
_MEETING = f"{_MEETINGS}/{{meeting}}"
_REPORTS = f"{_MEETING}/attendanceReports"


async def nowhere(request: web.Request) -> web.Response:
    """Everything that is not here."""
    caller_of(request)
    note(request, endpoint="unknown")
    segment = request.path.rpartition("/")[2]
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{segment[:60]}'.")


ROUTES = [
    web.post(f"{_MEETINGS}/createOrGet", strict(meetings.create_or_get)),
    web.post(_MEETINGS, strict(meetings.create)),
    web.get(_MEETINGS, strict(meetings.find)),
    *(web.get(f"{_MEETING}/getVirtualAppointmentJoinWebUrl{call}", strict(meetings.visitor_link)) for call in ("", "()")),
    web.get(_MEETING, strict(meetings.get)),
    web.patch(_MEETING, strict(meetings.update)),
    web.delete(_MEETING, strict(meetings.delete)),
    web.get(_REPORTS, strict(attendance.listed)),
    web.get(f"{_REPORTS}/{{report}}", strict(attendance.get)),
    web.get(f"{_REPORTS}/{{report}}/attendanceRecords", strict(attendance.records)),
    web.get(_RECORDS, strict(records.listed)),
    web.get(f"{_RECORDS}/{{record}}", strict(records.get)),
    web.get(f"{_RECORDS}/{{record}}/sessions", strict(records.sessions)),
    web.post(_SUBSCRIPTIONS, strict(subscriptions.create)),
    web.get(_SUBSCRIPTIONS, strict(subscriptions.listed)),
    web.post(f"{_SUBSCRIPTION}/reauthorize", strict(subscriptions.reauthorize)),
    web.get(_SUBSCRIPTION, strict(subscriptions.get)),
    web.patch(_SUBSCRIPTION, strict(subscriptions.update)),
    web.delete(_SUBSCRIPTION, strict(subscriptions.delete)),
    web.get(f"{_USER}/licenseDetails", strict(people.licences)),
    web.get(_USER, strict(people.user)),
    *desk.ROUTES,
    web.route("*", f"{GRAPH}{{rest:(/.*)?}}", strict(nowhere)),
]
