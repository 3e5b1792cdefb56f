"""The rehearsal's page: a button, and what came of it. The report is shown and not kept."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.identity.model import Principal, StaffRole
from vestibule.kit.ids import ConnectionId
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import page
from vestibule.rehearsal.model import Report, State
from vestibule.rehearsal.service import Rehearsals
from vestibule.tenancy.model import Environment
from vestibule.tenancy.service import Tenancy

ENGINEERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER)


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """How to rehearse."""

    send: str = ""


@get("/s/{sid:uuid}/connections/{connection:uuid}/rehearsal", access=ENGINEERS)
async def rehearsal_page(
    request: Request[Any, Any, Any], principal: Principal, connection: UUID, db: Database, tenancy: Tenancy
) -> Response[Any]:
    """What a rehearsal does, and its button."""
    return await _page(request, principal, ConnectionId(connection), db, tenancy)


@post("/s/{sid:uuid}/connections/{connection:uuid}/rehearsal", access=ENGINEERS, status_code=200)
async def rehearse(
    request: Request[Any, Any, Any],
    principal: Principal,
    connection: UUID,
    data: URLEncodedBody[Asked],
    db: Database,
    tenancy: Tenancy,
    rehearsals: Rehearsals,
    actor: Actor,
) -> Response[Any]:
    """Walk the path now; each step with its time and finding."""
    report = await rehearsals.run(principal.tenant, ConnectionId(connection), send=data.send == "yes", by=actor)
    return await _page(request, principal, ConnectionId(connection), db, tenancy, report, sent=data.send == "yes")


async def _page(
    request: Request[Any, Any, Any],
    principal: Principal,
    connection: ConnectionId,
    db: Database,
    tenancy: Tenancy,
    report: Report | None = None,
    *,
    sent: bool = False,
) -> Response[Any]:
    async with db.tenant(principal.tenant) as tx:
        one = await tenancy.connection(tx, connection)
        organisation = await tenancy.tenant(tx)
    return page(
        request,
        "rehearsal/rehearsal.html",
        brand=organisation.name,
        support_phone="",
        base=f"/s/{principal.session}",
        connection=one,
        may_send=one.environment is Environment.TEST,
        sent=sent,
        report=report,
        states={
            State.GOOD: ("good", _("Good")),
            State.NOTED: ("wait", _("Look")),
            State.FAILED: ("bad", _("Failed")),
            State.SKIPPED: ("", _("Skipped")),
        },
    )


ROUTES = [rehearsal_page, rehearse]
