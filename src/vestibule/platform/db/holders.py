"""Which PostgreSQL processes really stand on a data folder: the judgement a pid file alone cannot give.

A pid file outlives its server after `kill -9` or a power cut, and its number may by then belong to anybody's process: after a restart
of a container it often does. So a number is never signalled because a file names it, only because the process itself proves, by what it
runs and where it stands, that it is a PostgreSQL server of exactly this folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

# Process ids end here on every system; zero and below mean groups of processes, or all of them.
_NO_PID = 2**31
# How long a server may take for an orderly end, and then for a hasty one.
_PATIENCE = (signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)


def holders(data: Path) -> list[int]:
    """Process ids of living PostgreSQL processes of this data folder, the postmaster or what is left of its family."""
    found = [pid for pid in _all_pids() if _stands_on(pid, data)] if sys.platform == "linux" else []
    pid = named(data)
    return [*found, pid] if pid and pid not in found and _commanded(pid, data) else found


def named(data: Path) -> int | None:
    """The number in postmaster.pid, which proves nothing yet."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if 0 < pid < _NO_PID else None


def ready(data: Path, pid: int) -> bool:
    """True when the server of this pid says so itself, in line 8 of postmaster.pid (what pg_ctl --wait reads)."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
    except OSError:
        return False
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004  the eighth line


async def clear(data: Path) -> None:
    """End whatever PostgreSQL is left on the folder, then remove a pid file that names nobody of ours.

    The caller holds the folder's lock, so nobody can be starting a server here meanwhile.
    """
    for signum, seconds in _PATIENCE:
        if not await _end(data, signum, seconds):
            break
    pid = named(data)
    # A number nobody has is left to PostgreSQL, which then also looks whether old shared memory is still in use.
    if pid is None or _exists(pid):
        (data / "postmaster.pid").unlink(missing_ok=True)


async def _end(data: Path, signum: signal.Signals, seconds: float) -> list[int]:
    """Signal and wait; returns who is still there.

    What is left of a killed postmaster's family goes by itself within moments, and SIGINT would only cancel a statement there; so the
    orderly signal is for a postmaster alone.
    """
    left = holders(data)
    first = named(data)
    for pid in [first] if first in left else left:
        if pid == first or signum != signal.SIGINT:
            _kill(pid, signum)
    deadline = asyncio.get_running_loop().time() + seconds
    while left and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
        left = holders(data)
    return left


def _kill(pid: int | None, signum: signal.Signals) -> None:
    if pid:
        with suppress(ProcessLookupError):  # it may have gone by itself
            os.kill(pid, signum)


def _all_pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208  names are all we need, and this is polled


def _stands_on(pid: int, data: Path) -> bool:
    """Linux: its program is `postgres` and its working folder is ours. A zombie has neither, nor has another user's process."""
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(data) and Path(os.readlink(f"/proc/{pid}/exe")).name.startswith("postgres")  # noqa: PTH115
    except OSError:
        return False


def _commanded(pid: int, data: Path) -> bool:
    """Its command line is a `postgres` with our folder: all there is outside Linux, or where /proc hides other users' folders."""
    if sys.platform == "linux":
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
    else:
        shown = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
        words = shown.stdout.split(" ")
    return Path(words[0]).name == "postgres" and str(data) in words


def _exists(pid: int) -> bool:
    """True for any process of that number, a zombie and a stranger's too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
