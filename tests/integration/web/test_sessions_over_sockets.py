"""Sessions, tickets, WebSockets and health as a browser or an orchestrator meets them: Granian, PostgreSQL, two nodes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import websockets
from litestar import Litestar, WebSocket, get, websocket

from support.serving import Reply, ask, served
from support.waiting import until
from vestibule.identity.model import Principal, Role
from vestibule.identity.routes import ROUTES as IDENTITY_ROUTES
from vestibule.identity.service import Identity, OpenedSession
from vestibule.kit.clock import FrozenClock, SystemClock
from vestibule.kit.ids import TenantId, VisitId, new_id
from vestibule.platform.db import Database, Listener
from vestibule.platform.health.pulse import CHANNEL, Pulse
from vestibule.platform.health.routes import ROUTES as HEALTH_ROUTES
from vestibule.platform.web.access import Access
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.serve import Server, hold_port


@get("/s/{sid:uuid}/room", access=Access.session())
async def room(principal: Principal) -> dict[str, Any]:
    return {"role": principal.role, "framed": principal.framed}


@websocket("/s/{sid:uuid}/signal", access=Access.session())
async def signal(socket: WebSocket[Any, Any, Any], principal: Principal) -> None:
    await socket.accept()
    await socket.send_text(principal.role)
    await socket.close()


@dataclass
class Node:
    """One web node: its server, its own proofs, its own pulse."""

    server: Server
    identity: Identity
    listener: Listener
    pulse: Pulse

    async def ask(self, path: str, cookie: str = "", **more: Any) -> Reply:
        headers = {"Cookie": cookie, **more.pop("headers", {})}
        return await ask(self.server, path, headers=headers, **more)


async def start_node(stack: AsyncExitStack, db: Database) -> Node:
    clock = SystemClock()
    listener = Listener(db.url)
    identity = Identity(clock, idle=timedelta(minutes=60), absolute=timedelta(hours=12))
    identity.listen(listener)
    pulse = Pulse(db, listener, clock, patience=30)
    await listener.start()
    stack.push_async_callback(listener.stop)
    with hold_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    app: Litestar = build_app(
        routes=[room, signal, *IDENTITY_ROUTES, *HEALTH_ROUTES],
        services={"db": db, "identity": identity, "clock": clock, "pulse": pulse},
        config=WebConfig(origin=f"http://127.0.0.1:{port}", prove=partial(identity.proof, db)),
    )
    return Node(await stack.enter_async_context(served(app, port=port)), identity, listener, pulse)


@pytest.fixture
async def nodes(db: Database) -> AsyncIterator[tuple[Node, Node]]:
    async with AsyncExitStack() as stack:
        yield await start_node(stack, db), await start_node(stack, db)


@pytest.fixture
def node(nodes: tuple[Node, Node]) -> Node:
    return nodes[0]


async def opened(node: Node, db: Database, tenant: TenantId, role: Role = Role.CLINICIAN) -> OpenedSession:
    async with db.tenant(tenant) as tx:
        return await node.identity.open_session(tx, role=role, visit=VisitId(new_id()), framed=True, frame_origins=["https://ehr.example"])


def cookie(session: OpenedSession) -> str:
    return f"{session.cookie.name}={session.cookie.value}"


async def test_a_session_opened_on_one_node_is_known_on_the_other(nodes: tuple[Node, Node], db: Database, tenant: TenantId) -> None:
    session = await opened(nodes[0], db, tenant)
    for node in nodes:
        reply = await node.ask(f"/s/{session.principal.session}/room", cookie(session))
        assert (reply.status, json.loads(reply.body)) == (200, {"role": "clinician", "framed": True})
        assert "frame-ancestors 'self' https://ehr.example" in reply.headers["content-security-policy"]


async def test_no_cookie_of_another_session_or_tenant_opens_a_session(
    node: Node, db: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    mine, neighbour, foreign = [await opened(node, db, whose) for whose in (tenant, tenant, other_tenant)]
    for stranger in (neighbour, foreign):
        for sent in (cookie(stranger), f"{mine.cookie.name}={stranger.cookie.value}", f"{mine.cookie.name}=x; {cookie(mine)}"):
            reply = await node.ask(f"/s/{mine.principal.session}/room", sent)
            assert reply.status == 401, sent


async def test_closing_a_session_ends_it_on_every_node_that_is_told_of_it(nodes: tuple[Node, Node], db: Database, tenant: TenantId) -> None:
    here, there = nodes
    session = await opened(here, db, tenant)
    path = f"/s/{session.principal.session}/room"
    assert (await there.ask(path, cookie(session))).status == 200  # the other node has its proof in memory now
    told: asyncio.Queue[Any] = asyncio.Queue()
    there.identity.on_closed.append(told.put_nowait)
    async with db.tenant(tenant) as tx:
        await here.identity.close_session(tx, session.principal.session)
    assert await asyncio.wait_for(told.get(), 15) == session.principal.session
    assert (await here.ask(path, cookie(session))).status == 401
    assert (await there.ask(path, cookie(session))).status == 401


async def test_missed_notifications_cost_trust_not_safety(nodes: tuple[Node, Node], db: Database, tenant: TenantId) -> None:
    """While a node's listener is away its proofs may be old; when it is back, all are forgotten."""
    here, there = nodes
    session = await opened(here, db, tenant)
    path = f"/s/{session.principal.session}/room"
    assert (await there.ask(path, cookie(session))).status == 200
    await there.listener.stop()
    async with db.tenant(tenant) as tx:
        await here.identity.close_session(tx, session.principal.session)
    there.identity._cache.clear()  # what Listener does on a gap; its own tests prove that it does
    assert (await there.ask(path, cookie(session))).status == 401


