"""A listener of the test's own on a real database, and senders that speak to it over real sockets."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from cryptography.hazmat.primitives.serialization import Encoding

from support.feeding import Key, add_certificate, add_connection, make_key
from support.ports import free_port
from vestibule.adapters.hl7.desk import Limits
from vestibule.adapters.hl7.listener import Listener
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.settings import load
from vestibule.wiring.listening import listening

KEYS = "k1:" + "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


@dataclass
class Clinic:
    """A connection with a plain port of its own, a key that is uploaded, and the listener that takes its messages."""

    owner: asyncpg.Connection
    url: str
    tenant: TenantId
    connection: ConnectionId
    port: int
    key: Key
    folder: Path
    listener: Listener = field(repr=False)
    senders: list[Sender] = field(default_factory=list, repr=False)

    def client(self, key: Key | None = None, **changes: Any) -> ssl.SSLContext:
        """What a sender needs that holds this key; none shows no certificate."""
        context = ssl.create_default_context(cafile=str(self.folder / "server.crt"))
        if key is not None:
            context.load_cert_chain(key.pem(self.folder / "client.pem"))
        for name, value in changes.items():
            setattr(context, name, value)
        return context

    async def plain(self) -> Sender:
        return await self._opened(self.port, None)

    async def tls(self, key: Key | None = None, **changes: Any) -> Sender:
        return await self._opened(self.listener.addresses["mllps"], self.client(self.key if key is None else key, **changes))

    async def _opened(self, port: int, context: ssl.SSLContext | None) -> Sender:
        self.senders.append(await Sender.open(port, context))
        return self.senders[-1]

    @asynccontextmanager
    async def http(self, key: Key | None) -> AsyncIterator[aiohttp.ClientSession]:
        base = f"https://localhost:{self.listener.addresses['https']}"
        async with aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(ssl=self.client(key))) as session:
            yield session

    async def rows(self) -> list[asyncpg.Record]:
        return await self.owner.fetch("select * from feed_inbox order by id")

    async def control_ids(self) -> list[str]:
        return [row["control_id"] for row in await self.rows()]


class Sender:
    """An interface engine's side of an MLLP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, context: ssl.SSLContext | None = None) -> Sender:
        name = {"server_hostname": "localhost"} if context else {}
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, **name))

    def write(self, *messages: bytes) -> None:
        """Messages in blocks, without waiting for anything."""
        self.writer.write(b"".join(b"\x0b" + one + b"\x1c\r" for one in messages))

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, seconds: float = 10) -> str:
        """The next acknowledgement."""
        block = await asyncio.wait_for(self.reader.readuntil(b"\x1c\r"), seconds)
        assert block[:1] == b"\x0b"
        return block[1:-2].decode()

    async def said(self, *, seconds: float = 10) -> tuple[str, str]:
        """MSA-1 and MSA-2 of the next acknowledgement."""
        return msa(await self.answer(seconds=seconds))

    async def send(self, message: bytes) -> tuple[str, str]:
        self.write(message)
        return await self.said()

    async def over(self, *, seconds: float = 10) -> bool:
        """Wait for the other side to close; False when something comes instead."""
        try:
            return await asyncio.wait_for(self.reader.read(1), seconds) == b""
        except (ConnectionError, ssl.SSLError):
            return True

    async def close(self) -> None:
        self.writer.transport.abort()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


def msa(text: str) -> tuple[str, str]:
    """MSA-1 and MSA-2."""
    found = re.search(r"\rMSA\|([A-Z]{2})\|([^\r|]*)", text)
    assert found, text
    return found[1], found[2]


def code(text: str) -> str:
    """Our own code in ERR of an acknowledgement of version 2.5 and later."""
    found = re.search(r"\rERR\|(?:[^|\r]*\|){4}([a-z0-9-]+)", text)
    return found[1] if found else ""


def server_files(folder: Path) -> Path:
    """The listener's own certificate with its key, in `server.pem`; `server.crt` beside it is what senders trust."""
    ours = make_key("localhost", authority=True)
    (folder / "server.crt").write_bytes(ours.certificate.public_bytes(Encoding.PEM))
    return ours.pem(folder / "server.pem")


@asynccontextmanager
async def clinic(
    url: str,
    owner: asyncpg.Connection,
    tenant: TenantId,
    folder: Path,
    *,
    limits: Limits | None = None,
    networks: tuple[str, ...] = ("127.0.0.0/8",),
    tls: bool = True,
    **feed: Any,
) -> AsyncIterator[Clinic]:
    """Everything started, with the ports open."""
    port = free_port()
    connection = await add_connection(owner, tenant, port=port, networks=networks, **feed)
    key = make_key()
    await add_certificate(owner, tenant, connection, key)
    settings = load({"VESTIBULE_KEYS": KEYS, "VESTIBULE_MLLP_PORT": "0", "VESTIBULE_HL7_HTTPS_PORT": "0"})
    if tls:
        settings = replace(settings, tls_certificate=str(server_files(folder)))
    async with listening(settings, url, limits=limits) as listener:
        it = Clinic(owner, url, tenant, connection, port, key, folder, listener)
        try:
            yield it
        finally:
            for sender in it.senders:
                await sender.close()
