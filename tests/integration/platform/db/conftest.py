"""Embedded servers, each on a folder of its own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.folders import quick_folder
from vestibule.platform.db import EmbeddedPostgres


@pytest.fixture(scope="module")
def seed_home() -> Iterator[Path]:
    """A cluster made once; each test works on a copy."""

    async def make(home: Path) -> None:
        server = EmbeddedPostgres(home)
        await server.start()
        await server.stop()

    with quick_folder() as folder:
        asyncio.run(make(folder / "pg"))
        yield folder / "pg"


@pytest.fixture
def home(seed_home: Path, quick_path: Path) -> Path:
    """The folder of a cluster that was shut down in order."""
    copy = quick_path / "pg"
    shutil.copytree(seed_home, copy, symlinks=True, ignore=lambda _, names: [name for name in names if name == "s"])
    return copy


@pytest.fixture
async def server(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    it = EmbeddedPostgres(home)
    await it.start()
    yield it
    await it.stop()
