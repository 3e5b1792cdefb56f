"""The application on a real socket, and a raw client that shows exactly what goes over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.parser import BytesParser

from litestar import Litestar

from vestibule.platform.web.serve import Server
from vestibule.visits.feed import Feed
from vestibule.wiring import Parts, web_app


@asynccontextmanager
async def served(app: Litestar, *, port: int = 0, grace: float = 2.0) -> AsyncIterator[Server]:
    """`app` on Granian on a free port."""
    server = Server(app, port=port, grace=grace)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


# Applications that a test before this one has served: putting one together takes longer than most tests do.
_SPARE: list[Litestar] = []


@asynccontextmanager
async def serving(parts: Parts, feed: Feed, *, port: int = 0, grace: float = 2.0) -> AsyncIterator[Server]:
    """The whole application on these parts."""
    app = web_app(parts, feed, over=_SPARE.pop() if _SPARE else None)
    async with served(app, port=port, grace=grace) as server:
        yield server
    _SPARE.append(app)


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    cookies: list[str]
    body: bytes


async def ask(
    server: Server, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b"", timeout: float = 10
) -> Reply:
    """One request on a connection of its own."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    async with asyncio.timeout(timeout), connected(server) as (reader, writer):
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return parse(await reader.read())


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection, closed in the end whatever the other side did to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def parse(raw: bytes) -> Reply:
    """Take an HTTP/1.1 answer apart."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status_line, _, header_lines = head.partition(b"\r\n")
    message = BytesParser().parsebytes(header_lines + b"\r\n\r\n", headersonly=True)
    headers = {name.lower(): value for name, value in message.items()}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunk(body)
    return Reply(int(status_line.split()[1]), headers, message.get_all("set-cookie", []), body)


def _unchunk(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
        if not length:
            break
    return whole
