"""The pages of a visit, rendered: lobby, console, and the parts of the console that change."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from litestar import Request, get
from litestar.response import Response

from vestibule.identity.model import Principal, Role
from vestibule.kit.clock import Clock
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import page
from vestibule.tenancy.service import Tenancy
from vestibule.visits import words
from vestibule.visits.lobby import CANNED
from vestibule.visits.model import EventKind, Outcome, Participant, PersonState, VisitEvent
from vestibule.visits.ports import Meetings
from vestibule.visits.scene import Scene, load
from vestibule.visits.service import Visits

# Whoever waits longer than this is marked, so that nobody is forgotten.
LATE = timedelta(minutes=15)
_EVENTS = 400
_COMING = frozenset({PersonState.EXPECTED, PersonState.TESTING})
_WAITS = frozenset({PersonState.WAITING, PersonState.HELD})
_GONE = frozenset({PersonState.LEFT, PersonState.REMOVED})


@get("/s/{sid:uuid}/lobby", access=Access.session(Role.PATIENT, Role.GUEST))
async def lobby(
    request: Request[Any, Any, Any],
    principal: Principal,
    db: Database,
    visits: Visits,
    tenancy: Tenancy,
    clock: Clock,
    meetings: Meetings,
) -> Response[Any]:
    """The one page of somebody who comes to a visit: each step is a section of it, and only one shows."""
    async with db.tenant(principal.tenant) as tx:
        scene = await load(tx, principal, visits=visits, tenancy=tenancy, clock=clock, meetings=meetings)
        said = await last_message(tx, scene, visits)
    return page(
        request,
        "visits/lobby.html",
        brand=scene.organisation.name,
        support_phone=scene.organisation.support_phone,
        scene=scene,
        step=scene.step.value,
        base=f"/s/{principal.session}",
        framed=principal.framed,
        said=said,
        messages=words.messages(),
    )


async def last_message(tx: Tx, scene: Scene, visits: Visits) -> str:
    """What the clinic said last to this person, or to everybody, since they arrived."""
    me = scene.me
    if me is None or me.arrived_at is None:
        return ""
    for event in reversed(await visits.events(tx, scene.visit.id, limit=_EVENTS)):
        if event.kind is EventKind.MESSAGED and event.participant in {None, me.id} and event.at >= me.arrived_at:
            return words.message_text(str(event.body.get("message", "")))
    return ""


@get("/s/{sid:uuid}/console", access=Access.session(Role.CLINICIAN))
async def console(
    request: Request[Any, Any, Any],
    principal: Principal,
    db: Database,
    visits: Visits,
    tenancy: Tenancy,
    clock: Clock,
    meetings: Meetings,
) -> Response[Any]:
    """The clinician's page: who waits, the visit itself, what happened."""
    return page(request, "visits/console.html", **await _console(principal, db, visits, tenancy, clock, meetings))


@get("/s/{sid:uuid}/console/parts", access=Access.session(Role.CLINICIAN))
async def console_parts(
    request: Request[Any, Any, Any],
    principal: Principal,
    db: Database,
    visits: Visits,
    tenancy: Tenancy,
    clock: Clock,
    meetings: Meetings,
) -> Response[Any]:
    """The parts of it that change, as they are now; the page fits them in where they differ."""
    return page(request, "visits/console_fragment.html", **await _console(principal, db, visits, tenancy, clock, meetings))


async def _console(
    principal: Principal, db: Database, visits: Visits, tenancy: Tenancy, clock: Clock, meetings: Meetings
) -> dict[str, Any]:
    async with db.tenant(principal.tenant) as tx:
        scene = await load(tx, principal, visits=visits, tenancy=tenancy, clock=clock, meetings=meetings)
        events = await visits.events(tx, scene.visit.id, after=max(0, scene.visit.seq - _EVENTS))
        links = await visits.links.of_visit(tx, scene.visit.id)
    return {
        "brand": scene.organisation.name,
        "support_phone": scene.organisation.support_phone,
        "scene": scene,
        "base": f"/s/{principal.session}",
        "words": words,
        "framed": principal.framed,
        "canned": [(code, words.message_text(code)) for code in CANNED],
        "outcomes": [(o.value, words.outcome_text(o)) for o in Outcome],
        "story": list(reversed(words.story(scene.visit, events, me=principal.participant, clock=partial(scene.clock, seconds=True)))),
        "links": [link for link in links if link.open_at(scene.now)],
        "waited": waited,
        "late": late,
        **people(scene),
        **_trouble(events),
        "settled": any(event.kind is EventKind.SETTLED for event in events),
    }


def people(scene: Scene) -> dict[str, list[Participant]]:
    """Everybody but the one who looks, by where they stand; who has waited longest comes first."""
    others = [p for p in scene.visit.people if scene.me is None or p.id != scene.me.id]
    return {
        "waiting": sorted((p for p in others if p.state in _WAITS), key=lambda p: (p.state is PersonState.HELD, p.since)),
        "inside": [p for p in others if p.inside],
        "coming": [p for p in others if p.state in _COMING],
        "gone": [p for p in others if p.state in _GONE],
    }


def _trouble(events: list[VisitEvent]) -> dict[str, bool]:
    """Whether the record has not heard of something yet."""
    failed = {e.body.get("of") for e in events if e.kind is EventKind.RECORD_FAILED}
    told = {e.body.get("of") for e in events if e.kind is EventKind.RECORD_TOLD}
    return {"record_trouble": bool(failed - told)}


def waited(since: datetime, now: datetime) -> str:
    """How long ago, as a person says it."""
    minutes = int((now - since).total_seconds() // 60)
    return _("just now") if minutes < 1 else _("%(minutes)s min") % {"minutes": minutes}


def late(since: datetime, now: datetime) -> bool:
    """Whether somebody has waited too long."""
    return now - since >= LATE


ROUTES = [lobby, console, console_parts]
