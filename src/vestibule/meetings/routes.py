"""The door to a meeting elsewhere: it leads whoever has been let in on to it, and tells nobody else where it is.

Teams refuses frames, so the door is opened in a tab or window, never in a frame. The address it leads to stands in the answer's
`Location` only: in no page before somebody is let in, in no log, and in no page of a patient at all.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request, get
from litestar.response import Response
from litestar.types import ControllerRouterHandler

from vestibule.errors import Conflict, Gone, NotAllowed, VestibuleError
from vestibule.identity.model import Principal, Role
from vestibule.meetings.choosing import MeetingChoice
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.pages import page, see_other
from vestibule.tenancy.service import Tenancy
from vestibule.visits.service import Visits

_EVERYBODY = Access.session(Role.CLINICIAN, Role.PATIENT, Role.GUEST)
_NOT_READY: Final = "meeting-not-ready"
_SIGN_IN: Final = "teams-sign-in-needed"


@get("/s/{sid:uuid}/meeting", access=_EVERYBODY)
async def door(
    request: Request[Any, Any, Any], principal: Principal, db: Database, visits: Visits, tenancy: Tenancy, meetings: MeetingChoice
) -> Response[Any]:
    """On to the meeting (303) for who has been let in; everybody else is led to where they stand."""
    if "prefetch" in request.headers.get("sec-purpose", ""):
        return Response(b"", status_code=204, media_type="text/plain")  # a browser's guess: nobody goes in yet
    try:
        return see_other(await _way(principal, db, visits, meetings))
    except (Conflict, Gone, NotAllowed) as error:
        return await _instead(request, principal, db, tenancy, error)


@get("/s/{sid:uuid}/meeting/app", access=Access.session(Role.CLINICIAN))
async def in_app(
    request: Request[Any, Any, Any], principal: Principal, db: Database, visits: Visits, tenancy: Tenancy, meetings: MeetingChoice
) -> Response[Any]:
    """A small page that opens the Teams app at the meeting, with the browser as the other way."""
    try:
        way = await _way(principal, db, visits, meetings)
    except (Conflict, Gone, NotAllowed) as error:
        return await _instead(request, principal, db, tenancy, error)
    return await _page(request, principal, db, tenancy, "app", app=app_address(way))


async def _way(principal: Principal, db: Database, visits: Visits, meetings: MeetingChoice) -> str:
    """Where to, for this session's person; written down in the same transaction."""
    if principal.visit is None or principal.participant is None:
        raise NotAllowed("meeting-not-admitted", "You have not been let in yet.", phase="meeting.join")
    async with db.tenant(principal.tenant) as tx:
        return await meetings.way(tx, await visits.get(tx, principal.visit), principal.participant)


async def _instead(
    request: Request[Any, Any, Any], principal: Principal, db: Database, tenancy: Tenancy, error: VestibuleError
) -> Response[Any]:
    """Where somebody goes who cannot go in: their own page says how they stand; a clinician's window waits or asks for the sign-in."""
    if principal.role is not Role.CLINICIAN:
        return see_other(f"/s/{principal.session}/lobby")
    if error.code == _SIGN_IN:
        return see_other(f"/s/{principal.session}/microsoft")
    if error.code == _NOT_READY:
        return await _page(request, principal, db, tenancy, "soon")
    return see_other(f"/s/{principal.session}/console")


async def _page(
    request: Request[Any, Any, Any], principal: Principal, db: Database, tenancy: Tenancy, state: str, *, app: str = ""
) -> Response[Any]:
    async with db.tenant(principal.tenant) as tx:
        organisation = await tenancy.tenant(tx)
    return page(
        request,
        "meetings/door.html",
        brand=organisation.name,
        support_phone="",  # for patients; who reads this page works here
        state=state,
        base=f"/s/{principal.session}",
        app=app,
    )


def app_address(join_url: str) -> str:
    """The address by which this computer opens the meeting in its Teams app: the same one under the app's own scheme.

    That the app takes the path of a join link so has not been tried against a live Teams; the page offers the browser beside it.
    """
    parts = urlsplit(join_url)
    return f"msteams:{parts.path}{'?' + parts.query if parts.query else ''}"


ROUTES: list[ControllerRouterHandler] = [door, in_app]
