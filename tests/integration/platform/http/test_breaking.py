"""A system that is away is left alone, and found again when it is back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from support.raw_server import Heard, ok, raw_server
from vestibule.errors import VestibuleError
from vestibule.kit.clock import FrozenClock
from vestibule.kit.exchange import Ask
from vestibule.platform.http import Http, door


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
async def frozen(clock: FrozenClock) -> AsyncIterator[Http]:
    door = Http(allow_loopback_http=True, clock=clock)
    yield door
    await door.close()


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    door = Http(allow_loopback_http=True)
    yield door
    await door.close()


async def code_of(http: Http, url: str) -> VestibuleError:
    with pytest.raises(VestibuleError) as raised:
        await http.perform(Ask("GET", url, "p"), timeout=30)
    return raised.value


async def test_it_opens_refuses_probes_once_and_closes(frozen: Http, clock: FrozenClock) -> None:
    healthy, heard, go_on = False, asyncio.Event(), asyncio.Event()

    async def say(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        if healthy:
            heard.set()
            await go_on.wait()
            writer.write(ok())
        else:
            writer.close()

    async with raw_server(say) as server:
        for _ in range(3):
            assert (await code_of(frozen, server.origin)).code == "outside-broken-answer"
        before = server.connections
        refused = await code_of(frozen, server.origin)
        assert (refused.code, refused.permanent) == ("outside-circuit-open", False)
        assert refused.retry_after == pytest.approx(1.0)
        assert server.connections == before

        healthy = True
        clock.advance(1.0)
        probe = asyncio.create_task(frozen.perform(Ask("GET", server.origin, "p")))
        await heard.wait()
        assert (await code_of(frozen, server.origin)).code == "outside-circuit-open"
        go_on.set()
        assert (await probe).status == 200
        assert (await frozen.perform(Ask("GET", server.origin, "p"))).status == 200


async def test_errors_a_server_speaks_do_not_open_it(http: Http) -> None:
    async with raw_server(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as server:
        for _ in range(10):
            assert (await http.perform(Ask("GET", server.origin, "p"))).status == 503


async def test_another_origin_is_not_affected(http: Http) -> None:
    async with raw_server(b"") as sick:
        sick_origin = sick.origin
    async with raw_server(ok()) as well:
        for _ in range(4):
            await code_of(http, sick_origin)
        assert (await code_of(http, sick_origin)).code == "outside-circuit-open"
        assert (await http.perform(Ask("GET", well.origin, "p"))).status == 200


async def test_a_host_that_swallows_everything_is_known_within_three_seconds(http: Http) -> None:
    """A listener whose queue is full never completes a handshake: silence, as from a network that is gone."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        first = await code_of(http, f"http://127.0.0.1:{address[1]}/")
        second = await code_of(http, f"http://127.0.0.1:{address[1]}/")
        for filler in fillers:
            filler.close()
    assert (first.code, second.code) == ("outside-unreachable", "outside-circuit-open"), "one silence is enough"
    assert door._CONNECT_SECONDS < 3


async def test_many_origins_do_not_pile_up(http: Http) -> None:
    for number in range(2_500):
        http._site(f"https://h{number}.example")
    assert len(http._sites) <= 1_001
