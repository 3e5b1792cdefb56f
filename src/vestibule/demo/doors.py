"""The demo's own small door: fresh one-time addresses, so that a button on the start page works as often as one likes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from vestibule.connections import tenant_called
from vestibule.demo.introduce import ORGANISATION
from vestibule.inviting import invitation
from vestibule.processes import free_port
from vestibule.run import operator_ticket
from vestibule.wiring import Parts

NEW_ORGANISATION = "Birch Hospital Group"  # has nothing yet: whoever comes in by its invitation sets it up


@asynccontextmanager
async def doors(parts: Parts, port: int) -> AsyncIterator[str]:
    """Each request to `/operator` or `/set-up` is sent on to an address made for it; gives where the doors are."""

    async def operator(_: web.Request) -> web.StreamResponse:
        return _to(parts.settings.origin + await operator_ticket(parts, tenant_called(ORGANISATION), 60))

    async def set_up(_: web.Request) -> web.StreamResponse:
        return _to((await invitation(parts, NEW_ORGANISATION))[2])

    app = web.Application()
    app.router.add_get("/operator", operator)
    app.router.add_get("/set-up", set_up)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    free = free_port(port)
    await web.TCPSite(runner, "127.0.0.1", free).start()
    try:
        yield f"http://127.0.0.1:{free}"
    finally:
        await runner.cleanup()


def _to(url: str) -> web.StreamResponse:
    return web.Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})
