"""Whose is it? The question the cells ask each other, and the short memory of its answers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from vestibule.errors import OutsideFailed, Unavailable, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer, Ask
from vestibule.platform.cells.model import Cell, Named
from vestibule.platform.cells.store import CellStore
from vestibule.platform.db import Database
from vestibule.platform.http import Credentials, Http

WHOSE: Final = "/cells/whose"
_PHASE: Final = "cells.whose"
_PATIENCE: Final = 1.5  # seconds; a person waits
_REMEMBER: Final = {True: 60.0, False: 10.0}  # seconds: a name that was found, one that was not
_MOST: Final = 10_000
_AGAIN: Final = 5.0


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """What one cell asks another: does anybody there have the name with this SHA-256, in hexadecimal?"""

    kind: str
    hash: str


class Verdict(msgspec.Struct):
    """Yes or no."""

    mine: bool


class Cells:
    """This deployment among those of other regions."""

    def __init__(self, *, db: Database, http: Http, clock: Clock, region: str, cells: Sequence[Cell], token: str) -> None:
        self.region = region
        self.others = tuple(cell for cell in cells if cell.region != region)
        self._db = db
        self._http = http
        self._clock = clock
        self._token = token
        self._store = CellStore()
        self._memory: OrderedDict[tuple[str, bytes], tuple[Cell | None, float]] = OrderedDict()

    def home_of(self, region: str) -> Cell | None:
        """The other cell that a region's organisations belong to; None when it is this one, or no region at all."""
        return next((cell for cell in self.others if cell.region == region), None)

    async def mine(self, question: Question) -> bool:
        """The answer to another cell's question."""
        try:
            wanted = bytes.fromhex(question.hash)
        except ValueError:
            return False
        return await self._store.knows(self._db, question.kind, wanted)

    async def where(self, named: Named) -> Cell | None:
        """The one other cell that knows what this one does not; None when it is known here, in none, or in several.

        Raises:
            Unavailable: cell-unavailable: none of those that answered knows it, and not all answered.
        """
        key = (named.kind, named.hash)
        found, until = self._memory.get(key, (None, 0.0))
        if self._clock.monotonic() < until:
            return found
        found = None if await self._store.knows(self._db, *key) else await self._elsewhere(named)
        self._remember(key, found)
        return found

    async def _elsewhere(self, named: Named) -> Cell | None:
        answers = await asyncio.gather(*(self._ask(cell, named) for cell in self.others))
        know = [cell for cell, yes in zip(self.others, answers, strict=True) if yes]
        if not know and None in answers:
            sentence = "This may belong to another region, which cannot be reached just now. Please try again in a moment."
            raise Unavailable("cell-unavailable", sentence, phase=_PHASE, retry_after=_AGAIN)
        return know[0] if len(know) == 1 else None

    async def _ask(self, cell: Cell, named: Named) -> bool | None:
        """Yes, no, or None: no answer that makes sense. Our log has said why."""
        body = msgspec.json.encode(Question(named.kind, named.hash.hex()))
        ask = Ask("POST", cell.origin + WHOSE, _PHASE, {"content-type": "application/json"}, body)
        try:
            answer = await self._http.perform(
                ask, timeout=_PATIENCE, max_bytes=1_000, bearer=Credentials(cell.origin, f"Bearer {self._token}")
            )
            return _verdict(answer)
        except VestibuleError:
            return None

    def _remember(self, key: tuple[str, bytes], found: Cell | None) -> None:
        self._memory[key] = (found, self._clock.monotonic() + _REMEMBER[found is not None])
        self._memory.move_to_end(key)
        if len(self._memory) > _MOST:
            self._memory.popitem(last=False)


def _verdict(answer: Answer) -> bool:
    try:
        said: Any = msgspec.json.decode(answer.body, type=Verdict) if answer.ok else None
    except msgspec.DecodeError:
        said = None
    if said is None:
        raise OutsideFailed("cell-answer-wrong", "The other region's cell gave no answer that makes sense.", phase=_PHASE)
    return bool(said.mine)
