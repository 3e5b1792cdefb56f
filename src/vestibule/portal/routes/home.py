"""Home: what needs doing now, for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from litestar import get

from vestibule.feed.service import FeedSettingsService
from vestibule.identity.model import Principal, StaffRole
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId
from vestibule.messages.service import Messages
from vestibule.platform.db import Database, Tx
from vestibule.portal import words
from vestibule.portal.model import Report
from vestibule.portal.pages import MEMBERS, AnyRequest, AnyResponse, show
from vestibule.portal.reports import Reports
from vestibule.portal.routes.approvals import split
from vestibule.protocols.jose import CERTIFICATE_DAYS
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import ConnectionLine, Version, VersionState
from vestibule.tenancy.organisations import Organisations
from vestibule.tenancy.service import Tenancy

_SOON = timedelta(days=60)
_FEED_SOON = timedelta(days=30)
_SHOWN = 50
_FEED = frozenset({StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER})
_READERS = frozenset({StaffRole.ADMINISTRATOR, StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER, StaffRole.AUDITOR})


@dataclass(frozen=True, slots=True)
class Now:
    """What there is to do.

    Attributes:
        departments: whether there is any; likewise connections; approved, whether any serves.
        first: the connection that serves, else the one that is being set up.
        mine: what awaits my decision.
        unfinished: drafts and what was rejected.
        ill: connections whose last check found something.
        expiring: connections whose certificates end soon, and when.
        feeds: connections a sender's certificate of whose appointments feed ends soon or has ended, and when.
        fed: some connection takes appointments; texting: it was said of some connection what its patients are sent.
    """

    departments: bool = False
    connections: bool = False
    approved: bool = False
    first: ConnectionLine | None = None
    mine: tuple[tuple[ConnectionLine, Version], ...] = ()
    unfinished: tuple[ConnectionLine, ...] = ()
    ill: tuple[tuple[ConnectionLine, Report], ...] = ()
    expiring: tuple[tuple[ConnectionLine, datetime], ...] = ()
    feeds: tuple[tuple[ConnectionLine, datetime], ...] = ()
    fed: bool = False
    texting: bool = False

    @property
    def ready(self) -> bool:
        """Everything an organisation needs before its first visit is there."""
        return self.departments and self.approved


@get("/s/{sid:uuid}/home", access=MEMBERS)
async def home(
    request: AnyRequest,
    principal: Principal,
    db: Database,
    clock: Clock,
    organisations: Organisations,
    approvals: Approvals,
    tenancy: Tenancy,
    reports: Reports,
    feed_settings: FeedSettingsService,
    messages: Messages,
) -> AnyResponse:
    """What needs doing now."""
    now = Now()
    async with db.tenant(principal.tenant) as tx:
        brand = (await organisations.get(tx)).name
        if principal.roles & _READERS:
            now = await _now(tx, principal, clock, organisations, approvals, tenancy, reports)
        if principal.roles & _FEED:
            now = replace(now, feeds=await _feeds(tx, clock, approvals, feed_settings))
        if StaffRole.ADMINISTRATOR in principal.roles:
            fed = any(one.enabled for one in (await feed_settings.all(tx)).values())
            now = replace(now, fed=fed, texting=await messages.in_use(tx))
    return show(
        request,
        principal,
        "home.html",
        brand=brand,
        now=now,
        pill=words.line_pill,
        environments=words.environments(),
        vendors=words.vendors(),
    )


async def _now(
    tx: Tx, principal: Principal, clock: Clock, organisations: Organisations, approvals: Approvals, tenancy: Tenancy, reports: Reports
) -> Now:
    departments = await organisations.departments(tx, limit=1)
    lines = (await approvals.lines(tx, limit=_SHOWN)).items
    awaiting = (await approvals.lines(tx, state="awaiting", limit=_SHOWN)).items
    by_id = {line.id: line for line in lines}
    found = await reports.of(tx, list(by_id))
    old = await tenancy.oldest_keys(tx, clock.now() - CERTIFICATE_DAYS + _SOON)
    return Now(
        departments=bool(departments.items),
        connections=bool(lines),
        approved=any(line.serving for line in lines),
        first=next((line for line in lines if line.serving), lines[0] if lines else None),
        mine=tuple(split([(line, await approvals.newest(tx, line.id)) for line in awaiting], principal)[0]),
        unfinished=tuple(line for line in lines if line.state in {VersionState.DRAFT, VersionState.REJECTED}),
        ill=tuple((by_id[one], report) for (one, kind), report in found.items() if kind == "check" and (report.stops or report.looks)),
        expiring=tuple((by_id[one], since + CERTIFICATE_DAYS) for one, since in old if one in by_id),
    )


async def _feeds(
    tx: Tx, clock: Clock, approvals: Approvals, feed_settings: FeedSettingsService
) -> tuple[tuple[ConnectionLine, datetime], ...]:
    """Senders that will be refused soon, or are: those whose newest certificate ends within thirty days."""
    newest: dict[ConnectionId, datetime] = {}
    for one in await feed_settings.certificates(tx):
        newest[one.connection] = max(one.not_after, newest.get(one.connection, one.not_after))
    due = {connection: ends for connection, ends in newest.items() if ends < clock.now() + _FEED_SOON}
    lines = (await approvals.lines(tx, limit=_SHOWN)).items if due else []
    return tuple((line, due[line.id]) for line in lines if line.id in due)


ROUTES = [home]
