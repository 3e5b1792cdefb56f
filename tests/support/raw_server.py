"""A server on loopback that says exactly the bytes a test wants, well-formed or not, and remembers what it was told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from support.answering import answering

Say = Callable[["Heard", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """One request as it came in."""

    line: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class RawServer:
    """A listener, what it was sent, and how often somebody connected."""

    say: Say
    port: int = 0
    scheme: str = "http"
    connections: int = 0
    heard: list[Heard] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def at(self, host: str) -> str:
        """Its origin under another name."""
        return f"{self.scheme}://{host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while True:
                heard = await _read(reader)
                self.heard.append(heard)
                await self.say(heard, writer)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (r.partition(":") for r in rest)}
    return Heard(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def raw_server(say: Say | bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """A RawServer on a free port; `say` may be just the bytes of every answer."""

    async def repeat(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        assert isinstance(say, bytes)
        writer.write(say)

    server = RawServer(repeat if isinstance(say, bytes) else say, scheme="https" if tls else "http")
    async with answering(server.serve, tls) as server.port:
        yield server


def ok(body: bytes = b"{}", *headers: str) -> bytes:
    """A well-formed 200."""
    lines = "".join(f"{h}\r\n" for h in headers)
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    """A redirect to `location`."""
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
