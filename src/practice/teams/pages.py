"""The pages on which people meet: before the meeting, its lobby, the meeting itself, and after it. They send no picture and no sound."""

from __future__ import annotations

import asyncio
import functools

from aiohttp import web

from practice.calls import Handler
from practice.hospital import Hospital, hospital
from practice.microsoft.authorize import COOKIE
from practice.microsoft.graph.model import OnlineMeeting
from practice.model import Account
from practice.screens.pages import filters, page
from practice.teams.calls import Refused
from practice.teams.model import Presence

_LONGEST_NAME = 64
_HEARTBEAT = 2.0  # seconds: as soon as this a page that is gone is noticed
_OVER = {
    "left": ("You left the meeting", "You can come back as long as it goes on."),
    "removed": ("You were removed from the meeting", "Somebody who leads the meeting sent you out."),
    "denied": ("You were not let in", "Somebody who leads the meeting sent you away from the lobby."),
    "ended": ("The meeting has ended", "It was ended for everybody."),
    "noResponse": ("The connection was lost", "The meeting did not hear from this page for some seconds, and took you out."),
}
_TONES = 6

filters["tone"] = lambda name: sum(map(ord, name)) % _TONES


class _Missing(Refused):
    def __init__(self) -> None:
        super().__init__("We can't find this meeting. The link may be wrong, or the meeting was cancelled.")


async def staff_door(request: web.Request) -> web.Response:
    """Where a join link leads: somebody with an account, or a visitor by name."""
    meeting = _meeting(request, request.match_info["thread"])
    return _door(request, meeting, visitors=False)


async def visitor_door(request: web.Request) -> web.Response:
    """Where a browser join for visitors leads: a name is all that is asked for."""
    meeting = _meeting(request, request.query.get("convId", ""))
    if meeting.tid != request.query.get("tid", ""):
        raise _Missing
    return _door(request, meeting, visitors=True)


def _meeting(request: web.Request, thread: str) -> OnlineMeeting:
    found = hospital(request).graph.thread(thread)
    if found is None:
        raise _Missing
    return found


def _door(request: web.Request, meeting: OnlineMeeting, *, visitors: bool, wrong: str = "") -> web.Response:
    house = hospital(request)
    accounts = [] if visitors else _signed_in(request)
    ours = [one for one in accounts if one.tid == meeting.tid] or accounts
    others = [one for one in house.book.people_accounts if one.enabled and one.oid not in {a.oid for a in ours[:1]}]
    others.sort(key=lambda one: (one.oid != meeting.organizer, one.tid != meeting.tid))
    return page(
        request,
        "teams_door.html",
        status=400 if wrong else 200,
        meeting=meeting,
        me=ours[0] if ours else None,
        others=[] if visitors else others,
        directories={one.tid: one.name for one in house.book.directories},
        visitors=visitors,
        wrong=wrong,
    )


def _signed_in(request: web.Request) -> list[Account]:
    """Who is signed in with this browser, the latest first."""
    house = hospital(request)
    found = [house.book.account(oid) for oid in house.sign_ins.sessions.get(request.cookies.get(COOKIE, ""), [])]
    return [one for one in reversed(found) if one and one.enabled]


async def join(request: web.Request) -> web.Response:
    """Somebody pressed "Join now"."""
    house, form = hospital(request), await request.post()
    meeting = _meeting(request, str(form.get("thread", "")))
    visitors = "visitors" in form
    if account := house.book.account(str(form.get("account", ""))):
        if not account.enabled:
            raise Refused("This account is switched off.")
        one = house.calls.join(meeting.id, who="user", person=account.oid, tid=account.tid, name=account.name)
    else:
        name = " ".join(str(form.get("name", "")).split())
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            return _door(request, meeting, visitors=visitors, wrong="Enter your name, so that the others know who you are.")
        one = house.calls.join(meeting.id, who="guest", name=name)
    return _see(one.id)


async def stage(request: web.Request) -> web.Response:
    """The meeting as one of its people has it: lobby, call, or over."""
    house, me = hospital(request), _me(request)
    meeting, rules = house.graph.meetings[me.meeting], house.calls.rules(me.meeting)
    people = house.calls.present(me.meeting)
    return page(
        request,
        "teams_stage.html",
        meeting=meeting,
        rules=rules,
        me=me,
        inside=sorted((one for one in people if one.inside), key=lambda one: one.id != me.id),
        waiting=[one for one in people if one.lobby],
        over=_OVER.get(me.gone),
        again=meeting.visitor_url if me.who == "guest" else meeting.join_url,
    )


def _me(request: web.Request) -> Presence:
    found = hospital(request).calls.get(request.match_info["presence"])
    if found is None:
        raise _Missing
    return found


async def act(request: web.Request) -> web.Response:
    """A button of the meeting: leave; for who leads also admit, remove, and end for all."""
    house, me, what = hospital(request), _me(request), request.match_info["what"]
    whom = str((await request.post()).get("whom", ""))
    if what == "leave":
        house.calls.leave(me.id)
    elif me.inside and me.leads:
        _lead(house, me, what, whom)
    return _see(me.id)


def _lead(house: Hospital, me: Presence, what: str, whom: str) -> None:
    other = house.calls.get(whom)
    here = other is not None and other.meeting == me.meeting
    if what == "admit" and here:
        house.calls.admit(whom)
    elif what == "admit-all":
        house.calls.admit_all(me.meeting)
    elif what == "remove" and here:
        house.calls.remove(whom)
    elif what == "end":
        house.calls.end(me.meeting)


async def news(request: web.Request) -> web.StreamResponse:
    """A word for the page whenever something happens; while it is open its reader sits in the meeting."""
    house, me = hospital(request), _me(request)
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await answer.prepare(request)
    seen = house.calls.version
    with house.seats.taken(me.id):
        try:
            await answer.write(f"data: {seen}\n\n".encode())
            while request.transport is not None and not request.transport.is_closing():
                version = await house.calls.wait(seen, _HEARTBEAT)
                await answer.write(f"data: {version}\n\n".encode() if version != seen else b":\n\n")
                seen = version
        except (ConnectionError, asyncio.CancelledError):  # they went, or the hospital stops
            pass
    return answer


def _see(presence: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/teams/in/{presence}"})


def _calm(handler: Handler) -> Handler:
    """What cannot be is told on a page."""

    @functools.wraps(handler)
    async def told(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refusal:
            return page(request, "teams_over.html", status=404, title="This does not work", text=str(refusal))

    return told


ROUTES = [
    web.get("/teams/meetup-join/{thread}/{message}", _calm(staff_door)),
    web.get("/teams/visit/route", _calm(visitor_door)),
    web.post("/teams/join", _calm(join)),
    web.get("/teams/in/{presence}", _calm(stage)),
    web.get("/teams/in/{presence}/news", _calm(news)),
    web.post("/teams/in/{presence}/{what}", _calm(act)),
]
