"""The carrier that bench/reminders.py sends to: `python -m bench._reminders_carrier LIMIT BOOK`. Says its port, then takes texts.

It answers 429 to what comes above LIMIT in any window of a second, by its own clock, and writes every text it took into BOOK:
sixteen bytes of the message's id and eight of the time, in nanoseconds.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import cast
from uuid import UUID

import uvloop

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SLOWER = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_SECOND = 1_000_000_000


class Carrier:
    """Counts the last second, and keeps the book."""

    def __init__(self, limit: int, book: Path) -> None:
        self.taken: deque[int] = deque(maxlen=limit)
        self.book = book.open("ab", buffering=0)

    def take(self, message: UUID) -> bytes:
        """The answer to one text."""
        now = time.monotonic_ns()
        if len(self.taken) == self.taken.maxlen and now - self.taken[0] < _SECOND:
            self.book.write(struct.pack(">16sq", message.bytes, -now))
            return _SLOWER
        self.taken.append(now)
        self.book.write(struct.pack(">16sq", message.bytes, now))
        return _OK


class Line(asyncio.Protocol):
    """One connection: `POST /<message> HTTP/1.1`, whatever headers, no body."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        *requests, self.pending = (self.pending + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1].decode()
            self.transport.write(self.carrier.take(UUID(path[1:])))


async def main(limit: int, book: Path) -> None:
    """Until killed."""
    carrier = Carrier(limit, book)
    server = await asyncio.get_running_loop().create_server(lambda: Line(carrier), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
