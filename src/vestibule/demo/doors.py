"""The demo's own small door: fresh one-time addresses, so that a button on the start page works as often as one likes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from vestibule.connections import tenant_called
from vestibule.demo.introduce import ORGANISATION
from vestibule.processes import free_port
from vestibule.run import operator_ticket
from vestibule.wiring import Parts


@asynccontextmanager
async def operator_door(parts: Parts, port: int) -> AsyncIterator[str]:
    """The demo's own: each request gets a fresh one-time operator address, so that the start page's button always works."""

    async def fresh(_: web.Request) -> web.StreamResponse:
        path = await operator_ticket(parts, tenant_called(ORGANISATION), 60)
        return web.Response(status=303, headers={"Location": parts.settings.origin + path, "Cache-Control": "no-store"})

    app = web.Application()
    app.router.add_get("/operator", fresh)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    free = free_port(port)
    await web.TCPSite(runner, "127.0.0.1", free).start()
    try:
        yield f"http://127.0.0.1:{free}/operator"
    finally:
        await runner.cleanup()
