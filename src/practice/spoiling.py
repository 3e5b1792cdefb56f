"""Answers that went wrong on their way: garbage, half of them, none, far too much, byte by byte, or from somewhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from practice.trouble import Switch

_GARBAGE = b'\x00\xff\xfe{"resourceType": "Capab\xe9\x80lity", [[[[ <html> \x1b[31m'
_CHUNK = 64 * 1024
_HUGE = 64 * 1024 * 1024


async def spoil(request: web.Request, answer: web.StreamResponse, switch: Switch, redirect_to: str) -> web.StreamResponse:
    """What leaves instead of a good answer."""
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    if switch.mode == "redirect":
        return web.Response(status=302, headers={"Location": redirect_to})
    if switch.mode == "huge":
        return await _stream(request, answer, _much())
    if switch.mode == "dribble":
        return await _stream(request, answer, _drops(body, switch.seconds))
    left = {"garbage": _GARBAGE, "truncated": body[: len(body) // 2], "empty": b""}[switch.mode]
    return web.Response(body=left, content_type=answer.content_type)


async def _stream(request: web.Request, answer: web.StreamResponse, parts: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send until all is sent, or until the other side has had enough."""
    out = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.headers.get("Content-Type", "application/json")})
    try:
        await out.prepare(request)
        async for part in parts:
            await out.write(part)
        await out.write_eof()
    except ConnectionError:
        pass
    return out


async def _much() -> AsyncIterator[bytes]:
    """One JSON object, of a size that nobody should read to its end."""
    yield b'{"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "description": "'
    for _ in range(_HUGE // _CHUNK):
        yield b"a" * _CHUNK
    yield b'"}'


async def _drops(body: bytes, pause: float) -> AsyncIterator[bytes]:
    """A byte and a pause, and another."""
    for byte in body:
        yield bytes([byte])
        await asyncio.sleep(pause)
