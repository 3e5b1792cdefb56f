"""Online meetings: made, found, changed, taken away; and the way in for somebody without an account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from practice.calls import note
from practice.hospital import Hospital, hospital
from practice.microsoft.graph import options
from practice.microsoft.graph.answers import GraphError, bad, body_of, caller_of, context, moment, newer, not_found, only, said
from practice.microsoft.graph.model import OPTIONS, SCOPE, Attendee, OnlineMeeting
from practice.microsoft.graph.people import organizer
from practice.model import Account
from practice.times import instant

_BY_LINK = re.compile(r"\s*joinwebur[li]\s+eq\s+'(.+)'\s*", re.IGNORECASE)
_BY_NUMBER = re.compile(r"\s*joinmeetingidsettings/joinmeetingid\s+eq\s+'(\d+)'\s*", re.IGNORECASE)
_WHEN = frozenset({"startDateTime", "endDateTime", "subject", "participants"})
_FOUND_BY_ID = _WHEN | {"externalId", "chatInfo"}
_SET = _WHEN | options.NAMES
_HOUR = timedelta(hours=1)
_A_MONTH = 30 * 86_400
_LONGEST_ID = 500


async def create(request: web.Request) -> web.Response:
    """A meeting with all its options. Asked twice, there are two."""
    house, account = await _acting(request, "create")
    body = await body_of(request)
    only(body, _SET | {"externalId"}, "microsoft.graph.onlineMeeting")
    made = _new(house, account, body)
    options.apply(house, made, body)
    return _answer(request, house, house.graph.keep(made), status=201)


async def create_or_get(request: web.Request) -> web.Response:
    """The meeting of an id that the maker chose; made when there is none, and else given as it is."""
    house, account = await _acting(request, "createOrGet")
    body = await body_of(request)
    only(body, _FOUND_BY_ID, "microsoft.graph.createOrGet")
    external = said(body, "externalId", str, most=_LONGEST_ID)
    if not external:
        raise bad("Missing required parameter 'externalId'.")
    note(request, external=external)
    there = house.graph.external(account.tid, account.oid, external)
    if there is not None:
        return _answer(request, house, there)
    made = _new(house, account, body, external)
    options.kept(house, made)
    return _answer(request, house, house.graph.keep(made), status=201)


async def find(request: web.Request) -> web.Response:
    """The one meeting with a join link, or with a number to dial."""
    house, account = await _acting(request, "find", write=False)
    asked = request.query.get("$filter", "")
    by_link, by_number = _BY_LINK.fullmatch(asked), _BY_NUMBER.fullmatch(asked)
    if by_link:
        found = house.graph.join(by_link[1])
    elif by_number:
        found = next((one for one in house.graph.meetings.values() if one.join_id == by_number[1] and not one.deleted), None)
    else:
        raise bad("Filter expression expected: /onlineMeetings?$filter=JoinWebUrl eq '{joinWebUrl}'.")
    if found is None or (found.tid, found.organizer) != (account.tid, account.oid):
        raise not_found("Meeting not found.")
    note(request, meeting=found.id)
    what = f"users('{account.oid}')/onlineMeetings"
    return web.json_response({"@odata.context": context(request, what), "value": [shown(house, found, newer=newer(request))]})


async def get(request: web.Request) -> web.Response:
    """One meeting as it is kept."""
    house, _, meeting = await meeting_of(request, "get", write=False)
    return _answer(request, house, meeting)


async def update(request: web.Request) -> web.Response:
    """Some of it changes; both times or neither; attendees as the whole list."""
    house, account, old = await meeting_of(request, "update")
    body = await body_of(request)
    only(body, _SET, "microsoft.graph.onlineMeeting")
    meeting = msgspec.convert(msgspec.to_builtins(old), type=OnlineMeeting)  # all of it or nothing
    if ("startDateTime" in body) != ("endDateTime" in body):
        raise bad("startDateTime and endDateTime must be updated together.")
    if said(body, "startDateTime", str):
        meeting.start, meeting.end = _times(house, body)
    meeting.subject = said(body, "subject", str) if "subject" in body else meeting.subject
    people = options.attendees(house, account.tid, body)
    meeting.attendees = meeting.attendees if people is None else people
    options.apply(house, meeting, body)
    meeting.changed = instant(house.now())
    note(request, set=sorted(body))
    return _answer(request, house, house.graph.keep(meeting))


async def delete(request: web.Request) -> web.Response:
    """Gone; its links lead nowhere."""
    house, _, meeting = await meeting_of(request, "delete")
    meeting.deleted = True
    house.graph.keep(meeting)
    return web.Response(status=204)


async def visitor_link(request: web.Request) -> web.Response:
    """The way into a virtual appointment by browser, for somebody without an account."""
    caller_of(request).need("VirtualAppointment.Read.All", "VirtualAppointment.ReadWrite.All")
    _, _, meeting = await meeting_of(request, "getVirtualAppointmentJoinWebUrl", permission=False)
    return web.json_response({"@odata.context": context(request, "Edm.String"), "value": meeting.visitor_url})


# ---------------------------------------------------------------------- what they share


async def _acting(request: web.Request, endpoint: str, *, write: bool = True, permission: bool = True) -> tuple[Hospital, Account]:
    """Whoever the app acts for, once it may."""
    house, caller, user = hospital(request), caller_of(request), request.match_info["user"]
    note(request, endpoint=endpoint, user=user[:80])
    if permission and write:
        caller.need("OnlineMeetings.ReadWrite.All")
    elif permission:
        caller.need("OnlineMeetings.Read.All", "OnlineMeetings.ReadWrite.All")
    return house, organizer(house, caller, user)


async def meeting_of(
    request: web.Request, endpoint: str, *, write: bool = True, permission: bool = True
) -> tuple[Hospital, Account, OnlineMeeting]:
    """The meeting of an address, once the app may act for its organizer."""
    house, account = await _acting(request, endpoint, write=write, permission=permission)
    meeting = house.graph.meeting(request.match_info["meeting"])
    if meeting is None or (meeting.tid, meeting.organizer) != (account.tid, account.oid):
        raise not_found("Meeting not found.")
    note(request, meeting=meeting.id)
    return house, account, meeting


def _new(house: Hospital, account: Account, body: Mapping[str, Any], external: str = "") -> OnlineMeeting:
    month = instant(house.now())[:7]
    if house.graph.made_in(account.tid, account.oid, month) >= house.book.cloud.monthly:
        raise GraphError(
            429, "TooManyRequests", "The user has reached the limit of meetings for this month.", {"Retry-After": str(_A_MONTH)}
        )
    start, end = _times(house, body)
    subject = said(body, "subject", str) or ""
    external = external or said(body, "externalId", str, most=_LONGEST_ID) or ""
    made = house.graph.make(account.tid, account.oid, start=start, end=end, external_id=external, subject=subject)
    made.attendees = options.attendees(house, account.tid, body) or []
    return made


def _times(house: Hospital, body: Mapping[str, Any]) -> tuple[str, str]:
    """Start and end. Without both it starts now and lasts an hour; an end needs a start before it."""
    start, end = said(body, "startDateTime", str), said(body, "endDateTime", str)
    if end and not start:
        raise bad("startDateTime must be provided when endDateTime is.")
    begins = moment(start, "startDateTime") if start else moment(instant(house.now()), "startDateTime")
    ends = moment(end, "endDateTime") if end else begins + _HOUR
    if ends < begins:
        raise bad("startDateTime must be before endDateTime.")
    return instant(begins.timestamp()), instant(ends.timestamp())


def _answer(request: web.Request, house: Hospital, meeting: OnlineMeeting, *, status: int = 200) -> web.Response:
    note(request, meeting=meeting.id)
    body = shown(house, meeting, newer=newer(request))
    what = context(request, f"users('{meeting.organizer}')/onlineMeetings/$entity")
    return web.json_response({"@odata.context": what, **body}, status=status)


def _person(house: Hospital, meeting: OnlineMeeting, person: Attendee) -> dict[str, Any]:
    account = next((one for one in house.book.people_accounts if one.oid == person.oid), None)
    user = {"id": person.oid, "displayName": account.name if account else None, "tenantId": meeting.tid} if person.oid else None
    return {"upn": person.upn or None, "role": person.role, "identity": {"user": user}}


def shown(house: Hospital, meeting: OnlineMeeting, *, newer: bool) -> dict[str, Any]:
    """A meeting as Graph tells of it; values that not every reader knows only to one who says so."""
    account = next((one for one in house.book.people_accounts if one.oid == meeting.organizer), None)
    owner = Attendee(upn=account.user_name if account else "", oid=meeting.organizer, role="organizer")
    chosen = {name: meeting.option(name) for name in OPTIONS}
    roles_shown = {"attendee", "presenter"} | ({"coorganizer", "producer"} if newer else set())
    people = [_person(house, meeting, one) for one in meeting.attendees]
    scope = meeting.lobby if newer or meeting.lobby not in SCOPE.newer else "unknownFutureValue"
    organised = {**_person(house, meeting, owner), "role": "presenter"}
    return {
        "id": meeting.id,
        "creationDateTime": meeting.created,
        "startDateTime": meeting.start,
        "endDateTime": meeting.end,
        "externalId": meeting.external_id or None,
        "subject": meeting.subject or None,
        "joinWebUrl": meeting.join_url,
        "joinInformation": {"content": f"data:text/html,{quote(meeting.join_url)}", "contentType": "html"},
        "chatInfo": {"threadId": meeting.thread, "messageId": "0", "replyChainMessageId": None},
        "audioConferencing": None,
        "videoTeleconferenceId": None,
        "joinMeetingIdSettings": {"isPasscodeRequired": True, "joinMeetingId": meeting.join_id, "passcode": meeting.passcode},
        "lobbyBypassSettings": {"scope": scope, "isDialInBypassEnabled": meeting.dial_in_bypass},
        "participants": {
            "organizer": organised,
            "attendees": [one if one["role"] in roles_shown else {**one, "role": "unknownFutureValue"} for one in people],
        },
        **chosen,
    }
