"""Live status: 10,000 authenticated watchers on 4,000 visits, 1,000 events a second, each to its own visit's watchers only.

Ours is the real `vestibule serve` with its sessions, its hub and PostgreSQL behind; the peer is a bare `websockets` server that
proves a cookie and broadcasts. Each server has core 0 to itself; PostgreSQL, the source of events and the watchers share core 1.
Both hear of events as NOTIFY; ours also keeps every event, and serves it again to whoever comes back.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop

from bench._live_peer import cookie as peer_cookie
from bench.support import database, fact, interleave, pairs_wanted, postgres, row
from vestibule.identity.model import Role
from vestibule.identity.service import Identity
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import DepartmentId, ParticipantId, TenantId, VisitId, new_id
from vestibule.platform.db import Database, migrate
from vestibule.platform.web.serve import hold_port

WATCHERS, VISITS, RATE = 10_000, 4_000, 1_000
WINDOW = 10.0
ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


class Child:
    """A process that is spoken to in JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, *args: str, core: int, env: dict[str, str] | None = None, talk: bool = True) -> Child:
        """Start `python -m ...` on one core."""

        def pin() -> None:
            os.sched_setaffinity(0, {core})

        pipe = asyncio.subprocess.PIPE if talk else asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *args,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **(env or {})},
            stdin=pipe,
            stdout=pipe,
            preexec_fn=pin,
            limit=50_000_000,
        )
        return cls(process)

    async def say(self, what: dict[str, Any]) -> None:
        """Send a line."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        await self.process.stdin.drain()

    async def hear(self) -> dict[str, Any]:
        """Its next line."""
        assert self.process.stdout
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("a part of the benchmark ended early; its error stands above")
        heard: dict[str, Any] = json.loads(line)
        return heard

    async def ask(self, what: dict[str, Any]) -> dict[str, Any]:
        """Send a line, wait for the answer."""
        await self.say(what)
        return await self.hear()

    def cpu(self) -> float:
        """Seconds of CPU it has used, all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> int:
        """Its resident memory in bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    async def stop(self) -> None:
        """End it."""
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()


@dataclass
class Side:
    """One server with its crowd."""

    name: str
    server: Child
    crowd: Child
    source: Child
    connected: float = 0.0
    kilobytes: float = 0.0

    async def fill(self) -> None:
        """Everybody connects; note what that costs in memory."""
        before = self.server.memory()
        answer = await self.crowd.ask({"do": "connect"})
        if answer["refused"]:
            raise RuntimeError(f"{self.name}: {answer['refused']} watchers were refused: {answer['refusal']}")
        self.connected = answer["seconds"]
        await asyncio.sleep(2)
        self.kilobytes = (self.server.memory() - before) / WATCHERS / 1000

    async def window(self) -> dict[str, Any]:
        """Events for a while; what was seen, and deliveries per CPU-second of the server."""
        await self.crowd.ask({"do": "state"})
        began = self.server.cpu()
        sent = await self.source.ask({"seconds": WINDOW, "to": self.name})
        late = await self.settled(sent["last"])
        spent = self.server.cpu() - began
        seen = await self.crowd.ask({"do": "state"})
        return {**seen, "missed": late, "cpu": spent, "per_second": seen["got"] / spent}

    async def settled(self, sent: list[int]) -> int:
        """Wait until everything sent has arrived, but not for ever; how many events are still missing."""
        for _ in range(50):
            late = missed(sent, (await self.crowd.ask({"do": "last"}))["last"])
            if not late:
                return 0
            await asyncio.sleep(0.2)
        return late


def missed(sent: list[int], last: list[int]) -> int:
    """How many events have not reached their watchers yet."""
    return sum(sent[at % VISITS] - number for at, number in enumerate(last))


def run() -> list[dict[str, Any]]:
    """The rows of the result."""
    os.sched_setaffinity(0, {1})  # whatever is started from here stays off the servers' core
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return uvloop.run(_run())


async def _run() -> list[dict[str, Any]]:
    async with postgres() as server, _world(await database(server, "live")) as world, _sides(world) as (ours, peer):
        for side in (ours, peer):
            await side.fill()
            print(f"  {side.name}: {WATCHERS:,} watchers in {side.connected:.1f} s, {side.kilobytes:.1f} kB each", flush=True)
        windows: list[dict[str, Any]] = []

        async def measure(side: Side) -> float:
            seen = await side.window()
            print(
                f"    {side.name}: {seen['got']:,} deliveries, {seen['cpu']:.2f} s CPU, p50 {seen['p50']:.1f} p99 {seen['p99']:.1f} "
                f"p99.9 {seen['p99.9']:.1f} ms, wrong {seen['wrong']}, gaps {seen['gaps']}, missed {seen['missed']}",
                flush=True,
            )
            if side is ours:
                windows.append(seen)
            return float(seen["per_second"])

        mine, theirs = await interleave("live", lambda: measure(ours), lambda: measure(peer), pairs=pairs_wanted())
        storm = await _storm(ours)
        return _rows(ours, peer, mine, theirs, windows[1:], storm)


async def _storm(ours: Side) -> dict[str, Any]:
    """Everybody is cut off and comes back while events go on; afterwards nobody may have missed or heard twice anything."""
    await ours.crowd.ask({"do": "state"})
    await ours.source.say({"seconds": 20, "to": "ours"})
    await asyncio.sleep(1)
    await ours.crowd.ask({"do": "drop"})
    await asyncio.sleep(0.5)
    back = await ours.crowd.ask({"do": "connect"})
    sent = await ours.source.hear()
    late = await ours.settled(sent["last"])
    seen = await ours.crowd.ask({"do": "state"})
    lost = late + seen["gaps"]
    out = {"seconds": back["seconds"], "missed": lost, "twice": seen["twice"], "wrong": seen["wrong"]}
    print(f"  storm: {WATCHERS:,} back in {out['seconds']:.1f} s, missed {out['missed']}, heard twice {out['twice']}", flush=True)
    return out


def _rows(
    ours: Side, peer: Side, mine: list[float], theirs: list[float], windows: list[dict[str, Any]], storm: dict[str, Any]
) -> list[dict[str, Any]]:
    p99 = round(statistics.median(w["p99"] for w in windows), 1)
    wrong = sum(w["wrong"] + w["gaps"] + w["missed"] for w in windows) + storm["wrong"]
    return [
        row("deliveries per server CPU-second", mine, theirs, peer_name="bare websockets", unit="deliveries", goal=0.6),
        fact("event to receipt, p99", p99, unit="ms", goal=50, better="lower", worst=max(w["p99"] for w in windows)),
        fact("memory per idle watcher", round(ours.kilobytes, 1), unit="kB", goal=30, better="lower", websockets=round(peer.kilobytes, 1)),
        fact("10,000 reconnect", round(storm["seconds"], 1), unit="s", goal=20, better="lower", first=round(ours.connected, 1)),
        fact("missed across the reconnect", storm["missed"], unit="events", goal=0, better="lower", twice=storm["twice"]),
        fact("events to a wrong watcher, or lost without a reconnect", wrong, unit="events", goal=0, better="lower"),
    ]


# ---------------------------------------------------------------------- the world


@dataclass
class World:
    """A migrated database with visits and the sessions that may watch them."""

    url: str
    folder: Path
    tenant: UUID
    visits: list[UUID]
    requests: list[str]


@asynccontextmanager
async def _world(url: str) -> AsyncIterator[World]:
    await migrate(url)
    db = await Database.open(url)
    try:
        tenant = TenantId(new_id())
        department = DepartmentId(new_id())
        async with db.tenant(tenant) as tx:
            await tx.execute("insert into tenants (id, name) values ($1, 'Bench')", tenant)
        visits = [new_id() for _ in range(VISITS)]
        await _add_visits(db, tenant, visits)
        requests = [request async for request in _add_sessions(db, tenant, visits, department)]
    finally:
        await db.close()
    with tempfile.TemporaryDirectory(prefix="vst-live-") as folder:
        yield World(url, Path(folder), tenant, visits, requests)


async def _add_visits(db: Database, tenant: TenantId, visits: list[UUID]) -> None:
    async with db.tenant(tenant) as tx:
        await tx.execute(
            "insert into visits (tenant_id, id, state, created_at, opened_at) select $1, unnest($2::uuid[]), 'open', now(), now()",
            tenant,
            visits,
        )


async def _add_sessions(db: Database, tenant: TenantId, visits: list[UUID], department: DepartmentId) -> AsyncIterator[str]:
    """A clinician's session for each watcher, opened as a launch opens it; yields the request that proves it."""
    identity = Identity(SystemClock())
    for chunk in _chunks(WATCHERS, 500):
        async with db.tenant(tenant) as tx:
            for at in chunk:
                visit = VisitId(visits[at % VISITS])
                opened = await identity.open_session(
                    tx, role=Role.CLINICIAN, visit=visit, participant=ParticipantId(new_id()), department=department
                )
                yield (
                    f"GET /s/{opened.principal.session}/live HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                    f"X-Forwarded-For: 10.{at >> 16}.{at >> 8 & 255}.{at & 255}\r\n"
                    f"Cookie: {opened.cookie.name}={opened.cookie.value}\r\nLast-Event-ID: {{last}}\r\n\r\n"
                )


