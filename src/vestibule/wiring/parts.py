"""What every process is made of: doors opened in order, services on them."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from vestibule.adapters.ehr.epic.status import EpicStatus
from vestibule.adapters.meetings.room.passes import RelayConfig
from vestibule.adapters.meetings.room.service import RoomService
from vestibule.auditing.witness import Witness
from vestibule.doctor.register import TenancyRegister
from vestibule.doctor.service import Doctor
from vestibule.errors import BadInput
from vestibule.feed.forgetting import FeedForgetting
from vestibule.feed.looking import FeedLooking
from vestibule.feed.service import FeedSettingsService
from vestibule.identity.members import Members
from vestibule.identity.model import MemberState, StaffRole
from vestibule.identity.service import Identity
from vestibule.identity.tokens import Tokens
from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.ids import MemberId, new_id, random_bytes
from vestibule.kit.origins import is_loopback_host
from vestibule.kit.secretbox import SecretBox
from vestibule.messages.optouts import OptOuts
from vestibule.messages.outlook import Outlook
from vestibule.messages.pending import Pending
from vestibule.messages.service import Messages
from vestibule.messages.setting import MessageSettings
from vestibule.platform.audit import Audit
from vestibule.platform.cells import Cells, read_cells
from vestibule.platform.db import Bus, Database, Listener, Tx
from vestibule.platform.effects import Effects
from vestibule.platform.http import Call, Http
from vestibule.platform.mail import Mail
from vestibule.platform.telemetry.metrics import OUTSIDE
from vestibule.protocols.jose import SigningKey
from vestibule.settings import Settings
from vestibule.tenancy.approval import Approvals
from vestibule.tenancy.model import Connection, Vendor
from vestibule.tenancy.organisations import Organisations
from vestibule.tenancy.service import Tenancy
from vestibule.visits.service import Visits
from vestibule.wiring.carriers import carriers_on
from vestibule.wiring.meeting_parts import MeetingParts, meeting_parts
from vestibule.wiring.nearby import Nearby
from vestibule.wiring.teams_cloud import cloud_on
from vestibule.wiring.teams_nearby import TeamsNearby
from vestibule.writeback.ports import Record
from vestibule.writeback.service import WriteBack

# No record should be asked so much at once; a carrier that answers in a fifth of a second takes a thousand texts a second so.
_TEXTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a process is made of, opened and ready.

    Attributes:
        texts: the outbound door for carriers of messages; `http` is everybody else's.
    """

    settings: Settings
    clock: Clock
    box: SecretBox
    db: Database
    listener: Listener
    bus: Bus
    http: Http
    texts: Http
    mail: Mail
    tenancy: Tenancy
    organisations: Organisations
    approvals: Approvals
    identity: Identity
    members: Members
    tokens: Tokens
    audit: Audit
    witness: Witness
    visits: Visits
    effects: Effects
    records: dict[Vendor, Record]
    writeback: WriteBack
    room: RoomService
    cells: Cells
    doctor: Doctor
    feed_settings: FeedSettingsService
    messages: Messages
    meetings: MeetingParts


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
    bus = Bus(db, listener := Listener(database_url))
    http, looking, texts = _doors(settings, clock)
    audit, visits = Audit(clock), Visits(clock, box)
    identity, members, tokens = _people(settings, clock, audit, listener)
    room = _room(db, bus, visits, box, settings, clock)
    try:
        await listener.start()
        tenancy, effects, mail = Tenancy(clock, box), Effects(), _mail(settings, clock)
        nearby = _nearby(db, box, tenancy, looking, mail, audit, clock, settings)
        records = _records(db, tenancy, http, clock, settings)
        writeback = WriteBack(visits=visits, tenancy=tenancy, effects=effects, records=records, audit=audit)
        witness, messages = Witness(db=db, audit=audit, clock=clock), _messages(visits, tenancy, effects, audit, box, clock)
        visits.subscribers.extend((writeback.on_event, witness.on_event, FeedForgetting(clock).on_event, messages.on_event))
        yield Parts(
            settings=settings,
            clock=clock,
            box=box,
            db=db,
            listener=listener,
            bus=bus,
            http=http,
            texts=texts,
            mail=mail,
            tenancy=tenancy,
            organisations=Organisations(clock, audit, knows_region=_regions(settings).__contains__),
            approvals=_approvals(tenancy, members, audit, settings, clock),
            identity=identity,
            members=members,
            tokens=tokens,
            audit=audit,
            witness=witness,
            visits=visits,
            effects=effects,
            records=records,
            writeback=writeback,
            room=room,
            cells=_cells(db, http, clock, settings),
            doctor=_doctor(looking, nearby, tenancy, settings, clock),
            feed_settings=nearby.feed,
            messages=messages,
            meetings=meeting_parts(db=db, clock=clock, box=box, audit=audit, visits=visits, effects=effects, room=room),
        )
    finally:
        for close in (texts.close, looking.close, http.close, listener.stop, db.close):
            await close()


