"""Cells and the names they ask each other about, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from vestibule.kit.ids import fingerprint

# In the address of whatever was sent on: it is not sent on again, whatever the cell it reaches knows by then.
SENT_BY: Final = "sent_by"
_PATH_SAFE: Final = "/-._~:@!$&'()*+,;="


@dataclass(frozen=True, slots=True)
class Cell:
    """A region's deployment.

    Attributes:
        origin: where its people and records reach it; nothing is ever sent on to anywhere else.
    """

    region: str
    origin: str


@dataclass(frozen=True, slots=True)
class Named:
    """Something a request names.

    Attributes:
        kind: `iss`, `connection`, `link`, `launch` ...: which question the other cells are asked.
        name: never leaves this process; what is asked about is its hash.
    """

    kind: str
    name: str = field(repr=False)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the name: the form in which secrets of ours rest anyway."""
        return fingerprint(self.name)


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses whose requests name something that may live in another cell.

    Attributes:
        prefix: how the path begins.
        name: reads path, query and the Authorization header; None when nothing is named.
        missed: the answers that say "I do not know this".
        program: programs call here: they are told the right address, for they would not carry their token along a redirect.
    """

    prefix: str
    name: Callable[[str, Sequence[tuple[str, str]], str], Named | None]
    missed: frozenset[int] = frozenset({400, 403, 404, 409, 410})
    program: bool = False


def read_cells(words: Sequence[str]) -> tuple[Cell, ...]:
    """Cells from the words of the setting, `eu=https://eu.example`."""
    return tuple(Cell(*word.split("=", 1)) for word in words)


def onward(cell: Cell, path: str, query: str, own: str) -> str:
    """The same address in another cell. Whatever the path says, the origin is the cell's: a path begins with one slash."""
    mark = f"{SENT_BY}={quote(own, safe='')}"
    return f"{cell.origin}/{quote(path.lstrip('/'), safe=_PATH_SAFE)}?{query}{'&' if query else ''}{mark}"
