"""The web application: every feature's routes, the services their handlers ask for, its templates and assets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from litestar import Litestar

from vestibule.adapters.meetings.room import routes as room_routes
from vestibule.adapters.meetings.room.watch import RoomWatch
from vestibule.api import routes as api_routes
from vestibule.auditing import routes as audit_routes
from vestibule.auditing.people import MemberNames
from vestibule.auditing.service import Auditing
from vestibule.feed import routes as feed_routes
from vestibule.identity import entrance, people_pages, program_pages
from vestibule.identity import routes as identity_routes
from vestibule.identity.model import StaffRole
from vestibule.kit.ids import SessionId
from vestibule.launch import looking as launch_history
from vestibule.launch import routes as launch_routes
from vestibule.launch.joining import Joining
from vestibule.meetings import binding_pages
from vestibule.meetings import desk as meeting_pages
from vestibule.meetings import hooks as meeting_hooks
from vestibule.meetings import routes as meeting_routes
from vestibule.messages import desk as message_pages
from vestibule.messages import direct as direct_texts
from vestibule.messages import hooks as message_hooks
from vestibule.platform.cells import Elsewhere
from vestibule.platform.cells import routes as cell_routes
from vestibule.platform.health import routes as health_routes
from vestibule.platform.health.pulse import Pulse
from vestibule.platform.telemetry.metrics import SIGNALS, WATCHERS
from vestibule.platform.web.app import build_app, refit
from vestibule.platform.web.config import NavItem, Proof, WebConfig
from vestibule.platform.web.limits import RATES
from vestibule.platform.web.serve import serve
from vestibule.portal import routes as portal_routes
from vestibule.records import routes as record_routes
from vestibule.rehearsal import routes as rehearsal_routes
from vestibule.settings import Settings
from vestibule.visits import routes as visit_routes
from vestibule.visits.feed import Feed
from vestibule.wiring.cells import PLACES
from vestibule.wiring.feeding import feed_services
from vestibule.wiring.handover import handover_services
from vestibule.wiring.launching import make_launches
from vestibule.wiring.meeting import meeting_services
from vestibule.wiring.meeting_desk import make_meeting_desk
from vestibule.wiring.message_desk import make_desk
from vestibule.wiring.messaging import make_hooks
from vestibule.wiring.parts import Parts, open_parts
from vestibule.wiring.portal import portal_services
from vestibule.wiring.signing_in import make_sign_ins
from vestibule.wiring.teams_people import make_microsoft_sign_ins
from vestibule.wiring.texting import BESIDE, make_composing
from vestibule.writeback import routes as writeback_routes

VESTIBULE = Path(__file__).parents[1]
_ADMIN = frozenset({StaffRole.ADMINISTRATOR})
_SET_UP = _ADMIN | {StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER, StaffRole.AUDITOR}
_HAND_OVER = _ADMIN | {StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER}
_ENGINEERS = _ADMIN | {StaffRole.INTEGRATION_ENGINEER}
NAV = (
    NavItem("home", "Home", icon="home"),
    NavItem("connections", "Connections", _SET_UP, "link"),
    NavItem("approvals", "Approvals", _ADMIN | {StaffRole.APPROVER}, "approve"),
    NavItem("departments", "Departments", _ADMIN, "departments"),
    NavItem("people", "People", _ADMIN, "people"),
    NavItem("programs", "Programs", _ENGINEERS, "programs"),
    NavItem("launches", "Launches", _HAND_OVER, "launches"),
    NavItem("links", "Launch links", _HAND_OVER, "explain"),
    NavItem("feed", "Appointments feed", _HAND_OVER, "feed"),
    NavItem("meetings", "Meetings", _ENGINEERS | {StaffRole.AUDITOR}, "video"),
    NavItem("messages", "Patient messages", _ENGINEERS | {StaffRole.AUDITOR}, "phone"),
    NavItem("effects", "Messages to the record", _ENGINEERS, "messages"),
    NavItem("audit", "Audit", _ADMIN | {StaffRole.AUDITOR}, "audit"),
    NavItem("organisation", "Organisation", _ADMIN, "organisation"),
    NavItem("organisations", "Organisations", icon="organisations"),
)


async def serve_web(settings: Settings, database_url: str) -> None:
    """Serve until told to stop."""
    async with open_parts(settings, database_url) as parts, live(parts) as feed:
        await serve(web_app(parts, feed), host=settings.host, port=settings.port)


@asynccontextmanager
async def live(parts: Parts) -> AsyncIterator[Feed]:
    """What only a web process has: the live pages' feed, and the watch over the room's sockets."""
    feed = Feed(parts.db, parts.visits, parts.clock)
    feed.listen(parts.listener)
    watch = RoomWatch(parts.room, bus=parts.bus, listener=parts.listener)
    parts.identity.on_closed += [parts.room.session_closed, feed.hub.close_session]
    await watch.start()
    WATCHERS.set_function(lambda: feed.hub.watching)
    SIGNALS.set_function(lambda: len(parts.room.hub))
    try:
        yield feed
    finally:
        await watch.stop()
        await feed.hub.stop()


def web_app(parts: Parts, feed: Feed, *, over: Litestar | None = None) -> Litestar:
    """The web application: every feature's routes on these parts; `over` is one that nobody serves any more, taken into use again."""
    services, config = {**_services(parts), "feed": feed}, _web_config(parts)
    if over is not None:
        return refit(over, services=services, config=config)
    routes = [
        *health_routes.ROUTES,
        *cell_routes.ROUTES,
        *api_routes.ROUTES,
        *identity_routes.ROUTES,
        *entrance.ROUTES,
        *people_pages.ROUTES,
        *program_pages.ROUTES,
        *launch_routes.ROUTES,
        *launch_history.ROUTES,
        *visit_routes.ROUTES,
        *direct_texts.ROUTES,
        *room_routes.ROUTES,
        *meeting_routes.ROUTES,
        *binding_pages.ROUTES,
        *meeting_hooks.ROUTES,
        *writeback_routes.ROUTES,
        *feed_routes.ROUTES,
        *audit_routes.ROUTES,
        *message_pages.ROUTES,
        *meeting_pages.ROUTES,
        *message_hooks.ROUTES,
        *portal_routes.ROUTES,
        *record_routes.ROUTES,
        *rehearsal_routes.ROUTES,
    ]
    return build_app(routes=routes, services=services, config=config)


