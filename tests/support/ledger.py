"""The outside world of the effects' crash tests: a small HTTP server that keeps its own book of every call, and can kill who calls.

It is the judge. Nothing of ours is asked what happened; only what arrived here counts.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived."""

    promise: str
    lane: str
    number: int
    key: str


@dataclass
class Ledger:
    """Takes POST /{promise}/{lane}/{number} with an Idempotency-Key; kills `victim()` at the calls whose ordinal is in `kills`."""

    kills: dict[int, str] = field(default_factory=dict)
    dice: random.Random = field(default_factory=random.Random)
    victim: Callable[[], int | None] = lambda: None
    calls: list[Call] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=dict)
    url: str = ""

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        app = web.Application()
        app.router.add_post("/{promise}/{lane}/{number}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        info = request.match_info
        call = Call(info["promise"], info["lane"], int(info["number"]), request.headers["Idempotency-Key"])
        moment = self.kills.pop(len(self.calls), "")
        self.calls.append(call)
        self.made.setdefault(call.key, len(self.made))
        await asyncio.sleep(self.dice.random() * 0.008)
        if moment == "before the answer":
            self._kill()
        response = web.Response(text="ok")
        await response.prepare(request)
        await response.write_eof()
        if moment == "after the answer":
            await asyncio.sleep(self.dice.random() * 0.003)
            self._kill()
        return response

    def _kill(self) -> None:
        pid = self.victim()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def judge(self, ends: dict[str, str], lanes: dict[str, int]) -> None:
        """Hold what arrived against what was promised.

        Args:
            ends: state by key (`promise/lane/number`), as the program shows it to people.
            lanes: how many effects each `promise/lane` was given.
        """
        seen = Counter(c.key for c in self.calls)
        for lane, count in lanes.items():
            promise = lane.split("/", maxsplit=1)[0]
            numbers = [c.number for c in self.calls if f"{c.promise}/{c.lane}" == lane]
            assert numbers == sorted(numbers), f"{lane} out of order"
            keys = [f"{lane}/{n}" for n in range(count)]
            for key in keys:
                self._judge_one(promise, key, seen[key], ends.get(key, "lost"))
            if promise == "status":
                assert numbers[-1] == count - 1, f"{lane}: the last thing told is the truth"

    def _judge_one(self, promise: str, key: str, calls: int, end: str) -> None:
        if promise == "text":
            assert calls <= 1, f"{key} went out {calls} times"
            assert end in {"done", "unknown"}, f"{key} is {end}"
            assert end != "done" or calls == 1, f"{key} is said to be done and never went out"
        else:
            assert end == "done", f"{key} is {end}"
            assert calls >= 1, f"{key} is said to be done and never arrived"
