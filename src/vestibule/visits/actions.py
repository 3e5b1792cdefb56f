"""What people press: each is one step of the visit, in one transaction, answered without content."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post

from vestibule.errors import Conflict, NotFound
from vestibule.identity.model import Principal, Role
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.access import Access
from vestibule.tenancy.service import Tenancy
from vestibule.visits.lobby import WindowState
from vestibule.visits.model import Outcome, PersonRole, Visit
from vestibule.visits.pages import last_message
from vestibule.visits.ports import Meetings
from vestibule.visits.scene import Scene, link_end, load, me_of, visit_of
from vestibule.visits.service import Visits

_EVERYBODY = Access.session(Role.CLINICIAN, Role.PATIENT, Role.GUEST)
_STAFF = Access.session(Role.CLINICIAN)
_VISITORS = Access.session(Role.PATIENT, Role.GUEST)
_CUT_OFF = frozenset({"put-back", "remove"})


class Name(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody wants to be called."""

    name: Annotated[str, msgspec.Meta(max_length=400)]


class Tested(msgspec.Struct, forbid_unknown_fields=True):
    """What a device check said."""

    checks: Annotated[dict[str, str], msgspec.Meta(max_length=8)]


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """One of the ready-made sentences, by its code."""

    message: Annotated[str, msgspec.Meta(max_length=40)]


