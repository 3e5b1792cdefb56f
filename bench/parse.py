"""Parse and map: a scheduling message's bytes to a notice, beside python-hl7 and beside what splitting strings costs at the least.

Both peers read the same fields of the same messages. python-hl7 gives its own containers, of which the fields are taken; *bare split* takes
lines, fields and components by `str.split`, without escapes, character sets, other delimiters, times or types: nobody reads less and still
reads the fields. A thousand different messages: half of nine short segments, as an early version's sender writes them, half of twenty
longer ones as later versions have them; codes of services and rooms return in them as they do in life, people, numbers and times do not.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hl7

from bench.support import fact, interleave, pairs_wanted, row
from vestibule.protocols.hl7v2 import Notice, parse, read_notice

MESSAGES = 1000
SHAPES = Path(__file__).parent / "siu"
# What both peers read: segment, field, components. It is what a notice of these messages is made of.
FIELDS = (
    ("MSH", ((3, (1,)), (4, (1,)), (7, (1,)), (9, (1, 2)), (10, (1,)), (12, (1,)))),
    ("SCH", ((1, (1, 2, 4)), (2, (1, 2, 4)), (7, (1, 2, 3)), (8, (1, 2, 3)), (9, (1,)), (10, (1,)), (11, (3, 4, 5)), (25, (1,)))),
    ("PID", ((5, (1, 2)), (15, (1, 2, 3)))),
    ("TQ1", ((7, (1,)), (8, (1,)))),
    ("PV1", ((2, (1,)), (3, (1, 4)), (19, (1, 4, 5)))),
    ("RGS", ((3, (1, 2, 3)),)),
    ("AIS", ((3, (1, 2, 3)),)),
    ("AIG", ((3, (1, 2, 3)), (4, (1, 2, 3)))),
    ("AIL", ((3, (1, 2, 4)), (4, (1, 2, 3)))),
    ("AIP", ((3, (1, 2, 3, 9)), (4, (1, 2, 3)))),
)
TELECOMS = (1, 2, 3, 4, 5, 6, 7, 12)


def ours(data: bytes) -> Notice:
    return read_notice(parse(data))


def by_split(data: bytes) -> dict[str, Any]:
    """Lines, fields, components, and nothing else."""
    segments = {}
    for line in data.decode().split("\r"):
        fields = line.split("|")
        segments.setdefault(fields[0], fields)
    read: dict[str, Any] = {}
    for name, wanted in FIELDS:
        fields = segments.get(name, ())
        shift = 1 if name == "MSH" else 0
        for number, components in wanted:
            if number - shift < len(fields) and fields[number - shift]:
                parts = fields[number - shift].split("^")
                for one in components:
                    if one <= len(parts):
                        read[name, number, one] = parts[one - 1]
    pid = segments["PID"]
    read["telecoms"] = [[p[n - 1] if n <= len(p) else "" for n in TELECOMS] for p in (r.split("^") for r in pid[13].split("~"))]
    return read


def by_python_hl7(data: bytes) -> dict[str, Any]:
    """The same fields through python-hl7's documented way to a component."""
    message = hl7.parse(data)
    read: dict[str, Any] = {}
    for name, wanted in FIELDS:
        try:
            segment = message.segment(name)
        except KeyError:
            continue
        for number, components in wanted:
            if number < len(segment):
                for one in components:
                    read[name, number, one] = _extract(segment, number, 1, one)
    pid = message.segment("PID")
    read["telecoms"] = [[_extract(pid, 13, repeat + 1, n) for n in TELECOMS] for repeat in range(len(pid(13)))]
    return read


def _extract(segment: Any, field: int, repeat: int, component: int) -> str:
    try:
        return str(segment.extract_field(1, field, repeat, component))
    except IndexError:  # a leaf is reached before the path ends
        return ""


def messages() -> list[bytes]:
    shapes = [(SHAPES / name).read_text(encoding="utf-8").replace("\n", "\r") for name in ("short.txt", "long.txt")]
    return [shapes[n % 2].format(n=n, m=n % 60).encode() for n in range(MESSAGES)]


def per_second(read: Callable[[bytes], object], data: Sequence[bytes], rounds: int) -> float:
    gc.collect()
    started = time.process_time()
    for _ in range(rounds):
        for one in data:
            read(one)
    return rounds * len(data) / (time.process_time() - started)


def seconds(data: bytes) -> float:
    best = []
    for _ in range(5):
        gc.collect()
        started = time.process_time()
        ours(data)
        best.append(time.process_time() - started)
    return min(best)


def with_observation(size: int) -> bytes:
    """A message with one OBX of so many bytes."""
    line = b"OBX|1|ED|PDF||" + b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * (size // 36) + b"||||||F\r"
    return messages()[0] + line


async def _measure() -> list[dict[str, Any]]:
    data = messages()
    for one in data[:2]:
        check(one)

    def measure(read: Callable[[bytes], object], rounds: int) -> Callable[[], Any]:
        async def one() -> float:
            return per_second(read, data, rounds)

        return one

    pairs = pairs_wanted()
    a, b = await interleave("parse, python-hl7", measure(ours, 5), measure(by_python_hl7, 1), pairs=pairs)
    c, d = await interleave("parse, split", measure(ours, 5), measure(by_split, 5), pairs=pairs)
    small, large = with_observation(1_000_000), with_observation(10_000_000)
    return [
        row("parse and map a scheduling message", a, b, peer_name="python-hl7", unit="messages/s", goal=40),
        row("parse and map a scheduling message", c, d, peer_name="bare split of the same fields", unit="messages/s", goal=0.6),
        fact("parse and map, 10 MB against 1 MB", round(seconds(large) / seconds(small), 2), unit="times as long", goal=11, better="lower"),
    ]


def check(data: bytes) -> None:
    """All three read the same."""
    notice, split, library = ours(data), by_split(data), by_python_hl7(data)
    for read in (split, library):
        assert read["SCH", 2, 1] == notice.filler.id
        assert read["PID", 5, 1] == notice.family
        assert read["AIP", 3, 1] == notice.resources[-1].id.code
        assert read["telecoms"][1][6] == notice.telecoms[1].number[-7:]


def run() -> list[dict[str, Any]]:
    return asyncio.run(_measure())
