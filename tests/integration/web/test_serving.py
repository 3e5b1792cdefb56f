"""Granian embedded, over real sockets: ports, slow and oversized requests, and an orderly stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from litestar import Litestar, Request, WebSocket, asgi, get, post, websocket
from litestar.types import Receive, Scope, Send

from support.serving import ask, connected, parse, served
from vestibule.errors import Unavailable
from vestibule.platform.web import limits, serve
from vestibule.platform.web.access import Access
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.serve import Server


class Witness:
    """What handlers saw."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.finish = asyncio.Event()
        self.ended: asyncio.Queue[str] = asyncio.Queue()


@post("/read", access=Access.PUBLIC, status_code=200)
async def read(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@post("/s/{sid:uuid}/act", access=Access.session(), status_code=200)
async def act(data: dict[str, Any]) -> dict[str, Any]:
    return data


@get("/wait", access=Access.PUBLIC)
async def wait(witness: Witness) -> dict[str, bool]:
    witness.reading.set()
    await witness.finish.wait()
    return {"done": True}


@asgi("/stream", access=Access.PUBLIC, copy_scope=True)
async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    witness: Witness = scope["litestar_app"].state["services"]["witness"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream; charset=utf-8")]})
    await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
    try:
        await asyncio.Event().wait()
    finally:
        witness.ended.put_nowait("stream")


@asgi("/streams/{number:int}", access=Access.PUBLIC, copy_scope=True)
async def numbered(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % (scope["path_params"]["number"] + 1), "more_body": False})


@websocket("/socket", access=Access.PUBLIC)
async def socket(socket: WebSocket[Any, Any, Any], witness: Witness) -> None:
    await socket.accept()
    try:
        await socket.send_text("hello")
        await socket.receive_text()
    finally:
        witness.ended.put_nowait("socket")


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def app(witness: Witness) -> Litestar:
    return build_app(
        routes=[read, act, wait, stream, numbered, socket],
        services={"witness": witness},
        config=WebConfig(origin="http://127.0.0.1", max_body=100_000),
    )


@pytest.fixture
async def server(app: Litestar) -> AsyncIterator[Server]:
    async with served(app) as listening:
        yield listening


async def pour(writer: asyncio.StreamWriter, size: int) -> int:
    """Send chunks until the other side hangs up; returns how many bytes went."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < size:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            sent += 65_536
            await asyncio.wait_for(writer.drain(), 30)
    return sent


OURS = {"Origin": "http://127.0.0.1"}


async def test_a_taken_port_is_refused_instead_of_shared(server: Server, app: Litestar) -> None:
    with pytest.raises(Unavailable, match="port-taken"):
        await Server(app, port=server.port).start()


async def test_fifty_megabytes_without_a_session_are_refused_before_they_are_read(server: Server) -> None:
    async with connected(server) as (reader, writer):
        began = time.process_time()
        writer.write(b"POST /s/00000000-0000-0000-0000-000000000001/act HTTP/1.1\r\nHost: x\r\nOrigin: http://127.0.0.1\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        answer = parse(await asyncio.wait_for(reader.readuntil(b"}"), 30))
        assert answer.status == 401, "the answer comes while not one byte of the body has been sent"
        sent = await pour(writer, 50_000_000)
        assert sent < 8_000_000, "kernel buffers take some; nobody read the rest"
        assert time.process_time() - began < 2


@pytest.mark.parametrize("path", ["/s/00000000-0000-0000-0000-000000000001/act", "/read", "/nowhere"])
async def test_an_announced_giant_is_refused_at_every_address_by_its_announcement(server: Server, path: str) -> None:
    reply = await ask(server, path, method="POST", headers={**OURS, "Content-Length": "50000000"})
    assert reply.status == 413


async def test_a_giant_that_does_not_announce_itself_is_cut_at_the_limit(server: Server) -> None:
    async with connected(server) as (reader, writer):
        writer.write(b"POST /read HTTP/1.1\r\nHost: x\r\nOrigin: http://127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"1fff0\r\n" + b"x" * 0x1FFF0 + b"\r\n")
        answer = parse(await asyncio.wait_for(reader.readuntil(b"}"), 30))
        assert answer.status == 413


async def test_a_body_that_dribbles_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.3)
    async with connected(server) as (reader, writer):
        writer.write(b"POST /read HTTP/1.1\r\nHost: x\r\nOrigin: http://127.0.0.1\r\nContent-Length: 10\r\n\r\nab")
        answer = parse(await asyncio.wait_for(reader.readuntil(b"}"), 30))
        assert answer.status == 408


async def test_headers_that_dribble_are_cut_off(app: Litestar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEADER_SECONDS", 1)
    async with served(app) as server, connected(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert await asyncio.wait_for(reader.read(), 30) == b""
    assert serve.HEADER_SECONDS <= 15


async def test_a_megabyte_of_headers_is_refused(server: Server) -> None:
    async with connected(server) as (reader, writer):
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 1_000_000)
            await writer.drain()
            answer = await asyncio.wait_for(reader.read(), 30)
        except ConnectionError:
            answer = b""
        assert answer == b"" or parse(answer).status == 431


async def test_stopping_ends_streams_and_sockets_at_once_and_lets_requests_finish(app: Litestar, witness: Witness) -> None:
    server = Server(app, port=0, grace=60)
    await server.start()
    waiting = asyncio.create_task(ask(server, "/wait"))
    await asyncio.wait_for(witness.reading.wait(), 30)
    async with connected(server) as (reader, writer):
        writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"hello"), 30)
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/socket", origin="http://127.0.0.1", proxy=None) as client:
            assert await client.recv() == "hello"
            stopping = asyncio.create_task(server.stop())
            with pytest.raises(websockets.ConnectionClosed, match="1012"):
                await asyncio.wait_for(client.recv(), 30)
            await asyncio.wait_for(reader.read(), 30)
            assert {await asyncio.wait_for(witness.ended.get(), 30) for _ in range(2)} == {"socket", "stream"}
            assert not stopping.done()
            witness.finish.set()
            assert (await waiting).status == 200
            await asyncio.wait_for(stopping, 30)


async def test_a_request_that_will_not_end_does_not_hold_the_stop_for_ever(app: Litestar, witness: Witness) -> None:
    server = Server(app, port=0, grace=0.2)
    await server.start()
    waiting = asyncio.create_task(ask(server, "/wait"))
    await asyncio.wait_for(witness.reading.wait(), 30)
    await asyncio.wait_for(server.stop(), 30)
    assert (await waiting).status >= 500


async def test_the_lifespan_runs_round_the_serving() -> None:
    said: list[str] = []

    @contextlib.asynccontextmanager
    async def life(_app: Litestar) -> AsyncIterator[None]:
        said.append("up")
        yield
        said.append("down")

    app = build_app(routes=[], services={}, config=WebConfig(origin="http://127.0.0.1"), lifespan=[life])
    async with served(app) as server:
        assert said == ["up"]
        assert (await ask(server, "/robots.txt")).status == 200
    assert said == ["up", "down"]


async def test_a_plain_asgi_route_may_have_parameters(server: Server) -> None:
    assert (await ask(server, "/streams/41")).body == b"42"
