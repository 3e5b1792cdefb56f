"""People who must not see each other's addresses meet through a real coturn with the documented configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from support.room_pages import Crowd, goes_on, plays
from support.rooms import Node, Scene, Sessions
from support.turn import SECRET, coturn
from vestibule.adapters.meetings.room.passes import RelayConfig

# Both browsers and the relay are on this machine; a real relay has a public address and needs neither line.
ON_THIS_MACHINE = "allow-loopback-peers\nallowed-peer-ip=127.0.0.1"


@pytest_asyncio.fixture(loop_scope="session")
async def node(db_url: str, sessions: Sessions, tmp_path: Path) -> AsyncIterator[Node]:
    async with coturn(tmp_path, extra=ON_THIS_MACHINE) as port:
        relay = RelayConfig(turn_urls=(f"turn:127.0.0.1:{port}?transport=udp",), secret=SECRET, relay_only=True)
        started = await Node(db_url, sessions, relay=relay, grace=3).start()
        yield started
        await started.stop()


async def test_pictures_and_sound_go_through_the_relay_and_nowhere_else(crowd: Crowd, scene: Scene) -> None:
    doctor = await crowd.enter(scene.people["Dr. Okafor"])
    amy = await crowd.enter(scene.people["Amy Shaw"], phone=True)
    for page in (doctor, amy):
        await plays(page, 1)
        assert await page.evaluate("eye.kinds()") == ["relay"]
        offered = await page.evaluate("eye.pcs[0].localDescription.sdp.split('\\n').filter((line) => line.startsWith('a=candidate'))")
        assert offered
        assert all(" typ relay" in line for line in offered)
        await goes_on(page)