def _messages(visits: Visits, tenancy: Tenancy, effects: Effects, audit: Audit, box: SecretBox, clock: Clock) -> Messages:
    """What plans messages with the events they follow from, in every process that steps visits."""
    optouts = OptOuts(clock=clock, box=box)
    return Messages(
        clock=clock,
        box=box,
        visits=visits,
        outlook=Outlook(visits=visits, tenancy=tenancy, optouts=optouts),
        optouts=optouts,
        settings=MessageSettings(box),
        pending=Pending(clock=clock, effects=effects),
        audit=audit,
    )


def _cells(db: Database, http: Http, clock: Clock, settings: Settings) -> Cells:
    return Cells(db=db, http=http, clock=clock, region=settings.region, cells=read_cells(settings.cells), token=settings.cells_token)


def _doors(settings: Settings, clock: Clock) -> tuple[Http, Http, Http]:
    """Everybody's, the doctor's, and that of texts.

    The doctor has one of its own: an address somebody tries out, or a slow record looked at, trips no launch's breaker.
    """
    return _door(settings, clock), _door(settings, clock), _door(settings, clock, at_once=_TEXTS_AT_ONCE)


def _door(settings: Settings, clock: Clock, *, at_once: int = 32) -> Http:
    loopback, networks = settings.allow_loopback_http, settings.allow_networks
    return Http(clock=clock, allow_loopback_http=loopback, allow_networks=networks, per_origin=at_once, on_call=_count_call)


def _mail(settings: Settings, clock: Clock) -> Mail:
    name, loopback = urlsplit(settings.origin).hostname or "localhost", settings.allow_loopback_http
    return Mail(name=name, clock=clock, allow_loopback=loopback, allow_networks=settings.allow_networks, on_call=_count_call)


def _nearby(
    db: Database, box: SecretBox, tenancy: Tenancy, looking: Http, mail: Mail, audit: Audit, clock: Clock, settings: Settings
) -> Nearby:
    """What the doctor may ask, through its own door."""
    feed, history = FeedSettingsService(clock, audit), FeedLooking(clock, box, audit, tenancy)
    teams = _teams(db, box, looking, settings, audit, clock)
    return Nearby(db, MessageSettings(box), feed, history, carriers_on(looking, mail, clock), teams)


def _teams(db: Database, box: SecretBox, looking: Http, settings: Settings, audit: Audit, clock: Clock) -> TeamsNearby:
    near = is_loopback_host(urlsplit(settings.graph_url).hostname or "")
    return TeamsNearby(db, box, clock, audit, cloud_on(looking, settings, clock), near=near)


def _doctor(outside: Http, nearby: Nearby, tenancy: Tenancy, settings: Settings, clock: Clock) -> Doctor:
    return Doctor(
        outside=outside,
        register=TenancyRegister(nearby.db, tenancy),
        clock=clock,
        origin=settings.origin,
        surroundings=nearby,
        loopback_http=settings.allow_loopback_http,
    )


def _approvals(tenancy: Tenancy, members: Members, audit: Audit, settings: Settings, clock: Clock) -> Approvals:
    async def may_approve(tx: Tx, member: MemberId) -> bool:
        found = await members.find(tx, member)
        return found is not None and found.state is MemberState.ACTIVE and StaffRole.APPROVER in found.roles

    return Approvals(clock, tenancy, audit, may_approve=may_approve, loopback_http=settings.allow_loopback_http)


def _regions(settings: Settings) -> set[str]:
    """Where an organisation that is kept here may live: here. Those of other regions are their cells' to keep."""
    return {settings.region}


def _people(settings: Settings, clock: Clock, audit: Audit, listener: Listener) -> tuple[Identity, Members, Tokens]:
    """Who is asking: sessions, members, programs; what ends on another node is heard of here."""
    idle, absolute = timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)
    identity, tokens = Identity(clock, idle=idle, absolute=absolute, audit=audit), Tokens(clock=clock, audit=audit)
    identity.listen(listener)
    tokens.listen(listener)
    return identity, Members(clock=clock, identity=identity, audit=audit), tokens


def _room(db: Database, bus: Bus, visits: Visits, box: SecretBox, settings: Settings, clock: Clock) -> RoomService:
    relay = RelayConfig(settings.stun_urls, settings.turn_urls, settings.turn_secret, settings.relay_only)
    return RoomService(
        db=db, bus=bus, visits=visits, clock=clock, keyed_hash=box.keyed_hash, relay=relay, grace_seconds=settings.grace_seconds
    )


def _count_call(call: Call) -> None:
    """A request to another system, for the metrics: our error's code, or the class of the answer's status."""
    OUTSIDE.labels(call.phase, call.code or f"{(call.status or 0) // 100}xx").inc()


def _records(db: Database, tenancy: Tenancy, http: Http, clock: Clock, settings: Settings) -> dict[Vendor, Record]:
    """Who is told about connects and disconnects, by the connection's vendor."""

    async def key(connection: Connection, algs: Sequence[str]) -> SigningKey:
        async with db.tenant(connection.tenant) as tx:
            return await tenancy.signing_key(tx, connection.id, algs)

    return {Vendor.EPIC: EpicStatus(http, key, clock, loopback_http=settings.allow_loopback_http)}
