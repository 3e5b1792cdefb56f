"""The peer of the live-status benchmark: a bare `websockets` server that proves a cookie and broadcasts what PostgreSQL says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http
import json
import sys
from collections import defaultdict
from typing import Any

import asyncpg
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench._live_source import PEER_CHANNEL

KEY = b"bench"


def cookie(visit: str) -> str:
    """What a watcher of that visit must show."""
    return hmac.new(KEY, visit.encode(), hashlib.sha256).hexdigest()


def prove(connection: ServerConnection, request: Any) -> Any:
    """Let in who has the cookie of the visit they ask for."""
    shown = request.headers.get("cookie", "").removeprefix("v=")
    if not hmac.compare_digest(shown, cookie(request.path[1:])):
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")
    return None


async def main(url: str) -> None:
    """Serve until killed."""
    watchers: dict[str, set[ServerConnection]] = defaultdict(set)

    async def watch(connection: ServerConnection) -> None:
        assert connection.request is not None
        visit = connection.request.path[1:]
        watchers[visit].add(connection)
        try:
            await connection.wait_closed()
        finally:
            watchers[visit].discard(connection)

    def heard(_conn: Any, _pid: int, _channel: str, payload: Any) -> None:
        note = json.loads(payload)
        data = {"seq": note["seq"], "kind": note["kind"], "at": note["at"], "who": note.get("who"), "body": note["body"]}
        broadcast(watchers[note["visit"]], json.dumps(data, separators=(",", ":")))

    conn = await asyncpg.connect(url)
    await conn.add_listener(PEER_CHANNEL, heard)
    async with serve(watch, "127.0.0.1", 0, process_request=prove, compression=None, ping_interval=None, backlog=4096) as server:
        print(json.dumps({"port": next(iter(server.sockets)).getsockname()[1]}), flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
