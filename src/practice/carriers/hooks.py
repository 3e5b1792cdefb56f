"""Requests that carriers make to their customers: with a deadline, few at a time, and never to anywhere but this machine."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

_DEADLINE = 15.0
_AT_ONCE = 100
_LONGEST = 64_000


@dataclass(frozen=True)
class Reply:
    """What a webhook answered; status 0 when nobody did, with the reason in `why`: `connect`, `timeout`, `elsewhere`."""

    status: int
    body: bytes = b""
    content_type: str = ""
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether it was taken."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class Hooks:
    """One client session for all of them, made at its first use."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """One request, one answer."""
        if not _here(url):
            return Reply(0, why="elsewhere")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_DEADLINE), connector=aiohttp.TCPConnector(limit=_AT_ONCE, ssl=False)
            )
        try:
            async with self._few, self._session.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
                return Reply(answer.status, await answer.content.read(_LONGEST), answer.content_type)
        except TimeoutError:
            return Reply(0, why="timeout")
        except (aiohttp.ClientError, OSError, ValueError):
            return Reply(0, why="connect")

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()


def _here(url: str) -> bool:
    """The practice hospital is a world on one machine: it never calls out of it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
