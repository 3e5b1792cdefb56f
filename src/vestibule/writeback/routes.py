"""The operator's page: what the record was told, what it was not, and a button to send it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.response import Response

from vestibule.identity.model import Principal, Role, StaffRole
from vestibule.kit.clock import Clock
from vestibule.kit.ids import EffectId
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.pages import see_other, staff_page
from vestibule.tenancy.service import Tenancy
from vestibule.writeback.service import ATTENTION, UNDER_WAY, WriteBack
from vestibule.writeback.words import line

_SHOWN = {"attention": ATTENTION, "waiting": UNDER_WAY, "all": None}
_LIMIT = 100
_WHO = Access.either(Access.session(Role.OPERATOR), Access.staff(StaffRole.ADMINISTRATOR, StaffRole.INTEGRATION_ENGINEER))


@get("/s/{sid:uuid}/effects", access=_WHO)
async def effects_page(
    request: Request[Any, Any, Any], principal: Principal, db: Database, writeback: WriteBack, tenancy: Tenancy, clock: Clock
) -> Response[Any]:
    """The newest effects; `?show=attention|waiting|all`."""
    show = request.query_params.get("show", "all")
    show = show if show in _SHOWN else "all"
    async with db.tenant(principal.tenant) as tx:
        rows, logs = await writeback.page(tx, _SHOWN[show], limit=_LIMIT)
        failed = await writeback.failed(tx)
        organisation = await tenancy.tenant(tx)
    lines = [line(row, logs.get(row.id, []), clock.now()) for row in rows]
    return staff_page(
        request,
        principal,
        "writeback/effects.html",
        brand=organisation.name,
        sid=principal.session,
        show=show,
        lines=lines,
        failed=failed,
        full=len(lines) == _LIMIT,
    )


@post("/s/{sid:uuid}/effects/{effect:uuid}/redrive", access=_WHO)
async def redrive(request: Request[Any, Any, Any], principal: Principal, effect: UUID, db: Database, writeback: WriteBack) -> Response[Any]:
    """Send it again, then back to the list."""
    async with db.tenant(principal.tenant) as tx:
        await writeback.redrive(tx, EffectId(effect), by=str(principal.session))
    return _back(request, principal)


@post("/s/{sid:uuid}/effects/{effect:uuid}/give-up", access=_WHO)
async def give_up(request: Request[Any, Any, Any], principal: Principal, effect: UUID, db: Database, writeback: WriteBack) -> Response[Any]:
    """Leave the record untold, then back to the list."""
    async with db.tenant(principal.tenant) as tx:
        await writeback.give_up(tx, EffectId(effect), by=str(principal.session))
    return _back(request, principal)


def _back(request: Request[Any, Any, Any], principal: Principal) -> Response[Any]:
    show = request.query_params.get("show", "all")
    return see_other(f"/s/{principal.session}/effects" + (f"?show={show}" if show in _SHOWN else ""))


ROUTES = [effects_page, redrive, give_up]
