"""Does it work? The doctor looks at everything Teams needs; what stands in the way is named with its remedy."""

from __future__ import annotations

from litestar import get, post

from vestibule.identity.model import Principal
from vestibule.meetings.desk.frame import ADMINISTRATORS, AnyRequest, AnyResponse, MeetingDesk, Step, show
from vestibule.platform.audit import Actor


@get("/s/{sid:uuid}/meetings/test", access=ADMINISTRATORS)
async def check_page(request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk) -> AnyResponse:
    """What the last test said."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        over = await meeting_desk.overview(tx)
    return show(request, principal, "test.html", over, step=Step.TEST, found=None)


@post("/s/{sid:uuid}/meetings/test", access=ADMINISTRATORS)
async def check_now(
    request: AnyRequest,
    principal: Principal,
    meeting_desk: MeetingDesk,
    actor: Actor,
) -> AnyResponse:
    """Look, with no transaction open; keep the gravest thing that was found."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        looked_at = await meeting_desk.settings.get(tx)
    found = await meeting_desk.check(principal.tenant)
    code = next((one.code for one in found if one.level == "stops"), "")
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        await meeting_desk.settings.tested(tx, looked_at, code, by=actor)
        over = await meeting_desk.overview(tx)
    return show(request, principal, "test.html", over, step=Step.TEST, found=found, code=code)


ROUTES = [check_page, check_now]
