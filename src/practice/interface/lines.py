"""Lines to a receiver. MLLP: one connection that stays open, a message and its acknowledgement at a time, framed by 0x0B and 0x1C 0x0D."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol

from practice.interface.keys import Keys
from practice.interface.model import Interface, Trick

_START, _END = b"\x0b", b"\x1c\x0d"
_LARGEST_ACK = 64 * 1024


class Lost(Exception):
    """Nobody knows whether the message arrived: there was no acknowledgement."""


class Line(Protocol):
    """A way to say one message and hear the answer."""

    async def say(self, body: bytes, trick: Trick) -> bytes:
        """The acknowledgement.

        Raises:
            Lost: when there was none.
        """
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


def tls(interface: Interface, keys: Keys) -> ssl.SSLContext:
    """A client that checks the receiver against the entered certificate, and shows its own."""
    context = ssl.create_default_context(cadata=interface.trust or None)
    if interface.trust:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # a receiver's own certificate is no authority's
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if interface.with_certificate:
        certificate, key = keys.files
        context.load_cert_chain(certificate, key)
    return context


class Mllp:
    """Over TCP, plain or under TLS."""

    def __init__(self, interface: Interface, context: ssl.SSLContext | None) -> None:
        self._to = interface
        self._context = context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._rest = b""

    async def say(self, body: bytes, trick: Trick) -> bytes:
        """One message; the connection is opened when there is none, and dropped when anything goes wrong with it."""
        try:
            async with asyncio.timeout(self._to.ack_seconds):
                return await self._say(body, trick)
        except (OSError, EOFError, TimeoutError, ssl.SSLError) as error:
            await self.close()
            raise Lost(_why(error)) from error
        except Lost:
            await self.close()
            raise

    async def _say(self, body: bytes, trick: Trick) -> bytes:
        reader, writer = self._streams or await self._open()
        frame = _START + body + _END
        if trick == "half":
            writer.write(frame[: len(frame) // 2])
            await writer.drain()
            raise Lost("hung up after half of it, on purpose")
        if trick == "bytes":
            for byte in frame:
                writer.write(bytes([byte]))
                await writer.drain()
        else:
            writer.write(frame)
            await writer.drain()
        if trick == "hang-up":
            raise Lost("hung up before the acknowledgement, on purpose")
        return await self._answer(reader)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_connection(self._to.host, self._to.port, ssl=self._context)
        self._rest = b""
        return self._streams

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        got = self._rest
        while _END not in got:
            if len(got) > _LARGEST_ACK:
                raise Lost("the answer has no end")
            part = await reader.read(8192)
            if not part:
                raise EOFError("hung up without an acknowledgement")
            got += part
        answer, _, self._rest = got.partition(_END)
        return answer.rpartition(_START)[2]

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            # What was written is to arrive; an answer that nobody reads is not waited for.
            writer.close()
            try:
                async with asyncio.timeout(0.5):
                    await writer.wait_closed()
            except (OSError, TimeoutError, ssl.SSLError):
                writer.transport.abort()


def _why(error: BaseException) -> str:
    return "no acknowledgement in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
