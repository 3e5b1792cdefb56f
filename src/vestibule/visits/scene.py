"""What a page about one visit is made from: read in one transaction, before anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time

from vestibule.errors import NotFound
from vestibule.identity.model import Principal
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.platform.db import Tx
from vestibule.platform.web import i18n
from vestibule.tenancy.model import Connection, Department, Environment, Tenant
from vestibule.tenancy.service import Tenancy
from vestibule.visits.lobby import Step, Window, join_window, lobby_step
from vestibule.visits.model import MeetingPlace, Participant, Visit
from vestibule.visits.ports import Meetings
from vestibule.visits.service import Visits

# What holds for a visit that came through no connection.
_EARLY_MINUTES = 30
_LATE_MINUTES = 240


@dataclass(frozen=True, slots=True)
class Scene:
    """A visit as one session sees it, with the names of the place.

    Attributes:
        meeting: where people see each other, as far as this person may know; the built-in room where the page does not ask.
    """

    visit: Visit
    me: Participant | None
    organisation: Tenant
    department: Department | None
    connection: Connection | None
    window: Window
    now: datetime
    meeting: MeetingPlace = field(default_factory=MeetingPlace)

    @property
    def step(self) -> Step:
        """What this person's lobby is about."""
        return lobby_step(self.me, self.window)

    @property
    def may_go(self) -> bool:
        """Whether this person may be taken into the meeting now. Before they are let in, nothing says that there is one."""
        return self.me is not None and self.me.inside and self.meeting.ready and not self.visit.over

    @property
    def test_environment(self) -> bool:
        """True when no real patient is behind the connection."""
        return self.connection is not None and self.connection.environment is Environment.TEST

    @property
    def zone(self) -> str:
        """The clock on this department's wall."""
        return self.department.zone if self.department else "UTC"

    def clock(self, moment: datetime | None, *, seconds: bool = False) -> str:
        """A time of day on the department's clock, in the reader's language."""
        if moment is None:
            return ""
        return clock_text(moment, self.zone, seconds=seconds)

    def day(self, moment: datetime | None) -> str:
        """The date on the department's calendar; empty when it is today."""
        if moment is None:
            return ""
        zone = ZoneInfo(self.zone)
        there, today = moment.astimezone(zone).date(), self.now.astimezone(zone).date()
        return "" if there == today else format_date(there, "full", locale=i18n.language())


def clock_text(moment: datetime, zone: str, *, seconds: bool = False) -> str:
    """A time of day in a zone, in the reader's language."""
    return format_time(moment, "medium" if seconds else "short", tzinfo=ZoneInfo(zone), locale=i18n.language())


async def load(tx: Tx, principal: Principal, *, visits: Visits, tenancy: Tenancy, clock: Clock, meetings: Meetings | None = None) -> Scene:
    """The scene of a session's visit; with what is known of its meeting where the page has to know it."""
    visit = await visits.get(tx, visit_of(principal))
    connection = await tenancy.connection(tx, visit.connection) if visit.connection else None
    early = connection.join_early_minutes if connection else _EARLY_MINUTES
    late = connection.join_late_minutes if connection else _LATE_MINUTES
    return Scene(
        visit=visit,
        me=visit.person(principal.participant) if principal.participant else None,
        organisation=await tenancy.tenant(tx),
        department=await tenancy.department(tx, visit.department) if visit.department else None,
        connection=connection,
        window=join_window(visit, clock.now(), early_minutes=early, late_minutes=late),
        now=clock.now(),
        meeting=await meetings.place(tx, visit, principal.participant) if meetings else MeetingPlace(),
    )


def visit_of(principal: Principal) -> VisitId:
    """The visit a session is about; NotFound `visit-not-found` for an operator's."""
    if principal.visit is None:
        raise NotFound("visit-not-found", "There is no such visit.", phase="visit.read")
    return principal.visit


def me_of(principal: Principal) -> ParticipantId:
    """Who a session is in its visit."""
    if principal.participant is None:
        raise NotFound("participant-not-found", "This person is not in the visit.", phase="visit.read")
    return principal.participant


def link_end(window: Window, now: datetime) -> datetime:
    """Until when a link made now is good: as long as the visit can be joined, and at least an hour."""
    return max(window.closes_at or now + timedelta(minutes=_LATE_MINUTES), now + timedelta(hours=1))
