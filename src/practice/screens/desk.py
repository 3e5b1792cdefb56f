"""The start page, and the analyst's desk: ledger, trouble switches, configuration."""

from __future__ import annotations

from collections import defaultdict

from aiohttp import web

from practice import setup
from practice.hospital import hospital
from practice.screens.fields import FORMS
from practice.screens.forms import number
from practice.screens.pages import bad, page
from practice.screens.views import nearest, rows
from practice.trouble import GROUPS, MODES, PARTS

_SHOWN = 200
KINDS = ("launch", "hl7", "teams", "notice", *(group for group in GROUPS if group not in PARTS.values()))
ABOUT = {
    "discovery": "smart-configuration, CapabilityStatement, OpenID discovery",
    "authorize": "where a browser is sent to authorize",
    "token": "codes, refreshes and backend services",
    "jwks": "the public signing keys",
    "fhir": "reading and searching records",
    "status": "SetExternalConnectionStatus",
    "microsoft": "the Microsoft-like sign-in",
    "graph": "the Microsoft-like cloud: meetings and what is told of them",
    "twilio": "the Twilio-like carrier",
    "azure": "the Azure-like carrier",
    "mail": "the mail server",
    "capability": "the CapabilityStatement alone",
    "smart": "smart-configuration alone",
}


async def start_page(request: web.Request) -> web.StreamResponse:
    """Where a demonstration begins: three people, three windows."""
    house = hospital(request)
    ready = all(record.url for record in house.book.launches) and bool(house.book.launches)
    return page(request, "start.html", soon=nearest(house, rows(house, house.book.appointments)), ready=ready)


async def ledger_page(request: web.Request) -> web.StreamResponse:
    """The newest calls first."""
    house = hospital(request)
    kind = request.query.get("kind", "")
    entries = house.ledger.entries(kind=kind if kind in KINDS else "")
    total = len(house.ledger.entries())
    newest = [defaultdict(str, entry) for entry in entries[: -_SHOWN - 1 : -1]]  # entries have only the members they need
    return page(request, "ledger.html", entries=newest, kind=kind, kinds=KINDS, total=total, found=len(entries))


async def trouble_page(request: web.Request) -> web.StreamResponse:
    """All switches."""
    switches = hospital(request).trouble.switches
    manners = [field.name for field in FORMS["manners"][1]]
    return page(request, "trouble.html", switches=switches, modes=MODES, about=ABOUT, manners=manners, done=request.query.get("done", ""))


async def set_trouble(request: web.Request) -> web.StreamResponse:
    """Turn the switches as the form says."""
    form = await request.post()
    wanted = {
        group: {
            "mode": str(form[f"{group}.mode"]),
            "seconds": number(str(form.get(f"{group}.seconds", "5"))),
            "times": number(str(form.get(f"{group}.times", "0"))),
        }
        for group in GROUPS
        if f"{group}.mode" in form
    }
    try:
        setup.apply(hospital(request), {"trouble": wanted})
    except ValueError as error:
        return bad(request, str(error)[:300])
    return _see_other("/desk/trouble?done=switched")


async def press(request: web.Request) -> web.StreamResponse:
    """The buttons that do something once: expire tokens, rotate keys, forget old keys, all switches off."""
    house, what = hospital(request), request.match_info["what"]
    if what == "expire":
        house.grants.expire_all()
        house.graph.expire_tokens()
    elif what in {"rotate", "forget"}:
        house.keys.rotate(forget=what == "forget")
        house.sign_ins.keys.rotate(forget=what == "forget")
    elif what == "calm":
        setup.apply(house, {"trouble": {group: {"mode": "off"} for group in GROUPS}})
    else:
        return bad(request, "There is no such button.")
    return _see_other(f"/desk/trouble?done={what}")


def _see_other(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": where})


ROUTES = [
    web.get("/", start_page),
    web.get("/desk", ledger_page),
    web.get("/desk/trouble", trouble_page),
    web.post("/desk/trouble", set_trouble),
    web.post("/desk/press/{what}", press),
]
