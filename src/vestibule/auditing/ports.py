"""What the pages of the audit need from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from vestibule.platform.db import Tx


class People(Protocol):
    """Knows members by their ids."""

    async def names(self, tx: Tx, members: Collection[str]) -> Mapping[str, str]:
        """What those are called who are known."""
        ...

    async def called(self, tx: Tx, name: str, most: int) -> Sequence[str]:
        """The ids of members called like that, at most so many."""
        ...
