"""The queue: messages in their order, each on the disk before anybody is told of it, so that a restart goes on where it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from practice.interface.model import Queued

_KEPT = 500  # answered messages that a restart still shows


class Queue:
    """All messages, and the file behind them: one line for each change of a message; the last line of a message counts."""

    def __init__(self, folder: Path, now: float) -> None:
        self._path = folder / "interface.jsonl"
        self._items = self._recover()
        self._rewrite()
        self._file = self._path.open("ab")
        self._numbers = max(self._items, default=0)
        # Real engines count; here every new folder begins at the time, so that a connector with a longer memory meets no number twice.
        self._controls = max([int(now), *(int(one.control) for one in self._items.values() if one.control.isdecimal())])

    def __iter__(self) -> Iterator[Queued]:
        """Oldest first."""
        return iter(list(self._items.values()))

    def _recover(self) -> dict[int, Queued]:
        """What the file says. A line torn by a kill is left out; what was being sent waits again, under its control id."""
        if not self._path.exists():
            return {}
        whole = self._path.read_bytes().rpartition(b"\n")[0]
        rows = (msgspec.json.decode(line, type=Queued) for line in whole.splitlines() if line)
        items = {row.number: row for row in rows}
        for one in items.values():
            if one.state == "sending":
                one.state = "queued"
        over = [number for number, one in items.items() if one.over]
        return {number: one for number, one in sorted(items.items()) if number not in set(over[:-_KEPT])}

    def _rewrite(self) -> None:
        beside = self._path.with_suffix(".new")
        with beside.open("wb") as file:
            file.writelines(msgspec.json.encode(one) + b"\n" for one in self._items.values())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def get(self, number: int) -> Queued | None:
        """By number."""
        return self._items.get(number)

    def next_control(self) -> str:
        """A control id nobody had."""
        self._controls += 1
        return str(self._controls)

    def add(self, *, control: str, event: str, csn: str, text: str, made: str, **more: object) -> Queued:
        """Put a message at the end."""
        self._numbers += 1
        fields = {"number": self._numbers, "control": control, "event": event, "csn": csn, "text": text, "made": made, **more}
        one = msgspec.convert(fields, type=Queued)
        self._items[one.number] = one
        self.keep(one)
        return one

    def keep(self, one: Queued) -> None:
        """Write down how a message stands."""
        self._file.write(msgspec.json.encode(one) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def next(self, now: float, *, held: bool) -> Queued | None:
        """What may be sent now: the oldest whose appointment has nothing older under way."""
        busy: set[str] = set()
        for one in self._items.values():
            if one.over:
                continue
            ready = one.state == "queued" and one.after <= now
            if ready and (one.pushed or (not held and (one.csn not in busy))):
                return one
            busy.add(one.csn)
        return None

    def due(self, *, held: bool) -> float | None:
        """When the next message that waits for its time may be sent."""
        return min((one.after for one in self._items.values() if one.state == "queued" and (one.pushed or not held)), default=None)

    def waiting(self) -> int:
        """How many are not answered yet."""
        return sum(not one.over for one in self._items.values())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
