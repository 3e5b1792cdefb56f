"""What benchmarks share: interleaved pairs with their median ratio and spread, and a PostgreSQL of their own."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from vestibule.platform.db import EmbeddedPostgres

Measure = Callable[[], Awaitable[float]]


def pairs_wanted(default: int = 5) -> int:
    """How many pairs; VESTIBULE_BENCH_PAIRS overrides it for a quick look (a result worth keeping has at least 5)."""
    return int(os.environ.get("VESTIBULE_BENCH_PAIRS", default))


async def interleave(name: str, ours: Measure, peer: Measure, *, pairs: int = 5, warm: bool = True) -> tuple[list[float], list[float]]:
    """Measure ours and the peer in turn, so that whatever else the machine does meets both; prints each pair."""
    if warm:
        await ours()
        await peer()
    mine: list[float] = []
    theirs: list[float] = []
    for n in range(pairs):
        mine.append(await ours())
        theirs.append(await peer())
        print(f"  {name} pair {n + 1}/{pairs}: ours {mine[-1]:,.1f}  peer {theirs[-1]:,.1f}  ratio {mine[-1] / theirs[-1]:.2f}", flush=True)
    return mine, theirs


def row(
    name: str, ours: list[float], peer: list[float], *, peer_name: str, unit: str, goal: float, better: str = "higher", **more: Any
) -> dict[str, Any]:
    """A line of the result: medians, the median of the paired ratios, and their spread."""
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return {
        "name": name,
        "ours": round(statistics.median(ours), 3),
        "peer": round(statistics.median(peer), 3),
        "peer_name": peer_name,
        "unit": unit,
        "ratio": round(statistics.median(ratios), 3),
        "goal": goal,
        "better": better,
        "spread": [round(min(ratios), 3), round(max(ratios), 3)],
        "pairs": len(ratios),
        **more,
    }


def fact(name: str, ours: float, *, unit: str, goal: float, better: str, **more: Any) -> dict[str, Any]:
    """A line without a peer: the ratio is our figure itself, held against the goal."""
    return {
        "name": name,
        "ours": ours,
        "peer": goal,
        "peer_name": "the goal",
        "unit": unit,
        "ratio": ours,
        "goal": goal,
        "better": better,
        **more,
    }


@asynccontextmanager
async def postgres(**settings: str) -> AsyncIterator[EmbeddedPostgres]:
    """A server as durable as in production, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="vst-bench-"))
    server = EmbeddedPostgres(home, settings={"max_connections": "200", **settings})
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(home, ignore_errors=True)


async def database(server: EmbeddedPostgres, name: str) -> str:
    """A new, empty database; returns its address."""
    admin = await asyncpg.connect(server.url("postgres", superuser=True))
    try:
        await admin.execute(f"create database {name} owner vestibule")
    finally:
        await admin.close()
    return server.url(name)
