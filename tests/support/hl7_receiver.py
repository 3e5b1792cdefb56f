"""A receiver of HL7 v2 for tests of the practice hospital's interface engine: MLLP and HTTP, answering what it is told to answer."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Receiver:
    """`answers` are used up first; then everything is accepted. `None` hangs up without an answer, `""` stays silent."""

    port: int = 0
    code: str = "AA"
    answers: deque[str | None] = field(default_factory=deque)
    got: list[bytes] = field(default_factory=list)
    torn: list[bytes] = field(default_factory=list)
    connections: int = 0
    peers: list[bytes | None] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def controls(self) -> list[str]:
        return [body.split(b"|")[9].decode() for body in self.got]

    def events(self) -> list[str]:
        return [body.split(b"|")[8].split(b"^")[1].decode() for body in self.got]

    def answer(self, body: bytes) -> bytes | None:
        self.got.append(body)
        self.news.set()
        code = self.answers.popleft() if self.answers else self.code
        if code is None:
            return None
        fields = body.split(b"\r")[0].split(b"|")
        control = fields[9].decode() if len(fields) > 9 else ""
        return f"MSH|^~\\&|R|R|S|S|20261121||ACK|{control}|P|2.3\rMSA|{code}|{control}\r".encode() if code else b""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        tls = writer.get_extra_info("ssl_object")
        self.peers.append(tls.getpeercert(binary_form=True) if tls else None)
        held = b""
        try:
            while part := await reader.read(4096):
                held += part
                while b"\x1c\r" in held:
                    frame, _, held = held.partition(b"\x1c\r")
                    answer = self.answer(frame.rpartition(b"\x0b")[2])
                    if answer is None:
                        return
                    if answer:
                        writer.write(b"\x0b" + answer + b"\x1c\r")
                        await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            if held:
                self.torn.append(held)
            writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Receiver]:
    """One that answers on a port of its own."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.talk, "127.0.0.1", port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
