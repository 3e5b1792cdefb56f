"""The only module that names concrete classes: settings become doors, doors become services, services become the web app and the worker."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from litestar import Litestar

from vestibule.adapters.ehr.epic.status import EpicStatus
from vestibule.adapters.meetings.room import routes as room_routes
from vestibule.adapters.meetings.room.passes import RelayConfig
from vestibule.adapters.meetings.room.service import RoomService
from vestibule.adapters.meetings.room.watch import RoomWatch
from vestibule.errors import BadInput, VestibuleError
from vestibule.identity import routes as identity_routes
from vestibule.identity.service import Identity
from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.ids import SessionId, new_id, random_bytes
from vestibule.kit.secretbox import SecretBox
from vestibule.launch import routes as launch_routes
from vestibule.launch.joining import Joining
from vestibule.launch.record import RecordClient
from vestibule.launch.service import Launches
from vestibule.launch.store import LaunchStore
from vestibule.platform.db import Bus, Database, Listener
from vestibule.platform.effects import Effects, Worker
from vestibule.platform.health import routes as health_routes
from vestibule.platform.health.pulse import Pulse
from vestibule.platform.http import Call, Http
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import EFFECTS, OUTSIDE, SIGNALS, WATCHERS
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import Proof, WebConfig
from vestibule.platform.web.limits import RATES
from vestibule.platform.web.serve import serve
from vestibule.protocols.jose import SigningKey
from vestibule.retention.service import Retention
from vestibule.settings import Settings
from vestibule.tenancy.model import Connection, Vendor
from vestibule.tenancy.service import Tenancy
from vestibule.visits import routes as visit_routes
from vestibule.visits.feed import Feed
from vestibule.visits.service import Visits
from vestibule.writeback import routes as writeback_routes
from vestibule.writeback.jobs import Teller
from vestibule.writeback.model import KIND as EHR_STATUS
from vestibule.writeback.ports import Record
from vestibule.writeback.service import WriteBack

HERE = Path(__file__).parent
_SLOW_CHORES_EVERY = 60.0  # seconds: names are erased that soon after a visit's time is over
_KEEP_LAUNCHES = timedelta(days=90)  # the analyst's story of why somebody could not come in; it names nobody
_CHORES_EVERY = 2.0  # seconds: a killed node's people are disconnected that soon after their lease


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a process is made of, opened and ready."""

    settings: Settings
    clock: Clock
    box: SecretBox
    db: Database
    listener: Listener
    bus: Bus
    http: Http
    tenancy: Tenancy
    identity: Identity
    visits: Visits
    effects: Effects
    records: dict[Vendor, Record]
    writeback: WriteBack
    room: RoomService


def read_keys(settings: Settings) -> list[tuple[str, bytes]]:
    """The key ring from the settings, or the one kept in the data folder, made on first use.

    Raises:
        BadInput: `key-ring-wrong`, when a key is not `name:base64 of 32 bytes`; the key itself is not repeated.
    """
    return [_key(text) for text in settings.keys or [_own_key(settings.data)]]


def _key(text: str) -> tuple[str, bytes]:
    name, _, encoded = text.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32 or not name:  # noqa: PLR2004  AES-256
        raise BadInput("key-ring-wrong", "Each key in VESTIBULE_KEYS must be name:base64 of 32 bytes.", phase="settings.keys")
    return name, key


def _own_key(data: Path) -> str:
    """The installation's own key; two processes starting at once agree on the one that was there first."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = data / "keys"
    if not file.exists():
        fresh = data / f"keys.{new_id()}"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(f"k1:{base64.b64encode(random_bytes(32)).decode()}\n")
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text(encoding="ascii").strip()


@asynccontextmanager
async def open_parts(settings: Settings, database_url: str) -> AsyncIterator[Parts]:
    """Open every door, in order; close them in the reverse order."""
    clock = SystemClock()
    box = SecretBox(read_keys(settings))
    db = await Database.open(database_url, max_size=settings.pool_size)
    listener = Listener(database_url)
    bus = Bus(db, listener)
    loopback, networks = settings.allow_loopback_http, settings.allow_networks
    http = Http(clock=clock, allow_loopback_http=loopback, allow_networks=networks, on_call=_count_call)
    idle, absolute = timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)
    identity = Identity(clock, idle=idle, absolute=absolute)
    identity.listen(listener)
    visits = Visits(clock, box)
    relay = RelayConfig(settings.stun_urls, settings.turn_urls, settings.turn_secret, settings.relay_only)
    room = RoomService(
        db=db, bus=bus, visits=visits, clock=clock, keyed_hash=box.keyed_hash, relay=relay, grace_seconds=settings.grace_seconds
    )
    try:
        await listener.start()
        tenancy, effects = Tenancy(clock, box), Effects()
        records = _records(db, tenancy, http, clock, settings)
        writeback = WriteBack(visits=visits, tenancy=tenancy, effects=effects, records=records)
        visits.subscribers.append(writeback.on_event)
        yield Parts(settings, clock, box, db, listener, bus, http, tenancy, identity, visits, effects, records, writeback, room)
    finally:
        await http.close()
        await listener.stop()
        await db.close()


def _count_call(call: Call) -> None:
    """A request to another system, for the metrics: our error's code, or the class of the answer's status."""
    OUTSIDE.labels(call.phase, call.code or f"{(call.status or 0) // 100}xx").inc()


def _records(db: Database, tenancy: Tenancy, http: Http, clock: Clock, settings: Settings) -> dict[Vendor, Record]:
    """Who is told about connects and disconnects, by the connection's vendor."""

    async def key(connection: Connection, algs: Sequence[str]) -> SigningKey:
        async with db.tenant(connection.tenant) as tx:
            return await tenancy.signing_key(tx, connection.id, algs)

    return {Vendor.EPIC: EpicStatus(http, key, clock, loopback_http=settings.allow_loopback_http)}


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


