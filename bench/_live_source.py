"""Where the events of the live-status benchmark come from: another process writes them into PostgreSQL, as another node would.

Commands come as JSON lines: `{"seconds": 10, "to": "ours"}`. Answers too: how many were sent, and each visit's last number.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec
import uvloop

from vestibule.visits.live import Note

LANES = 4
PEER_CHANNEL = "bench_peer"
# One statement, one transaction, as an event is written by the product: the visit's number, the event, the notification.
OURS = """
with counted as (
  update visits set seq = seq + 1 where tenant_id = $1 and id = $2 and seq = $3 - 1 returning seq
), kept as (
  insert into visit_events (tenant_id, visit_id, seq, at, kind, body)
  select $1, $2, seq, now(), 'tested', $4::jsonb from counted returning seq
)
select pg_notify('vestibule_event', $5) from kept"""
PEER = f"select pg_notify('{PEER_CHANNEL}', $1)"


class Source:
    """Writes events at a steady rate."""

    def __init__(self, url: str, tenant: UUID, visits: list[UUID], rate: int) -> None:
        self._url = url
        self._tenant = tenant
        self._visits = visits
        self._rate = rate
        self._last = {"ours": [0] * len(visits), "peer": [0] * len(visits)}
        self._dice = random.Random(7)
        self._lanes: list[asyncio.Queue[tuple[str, int, int]]] = []

    async def run(self) -> None:
        """Answer commands until the input ends."""
        self._lanes = [asyncio.Queue() for _ in range(LANES)]
        lanes = [asyncio.create_task(self._lane(lane)) for lane in self._lanes]
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            sent = await self._send(command["seconds"], command["to"])
            print(json.dumps({"sent": sent, "last": self._last[command["to"]]}), flush=True)
        for lane in lanes:
            lane.cancel()

    async def _send(self, seconds: float, to: str) -> int:
        total = int(seconds * self._rate)
        began = time.monotonic()
        for n in range(total):
            ahead = began + n / self._rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            at = self._dice.randrange(len(self._visits))
            self._last[to][at] += 1
            self._lanes[at % LANES].put_nowait((to, at, self._last[to][at]))
        for lane in self._lanes:
            await lane.join()
        return total

    async def _lane(self, queue: asyncio.Queue[tuple[str, int, int]]) -> None:
        """One connection; a visit always goes through the same one, so its events stay in order."""
        conn = await asyncpg.connect(self._url)
        while True:
            to, at, number = await queue.get()
            visit = self._visits[at]
            body = {"v": at, "n": number, "t": time.monotonic_ns() // 1000}
            at_time = datetime.now(UTC).isoformat()
            note = msgspec.json.encode(Note(self._tenant, visit, number, "tested", at_time, "open", body=body)).decode()
            if to == "ours":
                await conn.fetch(OURS, self._tenant, visit, number, json.dumps(body), note)
            else:
                await conn.fetch(PEER, note)
            queue.task_done()


if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    uvloop.run(Source(given["url"], UUID(given["tenant"]), [UUID(visit) for visit in given["visits"]], given["rate"]).run())
