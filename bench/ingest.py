"""Durable ingest of HL7 over MLLP: what `vestibule mllp` acknowledges a second, each message sealed and committed before its answer.

Peers, measured in turn with it on the same machine:
- python-hl7's own asyncio server, which acknowledges and stores nothing;
- `pgbench`, one-row durable inserts of the same row into the same table, with as many clients. It speaks to PostgreSQL directly and has no
  messages to read, seal or answer: it is what a commit each costs.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import uvloop

from bench._ingest_client import SIZE
from bench.support import database, fact, interleave, pairs_wanted, postgres, row
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.db import EmbeddedPostgres, bundled_binaries, migrate
from vestibule.processes import free_port

CONNECTIONS = {1: 0.5, 8: 0.65, 64: 1.5}  # and the goal against pgbench
SECONDS = 2.5
PYTHON_HL7, PGBENCH = "python-hl7 0.4.5 asyncio server (stores nothing)", "pgbench, one durable row each"
TENANT, CONNECTION = TenantId(new_id()), new_id()
_CONNECTION = (
    "insert into connections (tenant_id, id, name, vendor, environment, iss, client_auth, join_early_minutes, join_late_minutes) "
    "values ($1, $2, 'Feed', 'epic', 'test', 'https://bench.example', 'private_key_jwt', 30, 240)"
)
_FEED = (
    "insert into feed_settings (tenant_id, connection_id, enabled, plain_port, networks, changed_at) "
    "values ($1, $2, true, $3, '{127.0.0.0/8}', now())"
)
_SCRIPT = f"""
\\set id random(1, 9000000000000000000)
insert into feed_inbox (tenant_id, connection_id, name, control_id, body, body_hash, size, via, certificate_id)
values ('{TENANT}', '{CONNECTION}', sha256((:id)::text::bytea), (:id)::text, :body::bytea, sha256((:id)::text::bytea), {SIZE}, 'mllp', null)
on conflict do nothing;
"""


def run() -> list[dict[str, Any]]:
    """Every number of connections."""
    return uvloop.run(_run())


async def _run() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    async with postgres() as server:
        url = await database(server, "ingest")
        await migrate(url)
        async with ours(url) as mine, python_hl7() as theirs:
            for connections, goal in CONNECTIONS.items():
                rows += await _compare(server, url, mine, theirs, connections, goal)
            lost = mine.answered - await _count(url) if mine.answered else 0
            rows.append(
                fact("ingest, acknowledged and not there", float(max(lost, 0)), unit="messages", goal=0.0, better="lower", of=mine.answered)
            )
            rows.append(fact("ingest, memory of the listener", mine.peak / 1e6, unit="MB", goal=150.0, better="lower"))
    return rows


class Mllp:
    """A server to load, and what was measured of it."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self._process = psutil.Process(process.pid)
        self._number = 1
        self.answered = 0
        self.peak = 0.0
        self.p99: list[float] = []

    async def load(self, connections: int) -> float:
        """Messages answered a second."""
        arguments = (str(self.port), str(connections), str(SECONDS), str(self._number))
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench._ingest_client", *arguments, stdout=asyncio.subprocess.PIPE
        )
        result = json.loads((await client.communicate())[0])
        self._number += int(result["sent"])
        self.answered += int(result["answered"])
        self.p99.append(result["p99"])
        self.peak = max(self.peak, self._process.memory_info().rss)
        return float(result["rate"])


async def _compare(server: EmbeddedPostgres, url: str, mine: Mllp, theirs: Mllp, connections: int, goal: float) -> list[dict[str, Any]]:
    pairs, name = pairs_wanted(), f"ingest, {connections} connection{'s' * (connections > 1)}"
    bench_p99: list[float] = []

    async def durable() -> float:
        await _checkpoint(server)
        return await mine.load(connections)

    async def pgbench() -> float:
        await _checkpoint(server)
        rate, p99 = await _pgbench(url, connections)
        bench_p99.append(p99)
        return rate

    mine.p99.clear()
    against_commit = await interleave(f"{name}, against pgbench", durable, pgbench, pairs=pairs)
    p99 = mine.p99[1:], bench_p99[1:]  # the first was for warming up
    hl7_goal = 10.0 if connections > 1 else 1.0
    against_hl7 = await interleave(f"{name}, against python-hl7", durable, lambda: theirs.load(connections), pairs=pairs)
    return [
        row(name, *against_commit, peer_name=PGBENCH, unit="messages/s", goal=goal),
        row(f"{name}, p99 of the answer", *p99, peer_name=PGBENCH, unit="ms", goal=2.0, better="lower"),
        row(name, *against_hl7, peer_name=PYTHON_HL7, unit="messages/s", goal=hl7_goal),
    ]


async def _pgbench(url: str, clients: int) -> tuple[float, float]:
    """Inserts a second, and p99 in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        script = _script(folder)
        command = [
            str(bundled_binaries() / "pgbench"),
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            "1",
            "-T",
            str(int(SECONDS + 0.5)),
        ]
        command += ["-f", str(script), "-D", "body=\\x" + "5a" * (SIZE + 40), "-l", url]
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        rate = next(float(line.split()[2]) for line in out.decode().splitlines() if line.startswith("tps"))
        took = _latencies(folder)
        return rate, took[len(took) * 99 // 100] / 1000


def _script(folder: str) -> Path:
    script = Path(folder, "insert.sql")
    script.write_text(_SCRIPT)
    return script


def _latencies(folder: str) -> list[int]:
    """Microseconds, in order."""
    return sorted(int(line.split()[2]) for file in Path(folder).glob("pgbench_log*") for line in file.read_text().splitlines())


async def _checkpoint(server: EmbeddedPostgres) -> None:
    """What one side wrote shall not be written out while the other is measured."""
    admin = await asyncpg.connect(server.url("ingest", superuser=True))
    await admin.execute("checkpoint")
    await admin.close()


async def _count(url: str) -> int:
    conn = await asyncpg.connect(url)
    try:
        return int(await conn.fetchval("select count(*) from feed_inbox where control_id ~ '^[0-9]{1,9}$'"))
    finally:
        await conn.close()


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Mllp]:
    """`vestibule mllp` as it stands, with a plain port."""
    port = free_port()
    conn = await asyncpg.connect(url)
    await conn.execute("insert into tenants (id, name) values ($1, 'Bench')", TENANT)
    await conn.execute(_CONNECTION, TENANT, CONNECTION)
    await conn.execute(_FEED, TENANT, CONNECTION, port)
    await conn.close()
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "DATABASE_URL": url, "VESTIBULE_DATA": folder, "VESTIBULE_LOG_LEVEL": "info"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vestibule", "mllp", env=env, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        while b'"taking messages"' not in (line := await process.stderr.readline()):
            assert line, "the listener did not start"
        try:
            yield Mllp(port, process)
        finally:
            process.terminate()
            await process.communicate()


@asynccontextmanager
async def python_hl7() -> AsyncIterator[Mllp]:
    """The peer that stores nothing."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench._ingest_peer", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield Mllp(int(await process.stdout.readline()), process)
    finally:
        process.terminate()
        await process.communicate()
