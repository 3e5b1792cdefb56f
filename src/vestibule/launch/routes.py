"""The addresses people come in by: launches from the record, the page that says whom one is about to join, short links, our public keys."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from litestar import Request, get, post
from litestar.response import Response

from vestibule.errors import Conflict, VestibuleError
from vestibule.identity.model import Principal, Role
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId
from vestibule.launch.joining import UNKNOWN, Joining, LinkState, LinkView
from vestibule.launch.model import LaunchKind, incomplete, pressed
from vestibule.launch.service import CALLBACK, Launches, browser_cookie
from vestibule.launch.story import Story
from vestibule.launch.when import when
from vestibule.platform.db import Database
from vestibule.platform.web import i18n
from vestibule.platform.web.access import Access, allow_frames
from vestibule.platform.web.cookies import Cookie, parse, set_cookie
from vestibule.platform.web.pages import page, see_other
from vestibule.protocols.oauth2 import read_callback
from vestibule.tenancy.model import Department, Environment
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import PersonRole, PersonState
from vestibule.visits.service import Visits

_MAX_FIELDS = 40
_NOT_FOUND = 404


@get("/launch/provider", access=Access.PUBLIC)
async def provider(request: Request[Any, Any, Any], launches: Launches) -> Response[Any]:
    """A clinician pressed the button in the record."""
    return await _begin(request, launches, LaunchKind.PROVIDER)


@get("/launch/patient", access=Access.PUBLIC)
async def patient(request: Request[Any, Any, Any], launches: Launches) -> Response[Any]:
    """A patient pressed the button in the portal."""
    return await _begin(request, launches, LaunchKind.PATIENT)


@get(CALLBACK, access=Access.PUBLIC)
async def callback(request: Request[Any, Any, Any], launches: Launches) -> Response[Any]:
    """The record sends the browser back."""
    story = launches.story(request.scope["state"]["reference"])
    cookies = parse(request.headers.get("cookie", ""))
    try:
        returned = read_callback(_query(request))
        framed = request.headers.get("sec-fetch-dest", "") in {"iframe", "frame"}
        arrival = await launches.finish(returned, cookies, story, framed=framed)
    except VestibuleError:
        await _sign(request, launches, story)
        raise
    finally:
        _tell(request, story)
    set_cookie(request, Cookie(browser_cookie(returned.state), "", CALLBACK, 0))
    set_cookie(request, arrival.session.cookie)
    return see_other(arrival.path)


async def _begin(request: Request[Any, Any, Any], launches: Launches, kind: LaunchKind) -> Response[Any]:
    story = launches.story(request.scope["state"]["reference"])
    try:
        departure = await launches.begin(kind, pressed(_query(request)), story)
    except VestibuleError:
        await _sign(request, launches, story)
        raise
    finally:
        _tell(request, story)
    set_cookie(request, departure.cookie)
    return see_other(departure.url)


def _tell(request: Request[Any, Any, Any], story: Story) -> None:
    """Whatever the answer is, an error page too: the launch's reference stands on it, and the record may show it in its frame."""
    request.scope["state"]["reference"] = story.reference
    allow_frames(request, story.frame_origins)


async def _sign(request: Request[Any, Any, Any], launches: Launches, story: Story) -> None:
    """Put the organisation's name and telephone on the error page that follows; without a database it goes without."""
    with suppress(VestibuleError):
        organisation = await launches.whom_to_call(story)
        if organisation is not None:
            request.scope["state"] |= {"brand": organisation.name, "support_phone": organisation.support_phone}


def _query(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    text = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise incomplete() from None


# ---------------------------------------------------------------------- whom am I about to join?


@get("/s/{sid:uuid}/confirm", access=Access.session(Role.CLINICIAN))
async def confirm(
    request: Request[Any, Any, Any], principal: Principal, db: Database, visits: Visits, tenancy: Tenancy, clock: Clock
) -> Response[Any]:
    """The clinician sees the patient's name, the time and the environment before anybody sees them."""
    async with db.tenant(principal.tenant) as tx:
        visit = await visits.get(tx, _must(principal.visit))
        organisation, department, environment = await tenancy.place(tx, visit.department, principal.connection)
    patients = [p for p in visit.people if p.role is PersonRole.PATIENT]
    return page(
        request,
        "launch/confirm.html",
        brand=organisation.name,
        support_phone=organisation.support_phone,
        names=[p.name for p in patients if p.name],
        waiting=any(p.state is PersonState.WAITING for p in patients),
        over=visit.over,
        starts=_when(visit.starts_at, department, clock),
        department=department.name if department else "",
        practice=environment is Environment.TEST,
        sid=principal.session,
    )


@post("/s/{sid:uuid}/confirm", access=Access.session(Role.CLINICIAN), status_code=303)
async def confirmed(principal: Principal, db: Database, visits: Visits) -> Response[Any]:
    """Yes, this is the visit."""
    if principal.participant is None:
        raise Conflict("visit-over", "This visit is over.", phase="launch.confirm")
    async with db.tenant(principal.tenant) as tx:
        await visits.arrive(tx, _must(principal.visit), principal.participant)
    return see_other(f"/s/{principal.session}/console")


def _must(visit: Any) -> Any:
    if visit is None:
        raise Conflict("visit-over", "This session is about no visit.", phase="launch.confirm")
    return visit


def _when(moment: Any, department: Department | None, clock: Clock) -> Any:
    if moment is None:
        return None
    return when(moment, zone=department.zone if department else "", language=i18n.language(), now=clock.now())


# ---------------------------------------------------------------------- short links


@get("/j/{code:str}", access=Access.PUBLIC)
async def link(request: Request[Any, Any, Any], code: str, joining: Joining, clock: Clock) -> Response[Any]:
    """The page of a short link: it helps in every case and changes nothing."""
    return _link_page(request, await joining.look(code), clock)


@post("/j/{code:str}", access=Access.PUBLIC)
async def join(request: Request[Any, Any, Any], code: str, joining: Joining, clock: Clock) -> Response[Any]:
    """Join was pressed."""
    opened = await joining.join(code)
    if opened is None:
        view = await joining.look(code)
        return _link_page(request, UNKNOWN if view.state is LinkState.READY else view, clock)
    set_cookie(request, opened.cookie)
    return see_other(f"/s/{opened.principal.session}/lobby")


def _link_page(request: Request[Any, Any, Any], view: LinkView, clock: Clock) -> Response[Any]:
    facts: dict[str, Any] = {"brand": view.organisation} if view.organisation else {}
    if view.support_phone:
        facts["support_phone"] = view.support_phone
    now = clock.now()
    times = {
        name: when(moment, zone=view.zone, language=i18n.language(), now=now) if moment else None
        for name, moment in (("starts", view.starts_at), ("opens", view.opens_at))
    }
    status = _NOT_FOUND if view.state is LinkState.UNKNOWN else 200
    return page(request, "launch/link.html", status=status, view=view, now=now, **times, **facts)


# ---------------------------------------------------------------------- our keys


@get("/connections/{connection_id:uuid}/jwks.json", access=Access.PUBLIC)
async def jwks(connection_id: UUID, launches: Launches) -> Response[Any]:
    """The public keys of a connection, for its record to check our signatures with."""
    body = await launches.clients.published(ConnectionId(connection_id))
    return Response(body, media_type="application/json", headers={"cache-control": "public, max-age=3600"})


ROUTES = [provider, patient, callback, confirm, confirmed, link, join, jwks]