class Invitation(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody is invited as."""

    role: Literal["patient", "interpreter", "family", "guest"]


class Mark(msgspec.Struct, forbid_unknown_fields=True):
    """What became of the visit."""

    outcome: Outcome


# ---------------------------------------------------------------------- everybody


@get("/s/{sid:uuid}/state", access=_EVERYBODY)
async def state(principal: Principal, db: Database, visits: Visits, tenancy: Tenancy, clock: Clock, meetings: Meetings) -> dict[str, Any]:
    """The visit as this session may see it: nobody but oneself, until one is staff."""
    async with db.tenant(principal.tenant) as tx:
        scene = await load(tx, principal, visits=visits, tenancy=tenancy, clock=clock, meetings=meetings)
        said = await last_message(tx, scene, visits)
    seen: dict[str, Any] = {
        "seq": scene.visit.seq,
        "state": scene.visit.state,
        "step": scene.step,
        "opens_at": scene.window.opens_at,
        "said": said,
        "meeting": {"kind": scene.meeting.kind, "ready": scene.may_go},
        "me": None if scene.me is None else {"id": scene.me.id, "name": scene.me.name},
    }
    if principal.role is Role.CLINICIAN:
        seen |= {
            "outcome": scene.visit.outcome,
            "people": [{"id": p.id, "role": p.role, "state": p.state, "since": p.since, "name": p.name} for p in scene.visit.people],
        }
    return seen


@post("/s/{sid:uuid}/arrive", access=_EVERYBODY, status_code=204)
async def arrive(principal: Principal, db: Database, visits: Visits, tenancy: Tenancy, clock: Clock, meetings: Meetings) -> None:
    """Into the waiting room; a clinician into the visit."""
    async with db.tenant(principal.tenant) as tx:
        await _must_be_open(tx, principal, visits, tenancy, clock)
        visit = await visits.arrive(tx, visit_of(principal), me_of(principal))
    if principal.role is Role.CLINICIAN:
        await meetings.ensure(visit)


@post("/s/{sid:uuid}/leave", access=_EVERYBODY, status_code=204)
async def leave(principal: Principal, db: Database, visits: Visits) -> None:
    """Out of the visit; it goes on for the others."""
    async with db.tenant(principal.tenant) as tx:
        await visits.leave(tx, visit_of(principal), me_of(principal))


@post("/s/{sid:uuid}/name", access=_VISITORS, status_code=204)
async def name(principal: Principal, data: Name, db: Database, visits: Visits, tenancy: Tenancy, clock: Clock) -> None:
    """What to call them; with it they are at the door."""
    async with db.tenant(principal.tenant) as tx:
        await _must_be_open(tx, principal, visits, tenancy, clock)
        await visits.set_name(tx, visit_of(principal), me_of(principal), data.name)
        await visits.join(tx, visit_of(principal), me_of(principal))


@post("/s/{sid:uuid}/tested", access=_EVERYBODY, status_code=204)
async def tested(principal: Principal, data: Tested, db: Database, visits: Visits) -> None:
    """What their device check said."""
    async with db.tenant(principal.tenant) as tx:
        await visits.tested(tx, visit_of(principal), me_of(principal), data.checks)


async def _must_be_open(tx: Tx, principal: Principal, visits: Visits, tenancy: Tenancy, clock: Clock) -> Scene:
    scene = await load(tx, principal, visits=visits, tenancy=tenancy, clock=clock)
    staff = principal.role is Role.CLINICIAN
    if scene.window.state is WindowState.TOO_EARLY and not staff:
        raise Conflict("visit-not-open-yet", "This visit cannot be joined yet.", phase="visit.window", permanent=False)
    if scene.window.state is WindowState.OVER and not staff:
        raise Conflict("visit-window-over", "The time to join this visit is over. Please call the clinic.", phase="visit.window")
    return scene


# ---------------------------------------------------------------------- the clinician


@post("/s/{sid:uuid}/people/{pid:uuid}/{what:str}", access=_STAFF, status_code=204)
async def person(principal: Principal, pid: UUID, what: str, db: Database, visits: Visits, meetings: Meetings) -> None:
    """Admit, hold, put back or remove somebody."""
    steps = {"admit": visits.admit, "hold": visits.hold, "put-back": visits.put_back, "remove": visits.remove}
    step = steps.get(what)
    if step is None:
        raise NotFound("no-such-page", "There is no such page.", phase="web")
    async with db.tenant(principal.tenant) as tx:
        visit = await step(tx, visit_of(principal), ParticipantId(pid), by=principal.participant)
    if what in _CUT_OFF:
        await meetings.expel(visit, ParticipantId(pid))


@post("/s/{sid:uuid}/people/{pid:uuid}/message", access=_STAFF, status_code=204)
async def message(principal: Principal, pid: UUID, data: Message, db: Database, visits: Visits) -> None:
    """One of the ready-made sentences, to one person."""
    async with db.tenant(principal.tenant) as tx:
        await visits.message(tx, visit_of(principal), data.message, to=ParticipantId(pid), by=principal.participant)


@post("/s/{sid:uuid}/message", access=_STAFF, status_code=204)
async def message_all(principal: Principal, data: Message, db: Database, visits: Visits) -> None:
    """The same, to everybody who waits."""
    async with db.tenant(principal.tenant) as tx:
        await visits.message(tx, visit_of(principal), data.message, by=principal.participant)


@post("/s/{sid:uuid}/invite", access=_STAFF, status_code=201)
async def invite(
    request: Request[Any, Any, Any], principal: Principal, data: Invitation, db: Database, visits: Visits, tenancy: Tenancy, clock: Clock
) -> dict[str, Any]:
    """A link for one more person; it is shown once."""
    async with db.tenant(principal.tenant) as tx:
        scene = await load(tx, principal, visits=visits, tenancy=tenancy, clock=clock)
        expires_at = link_end(scene.window, scene.now)
        code = await visits.make_link(tx, scene.visit.id, role=PersonRole(data.role), expires_at=expires_at, by=principal.participant)
    return {"url": f"{request.app.state.web.origin}/j/{code}", "expires_at": expires_at, "until": scene.clock(expires_at)}


@post("/s/{sid:uuid}/invite/{link:uuid}/revoke", access=_STAFF, status_code=204)
async def revoke(principal: Principal, link: UUID, db: Database, visits: Visits) -> None:
    """That link leads nowhere any more."""
    async with db.tenant(principal.tenant) as tx:
        await visits.revoke_link(tx, visit_of(principal), link, by=principal.participant)


@post("/s/{sid:uuid}/end", access=_STAFF, status_code=204)
async def end(principal: Principal, db: Database, visits: Visits, meetings: Meetings) -> None:
    """The visit is over, for everybody."""
    async with db.tenant(principal.tenant) as tx:
        visit: Visit = await visits.end_for_all(tx, visit_of(principal), by=principal.participant)
    await meetings.close(visit)


@post("/s/{sid:uuid}/outcome", access=_STAFF, status_code=204)
async def outcome(principal: Principal, data: Mark, db: Database, visits: Visits) -> None:
    """What became of it, said by a person."""
    async with db.tenant(principal.tenant) as tx:
        await visits.mark_outcome(tx, visit_of(principal), data.outcome, by=principal.participant)


ROUTES = [state, arrive, leave, name, tested, person, message, message_all, invite, revoke, end, outcome]
