"""The clinicians' EHR: the day's schedule, and a visit with the video system in a frame."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from practice.hospital import Hospital, hospital
from practice.launches import CannotLaunch, begin, opens_window
from practice.model import Appointment, Practitioner
from practice.records import held
from practice.screens.api import problem
from practice.screens.booking import change as step
from practice.screens.forms import number
from practice.screens.pages import bad, missing, page
from practice.screens.views import age, nearest, on_day, row, rows, today
from practice.times import from_local

ALLOW = "camera *; microphone *; display-capture *; speaker-selection *; autoplay *; fullscreen *"


def _who(request: web.Request) -> Practitioner | None:
    return hospital(request).book.practitioner(request.match_info["emp"])


async def choose(request: web.Request) -> web.StreamResponse:
    """Go to somebody's schedule: the one with the visit nearest to now."""
    house = hospital(request)
    soon = nearest(house, rows(house, house.book.appointments))
    first = soon.practitioner if soon else next(iter(house.book.practitioners), None)
    if first is None:
        return missing(request, "This hospital has no practitioners yet. Add one under People and visits.")
    return web.Response(status=303, headers={"Location": f"/ehr/{first.emp}"})


async def schedule(request: web.Request) -> web.StreamResponse:
    """A day of visits: one's own, or a whole department's."""
    house, who = hospital(request), _who(request)
    if who is None:
        return missing(request, "There is no practitioner of that number.")
    try:
        day = date.fromisoformat(request.query["day"]) if request.query.get("day") else today(house)
        around = {"before": day - timedelta(days=1), "after": day + timedelta(days=1)}
    except (ValueError, OverflowError):
        return bad(request, "The day must be written like 2026-11-21.")
    where = request.query.get("department", "")
    visits = [v for v in on_day(house, day) if (v.department == where if where else v.practitioner == who.id)]
    shown = rows(house, visits)
    return page(
        request,
        "schedule.html",
        who=who,
        rows=shown,
        soon=nearest(house, shown),
        day=day,
        around=around,
        where=where,
        today=today(house),
        book=house.book,
        age=age,
        window=opens_window(house),
        told=house.engine.last_told(),
        may_text=held(house.book, "direct-sms") is not None,
    )


def _visit(house: Hospital, request: web.Request) -> Appointment | None:
    return house.book.appointment(request.match_info["csn"])


async def visit_page(request: web.Request) -> web.StreamResponse:
    """The chart of one visit, with the frame that the page's script fills by pressing the launch button."""
    house, who, visit = hospital(request), _who(request), _visit(hospital(request), request)
    this = row(house, visit) if visit else None
    if who is None or visit is None or this is None:
        return missing(request, "There is no such practitioner or visit.")
    others = rows(house, [v for v in on_day(house, today(house)) if v.practitioner == who.id or v.csn == visit.csn])
    return page(request, "visit.html", who=who, this=this, others=others, allow=ALLOW, age=age, today=today(house))


async def launch(request: web.Request) -> web.StreamResponse:
    """Press "Begin virtual visit": JSON for the frame's script, a redirect for a form that opens a window."""
    house, who, visit = hospital(request), _who(request), _visit(hospital(request), request)
    as_json = "application/json" in request.headers.get("Accept", "")
    if who is None or visit is None:
        return problem(404, "no such practitioner or visit") if as_json else missing(request, "There is no such practitioner or visit.")
    kind = "direct-sms" if request.query.get("open") == "text" else "provider"
    try:
        url = begin(house, kind, visit, who.id)
    except CannotLaunch as error:
        return problem(409, str(error)) if as_json else bad(request, f"This visit cannot be begun: {error}.")
    return web.json_response({"url": url}) if as_json else web.Response(status=303, headers={"Location": url})


async def change(request: web.Request) -> web.StreamResponse:
    """Move, cancel or close a visit from its row on the schedule."""
    house, who, visit = hospital(request), _who(request), _visit(hospital(request), request)
    where = house.book.department(visit.department) if visit else None
    if who is None or visit is None or where is None:
        return missing(request, "There is no such practitioner or visit.")
    form = await request.post()
    do, said = str(form.get("do", "")), dict[str, Any](csn=visit.csn)
    try:
        if do == "move":
            said |= {"start": from_local(str(form.get("start", "")), where.zone), "minutes": number(str(form.get("minutes", "")))}
        step(house, do, said)
    except ValueError as error:
        return bad(request, f"The visit stays as it was: {str(error)[:300]}")
    day, department = str(form.get("day", "")), str(form.get("department", ""))
    back = urlencode({name: value for name, value in (("day", day), ("department", department)) if value})
    return web.Response(status=303, headers={"Location": f"/ehr/{who.emp}?{back}"})


ROUTES = [
    web.get("/ehr", choose),
    web.get("/ehr/{emp}", schedule),
    web.get("/ehr/{emp}/visit/{csn}", visit_page),
    web.post("/ehr/{emp}/launch/{csn}", launch),
    web.post("/ehr/{emp}/change/{csn}", change),
]
