"""The record of the launch benchmark: the practice hospital in a process of its own, with a stop-watch round its handlers.

`GET /bench/spans` gives (and forgets) when it was working, in seconds of the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import web

from practice import server


def main() -> None:
    """Serve until killed; prints the address first."""
    spans: list[tuple[float, float]] = []
    build = server.build  # type: ignore[attr-defined]

    @web.middleware
    async def timed(request: web.Request, handler: Any) -> Any:
        began = time.monotonic()
        try:
            return await handler(request)
        finally:
            spans.append((began, time.monotonic()))

    async def told(_: web.Request) -> web.Response:
        said = web.json_response(spans)
        spans.clear()
        return said

    def watched(*args: Any, **more: Any) -> web.Application:
        app: web.Application = build(*args, **more)
        app.middlewares.insert(0, timed)
        app.router.add_get("/bench/spans", told)
        return app

    server.build = watched  # type: ignore[attr-defined]

    async def run() -> None:
        running = await server.start()
        sys.stdout.write(json.dumps({"url": running.url, "fhir": running.fhir}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    main()