def _services(parts: Parts) -> dict[str, object]:
    """What handlers may ask for by name."""
    launches = make_launches(parts)
    launches.finder.listen(parts.listener)
    joining = Joining(
        db=parts.db, clock=parts.clock, tenancy=parts.tenancy, identity=parts.identity, visits=parts.visits, audit=parts.audit
    )
    return {
        "clock": parts.clock,
        "db": parts.db,
        "cells": parts.cells,
        "tenancy": parts.tenancy,
        "organisations": parts.organisations,
        "approvals": parts.approvals,
        "identity": parts.identity,
        "members": parts.members,
        "tokens": parts.tokens,
        "sign_ins": make_sign_ins(parts),
        "audit": parts.audit,
        "auditing": Auditing(db=parts.db, audit=parts.audit, people=MemberNames(parts.members), origin=parts.settings.origin),
        "visits": parts.visits,
        "effects": parts.effects,
        "writeback": parts.writeback,
        "room": parts.room,
        "microsoft_sign_ins": make_microsoft_sign_ins(parts),
        "launches": launches,
        "composing": make_composing(parts),
        "joining": joining,
        **feed_services(parts),
        **handover_services(parts, launches),
        **portal_services(parts, launches),
        **meeting_services(parts),
        "hooks": make_hooks(parts),
        "messages": parts.messages,
        "desk": make_desk(parts, parts.messages.replan),
        "meeting_desk": make_meeting_desk(parts),
        "pulse": Pulse(parts.db, parts.listener, parts.clock),
    }


def _web_config(parts: Parts) -> WebConfig:
    async def prove(sid: UUID, cookie: str | None) -> Proof:
        return await parts.identity.proof(parts.db, SessionId(sid), cookie)

    async def glance(sid: UUID, cookie: str | None) -> Proof:
        return await parts.identity.proof(parts.db, SessionId(sid), cookie, used=False)

    room = VESTIBULE / "adapters" / "meetings" / "room"
    names = ("identity", "launch", "visits", "writeback", "feed", "records", "rehearsal", "auditing", "messages", "meetings", "portal")
    features = [VESTIBULE / name for name in names]
    return WebConfig(
        origin=parts.settings.origin,
        prove=prove,
        glance=glance,
        prove_token=lambda secret: parts.tokens.prove(parts.db, secret),
        on_refusal=parts.witness.on_refusal,
        nav=NAV,
        beside=BESIDE,
        templates=[folder / "templates" for folder in (*features, room)],
        assets={folder.name: folder / "assets" for folder in (*features, room) if (folder / "assets").is_dir()},
        trusted_proxies=parts.settings.trusted_proxies,
        metrics_token=parts.settings.metrics_token,
        regions=[(cell.region, f"{cell.origin}/sign-in") for cell in parts.cells.others],
        cells_token=parts.settings.cells_token,
        around=(lambda app: Elsewhere(app, parts.cells, PLACES)) if parts.cells.others else None,
        rates=RATES if parts.settings.rate_limits else {},
    )
