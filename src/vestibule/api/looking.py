"""What happened: launches and the audit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.response import Response, Stream

from vestibule.api.operations import Operation
from vestibule.api.shapes import AuditFilter, AuditOut, AuditQuery, LaunchOut, LaunchQuery, Listing, PhaseOut
from vestibule.api.wire import answer, query
from vestibule.auditing.model import Wanted
from vestibule.auditing.service import Auditing
from vestibule.errors import BadInput
from vestibule.identity.model import Caller, StaffRole
from vestibule.kit.ids import ConnectionId
from vestibule.launch.history import Attempted, Filter
from vestibule.launch.service import Launches
from vestibule.platform.audit import Actor, Outcome
from vestibule.platform.audit.model import Written
from vestibule.platform.db import Database
from vestibule.platform.web.access import Access

LAUNCHES: Final = "/api/v1/launches"
AUDIT: Final = "/api/v1/audit"
_ANALYSTS = Access.token(StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER)
_AUDITORS = Access.token(StaffRole.AUDITOR, StaffRole.ADMINISTRATOR)
_LATEST: Final = date(9998, 12, 31)  # the day after it exists, too
_PLAIN: Final = [name for name in LaunchOut.__struct_fields__ if name != "phases"]


@get(
    LAUNCHES,
    access=_ANALYSTS,
    api=Operation("listLaunches", "List attempts to launch, newest first.", Listing[LaunchOut], query=LaunchQuery),
)
async def list_launches(request: Request[Any, Any, Any], principal: Caller, db: Database, launches: Launches) -> Response[Any]:
    """Why somebody could not come in."""
    asked = query(request, LaunchQuery)
    given = {name: value for name in ("outcome", "connection", "day") if (value := getattr(asked, name)) is not msgspec.UNSET}
    if "connection" in given:
        given["connection"] = ConnectionId(given["connection"])
    if "day" in given:
        given["day"] = min(given["day"], _LATEST)
    wanted = Filter(reference=_sound(asked.reference), code=_sound(asked.code), **given)
    async with db.tenant(principal.tenant) as tx:
        found = await launches.history.listing(tx, wanted, after=asked.after, limit=asked.limit)
    return answer(Listing[LaunchOut](items=[_launch(one) for one in found.items], next=found.next))


@get(f"{LAUNCHES}/{{launch:uuid}}", access=_ANALYSTS, api=Operation("readLaunch", "Read one attempt to launch.", LaunchOut))
async def read_launch(launch: UUID, principal: Caller, db: Database, launches: Launches) -> Response[Any]:
    """One attempt."""
    async with db.tenant(principal.tenant) as tx:
        return answer(_launch(await launches.history.one(tx, launch)))


def _launch(one: Attempted) -> LaunchOut:
    phases = [PhaseOut(phase=str(p.get("phase", "")), ms=p.get("ms"), code=str(p.get("code", ""))) for p in one.phases]
    return LaunchOut(phases=phases, **{name: getattr(one, name) for name in _PLAIN})


# ---------------------------------------------------------------------- the audit


@get(AUDIT, access=_AUDITORS, api=Operation("listAudit", "List entries of the audit, newest first.", Listing[AuditOut], query=AuditQuery))
async def list_audit(request: Request[Any, Any, Any], principal: Caller, db: Database, auditing: Auditing) -> Response[Any]:
    """Who did what, to what, when, from where, and how it ended."""
    asked = query(request, AuditQuery)
    async with db.tenant(principal.tenant) as tx:
        found = await auditing.listing(tx, _wanted(asked), after=asked.after, limit=asked.limit)
    return answer(Listing[AuditOut](items=[_entry(one) for one in found.items], next=found.next))


@get(
    f"{AUDIT}.ndjson",
    access=_AUDITORS,
    api=Operation(
        "exportAudit",
        "Take the whole list as FHIR AuditEvents (IHE BALP), one a line. Taking it is noted.",
        str,
        query=AuditFilter,
        media="application/fhir+ndjson",
    ),
)
async def export_audit(
    request: Request[Any, Any, Any], principal: Caller, db: Database, auditing: Auditing, actor: Actor
) -> Response[Any] | Stream:
    """A portion at a time: however long the list is, no more than a portion is in memory."""
    wanted = _wanted(query(request, AuditFilter))
    async with db.tenant(principal.tenant) as tx:
        await auditing.exporting(tx, wanted, form="fhir", by=actor)
    return Stream(auditing.as_fhir(principal.tenant, wanted), media_type="application/fhir+ndjson")


def _wanted(asked: AuditFilter) -> Wanted:
    found: dict[str, Any] = {name: _sound(getattr(asked, name)) for name in ("action", "actor", "about", "reference", "search")}
    found |= {name: _moment(value) for name in ("since", "until") if isinstance(value := getattr(asked, name), str)}
    return Wanted(outcome=asked.outcome if isinstance(asked.outcome, Outcome) else None, **found)


def _moment(text: str) -> datetime:
    """RFC 3339, in UTC; at the ends of time there are moments whose UTC does not exist."""
    try:
        at: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError:
        raise BadInput(
            "api-query-wrong", "A moment is written as in RFC 3339, with its offset: 2026-11-21T13:01:00Z.", phase="api"
        ) from None
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return at.replace(tzinfo=UTC)


def _sound(text: str) -> str:
    """PostgreSQL knows no NUL."""
    return text.replace("\x00", "").strip()


def _entry(one: Written) -> AuditOut:
    entry, who = one.entry, one.entry.actor
    return AuditOut(
        number=one.seq,
        at=entry.at,
        actor_kind=who.kind,
        actor_id=who.id,
        session=who.session,
        address=who.address,
        reference=who.reference,
        action=entry.action,
        about_kind=entry.about_kind,
        about_id=entry.about_id,
        outcome=entry.outcome,
        detail=dict(entry.detail),
        previous=one.previous.hex(),
        hash=one.hash.hex(),
    )


ROUTES = [list_launches, read_launch, list_audit, export_audit]
