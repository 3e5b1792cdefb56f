"""Where meetings begin: where visits take place, a switch, how far Teams is connected, and how it goes."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
from litestar import get, post
from litestar.params import URLEncodedBody

from vestibule.errors import Conflict
from vestibule.identity.model import Principal
from vestibule.meetings.desk import words
from vestibule.meetings.desk.frame import ADMINISTRATORS, READERS, AnyRequest, AnyResponse, MeetingDesk, back, show
from vestibule.meetings.model import MONTHLY_LIMIT
from vestibule.platform.audit import Actor
from vestibule.visits.model import MeetingKind

_LATELY = timedelta(days=7)
_DELAYED = "meeting-settings-changed"
_MONTHS_BACK = 3
_MOST_OF_A_MONTH = 100


class KindForm(msgspec.Struct, forbid_unknown_fields=True):
    """Where new visits are to take place."""

    kind: MeetingKind
    revision: int = 0


@get("/s/{sid:uuid}/meetings", access=READERS)
async def meetings_home(request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk) -> AnyResponse:
    """How things stand."""
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        over = await meeting_desk.overview(tx)
        since = meeting_desk.clock.now() - _LATELY
        going = await meeting_desk.looking.going(principal.tenant, tx, since)
        heard = await meeting_desk.looking.heard(principal.tenant, tx, since)
    return show(request, principal, "home.html", over, kinds=words.kinds(), opens=words.opens(), going=going, heard=heard)


@post("/s/{sid:uuid}/meetings/kind", access=ADMINISTRATORS)
async def choose_kind(principal: Principal, data: URLEncodedBody[KindForm], meeting_desk: MeetingDesk, actor: Actor) -> AnyResponse:
    """Visits that begin from now on take place there."""
    try:
        async with meeting_desk.db.tenant(principal.tenant) as tx:
            await meeting_desk.settings.save(tx, {"kind": data.kind}, revision=data.revision, by=actor)
    except Conflict as error:
        return back(principal, told="stale" if error.code == _DELAYED else "missing")
    return back(principal, told=data.kind.value)


@get("/s/{sid:uuid}/meetings/use", access=READERS)
async def use_page(request: AnyRequest, principal: Principal, meeting_desk: MeetingDesk) -> AnyResponse:
    """How many meetings were made for whom, month by month: Microsoft allows an organizer so many."""
    since = _months_back(meeting_desk.clock.now().date(), _MONTHS_BACK)
    async with meeting_desk.db.tenant(principal.tenant) as tx:
        over = await meeting_desk.overview(tx)
        rows = await meeting_desk.looking.months(principal.tenant, tx, since)
    months: dict[date, list[tuple[str, int]]] = {}
    for row in rows:
        months.setdefault(row["month"], []).append((row["organizer"], row["made"]))
    return show(request, principal, "use.html", over, months=months, limit=MONTHLY_LIMIT, most=_MOST_OF_A_MONTH)


def _months_back(day: date, many: int) -> date:
    """The first of the month so many months before."""
    months = day.year * 12 + day.month - 1 - many
    return date(months // 12, months % 12 + 1, 1)


ROUTES = [meetings_home, choose_kind, use_page]
