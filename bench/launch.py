"""A whole EHR launch, from the press of the button to the session: what it costs our server, and how much of its time is ours.

The record is the practice hospital. Ours is `vestibule serve` as it stands, on a PostgreSQL with fsync on. The peer is the least a SMART
app can be (bench/_launch_peer.py): it makes the same requests of the record and keeps everything in memory.

1. Processor time of the server per launch: begin, and the callback with token, id_token, four reads, visit and session, up to the redirect
   to the confirm page. A second figure has the confirm page and its button as well.
2. p99 of our own share of the begin and callback requests: their time less the time in which the record was working on our calls. The
   way there and back, and our outbound door, count as ours.
3. Memory of an idle `serve`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
import uvloop

from bench.support import database, fact, interleave, pairs_wanted, postgres, row
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Database, migrate
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.tenancy.service import Tenancy

PEER = "aiohttp, by hand, no database"
LAUNCHES, AT_ONCE = 160, 2
TIMED = 400
OURS_CLIENT, PEER_CLIENT = "vestibule-provider", "peer-provider"
KEY = b"b" * 32
FRESH = "benchmark"


def run() -> list[dict[str, Any]]:
    """All three."""
    return uvloop.run(_run())


async def _run() -> list[dict[str, Any]]:
    async with postgres() as server, hospital() as record:
        url = await database(server, "launches")
        await migrate(url)
        async with ours(url, record) as mine, peer(record) as theirs:
            idle = mine.memory()
            clinician = Clinician(record, await appointments(record, (pairs_wanted() + 5) * LAUNCHES + TIMED))
            try:
                cpu = await interleave("ms/launch", lambda: clinician.cost(mine), lambda: clinician.cost(theirs), pairs=pairs_wanted())
                confirmed = [await clinician.cost(mine, confirm=True) for _ in range(3)]
                shares = await clinician.shares(mine)
            finally:
                await clinician.close()
            p99 = statistics.quantiles(shares, n=100)[98]
            whole = {"with_confirmation_ms": round(statistics.median(confirmed), 2), "at_once": AT_ONCE}
            extra = {"postgres_ms": round(clinician.postgres, 2), "memory_after_mb": round(mine.memory(), 1)}
            return [
                row("launch, processor time beside a bare app", *cpu, peer_name=PEER, unit="ms", goal=2.0, better="lower", **extra),
                fact(
                    "launch, processor time of the server",
                    round(statistics.median(cpu[0]), 2),
                    unit="ms",
                    goal=4.0,
                    better="lower",
                    **whole,
                ),
                fact(
                    "launch, p99 of our own share",
                    round(p99, 1),
                    unit="ms",
                    goal=25.0,
                    better="lower",
                    p50=round(statistics.median(shares), 1),
                ),
                fact("serve, memory when idle", round(idle, 1), unit="MB", goal=120.0, better="lower"),
            ]


# ---------------------------------------------------------------------- the record


class Record:
    """The practice hospital, in a process of its own (bench/_launch_record.py)."""

    def __init__(self, url: str, fhir: str, session: aiohttp.ClientSession) -> None:
        self.url, self.fhir, self._session = url, fhir, session

    async def setup(self, **changes: Any) -> Any:
        """Change the hospital; gives everything in it."""
        async with self._session.post(f"{self.url}/setup", json=changes) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def press(self, button: str, csn: str) -> str:
        """Press a button of the schedule: the address it opens."""
        async with self._session.post(f"{self.url}/launch.json", json={"launch": button, "csn": csn}) as answer:
            return str((await answer.json())["url"])

    async def spans(self) -> list[tuple[float, float]]:
        """When it was working since it was last asked."""
        async with self._session.get(f"{self.url}/bench/spans") as answer:
            return [(begin, end) for begin, end in await answer.json()]


def busy(spans: list[tuple[float, float]], begin: float, end: float) -> float:
    """Seconds between two moments in which at least one request was being worked on."""
    total, reached = 0.0, begin
    for start, stop in sorted(s for s in spans if s[1] > begin and s[0] < end):
        first = max(start, reached)
        if stop > first:
            total += stop - first
            reached = stop
    return total


@asynccontextmanager
async def hospital() -> AsyncIterator[Record]:
    """The record, until the end of the block."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench._launch_record", stdout=asyncio.subprocess.PIPE, env=_env())
    assert child.stdout
    try:
        addresses = json.loads(await child.stdout.readline())
        async with aiohttp.ClientSession() as session:
            yield Record(addresses["url"], addresses["fhir"], session)
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def appointments(record: Record, count: int) -> list[str]:
    """A fresh visit for each launch; their numbers."""
    book = await record.setup()
    who = {"reason": FRESH} | {name: book[f"{name}s"][0]["id"] for name in ("patient", "practitioner", "department")}
    book = await record.setup(appointments=[who for _ in range(count)])
    return [a["csn"] for a in book["appointments"] if a["reason"] == FRESH]


async def registered(record: Record, client: str, own: str, jwks: str) -> None:
    """One client and its button."""
    await record.setup(
        apps=[{"client_id": client, "jwks_url": jwks, "redirect_uris": [f"{own}/launch/callback"]}],
        launches=[{"key": f"button-{client}", "kind": "provider", "client_id": client, "url": f"{own}/launch/provider"}],
    )


def _env() -> dict[str, str]:
    here = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([here, f"{here}/src", os.environ.get("PYTHONPATH", "")])}


# ---------------------------------------------------------------------- the two servers


@dataclass
class Server:
    """A server under test, in a process of its own."""

    own: str
    button: str
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """MB resident."""
        return float(self.process.memory_info().rss) / 1e6