def _chunks(total: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, total)) for start in range(0, total, size))


@asynccontextmanager
async def _sides(world: World) -> AsyncIterator[tuple[Side, Side]]:
    children: list[Child] = []

    async def start(*args: str, core: int, **more: Any) -> Child:
        children.append(await Child.start(*args, core=core, **more))
        return children[-1]

    try:
        source = await start("bench._live_source", core=1)
        await source.say({"url": world.url, "tenant": str(world.tenant), "visits": [str(visit) for visit in world.visits], "rate": RATE})
        server, port = await _our_server(world, start)
        crowd = await start("bench._live_watchers", core=1)
        await crowd.say({"port": port, "requests": [(at % VISITS, request) for at, request in enumerate(world.requests)]})
        peer = await start("bench._live_peer", world.url, core=0)
        peer_crowd = await start("bench._live_watchers", core=1)
        await peer_crowd.say({"port": (await peer.hear())["port"], "requests": [*_peer_requests(world)]})
        yield Side("ours", server, crowd, source), Side("peer", peer, peer_crowd, source)
    finally:
        for child in reversed(children):
            await child.stop()


async def _our_server(world: World, start: Any) -> tuple[Child, int]:
    """`vestibule serve`, as an operator runs it behind a proxy on the same machine."""
    with hold_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    env = {
        "DATABASE_URL": world.url,
        "VESTIBULE_DATA": str(world.folder),
        "VESTIBULE_PORT": str(port),
        "VESTIBULE_TRUSTED_PROXIES": "127.0.0.0/8",
        "VESTIBULE_LOG_LEVEL": "warning",
    }
    server = await start("vestibule", "serve", core=0, env=env, talk=False)
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return server, port


def _peer_requests(world: World) -> Iterator[tuple[int, str]]:
    for at in range(WATCHERS):
        visit = str(world.visits[at % VISITS])
        request = (
            f"GET /{visit} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Cookie: v={peer_cookie(visit)}\r\n\r\n"
        )
        yield at % VISITS, request
