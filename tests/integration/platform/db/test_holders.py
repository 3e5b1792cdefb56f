"""Who stands on a server's folder: what a stale pid file names, a zombie or a mere onlooker is no server, and is not hurt."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.crash import Program, code, running
from support.embedded import ask
from vestibule.platform.db import EmbeddedPostgres
from vestibule.platform.db.holders import holders, named


@pytest.fixture
async def bystander() -> AsyncIterator[Program]:
    """A process that has nothing to do with PostgreSQL."""
    async with running(code("import time; print('here', flush=True); time.sleep(300)")) as program:
        await program.said("here")
        yield program


PID_FILES = [
    ("{pid}\n{data}\n1795247900\n5432\n{home}/s\n\n  1 1\nready   \n", "what a killed server leaves, its number taken by a stranger"),
    ("{pid}\n", "the number alone"),
    ("", "an empty file"),
    ("rubbish\n", "no number"),
    ("-1\n", "a number that would mean every process"),
    ("1\n", "init"),
    ("0\n", "our own process group"),
    ("99999999999999999999\n", "no process can have it"),
]


@pytest.mark.parametrize(("text", "remark"), PID_FILES)
async def test_a_stale_pid_file_hurts_nobody_and_stops_nothing(home: Path, bystander: Program, text: str, remark: str) -> None:
    (home / "data" / "postmaster.pid").write_text(text.format(pid=bystander.pid, data=home / "data", home=home))
    server = EmbeddedPostgres(home)
    try:
        assert await ask(await server.start(), "select 1") == 1
    finally:
        await server.stop()
    os.kill(bystander.pid, 0)
    assert bystander._process.returncode is None


async def test_a_zombie_is_not_taken_for_a_server(home: Path) -> None:
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has collected it
    (home / "data" / "postmaster.pid").write_text(f"{zombie.pid}\n{home / 'data'}\n1795247900\n5432\n{home}/s\n\n  1 1\nready   \n")
    server = EmbeddedPostgres(home)
    try:
        assert await ask(await server.start(), "select 1") == 1
    finally:
        await server.stop()
        zombie.wait()


async def test_a_process_that_only_mentions_the_folder_is_no_server(home: Path) -> None:
    """An editor, a backup, a shell standing in it."""
    async with running(
        code("import os, sys, time; os.chdir(sys.argv[1]); print('here', flush=True); time.sleep(300)", str(home / "data"))
    ) as shell:
        await shell.said("here")
        (home / "data" / "postmaster.pid").write_text(f"{shell.pid}\n")
        assert named(home / "data") == shell.pid
        assert holders(home / "data") == []
