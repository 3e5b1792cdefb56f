"""The analyst's buttons as JSON: set up, press a launch button, read the ledger, rotate keys, expire tokens."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from practice import setup
from practice.hospital import hospital
from practice.launches import CannotLaunch, begin

_LONGEST_WAIT = 60


def problem(status: int, text: str) -> web.Response:
    """A refusal in JSON."""
    return web.json_response({"error": text}, status=status)


async def body_of(request: web.Request) -> Any:
    """The JSON body; a ValueError when it is none."""
    try:
        return await request.json() if request.can_read_body else {}
    except RecursionError as error:
        raise ValueError("too deep") from error


async def get_setup(request: web.Request) -> web.Response:
    """Everything, with the addresses."""
    return web.json_response(setup.view(hospital(request)))


async def post_setup(request: web.Request) -> web.Response:
    """Change anything; answers like GET, and with the ids of what was touched."""
    house = hospital(request)
    try:
        touched = setup.apply(house, await body_of(request))
    except ValueError as error:
        return problem(400, str(error)[:500])
    return web.json_response({**setup.view(house), "touched": touched})


async def post_launch(request: web.Request) -> web.Response:
    """Press a button: `{"launch": "provider", "csn": "1853", "user": "19"}` gives `{"url": ...}`."""
    house = hospital(request)
    try:
        body = await body_of(request)
        wanted = {name: str(body.get(name, "")) for name in ("launch", "csn", "user")}
    except (ValueError, AttributeError):
        return problem(400, "the body must be a JSON object")
    visit = house.book.appointment(wanted["csn"])
    if visit is None:
        return problem(404, "no visit of that CSN")
    try:
        return web.json_response({"url": begin(house, wanted["launch"] or "provider", visit, wanted["user"])})
    except CannotLaunch as error:
        return problem(409, str(error))


async def get_ledger(request: web.Request) -> web.Response:
    """Entries, `?kind=status&since=12`; with `&count=2&wait=10` as soon as there are so many, or after so many seconds."""
    query = request.query
    try:
        since, count, wait = (int(query.get(name, default)) for name, default in (("since", "0"), ("count", "1"), ("wait", "0")))
    except ValueError:
        return problem(400, "since, count and wait are whole numbers")
    ledger = hospital(request).ledger
    entries = await ledger.wait(kind=query.get("kind", ""), since=since, count=count, seconds=min(max(wait, 0), _LONGEST_WAIT))
    return web.json_response(entries)


async def rotate_keys(request: web.Request) -> web.Response:
    """A new signing key; `{"forget": true}` stops publishing the old one."""
    try:
        body = await body_of(request)
        forget = bool(body.get("forget"))
    except (ValueError, AttributeError):
        return problem(400, "the body must be a JSON object")
    house = hospital(request)
    return web.json_response({"kid": house.keys.rotate(forget=forget), "microsoft": house.sign_ins.keys.rotate(forget=forget)})


async def expire_tokens(request: web.Request) -> web.Response:
    """Every access token is over now."""
    house = hospital(request)
    return web.json_response({"expired": house.grants.expire_all() + house.graph.expire_tokens()})


async def get_live(request: web.Request) -> web.Response:
    """Who is connected, by visit; for the schedule's live column and for tests."""
    house = hospital(request)
    visits = {
        a.csn: {
            "summary": house.live.summary(a.id),
            "people": [{"type": s.type, "person": s.person, "connected": s.connected, "at": s.at} for s in house.live.of(a.id)],
        }
        for a in house.book.appointments
        if house.live.of(a.id)
    }
    return web.json_response({"version": house.live.version, "visits": visits})


ROUTES = [
    web.get("/setup", get_setup),
    web.post("/setup", post_setup),
    web.post("/launch.json", post_launch),
    web.get("/ledger.json", get_ledger),
    web.get("/live.json", get_live),
    web.post("/keys/rotate", rotate_keys),
    web.post("/tokens/expire", expire_tokens),
]
