"""A hospital per test, and a client app that is registered with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from practice.server import Running, start
from support.practice_app import CLIENT, REDIRECT, App, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hospital(clock: Clock) -> AsyncIterator[Running]:
    running = await start(now=clock)
    yield running
    await running.stop()


@pytest.fixture
async def app(hospital: Running) -> AsyncIterator[App]:
    """A registered confidential-asymmetric client with its JWKS behind a real socket."""
    async with aiohttp.ClientSession() as session:
        made = App(hospital, session, keys=[ECKey.generate_key("P-384", auto_kid=True)])

        async def jwks(request: web.Request) -> web.Response:
            made.jwks_asked += 1
            return web.json_response({"keys": [key.as_dict(private=False) for key in made.keys]})

        server = web.Application()
        server.add_routes([web.get("/jwks.json", jwks)])
        runner = web.AppRunner(server)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        hospital.setup(
            apps=[{"client_id": CLIENT, "jwks_url": f"http://127.0.0.1:{port}/jwks.json", "redirect_uris": [REDIRECT]}],
            launches=[
                {
                    "key": "provider",
                    "url": "http://127.0.0.1:9/launch/provider",
                    "client_id": CLIENT,
                    "context": "sessionId=%CSN%&departmentId=%PERFDEPID;;; ; ;;NONE;%",
                },
                {"key": "patient", "url": "http://127.0.0.1:9/launch/patient", "client_id": CLIENT},
            ],
        )
        yield made
        await runner.cleanup()
