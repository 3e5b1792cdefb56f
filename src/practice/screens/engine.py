"""The interface engine's page: how it sends, its queue with the acknowledgement of each message, and the buttons that make it misbehave."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from aiohttp import web

from practice import setup
from practice.hospital import Hospital, hospital
from practice.interface.model import TRICKS, Queued
from practice.screens.pages import bad, missing, page

_SHOWN = 200
_SAYS = {
    "on": "Changes of the schedule are told from now on.",
    "off": "Nothing is told any more.",
    "hold": "The queue is held: messages wait.",
    "release": "The queue goes on.",
    "all": "Every visit to come was put into the queue.",
    "garbage": "Garbage is on its way.",
    "key": "A new key and certificate; the old one is gone.",
    "again": "The same message is sent once more.",
    "other": "The same control id is sent with another body.",
    "now": "Sent ahead of the others.",
    "drop": "Taken out of the queue.",
    "saved": "Saved.",
    "trick": "Messages are sent so from now on.",
}


async def show(request: web.Request) -> web.StreamResponse:
    """The page; what changes on it is swapped while it is open."""
    house = hospital(request)
    engine = house.engine
    newest = list(islice(reversed(list(engine.queue)), _SHOWN))
    return page(
        request,
        "interface.html",
        interface=house.book.interface,
        queue=newest,
        waiting=engine.queue.waiting(),
        tricks=TRICKS,
        done=_SAYS.get(request.query.get("done", ""), ""),
        seen=len(house.ledger.entries()),
    )


def _of_house(house: Hospital) -> dict[str, Callable[[], object]]:
    """The buttons over the whole engine."""
    engine = house.engine
    return {
        "on": lambda: setup.apply(house, {"interface": {"on": True}}),
        "off": lambda: setup.apply(house, {"interface": {"on": False}}),
        "hold": lambda: setup.apply(house, {"interface": {"held": True}}),
        "release": lambda: setup.apply(house, {"interface": {"held": False}}),
        "all": engine.tell_all,
        "garbage": engine.garbage,
        "key": lambda: engine.renew_key(house.now()),
    }


def _of_message(house: Hospital, one: Queued) -> dict[str, Callable[[], object]]:
    """The buttons beside a message."""
    engine = house.engine
    return {
        "again": lambda: engine.again(one),
        "other": lambda: engine.again(one, other_body=True),
        "now": lambda: engine.push(one),
        "drop": lambda: engine.drop(one),
    }


async def press(request: web.Request) -> web.StreamResponse:
    """One of the engine's buttons."""
    house, what = hospital(request), request.match_info["what"]
    form = await request.post()
    buttons = _of_house(house)
    if what == "trick":
        buttons["trick"] = lambda: setup.apply(house, {"interface": {"trick": str(form.get("trick", ""))}})
    return _do(request, buttons, what)


async def press_message(request: web.Request) -> web.StreamResponse:
    """One of a message's buttons."""
    house, what = hospital(request), request.match_info["what"]
    one = house.engine.queue.get(int(request.match_info["number"]))
    if one is None:
        return missing(request, "There is no such message.")
    buttons = _of_message(house, one)
    if one.over:
        buttons = {name: do for name, do in buttons.items() if name in {"again", "other"}}
    return _do(request, buttons, what)


def _do(request: web.Request, buttons: dict[str, Callable[[], object]], what: str) -> web.StreamResponse:
    if what not in buttons:
        return bad(request, "There is no such button here.")
    try:
        buttons[what]()
    except ValueError as error:
        return bad(request, str(error)[:300])
    hospital(request).engine.wake()
    return web.Response(status=303, headers={"Location": f"/interface?done={what}"})


ROUTES = [
    web.get("/interface", show),
    web.post("/interface/press/{what}", press),
    web.post("/interface/message/{number:[0-9]{1,12}}/{what}", press_message),
]
