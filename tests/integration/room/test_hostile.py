"""What a stranger, a broken browser, or a flood meets at the signalling socket, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.rooms import Browser, Node, Scene
from support.waiting import until
from vestibule.adapters.meetings.room import socket as socket_module
from vestibule.platform.web.cookies import cookie_name

STRANGERS = ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"]


@pytest.mark.parametrize("origin", STRANGERS)
async def test_another_sites_page_cannot_open_the_socket(node: Node, scene: Scene, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await Browser(node, scene.people["Amy Shaw"]).open(origin=origin)
    assert refused.value.response.status_code == 403


async def test_without_the_sessions_cookie_there_is_no_socket(node: Node, scene: Scene) -> None:
    amy, doctor = scene.people["Amy Shaw"], scene.people["Dr. Okafor"]
    wrong = [
        {},
        {"Cookie": f"{cookie_name(amy.principal.session)}=guess"},
        doctor.headers,
        {"Cookie": f"{cookie_name(amy.principal.session)}={doctor.cookie}"},
    ]
    for headers in wrong:
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            await (await Browser(node, amy).open(headers=headers)).say({"t": "ping"})
    assert len(node.room.hub) == 0


REFUSED = [
    ("words before joining", '{"t":"ping"}', 1008),
    ("nonsense", "hello", 1008),
    ("binary nonsense", b"\xff\x00\xff", 1008),
    ("an unknown kind", '{"t":"subscribe","topic":"room:*"}', 1008),
    ("a forged pass", json.dumps({"t": "join", "token": "9999999999.n.x", "window": "p" * 32}), 1008),
    ("deep nesting", '{"t":' + "[" * 30_000, 1008),
    ("65 kB", "x" * (64 * 1024 + 1), 1009),
    ("10 MB", "x" * 10_000_000, 1009),
]


@pytest.mark.parametrize(("message", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_broken_first_message_ends_the_socket(node: Node, scene: Scene, message: str | bytes, code: int) -> None:
    browser = await Browser(node, scene.people["Amy Shaw"]).open()
    with suppress(ConnectionClosed):  # the server may close while we still send
        await browser.say(message)
    assert await browser.closed() == code
    assert browser.heard == []
    assert await scene.kinds("Amy Shaw") == []


async def test_who_never_joins_is_let_go(node: Node, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "JOIN_WITHIN", 0.2)
    browser = await Browser(node, scene.people["Amy Shaw"]).open()
    assert await browser.closed() == 1013


async def test_who_falls_silent_is_let_go_and_disconnected_after_the_grace(
    node: Node, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "SILENCE", 0.3)
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    assert await amy.closed() == 1013
    await until(lambda: _kinds_are(scene, ["connected", "disconnected"]), what="the disconnect")


async def test_a_flood_closes_the_flooder_and_disturbs_nobody(node: Node, scene: Scene) -> None:
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    peer = (await doctor.welcomed())["peer"]
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    message = json.dumps({"t": "signal", "to": peer, "candidate": {"candidate": "x" * 200}})
    with suppress(ConnectionClosed):
        for _ in range(5_000):
            await amy.say(message)
    assert await amy.closed() == 1008
    await doctor.say({"t": "ping"})
    await doctor.told("pong")
    assert sum(m["t"] == "signal" for m in doctor.heard) < 1_000  # the burst, and what a slow machine's seconds add


async def test_a_ping_storm_disturbs_nobody(node: Node, scene: Scene) -> None:
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    await doctor.welcomed()
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    storm = asyncio.create_task(_ping_storm(amy))
    async with asyncio.timeout(30):
        for _ in range(5):
            doctor.heard.clear()
            await doctor.say({"t": "ping"})
            await doctor.told("pong")
    await storm
    await amy.bye()


async def _ping_storm(browser: Browser) -> None:
    """20,000 masked WebSocket pings as fast as the wire takes them."""
    ping = bytes([0x89, 0x84]) + os.urandom(4) + b"1234"
    with suppress(ConnectionClosed, ConnectionError):
        for _ in range(200):
            browser.socket.transport.write(ping * 100)
            await asyncio.sleep(0)


async def test_a_message_in_one_byte_fragments_is_one_message(node: Node, scene: Scene) -> None:
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    await amy.welcomed()
    text = b'{"t":"ping"}'
    frames = [_frame(text[i : i + 1], opcode=1 if i == 0 else 0, final=i == len(text) - 1) for i in range(len(text))]
    for frame in frames:
        amy.socket.transport.write(frame)
    await amy.told("pong")


def _frame(payload: bytes, *, opcode: int, final: bool) -> bytes:
    mask = os.urandom(4)
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return struct.pack("!BB", (0x80 if final else 0) | opcode, 0x80 | len(payload)) + mask + body


async def test_who_does_not_read_is_dropped_with_bounded_memory(node: Node, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "WRITE_WITHIN", 0.3)
    doctor = await Browser(node, scene.people["Dr. Okafor"]).join()
    await doctor.welcomed()
    amy = await Browser(node, scene.people["Amy Shaw"]).join()
    peer = (await amy.welcomed())["peer"]
    amy.socket.transport.pause_reading()
    frame = b'{"t":"roster","people":[]}' + b" " * 30_000
    handed = 0
    while node.room.hub.deliver(scene.visit, peer, frame):
        handed += len(frame)
        assert handed < 100_000_000, "the line never filled"
        await asyncio.sleep(0)
    await until(lambda: len(node.room.hub) == 1, what="the socket is let go")
    await doctor.sees("Dr. Okafor")  # after the grace
    amy.socket.transport.resume_reading()
    await amy.bye()


async def _kinds_are(scene: Scene, expected: list[str]) -> bool:
    return await scene.kinds("Amy Shaw") == expected
