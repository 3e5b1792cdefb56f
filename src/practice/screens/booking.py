"""The schedule as JSON: book, move and change visits, and see what the interface engine made of it."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from practice import setup
from practice.hospital import Hospital, hospital
from practice.interface.model import Queued
from practice.screens.api import body_of, problem

ENDS = {"cancel": "cancelled", "no-show": "noshow", "error": "entered-in-error"}
_LONGEST_WAIT = 60


def change(house: Hospital, do: str, visit: dict[str, Any]) -> str:
    """One step on the schedule, by CSN; gives the CSN.

    Raises:
        BadSetup: when it does not fit.
    """
    if do not in {"book", "move", "change", *ENDS}:
        raise setup.BadSetup(f"no such step; book, move, change, {', '.join(ENDS)} are")
    if do != "book" and house.book.appointment(str(visit.get("csn", ""))) is None:
        raise setup.BadSetup("no visit of that CSN")
    ends = {"status": ENDS[do]} if do in ENDS else {}
    touched = setup.apply(house, {"appointments": [{**visit, **ends}]})
    made = house.book.appointment(touched["appointments"][0])
    return made.csn if made else ""


async def post_schedule(request: web.Request) -> web.Response:
    """`{"do": "book", "patient": "Z4575", "practitioner": "19", "start": ...}`, `{"do": "move", "csn": ..., "start": ...}` and so on."""
    house = hospital(request)
    last = max((one.number for one in house.engine.queue), default=0)
    try:
        body = await body_of(request)
        visit = {name: value for name, value in body.items() if name != "do"}
        csn = change(house, str(body.get("do", "")), visit)
    except (ValueError, AttributeError) as error:
        return problem(400, str(error)[:500])
    return web.json_response({"csn": csn, "messages": [view(one) for one in house.engine.queue if one.number > last]})


def view(one: Queued) -> dict[str, Any]:
    """A message for programs."""
    return dict(msgspec.to_builtins(one))


async def get_interface(request: web.Request) -> web.Response:
    """Settings and queue; with `?wait=10` as soon as everything is answered, or after so many seconds."""
    house = hospital(request)
    try:
        wait = int(request.query.get("wait", "0"))
    except ValueError:
        return problem(400, "wait is a whole number")
    settled = await house.engine.settled(seconds=min(wait, _LONGEST_WAIT)) if wait > 0 else not house.engine.queue.waiting()
    settings = msgspec.to_builtins(house.book.interface)
    return web.json_response({"settings": settings, "settled": settled, "queue": [view(one) for one in house.engine.queue]})


async def public_key(request: web.Request) -> web.Response:
    """The engine's certificate, as a hospital hands it over."""
    headers = {"Content-Disposition": 'attachment; filename="eastmere-interface.cer"'}
    return web.Response(body=hospital(request).engine.keys.cer(), content_type="application/x-x509-ca-cert", headers=headers)


ROUTES = [
    web.post("/schedule.json", post_schedule),
    web.get("/interface.json", get_interface),
    web.get("/interface/public-key.cer", public_key),
]
