"""The page from which a clinician texts a patient the link, now. A number that is typed stands in no address and no log."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_time
from litestar import Request, get, post
from litestar.params import URLEncodedBody
from litestar.response import Response

from vestibule.errors import BadInput, Conflict, NotFound, TooMany, VestibuleError
from vestibule.identity.model import Principal, Role
from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.messages.composing import PHASE, Composing, Sheet, Wish
from vestibule.messages.said import pill_of, settled, words_of
from vestibule.platform.audit import Actor
from vestibule.platform.db import Database, Tx
from vestibule.platform.web import i18n
from vestibule.platform.web.access import Access
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.pages import page, see_other
from vestibule.visits.model import Visit
from vestibule.visits.service import Visits

_CLINICIANS: Final = Access.session(Role.CLINICIAN)
_PATHS: Final = ["/s/{sid:uuid}/text", "/s/{sid:uuid}/text/{visit:uuid}"]
# What a person can do something about is said on the page, beside the form they filled in.
_REFUSALS: Final = (BadInput, Conflict, TooMany)

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


class Form(msgspec.Struct, forbid_unknown_fields=True):
    """What the form says."""

    person: str = ""
    number: str = "typed"
    phone: str = ""
    keep: str = ""
    language: str = ""


@get(_PATHS, access=_CLINICIANS)
async def text_page(
    request: AnyRequest, principal: Principal, db: Database, visits: Visits, composing: Composing, visit: UUID | None = None
) -> AnyResponse:
    """Whom it goes to, how it reads, and what became of those sent before."""
    async with db.tenant(principal.tenant) as tx:
        sheet = await composing.sheet(tx, await _visit(tx, visits, principal, visit))
    return _page(request, principal, sheet)


@post(_PATHS, access=_CLINICIANS, status_code=200)
async def send_text(
    request: AnyRequest,
    principal: Principal,
    data: URLEncodedBody[Form],
    db: Database,
    visits: Visits,
    composing: Composing,
    actor: Actor,
    visit: UUID | None = None,
) -> AnyResponse:
    """Send it, and show the page again: with what becomes of it, or with what stands against it."""
    try:
        async with db.tenant(principal.tenant) as tx:
            found = await _visit(tx, visits, principal, visit)
            await composing.send(tx, found, _wish(data), by=actor)
    except _REFUSALS as problem:
        async with db.tenant(principal.tenant) as tx:
            sheet = await composing.sheet(tx, await _visit(tx, visits, principal, visit))
        return _page(request, principal, sheet, problem=problem, said=data)
    return see_other(_here(principal, found))


async def _visit(tx: Tx, visits: Visits, principal: Principal, wanted: UUID | None) -> Visit:
    """The session's own visit, or one that stands on the same board."""
    if principal.visit is None:
        raise _not_found()
    visit = await visits.get(tx, VisitId(wanted) if wanted else principal.visit)
    if visit.id != principal.visit and visit.department != principal.department:
        raise _not_found()
    return visit


def _not_found() -> NotFound:
    return NotFound("visit-not-found", "There is no such visit.", phase=PHASE)


def _wish(data: Form) -> Wish:
    try:
        person = ParticipantId(UUID(data.person)) if data.person else None
    except ValueError:
        raise BadInput("message-person-missing", "Say to which patient it shall go.", phase=PHASE) from None
    typed = data.number != "known"
    if typed and not data.phone.strip():
        raise BadInput("message-phone-wrong", "This is no complete telephone number.", phase=PHASE)
    return Wish(person, data.phone if typed else "", keep=bool(data.keep), language=data.language)


def _here(principal: Principal, visit: Visit) -> str:
    """The page's own address."""
    own = f"/s/{principal.session}/text"
    return own if visit.id == principal.visit else f"{own}/{visit.id}"


def _page(
    request: AnyRequest, principal: Principal, sheet: Sheet, *, problem: VestibuleError | None = None, said: Form | None = None
) -> AnyResponse:
    here = _here(principal, sheet.visit)
    own = sheet.visit.id == principal.visit
    return page(
        request,
        "messages/text.html",
        status=problem.status if problem else 200,
        brand=sheet.organisation,
        support_phone=sheet.support_phone,
        sheet=sheet,
        here=here,
        back=f"/s/{principal.session}/{'console' if own else 'board'}",
        own=own,
        problem=_(problem.sentence) if problem else "",
        phone_wrong=problem is not None and problem.code == "message-phone-wrong",
        said=said or Form(number="known" if any(one.number and not one.stopped for one in sheet.people) else "typed"),
        language=(said.language if said and said.language else sheet.language),
        clock=lambda moment: format_time(moment, "short", tzinfo=ZoneInfo(sheet.zone), locale=i18n.language()),
        words_of=words_of,
        pill_of=pill_of,
        settled=settled,
    )


ROUTES = [text_page, send_text]
