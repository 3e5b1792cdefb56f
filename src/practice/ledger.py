"""The ledger: every call received, one JSON line each, on the disk before the caller has the answer.

It judges crash tests, so it never merges, corrects or forgets: two calls with the same parameters both stand in it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from practice.lines import Lines, whole_lines
from practice.times import stamp

Entry = dict[str, Any]


class Ledger:
    """An append-only list of calls and the file behind it."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._now = now
        path = folder / "ledger.jsonl"
        self._entries: list[Entry] = [json.loads(line) for line in whole_lines(path)]
        self._file = Lines(path)
        self._news = asyncio.Event()

    def append(self, entry: Mapping[str, Any], *, safe: bool = True) -> Entry:
        """Number and date an entry, and return when it is on the disk; without `safe`, when it survives a kill of this process."""
        line: Entry = {"seq": len(self._entries) + 1, "at": stamp(self._now()), **entry}
        self._file.write(line, safe=safe)
        self._entries.append(line)
        self._news.set()
        self._news = asyncio.Event()
        return line

    def entries(self, *, kind: str = "", since: int = 0) -> list[Entry]:
        """Entries after a number, of one kind when one is named, oldest first."""
        return [entry for entry in self._entries[max(since, 0) :] if kind in {"", entry["kind"]}]

    async def wait(self, *, kind: str = "", since: int = 0, count: int = 1, seconds: float = 10) -> list[Entry]:
        """Entries as above, as soon as there are `count` of them, or after so many seconds whatever there is."""
        deadline = asyncio.get_running_loop().time() + seconds
        while len(found := self.entries(kind=kind, since=since)) < count:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                break
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
