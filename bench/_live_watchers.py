"""Ten thousand watchers in one process: raw protocols, no library, one regular expression, so that the client is not what is measured.

Commands come as JSON lines: connect, drop, last, state. The first line says where to and as whom.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

# What the source puts into every event: whose it is, its number in the visit, and when it began (CLOCK_MONOTONIC, microseconds).
EVENT = re.compile(rb'"v":(\d+),"n":(\d+),"t":(\d+)\}')
LONGEST = 600
AT_ONCE = 500


class Watcher(asyncio.Protocol):
    """One stream; remembers the last number it saw, across connections."""

    __slots__ = ("at", "crowd", "last", "open", "request", "tail", "transport")

    def __init__(self, crowd: Crowd, at: int, request: str) -> None:
        self.crowd = crowd
        self.at = at
        self.request = request
        self.last = 0
        self.open = False
        self.tail = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self.transport = transport
        self.open = False
        self.tail = b""
        transport.write(self.request.format(last=self.last).encode())

    def data_received(self, data: bytes) -> None:
        """Events, after the head of the answer."""
        data = self.tail + data
        if not self.open:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self.tail = data
                return
            self.open = True
            self.crowd.opened(head)
            data = rest
        end = 0
        for match in EVENT.finditer(data):
            visit, number, began = match.groups()
            self.crowd.got(self, int(visit), int(number), int(began))
            end = match.end()
        self.tail = data[end:][-LONGEST:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Counted, unless we hung up ourselves."""
        self.crowd.lost(self, exc)


class Crowd:
    """All watchers and what they saw."""

    def __init__(self, port: int, requests: list[tuple[int, str]]) -> None:
        self.port = port
        self.watchers = [Watcher(self, at, request) for at, request in requests]
        self.counts = {"got": 0, "wrong": 0, "twice": 0, "gaps": 0, "refused": 0, "lost": 0}
        self.latencies: list[int] = []
        self.waiting: Callable[[], None] | None = None
        self.opens = 0
        self.dropping = False
        self.refusal = ""

    def opened(self, head: bytes) -> None:
        """One answer has begun."""
        if head.split(b" ", 2)[1] not in {b"200", b"101"}:
            self.counts["refused"] += 1
            self.refusal = head.partition(b"\r\n")[0].decode()
        self.opens += 1
        if self.opens == len(self.watchers) and self.waiting:
            self.waiting()

    def got(self, watcher: Watcher, visit: int, number: int, began: int) -> None:
        """One event."""
        self.counts["got"] += 1
        self.latencies.append(time.monotonic_ns() // 1000 - began)
        if visit != watcher.at:
            self.counts["wrong"] += 1
        elif number <= watcher.last:
            self.counts["twice"] += 1
        else:
            self.counts["gaps"] += number - watcher.last - 1
            watcher.last = number

    def lost(self, watcher: Watcher, _exc: Exception | None) -> None:
        """One connection has ended."""
        watcher.transport = None
        if not self.dropping:
            self.counts["lost"] += 1

    async def connect(self) -> dict[str, Any]:
        """Everybody, as fast as they are let in; the time until the last has its answer."""
        self.opens = 0
        everybody = asyncio.Event()
        self.waiting = everybody.set
        lane = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        began = time.monotonic()

        async def one(number: int, watcher: Watcher) -> None:
            async with lane:
                source = (f"127.0.{1 + number // 250 % 250}.{1 + number % 250}", 0)
                await loop.create_connection(lambda: watcher, "127.0.0.1", self.port, local_addr=source)

        await asyncio.gather(*(one(number, watcher) for number, watcher in enumerate(self.watchers)))
        await asyncio.wait_for(everybody.wait(), 120)
        return {"seconds": time.monotonic() - began, "refusal": self.refusal, **self.counts}

    async def drop(self) -> dict[str, Any]:
        """Everybody loses the connection at once, as when a proxy restarts."""
        self.dropping = True
        for watcher in self.watchers:
            if watcher.transport:
                watcher.transport.abort()
        await asyncio.sleep(0.1)
        self.dropping = False
        return {}

    def state(self) -> dict[str, Any]:
        """What was seen since the last time, and where everybody stands."""
        ordered = sorted(self.latencies)
        shares = {f"p{p:g}": ordered[int(len(ordered) * p / 100)] / 1000 if ordered else 0.0 for p in (50.0, 99.0, 99.9)}
        out = {**self.counts, **shares, "max": ordered[-1] / 1000 if ordered else 0.0}
        self.counts["got"] = 0
        self.latencies.clear()
        return out


async def main() -> None:
    """Answer commands until the input ends."""
    loop = asyncio.get_running_loop()
    given = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    crowd = Crowd(given["port"], given["requests"])
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        match json.loads(line)["do"]:
            case "connect":
                answer = await crowd.connect()
            case "drop":
                answer = await crowd.drop()
            case "last":
                answer = {"last": [watcher.last for watcher in crowd.watchers]}
            case _:
                answer = crowd.state()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
