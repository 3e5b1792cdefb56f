"""The peer of bench/ingest.py: python-hl7's own asyncio server. It acknowledges and stores nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from hl7.mllp import start_hl7_server


async def serve(reader: Any, writer: Any) -> None:
    try:
        while not writer.is_closing():
            message = await reader.readmessage()
            writer.writemessage(message.create_ack())
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def main() -> None:
    server = await start_hl7_server(serve, port=0, host="127.0.0.1", encoding="utf-8")
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
