"""One-time tickets: how a page in an EHR's frame opens its own window, and how a printed operator link opens a session.

The cookies of a frame are partitioned, so a window opened from it has none. The frame asks for a ticket and opens `/h/{ticket}`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.response import Response

from vestibule.errors import NotAllowed
from vestibule.identity.model import Principal, Role
from vestibule.identity.service import Identity
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.cookies import set_cookie
from vestibule.platform.web.pages import see_other

HANDOFF_SECONDS = 60


class HandOff(msgspec.Struct, forbid_unknown_fields=True):
    """Which page of this session to open in a window of its own."""

    to: str


@post("/s/{sid:uuid}/handoff", access=Access.session(Role.CLINICIAN, Role.PATIENT, Role.GUEST, Role.OPERATOR), status_code=200)
async def hand_off(principal: Principal, data: HandOff, db: Database, identity: Identity) -> dict[str, str]:
    """A one-time address that opens a page of this session in another window."""
    async with db.tenant(principal.tenant) as tx:
        code = await identity.issue_ticket(tx, session_like=principal, ttl_seconds=HANDOFF_SECONDS, purpose="handoff", to=data.to)
    return {"url": f"/h/{code}"}


@get("/h/{ticket:str}", access=Access.PUBLIC)
async def use_ticket(request: Request[Any, Any, Any], ticket: str, db: Database, identity: Identity) -> Response[Any]:
    """Use the ticket up, open its session, go on. A preview or another site's link uses nothing up."""
    _refuse_if_not_meant(request)
    opened, path = await identity.use_ticket(db, ticket)
    set_cookie(request, opened.cookie)
    return see_other(path)


def _refuse_if_not_meant(request: Request[Any, Any, Any]) -> None:
    """A stranger's page must not sign anyone in, and a browser's guess about the next page must not use a ticket up."""
    headers = request.headers
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"} or "prefetch" in headers.get("sec-purpose", ""):
        raise NotAllowed("ticket-from-elsewhere", "Please open this link itself, not from another page.", phase="session.ticket")


ROUTES = [hand_off, use_ticket]
