"""Rooms on real sockets: nodes (Litestar on Granian) over one database, a visit with people in it, and bare WebSocket clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from litestar.types import ControllerRouterHandler
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support.ports import free_port
from support.waiting import until
from vestibule.adapters.meetings import room as room_package
from vestibule.adapters.meetings.room.passes import RelayConfig
from vestibule.adapters.meetings.room.routes import ROUTES
from vestibule.adapters.meetings.room.service import RoomService
from vestibule.adapters.meetings.room.watch import RoomWatch
from vestibule.identity import routes as identity_routes
from vestibule.identity.model import Principal, Role
from vestibule.identity.service import Identity
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import ConnectionId, SessionId, TenantId, VisitId, new_id, new_secret
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Bus, Database, Listener
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import Proof, WebConfig
from vestibule.platform.web.cookies import cookie_name
from vestibule.platform.web.serve import Server
from vestibule.visits.model import Identifier, Participant, PersonRole, Visit
from vestibule.visits.service import Visits

ROOM = Path(room_package.__file__).parent
BOX = SecretBox([("test", b"k" * 32)])
CONNECTION = ConnectionId(new_id())
ROLES = {PersonRole.PROVIDER: Role.CLINICIAN, PersonRole.PATIENT: Role.PATIENT}


@dataclass
class Sessions:
    """Who is signed in, for every node of a test: stands in for identity."""

    known: dict[UUID, tuple[str, Principal]] = field(default_factory=dict)
    framed_by: tuple[str, ...] = ()

    def open(self, principal: Principal) -> str:
        value = new_secret()
        self.known[principal.session] = (value, principal)
        return value

    async def prove(self, sid: UUID, value: str | None) -> Proof:
        secret, principal = self.known.get(sid, (None, None))
        return Proof(principal if principal and secret == value else None, self.framed_by)


class Node:
    """One server process's worth of Vestibule, as far as the room needs it."""

    def __init__(self, url: str, sessions: Sessions, *, relay: RelayConfig | None = None, grace: float = 0.5) -> None:
        self._url = url
        self._sessions = sessions
        self._relay = relay or RelayConfig()
        self._grace = grace
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"

    async def start(
        self,
        routes: list[ControllerRouterHandler] | None = None,
        templates: tuple[Path, ...] = (),
        assets: Mapping[str, Path] | None = None,
    ) -> Node:
        clock = SystemClock()
        self.db = await Database.open(self._url, min_size=1, max_size=8)
        self.listener = Listener(self._url)
        bus = Bus(self.db, self.listener)
        self.visits = Visits(clock, BOX)
        self.room = RoomService(
            db=self.db, bus=bus, visits=self.visits, clock=clock, keyed_hash=BOX.keyed_hash, relay=self._relay, grace_seconds=self._grace
        )
        self.watch = RoomWatch(self.room, bus=bus, listener=self.listener, beat=0.1, renew_every=0.5)
        await self.listener.start()
        await self.watch.start()
        identity = Identity(clock)

        async def prove(sid: UUID, value: str | None) -> Proof:
            if sid in self._sessions.known:
                return await self._sessions.prove(sid, value)
            return await identity.proof(self.db, SessionId(sid), value)  # opened by a ticket

        config = WebConfig(
            origin=self.origin,
            prove=prove,
            templates=(ROOM / "templates", *templates),
            assets={"room": ROOM / "assets", **(assets or {})},
            rates={},
        )
        app = build_app(
            routes=[*ROUTES, *identity_routes.ROUTES, *(routes or [])],
            services={"room": self.room, "visits": self.visits, "db": self.db, "identity": identity},
            config=config,
        )
        self._server = Server(app, port=self.port, grace=0.2)
        await self._server.start()
        return self

    async def stop(self) -> None:
        await self.watch.stop()
        await self._server.stop()
        await self.listener.stop()
        await self.db.close()

    async def vanish(self) -> None:
        """Stop renewing and hearing, as a killed process does; its sockets are not closed politely."""
        await self.watch.stop()
        await self.listener.stop()


@dataclass
class Someone:
    """A person of the visit with a session of their own."""

    participant: Participant
    principal: Principal
    cookie: str

    @property
    def base(self) -> str:
        return f"/s/{self.principal.session}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"{cookie_name(self.principal.session)}={self.cookie}"}


