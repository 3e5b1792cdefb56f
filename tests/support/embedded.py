"""An embedded PostgreSQL as its tests use it: asked once, or kept by a process that is going to be killed."""

from __future__ import annotations

import asyncpg

# A program that keeps a server, prints what the test needs to know, and waits to be killed.
KEEPER = """
import asyncio, pathlib, sys
from vestibule.platform.db import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), binaries=pathlib.Path(sys.argv[2]) if sys.argv[2:] else None)
    print("url", await server.start(), flush=True)
    print("postmaster", server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def ask(url: str, sql: str) -> object:
    conn = await asyncpg.connect(url)
    try:
        *before, last = sql.split(";")
        for statement in before:
            await conn.execute(statement)
        return await conn.fetchval(last)
    finally:
        await conn.close()
