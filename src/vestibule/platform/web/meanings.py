"""What an error's code means to an analyst: cause and remedy, in the words of docs/reference/errors.md (bin/messages copies them here)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row of the reference."""

    cause: str
    remedy: str


def meaning(code: str) -> Meaning:
    """What happened and what to do; a code without a row is a fault of ours and says so."""
    unknown = Meaning("The program met something it has no words for.", "Look in the log of `serve` for the reference; report it.")
    return _all().get(code, unknown)


@lru_cache(1)
def _all() -> Mapping[str, Meaning]:
    lines = Path(__file__).with_name("meanings.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines]
    return {row[0]: Meaning(row[2], row[3]) for row in rows if len(row) == _COLUMNS}