class Scene:
    """A visit, and people in it, by name."""

    def __init__(self, node: Node, tenant: TenantId, sessions: Sessions) -> None:
        self.node = node
        self.tenant = tenant
        self.sessions = sessions
        self.csn = Identifier(CONNECTION, "csn", str(new_id()))
        self.people: dict[str, Someone] = {}
        self.visit: VisitId

    async def person(
        self, name: str, role: PersonRole = PersonRole.PATIENT, *, admitted: bool = True, also: Identifier | None = None
    ) -> Someone:
        """Somebody of that name comes, arrives, and is let in unless told otherwise; `also` is another name of the same visit."""
        visits = self.node.visits
        async with self.node.db.tenant(self.tenant) as tx:
            visit, who = await visits.open_or_join(
                tx,
                connection=CONNECTION,
                identifiers=[self.csn, *([also] if also else [])],
                role=role,
                person="",
                person_type="",
                name=name,
                participant_key=str(new_id()),
            )
            self.visit = visit.id
            await visits.join(tx, visit.id, who.id)
            await visits.arrive(tx, visit.id, who.id)
            if admitted:
                await visits.admit(tx, visit.id, who.id)
        principal = Principal(
            session=SessionId(new_id()), tenant=self.tenant, role=ROLES.get(role, Role.GUEST), visit=visit.id, participant=who.id
        )
        self.people[name] = Someone(who, principal, self.sessions.open(principal))
        return self.people[name]

    async def step(self, action: str, name: str) -> Visit:
        """What a clinician does to somebody: the visit's step, and what its route asks of the meeting afterwards."""
        async with self.node.db.tenant(self.tenant) as tx:
            visit: Visit = await getattr(self.node.visits, action)(tx, self.visit, self.people[name].participant.id)
        return visit

    async def end(self) -> None:
        async with self.node.db.tenant(self.tenant) as tx:
            await self.node.visits.end_for_all(tx, self.visit)

    async def kinds(self, name: str) -> list[str]:
        """What happened to somebody in the room, in order."""
        who = self.people[name].participant.id
        async with self.node.db.tenant(self.tenant) as tx:
            events = await self.node.visits.events(tx, self.visit)
        return [e.kind.value for e in events if e.participant == who and e.kind in {"connected", "disconnected"}]


class Browser:
    """A bare client: the pass by HTTP, then one WebSocket, then JSON."""

    def __init__(self, node: Node, who: Someone, page: str = "") -> None:
        self.node = node
        self.who = who
        self.page = page or new_secret(16)
        self.socket: ClientConnection
        self.heard: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self._reader: asyncio.Task[None] | None = None

    async def relay(self) -> tuple[int, dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.node.origin}{self.who.base}/relay", headers={**self.who.headers, "Accept": "application/json"}) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def open(self, *, origin: str = "", headers: dict[str, str] | None = None) -> Browser:
        url = f"ws://127.0.0.1:{self.node.port}{self.who.base}/signal"
        self.socket = await connect(
            url, origin=origin or self.node.origin, additional_headers=self.who.headers if headers is None else headers, compression=None
        )  # type: ignore[arg-type]
        self._reader = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                self.heard.append(json.loads(message))
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code

    async def say(self, message: object) -> None:
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def join(self, *, watch: bool = False, token: str = "") -> Browser:
        """Pass, socket, Join, and the Welcome."""
        given = token or (await self.relay())[1]["token"]
        await self.open()
        await self.say({"t": "join", "token": given, "window": self.page, "watch": watch})
        return self

    async def welcomed(self) -> dict[str, Any]:
        return await self.told("welcome")

    async def told(self, kind: str, **facts: Any) -> dict[str, Any]:
        """The first message of that kind with those facts, waiting for it."""

        def find() -> dict[str, Any] | None:
            return next((m for m in self.heard if m["t"] == kind and all(m.get(k) == v for k, v in facts.items())), None)

        found: dict[str, Any] = await until(find, what=f"{kind} {facts}")
        return found

    async def sees(self, *names: str) -> None:
        """Wait until the latest list names exactly these others."""

        def seen() -> bool:
            lists = [m["people"] for m in self.heard if m["t"] in {"welcome", "roster"}]
            return bool(lists) and sorted(p["name"] for p in lists[-1]) == sorted(names)

        await until(seen, what=f"sees {names}")

    async def closed(self) -> int | None:
        await until(lambda: self.close_code is not None, what="the socket closes")
        return self.close_code

    async def drop(self) -> None:
        """Cut the wire without a goodbye."""
        self.socket.transport.abort()
        if self._reader:
            await self._reader

    async def bye(self) -> None:
        with suppress(ConnectionClosed):
            await self.socket.close()
        if self._reader:
            await self._reader
