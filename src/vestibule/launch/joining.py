"""Short links: what a code leads to, said so that it helps in every case, and the one press that does something."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from vestibule.errors import NotFound
from vestibule.identity.model import Role
from vestibule.identity.service import Identity, OpenedSession
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Audit, acting_as
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.model import Connection, Department, Environment, Tenant
from vestibule.tenancy.service import Tenancy
from vestibule.visits.model import EventKind, PersonRole, Visit, VisitEvent
from vestibule.visits.service import Link, Visits, Window, WindowState, join_window

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{22,64}")  # 22 base64url characters hold 128 bits; ours have more
_EVENTS: Final = 1000


class LinkState(StrEnum):
    """What opening a link finds."""

    EARLY = "early"
    READY = "ready"
    CANCELLED = "cancelled"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the page of a link says; nothing about anybody, for whoever holds a phone may read it.

    Attributes:
        moved: the appointment has another time than when the link was made.
    """

    state: LinkState
    organisation: str = ""
    support_phone: str = ""
    department: str = ""
    zone: str = ""
    starts_at: datetime | None = None
    opens_at: datetime | None = None
    moved: bool = False
    practice: bool = False


UNKNOWN: Final = LinkView(LinkState.UNKNOWN)
_STATES: Final = {
    WindowState.TOO_EARLY: LinkState.EARLY,
    WindowState.OPEN: LinkState.READY,
    WindowState.OVER: LinkState.ENDED,
    WindowState.ENDED: LinkState.ENDED,
    WindowState.CANCELLED: LinkState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a link leads."""

    link: Link
    visit: Visit
    connection: Connection | None
    window: Window


class Joining:
    """Looks at links, and lets people in."""

    def __init__(
        self, *, db: Database, clock: Clock, tenancy: Tenancy, identity: Identity, visits: Visits, audit: Audit | None = None
    ) -> None:
        self._audit = audit or Audit(clock)
        self._db = db
        self._clock = clock
        self._tenancy = tenancy
        self._identity = identity
        self._visits = visits

    async def look(self, code: str) -> LinkView:
        """What the code leads to. Changes nothing, so a scanner that opens every link in a message does no harm."""
        tenant = await self._whose(code)
        if tenant is None:
            return UNKNOWN
        async with self._db.tenant(tenant) as tx:
            place = await self._place(tx, code)
            organisation = await self._tenancy.tenant(tx)
            if not place.link.open_at(self._clock.now()) and not place.visit.over:
                return LinkView(LinkState.UNKNOWN, organisation.name, organisation.support_phone)
            department = await self._tenancy.department(tx, place.visit.department) if place.visit.department else None
            events = await self._visits.events(tx, place.visit.id, limit=_EVENTS)
        return _view(place, organisation, department, events)

    async def join(self, code: str) -> OpenedSession | None:
        """Press Join: a session of this link's own person; None when the page has to say why not."""
        tenant = await self._whose(code)
        if tenant is None:
            return None
        async with self._db.tenant(tenant) as tx:
            place = await self._place(tx, code)
            if _STATES[place.window.state] is not LinkState.READY or not place.link.open_at(self._clock.now()):
                return None
            visit, me = await self._visits.join_by_code(tx, code)
            role = Role.PATIENT if place.link.role is PersonRole.PATIENT else Role.GUEST
            opened = await self._identity.open_session(
                tx, role=role, visit=visit.id, participant=me.id, connection=visit.connection, department=visit.department
            )
            detail = {"link": str(place.link.id), "role": role.value}
            self._audit.note(tx, "link.used", by=acting_as(opened.principal), about=("visit", visit.id), detail=detail)
            return opened

    async def _whose(self, code: str) -> TenantId | None:
        if not _CODE.fullmatch(code):
            return None
        try:
            return await self._visits.links.whose(self._db, code)
        except NotFound:
            return None

    async def _place(self, tx: Tx, code: str) -> _Place:
        link = await self._visits.find_link(tx, code)
        visit = await self._visits.get(tx, link.visit)
        connection = await self._tenancy.connection(tx, visit.connection) if visit.connection else None
        early, late = (connection.join_early_minutes, connection.join_late_minutes) if connection else (30, 240)
        return _Place(link, visit, connection, join_window(visit, self._clock.now(), early_minutes=early, late_minutes=late))


def _view(place: _Place, organisation: Tenant, department: Department | None, events: list[VisitEvent]) -> LinkView:
    return LinkView(
        _STATES[place.window.state],
        organisation.name,
        organisation.support_phone,
        department.name if department else "",
        department.zone if department else "",
        place.visit.starts_at,
        place.window.opens_at,
        moved_since(place.link, events),
        place.connection is not None and place.connection.environment is Environment.TEST,
    )


def moved_since(link: Link, events: list[VisitEvent]) -> bool:
    """Whether the visit was given another time after the link was made."""
    made = next((e.seq for e in events if e.kind is EventKind.LINK_MADE and e.body.get("link") == str(link.id)), None)
    moves = [e for e in events if e.kind is EventKind.RESCHEDULED]
    if made is None:  # a message's link has no event of its own
        return any(e.at > link.made_at for e in moves)
    return any(e.seq > made for e in moves)
