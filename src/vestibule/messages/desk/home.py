"""Where messages begin: how far they are set up, and the two boxes about consent."""

from __future__ import annotations

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.identity.model import Principal
from vestibule.messages.desk.frame import ADMINISTRATORS, READERS, AnyRequest, AnyResponse, Desk, Step, back, show
from vestibule.platform.audit import Actor


class ConsentForm(msgspec.Struct, forbid_unknown_fields=True):
    """The two boxes."""

    behalf: str = ""
    patients: str = ""
    go: str = "next"


@get("/s/{sid:uuid}/messages", access=READERS)
async def messages_home(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """How far everything is, and what there is to read."""
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
        pending, attention = await desk.reporting.pending(tx), await desk.reporting.attention(tx)
    return show(request, principal, "home.html", over, pending=sum(pending.values()), attention=attention)


@get("/s/{sid:uuid}/messages/consent", access=ADMINISTRATORS)
async def consent_page(request: AnyRequest, principal: Principal, desk: Desk) -> AnyResponse:
    """The boxes, and who ticked them."""
    async with desk.db.tenant(principal.tenant) as tx:
        over = await desk.overview(tx)
        people = await desk.called(tx, over.consent.behalf_by, over.consent.patients_by)
    return show(request, principal, "consent.html", over, step=Step.CONSENT, people=people)


@post("/s/{sid:uuid}/messages/consent", access=ADMINISTRATORS)
async def save_consent(principal: Principal, data: URLEncodedBody[ConsentForm], desk: Desk, actor: Actor) -> AnyResponse:
    """Keep them; without both nothing is sent."""
    async with desk.db.tenant(principal.tenant) as tx:
        now = await desk.policies.consent(tx, behalf=data.behalf == "yes", patients=data.patients == "yes", by=actor)
    return back(principal, "carriers") if data.go == "next" and now.given else back(principal, "consent", told="saved")


ROUTES = [messages_home, consent_page, save_consent]
