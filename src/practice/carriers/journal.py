"""The carriers' own record of every text: an independent judge of what was accepted, when, and what a phone showed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from practice.carriers.texts import Text
from practice.lines import Lines, whole_lines
from practice.times import stamp

_SECOND, _MINUTE = 1.0, 60.0


class Journal:
    """Texts in the order of their acceptance, in memory and in a file that survives a kill of this process."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self.now = now
        self.texts: dict[str, Text] = {}
        self.keyed: dict[tuple[str, str], Text] = {}
        self.opted_out: set[tuple[str, str]] = set()
        self.moments: dict[str, list[float]] = defaultdict(list)
        self.refused: dict[str, int] = defaultdict(int)
        self.version = 0
        self._news = asyncio.Event()
        self._path = folder / "carriers.jsonl"
        self._recover()
        self._file = Lines(self._path)

    def _recover(self) -> None:
        """Play the file again."""
        for line in whole_lines(self._path):
            self._play(msgspec.json.decode(line))

    def _play(self, line: Mapping[str, Any]) -> None:
        if "optout" in line:
            pair = (line["optout"][0], line["optout"][1])
            (self.opted_out.add if line["on"] else self.opted_out.discard)(pair)
        elif "id" in line:
            self._keep(msgspec.convert(line, type=Text))
        self.version += 1

    def _keep(self, text: Text) -> None:
        self.texts[text.id] = text
        if text.key:
            self.keyed[text.account, text.key] = text

    def _write(self, line: Mapping[str, Any] | Text) -> None:
        self._file.write(line)
        self.tell()

    def tell(self) -> None:
        """Something is new for whoever looks."""
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    def accept(self, text: Text) -> Text:
        """Take a text in; it is in the file before its sender has the answer."""
        text.at = text.at or stamp(self.now())
        text.updated = text.at
        self._keep(text)
        if text.way == "out":
            self.moments[text.sender].append(self.now())
        self._write(text)
        return text

    def change(self, text: Text, **facts: Any) -> None:
        """Note what became of a text."""
        for name, value in facts.items():
            setattr(text, name, value)
        text.updated = stamp(self.now())
        self._write(text)

    def opt(self, number: str, phone: str, *, out: bool) -> None:
        """A phone wants no more from a number, or wants again."""
        (self.opted_out.add if out else self.opted_out.discard)((number, phone))
        self._write({"optout": [number, phone], "on": out})

    def refuse(self, number: str) -> None:
        """Count an answer of *too many*."""
        self.refused[number] += 1

    def with_phone(self, phone: str) -> list[Text]:
        """Everything a phone sent or was sent, oldest first."""
        return [text for text in self.texts.values() if text.phone == phone]

    async def wait(self, seen: int, seconds: float) -> int:
        """The version, as soon as it is another one than was seen, or after so many seconds."""
        if self.version == seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
        return self.version

    def rates(self) -> dict[str, dict[str, int]]:
        """For each sending number: how many texts, the most in any second and minute, and how often *too many* was said."""
        return {
            number: {
                "texts": len(moments),
                "most_in_a_second": _most(moments, _SECOND),
                "most_in_a_minute": _most(moments, _MINUTE),
                "too_many": self.refused[number],
            }
            for number, moments in [*self.moments.items(), *((n, []) for n in list(self.refused) if n not in self.moments)]
        }

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _most(moments: Iterable[float], window: float) -> int:
    """The most moments within any window of so many seconds."""
    inside: deque[float] = deque()
    most = 0
    for moment in moments:
        inside.append(moment)
        while inside[0] <= moment - window:
            inside.popleft()
        most = max(most, len(inside))
    return most


class Limit:
    """So many in any window of time, and no more; `admit` says how many seconds too early a call comes."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._moments: dict[str, deque[float]] = defaultdict(deque)

    def admit(self, who: str, now: float, most: int, count: int = 1) -> float:
        """0 when there is room, which is then taken; otherwise the seconds until there will be."""
        if not most:
            return 0.0
        moments = self._moments[who]
        while moments and moments[0] <= now - self._window:
            moments.popleft()
        if len(moments) + count <= most:
            moments.extend([now] * count)
            return 0.0
        return max(moments[0] + self._window - now, 0.001) if moments else self._window
