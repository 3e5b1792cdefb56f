"""A disk that is really full: nothing is acknowledged that is not stored, and when there is room again everything goes on."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from conftest import add_tenant
from support.feeding import add_connection, message
from support.lines import KEYS, Sender
from support.ports import free_port
from support.waiting import until
from vestibule.platform.db import EmbeddedPostgres, migrate
from vestibule.settings import load
from vestibule.wiring.listening import listening

pytestmark = pytest.mark.crash

_SMALL = {"min_wal_size": "32MB", "max_wal_size": "32MB", "autovacuum": "off", "shared_buffers": "16MB"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 160 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "none", str(folder)], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    folder.chmod(0o755)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_refuses_and_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    server = EmbeddedPostgres(small_disk / "pg", settings=_SMALL)
    url = await server.start()
    await migrate(url)
    owner, port = await asyncpg.connect(url), free_port()
    connection = await add_connection(owner, await add_tenant(owner, "Northfield Clinic"), port=port, networks=("127.0.0.0/8",))
    acknowledged, refused = set[str](), set[str]()
    async with listening(load({"VESTIBULE_KEYS": KEYS}), url):
        sender = await Sender.open(port)
        await send(sender, "first", acknowledged, refused)
        ballast = fill(small_disk)
        n = 0
        while not refused and n < 200:  # what PostgreSQL had set aside for itself is used up first
            n += 1
            if not await send(sender, f"{n}", acknowledged, refused):
                break  # no answer at all: PostgreSQL has stopped over it, and what came is held
        assert acknowledged
        assert n < 200, "the disk was never full"
        ballast.unlink()
        await until(lambda: server.ready)
        await sender.close()
        sender = await Sender.open(port)
        for name in sorted({*refused, f"{n}", "last"}):
            await until(lambda name=name: taken(sender, name, acknowledged), seconds=60)
        await sender.close()
    await owner.close()
    owner = await asyncpg.connect(server.url())
    there = [row["control_id"] for row in await owner.fetch("select control_id from feed_inbox where connection_id = $1", connection)]
    await owner.close()
    await server.stop()
    assert len(there) == len(set(there))
    assert acknowledged == set(there) >= {"first", "last", *refused}


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = folder / "ballast"
    with ballast.open("wb") as out, suppress(OSError):
        while True:
            os.write(out.fileno(), b"\0" * 65_536)
    return ballast


async def send(sender: Sender, name: str, acknowledged: set[str], refused: set[str]) -> bool:
    """One message of 200 kB; False when nobody answers."""
    sender.write(message(name) + b"OBX|1|TX|" + random.Random(name).randbytes(100_000).hex().encode() + b"\r")
    try:
        code, said = await sender.said(seconds=20)
    except (TimeoutError, asyncio.IncompleteReadError, OSError):
        return False
    assert said == name
    (acknowledged if code == "AA" else refused).add(name)
    return True


async def taken(sender: Sender, name: str, acknowledged: set[str]) -> bool:
    """The sender tries the same message until it is told AA."""
    await send(sender, name, acknowledged, set())
    return name in acknowledged
