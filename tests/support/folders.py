"""Folders for data that a test throws away: in memory where there is room, for making a database there takes 10 ms instead of 200."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 2_000_000_000  # a container often has 64 MB there: then the disk it is


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A new folder, removed afterwards. kill -9 takes nothing from it; only a power cut would, and that no test here performs."""
    parent = _MEMORY if _usable(_MEMORY) else Path(tempfile.gettempdir())
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"vst-{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _usable(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM


def _sweep(parent: Path) -> None:
    """Remove what a killed test run of ours left behind, for memory is not free."""
    for folder in parent.glob("vst-*-*"):
        number = folder.name.split("-")[1]
        if number.isdigit() and not Path("/proc", number).exists() and _ours(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _ours(folder: Path) -> bool:
    """Not what another process of this run sweeps away at the same moment."""
    try:
        return folder.stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False
