"""The outside world of the messages' crash tests: a carrier on a socket that keeps its own book, and can kill whoever it chooses.

It is the judge: of what arrived here, nothing of ours is asked.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from vestibule.errors import OutsideFailed, Unavailable
from vestibule.messages.model import Accepted, Account, Outgoing, Refused
from vestibule.messages.ports import Hook, HookAnswer


@dataclass
class Book:
    """Takes POST /{message}; calls `kill` at the calls whose ordinal is in `kills`, before or after it has answered."""

    kills: dict[int, str] = field(default_factory=dict)
    dice: random.Random = field(default_factory=random.Random)
    kill: Callable[[], object] = lambda: None
    calls: list[str] = field(default_factory=list)
    url: str = ""

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        app = web.Application()
        app.router.add_post("/{message}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        moment = self.kills.pop(len(self.calls), "")
        self.calls.append(request.match_info["message"])
        await asyncio.sleep(self.dice.random() * 0.005)
        if moment == "before":
            self.kill()
        response = web.Response(text="ok")
        await response.prepare(request)
        await response.write_eof()
        if moment == "after":
            await asyncio.sleep(self.dice.random() * 0.01)
            self.kill()
        return response

    def judge(self, ends: dict[str, str]) -> None:
        """Hold what arrived against what is said of each message."""
        seen = Counter(self.calls)
        for message, end in ends.items():
            assert seen[message] <= 1, f"{message} went out {seen[message]} times"
            assert end in {"accepted", "unknown"}, f"{message} is {end}"
            assert end != "accepted" or seen[message] == 1, f"{message} is said to be sent and never arrived"
        assert set(seen) <= set(ends), "something was sent that nobody planned"


class OverHttp:
    """A carrier's adapter: what it cannot reach was surely not sent, an answer that is lost leaves it open."""

    answers_keywords = True

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def send(self, account: Account, message: Outgoing) -> Accepted | Refused:
        try:
            async with self._session.post(f"{self._url}/{message.id}") as answer:
                answer.raise_for_status()
                await answer.read()
        except aiohttp.ClientConnectorError as error:
            raise Unavailable("outside-unreachable", "no", phase="test") from error
        except aiohttp.ClientError as error:
            raise OutsideFailed("outside-timeout", "no", phase="test") from error
        return Accepted(f"c-{message.id}")

    def read_hook(self, account: Account, hook: Hook) -> HookAnswer:
        return HookAnswer()

    async def check(self, account: Account) -> None:
        """It works."""