def web_app(parts: Parts, feed: Feed) -> Litestar:
    """The web application: every feature's routes on these parts."""
    routes = [
        *health_routes.ROUTES,
        *identity_routes.ROUTES,
        *launch_routes.ROUTES,
        *visit_routes.ROUTES,
        *room_routes.ROUTES,
        *writeback_routes.ROUTES,
    ]
    return build_app(routes=routes, services={**_services(parts), "feed": feed}, config=_web_config(parts))


def _services(parts: Parts) -> dict[str, object]:
    """What handlers may ask for by name."""
    record = RecordClient(parts.http, parts.clock, loopback_http=parts.settings.allow_loopback_http)
    launches = Launches(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        tenancy=parts.tenancy,
        identity=parts.identity,
        visits=parts.visits,
        record=record,
        origin=parts.settings.origin,
    )
    joining = Joining(db=parts.db, clock=parts.clock, tenancy=parts.tenancy, identity=parts.identity, visits=parts.visits)
    return {
        "clock": parts.clock,
        "db": parts.db,
        "tenancy": parts.tenancy,
        "identity": parts.identity,
        "visits": parts.visits,
        "effects": parts.effects,
        "writeback": parts.writeback,
        "room": parts.room,
        "meetings": parts.room,
        "launches": launches,
        "joining": joining,
        "pulse": Pulse(parts.db, parts.listener, parts.clock),
    }


def _web_config(parts: Parts) -> WebConfig:
    async def prove(sid: UUID, cookie: str | None) -> Proof:
        return await parts.identity.proof(parts.db, SessionId(sid), cookie)

    room = HERE / "adapters" / "meetings" / "room"
    features = [HERE / name for name in ("launch", "visits", "writeback")]
    return WebConfig(
        origin=parts.settings.origin,
        prove=prove,
        templates=[folder / "templates" for folder in (*features, room)],
        assets={folder.name: folder / "assets" for folder in (*features, room)},
        trusted_proxies=parts.settings.trusted_proxies,
        metrics_token=parts.settings.metrics_token,
        rates=RATES if parts.settings.rate_limits else {},
    )


async def run_worker(settings: Settings, database_url: str, stop: asyncio.Event) -> None:
    """Carry out effects and keep house until told to stop."""
    async with open_parts(settings, database_url) as parts:
        worker = effect_worker(parts)
        running = asyncio.create_task(worker.run())
        chores = asyncio.create_task(keep_house(parts))
        log.info("working")
        await stop.wait()
        chores.cancel()
        await worker.stop()
        await running


def effect_worker(parts: Parts) -> Worker:
    """What carries out effects: every kind has its handler here."""
    teller = Teller(db=parts.db, visits=parts.visits, tenancy=parts.tenancy, writeback=parts.writeback, records=parts.records)
    return Worker(
        parts.db,
        {EHR_STATUS: teller.handle},
        parts.clock,
        mourners={EHR_STATUS: teller.mourn},
        listener=parts.listener,
        concurrency=parts.settings.worker_concurrency,
        meter=lambda event, kind, _: EFFECTS.labels(kind, event).inc(),
    )


async def keep_house(parts: Parts) -> None:
    """What must happen though nobody asks: people of a killed node are disconnected, what is over is ended, what expired is forgotten."""
    retention = Retention(visits=parts.visits, tenancy=parts.tenancy, clock=parts.clock)
    slow = 0.0
    while True:
        await _chore("presence", parts.visits.presence.reap(parts.db))
        if parts.clock.monotonic() >= slow:
            slow = parts.clock.monotonic() + _SLOW_CHORES_EVERY
            await _chore("retention", _tidy(parts, retention))
        await asyncio.sleep(_CHORES_EVERY)


async def _chore(name: str, work: Awaitable[object]) -> None:
    """One chore; that it failed is said, and it is tried again at its next turn."""
    try:
        await work
    except VestibuleError as error:
        log.warning("chore-failed", step=name, code=error.code)


async def _tidy(parts: Parts, retention: Retention) -> None:
    """Each organisation in turn."""
    for tenant in await parts.tenancy.tenants(parts.db):
        await retention.end_overdue(parts.db, tenant)
        await retention.forget(parts.db, tenant)
        async with parts.db.tenant(tenant) as tx:
            await parts.identity.sweep(tx)
            await LaunchStore().forget(tenant, tx, parts.clock.now() - _KEEP_LAUNCHES)
