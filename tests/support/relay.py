"""A wire between whoever calls and a server, to be cut: `python -m support.relay LISTEN_PORT SERVER_PORT`.

Killed, it takes every connection with it at that very byte: what was asked may have arrived or not, and its answer too. Whoever calls finds
nobody until it is started again.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until its end."""
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def _carry(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Both directions of one connection; a server that is away is a connection that closes."""
    try:
        there, back = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pour(reader, back), _pour(there, writer))


async def main(listen: int, server: int) -> None:
    """Carry until killed."""
    opened = await asyncio.start_server(lambda reader, writer: _carry(server, reader, writer), "127.0.0.1", listen)
    print("relaying", flush=True)  # noqa: T201  whoever started it waits for this
    await opened.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