async def test_a_frame_hands_its_session_over_to_a_window_once(node: Node, db: Database, tenant: TenantId) -> None:
    session = await opened(node, db, tenant)
    made = await node.ask(
        f"/s/{session.principal.session}/handoff",
        cookie(session),
        method="POST",
        headers={"Origin": node.server.origin, "Content-Type": "application/json"},
        body=b'{"to": "room"}',
    )
    url = json.loads(made.body)["url"]
    opened_window = await node.ask(url, headers={"Sec-Fetch-Site": "same-origin"})
    assert opened_window.status == 303
    place = opened_window.headers["location"]
    assert place.endswith("/room")
    assert str(session.principal.session) not in place, "a session of its own"
    new_cookie = opened_window.cookies[0].split(";")[0]
    reply = await node.ask(place, new_cookie)
    assert (reply.status, json.loads(reply.body)) == (200, {"role": "clinician", "framed": False})
    assert (await node.ask(url)).status == 410
    assert (await node.ask(f"/s/{session.principal.session}/room", cookie(session))).status == 200


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Purpose": "prefetch;prerender"}, {"Sec-Purpose": "prefetch"}],
)
async def test_a_strangers_link_or_a_preview_does_not_use_a_ticket_up(
    node: Node, db: Database, tenant: TenantId, headers: dict[str, str]
) -> None:
    session = await opened(node, db, tenant)
    async with db.tenant(tenant) as tx:
        code = await node.identity.issue_ticket(tx, session_like=session.principal, ttl_seconds=60, purpose="handoff", to="room")
    assert (await node.ask(f"/h/{code}", headers=headers)).status == 403
    assert (await node.ask(f"/h/{code}", method="HEAD")).status == 405
    assert (await node.ask(f"/h/{code}")).status == 303


@pytest.mark.parametrize("body", [b'{"to": "//evil.example"}', b'{"to": "../../x"}', b'{"to": "room", "role": "operator"}', b"{}"])
async def test_a_hand_over_leads_nowhere_else_and_to_no_other_role(node: Node, db: Database, tenant: TenantId, body: bytes) -> None:
    session = await opened(node, db, tenant, Role.PATIENT)
    reply = await node.ask(
        f"/s/{session.principal.session}/handoff",
        cookie(session),
        method="POST",
        headers={"Origin": node.server.origin, "Content-Type": "application/json"},
        body=body,
    )
    assert reply.status == 400


async def test_a_websocket_opens_from_our_own_page(node: Node, db: Database, tenant: TenantId) -> None:
    session = await opened(node, db, tenant)
    address = f"ws://127.0.0.1:{node.server.port}/s/{session.principal.session}/signal"
    async with websockets.connect(address, origin=node.server.origin, additional_headers={"Cookie": cookie(session)}, proxy=None) as socket:  # type: ignore[arg-type]
        assert await socket.recv() == "clinician"


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost", "http://127.0.0.1"])
async def test_a_websocket_from_any_other_page_is_refused_although_the_cookie_is_right(
    node: Node, db: Database, tenant: TenantId, origin: Any
) -> None:
    session = await opened(node, db, tenant)
    address = f"ws://127.0.0.1:{node.server.port}/s/{session.principal.session}/signal"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(address, origin=origin, additional_headers={"Cookie": cookie(session)}, proxy=None)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("sent", ["", "v_x=y"])
async def test_a_websocket_without_its_session_is_refused_before_it_opens(node: Node, db: Database, tenant: TenantId, sent: str) -> None:
    session = await opened(node, db, tenant)
    address = f"ws://127.0.0.1:{node.server.port}/s/{session.principal.session}/signal"
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(address, origin=node.server.origin, additional_headers={"Cookie": sent}, proxy=None)  # type: ignore[arg-type]


async def test_ready_means_that_a_write_committed_and_its_notification_came_back(node: Node, owner: Any) -> None:
    reply = await node.ask("/health/ready")
    assert (reply.status, json.loads(reply.body)) == (200, {"ready": True, "write": "ok", "notify": "ok"})
    assert await owner.fetchval("select count(*) from heartbeats") == 1


async def test_a_node_that_hears_nothing_is_not_ready_though_it_lives(node: Node) -> None:
    node.pulse._patience = 0.2
    await node.listener.stop()
    reply = await node.ask("/health/ready")
    assert (reply.status, json.loads(reply.body)) == (503, {"ready": False, "write": "ok", "notify": "failing"})
    assert (await node.ask("/health/live")).status == 200


async def test_a_node_that_cannot_write_is_not_ready_and_is_again_afterwards(node: Node, owner: Any) -> None:
    await owner.execute("revoke insert, update on heartbeats from vestibule_app")
    assert (await node.pulse._feel()).write == "failing"
    await owner.execute("grant insert, update on heartbeats to vestibule_app")

    async def ready() -> bool:
        return (await node.ask("/health/ready")).status == 200

    await until(ready)


async def test_ten_who_ask_at_once_cause_one_round_trip(node: Node) -> None:
    heard: list[str] = []
    node.listener.subscribe(CHANNEL, heard.append)
    node.pulse._clock = FrozenClock(SystemClock().now())  # however long they take to ask, it is at once
    replies = await asyncio.gather(*(node.ask("/health/ready") for _ in range(10)))
    assert {reply.status for reply in replies} == {200}
    assert len(heard) == 1


async def test_a_stopping_node_says_so_before_it_goes(node: Node) -> None:
    node.server._app.state["stopping"] = True
    assert (await node.ask("/health/ready")).status == 503
