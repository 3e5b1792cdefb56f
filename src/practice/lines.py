"""A file of lines that survives a kill: each is whole or was never written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec


def whole_lines(path: Path) -> list[bytes]:
    """What a file holds. A line torn by a kill was never acknowledged: it is cut off so that the next line starts clean."""
    if not path.exists():
        return []
    whole, _, torn = path.read_bytes().rpartition(b"\n")
    if torn:
        os.truncate(path, len(whole) + 1 if whole else 0)
    return [line for line in whole.splitlines() if line]


class Lines:
    """Appends to such a file. What is there is read first, by `whole_lines`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def write(self, line: Any, *, safe: bool = False) -> None:
        """Add a line of JSON: it survives a kill of this process; with `safe`, it is on the disk."""
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()
        if safe:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
