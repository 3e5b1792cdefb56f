"""The staff board: a department's visits of the day, and who waits where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Request, get
from litestar.response import Response

from vestibule.identity.model import Principal, Role
from vestibule.kit.clock import Clock
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access
from vestibule.platform.web.pages import page
from vestibule.tenancy.model import Department
from vestibule.tenancy.service import Tenancy
from vestibule.visits import words
from vestibule.visits.model import MeetingPlace, Participant, PersonRole, PersonState, Visit, VisitState
from vestibule.visits.pages import late, waited
from vestibule.visits.ports import Meetings
from vestibule.visits.scene import clock_text
from vestibule.visits.service import Visits


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One visit on the board.

    Attributes:
        waiting: who is in the waiting room, the longest there first; inside: who is in the visit.
        came: who was in the visit at any time, by what they are: their names are erased when it is over.
        since: from when the longest has waited.
        meeting: of a visit that is open: what its meeting tells.
    """

    visit: Visit
    time: str
    patient: str
    providers: str
    waiting: tuple[Participant, ...]
    inside: tuple[Participant, ...]
    came: str
    since: datetime | None
    mine: bool
    meeting: MeetingPlace

    @property
    def attention(self) -> bool:
        """True while somebody waits."""
        return bool(self.waiting) and not self.visit.over


def row(visit: Visit, zone: str, mine: Any, meeting: MeetingPlace) -> BoardRow:
    """A visit as a row of the board."""
    waiting = sorted((p for p in visit.people if p.state in {PersonState.WAITING, PersonState.HELD}), key=lambda p: p.since)
    of = {role: [p for p in visit.people if p.role is role] for role in PersonRole}
    moment = visit.starts_at or visit.created_at
    return BoardRow(
        visit=visit,
        time=clock_text(moment, zone) if moment else "",
        patient=", ".join(words.name_of(p) for p in of[PersonRole.PATIENT]) or words.role_text(PersonRole.PATIENT),
        providers=", ".join(p.name for p in of[PersonRole.PROVIDER] if p.name),
        waiting=tuple(waiting),
        inside=tuple(p for p in visit.people if p.state is PersonState.CONNECTED),
        came=", ".join(words.role_text(p.role) for p in visit.people if p.connected_at),
        since=waiting[0].since if waiting else None,
        mine=visit.id == mine,
        meeting=meeting,
    )


def today(now: datetime, zone: str) -> tuple[datetime, datetime]:
    """The day of a place, from midnight to midnight on its own clock."""
    here = ZoneInfo(zone)
    date = now.astimezone(here).date()
    begin = datetime.combine(date, time(), here)
    return begin.astimezone(UTC), datetime.combine(date + timedelta(days=1), time(), here).astimezone(UTC)


@get("/s/{sid:uuid}/board", access=Access.session(Role.CLINICIAN))
async def board(
    request: Request[Any, Any, Any],
    principal: Principal,
    db: Database,
    visits: Visits,
    tenancy: Tenancy,
    clock: Clock,
    meetings: Meetings,
) -> Response[Any]:
    """The day's visits."""
    return page(request, "visits/board.html", **await _board(principal, db, visits, tenancy, clock, meetings))


@get("/s/{sid:uuid}/board/parts", access=Access.session(Role.CLINICIAN))
async def board_parts(
    request: Request[Any, Any, Any],
    principal: Principal,
    db: Database,
    visits: Visits,
    tenancy: Tenancy,
    clock: Clock,
    meetings: Meetings,
) -> Response[Any]:
    """The parts of it that change."""
    return page(request, "visits/board_fragment.html", **await _board(principal, db, visits, tenancy, clock, meetings))


async def _board(principal: Principal, db: Database, visits: Visits, tenancy: Tenancy, clock: Clock, meetings: Meetings) -> dict[str, Any]:
    async with db.tenant(principal.tenant) as tx:
        organisation = await tenancy.tenant(tx)
        department: Department | None = await tenancy.department(tx, principal.department) if principal.department else None
        zone = department.zone if department else "UTC"
        found = await visits.day(tx, principal.department, *today(clock.now(), zone))
        places = await meetings.places(tx, [visit for visit in found if visit.state is VisitState.OPEN])
    rows = [row(visit, zone, principal.visit, places.get(visit.id, MeetingPlace())) for visit in found]
    return {
        "brand": organisation.name,
        "support_phone": organisation.support_phone,
        "department": department,
        "base": f"/s/{principal.session}",
        "rows": rows,
        "waiting": sum(len(r.waiting) for r in rows if r.attention),
        "open": sum(r.visit.state is VisitState.OPEN for r in rows),
        "now": clock.now(),
        "words": words,
        "waited": waited,
        "late": late,
    }


ROUTES = [board, board_parts]