def free_port() -> int:
    """One nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def started(own: str, button: str, *command: str, **env: str) -> AsyncIterator[Server]:
    """The process, once it says that it is ready."""
    quiet = asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(sys.executable, *command, env={**_env(), **env}, stdout=quiet, stderr=quiet)
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            while not await _ready(session, own):  # noqa: ASYNC110  the event is another process's
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # let it settle: this is the idle state that is weighed
        yield Server(own, button, psutil.Process(child.pid))
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def _ready(session: aiohttp.ClientSession, own: str) -> bool:
    try:
        async with session.get(f"{own}/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@asynccontextmanager
async def ours(url: str, record: Record) -> AsyncIterator[Server]:
    """`vestibule serve`, connected to the hospital."""
    port = free_port()
    own, tenant = f"http://127.0.0.1:{port}", TenantId(new_id())
    connection = Connection(
        ConnectionId(new_id()), tenant, "Practice", Vendor.EPIC, Environment.TEST, record.fhir, provider_client_id=OURS_CLIENT
    )
    db = await Database.open(url)
    tenancy = Tenancy(SystemClock(), SecretBox([("k1", KEY)]))
    async with db.tenant(tenant) as tx:
        await tenancy.add_tenant(tx, name="Bench Clinic")
        for department in (await record.setup())["departments"]:
            await tenancy.add_department(tx, name=department["name"], zone="America/Chicago", external=department["id"])
        await tenancy.add_connection(tx, connection)
        await tenancy.rotate_keys(tx, connection.id)
    await db.close()
    await registered(record, OURS_CLIENT, own, f"{own}/connections/{connection.id}/jwks.json")
    with tempfile.TemporaryDirectory() as data:
        env = {
            "DATABASE_URL": url,
            "VESTIBULE_DATA": data,
            "VESTIBULE_PORT": str(port),
            "VESTIBULE_KEYS": f"k1:{base64.b64encode(KEY).decode()}",
            "VESTIBULE_ALLOW_LOOPBACK_HTTP": "true",
            "VESTIBULE_LOG_LEVEL": "info",
        }
        async with started(own, f"button-{OURS_CLIENT}", "-m", "vestibule", "serve", **env) as server:
            yield server


@asynccontextmanager
async def peer(record: Record) -> AsyncIterator[Server]:
    """The bare app."""
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    await registered(record, PEER_CLIENT, own, f"{own}/jwks.json")
    async with started(own, f"button-{PEER_CLIENT}", "-m", "bench._launch_peer", record.fhir, PEER_CLIENT, str(port)) as server:
        yield server


# ---------------------------------------------------------------------- somebody who launches


class Clinician:
    """Presses buttons and follows them."""

    def __init__(self, record: Record, csns: list[str]) -> None:
        self._record = record
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._csns = csns
        self._next = {}  # type: dict[str, int]
        self.postgres = 0.0

    async def close(self) -> None:
        """Done."""
        await self._session.close()

    async def _press(self, server: Server) -> str:
        number = self._next.get(server.own, 0)
        self._next[server.own] = number + 1
        return await self._record.press(server.button, self._csns[number])

    async def cost(self, server: Server, *, confirm: bool = False) -> float:
        """Milliseconds of processor time per launch, a few under way at once."""
        left = LAUNCHES

        async def chain() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await self.launch(server, confirm=confirm)

        began, database_began = server.cpu(), _postgres_cpu()
        await asyncio.gather(*(chain() for _ in range(AT_ONCE)))
        self.postgres = max(self.postgres, (_postgres_cpu() - database_began) * 1000 / LAUNCHES)
        return (server.cpu() - began) * 1000 / LAUNCHES

    async def shares(self, server: Server) -> list[float]:
        """Milliseconds of our own in each of many launches, one after the other."""
        found = []
        for _ in range(TIMED):
            await self._record.spans()
            ours = await self.launch(server)
            theirs = await self._record.spans()
            found.append(sum((end - begin - busy(theirs, begin, end)) * 1000 for begin, end in ours))
        return found

    async def launch(self, server: Server, *, confirm: bool = False) -> list[tuple[float, float]]:
        """One whole launch; when our begin and callback requests began and ended."""
        spans, jar = [], {}  # type: ignore[var-annotated]
        url, method = await self._press(server), "GET"
        for _ in range(5):
            own = url.startswith(server.own)
            path = urlsplit(url).path
            headers = {"Accept": "text/html", "Origin": server.own} if method == "POST" else {"Accept": "text/html"}
            headers["Cookie"] = "; ".join(f"{name}={value}" for (name, place), value in jar.items() if own and path.startswith(place))
            began = time.monotonic()
            async with self._session.request(method, url, headers=headers, allow_redirects=False) as answer:
                text = await answer.text()
                ended = time.monotonic()
                for line in answer.headers.getall("Set-Cookie", []):
                    name, _, rest = line.partition("=")
                    place = next(p.strip()[5:] for p in line.split(";") if p.strip().startswith("Path="))
                    jar[name, place] = rest.partition(";")[0]
            if own and "/launch/" in path:
                spans.append((began, ended))
            if answer.status not in {302, 303}:
                assert answer.status == 200, (answer.status, text)
                assert "Amy Shaw" in text
                method = "POST"
            elif method == "POST":
                return spans
            else:
                url = answer.headers["Location"]
                if url.endswith("/confirm") and not confirm:
                    return spans
                url = server.own + url if url.startswith("/") else url
        raise AssertionError("the launch did not end")


def _postgres_cpu() -> float:
    """Seconds of all PostgreSQL processes of ours."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            if child.name().startswith("postgres"):
                times = child.cpu_times()
                total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
