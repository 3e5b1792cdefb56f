"""The patients' portal: whose account, what is coming, and one button to begin."""

from __future__ import annotations

from aiohttp import web

from practice.hospital import hospital
from practice.launches import CannotLaunch, begin
from practice.screens.pages import bad, missing, page
from practice.screens.views import nearest, rows


async def accounts(request: web.Request) -> web.StreamResponse:
    """Choose whose portal to look at."""
    house = hospital(request)
    everybody = [(p, nearest(house, rows(house, [v for v in house.book.appointments if v.patient == p.id]))) for p in house.book.patients]
    return page(request, "portal_accounts.html", everybody=everybody)


async def home(request: web.Request) -> web.StreamResponse:
    """One patient's visits."""
    house = hospital(request)
    patient = house.book.patient(request.match_info["patient"])
    if patient is None:
        return missing(request, "There is no account of that number.")
    visits = rows(house, [v for v in house.book.appointments if v.patient == patient.id])
    coming = [one for one in visits if not one.over]
    return page(
        request,
        "portal.html",
        patient=patient,
        next=nearest(house, visits),
        coming=coming,
        past=[one for one in reversed(visits) if one.over],
    )


async def start_visit(request: web.Request) -> web.StreamResponse:
    """Press "Begin virtual visit"."""
    house = hospital(request)
    patient, visit = house.book.patient(request.match_info["patient"]), house.book.appointment(request.match_info["csn"])
    if patient is None or visit is None:
        return missing(request, "There is no such account or visit.")
    try:
        return web.Response(status=303, headers={"Location": begin(house, "patient", visit, patient.id)})
    except CannotLaunch as error:
        return bad(request, f"This visit cannot be begun: {error}.")


ROUTES = [
    web.get("/portal", accounts),
    web.get("/portal/{patient}", home),
    web.post("/portal/{patient}/visit/{csn}", start_visit),
]
