"""Work that is cheap by the hundred and dear one by one: whoever asks alone is served together with those who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar, cast

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


class Portions(Generic[Ask, Answer]):
    """Gathers what is asked under one key while the portion before it is worked on. An answer that is an exception is raised."""

    def __init__(
        self, work: Callable[..., Awaitable[Sequence[Answer | Exception]]], *, most: int = 100, at_once: int = 1, gather: float = 0.0
    ) -> None:
        """Prepare.

        Args:
            work: given a key and what was asked, answers each in order. When it fails for several, each is tried alone.
            most: asked together at most.
            at_once: portions of one key that are worked on at the same time.
            gather: seconds to wait for others before a portion, unless it is full.
        """
        self._work, self._most, self._at_once, self._gather = work, most, at_once, gather
        self._asked: dict[Hashable, list[tuple[Ask, asyncio.Future[Answer]]]] = {}
        self._workers: dict[Hashable, set[asyncio.Task[None]]] = {}

    async def ask(self, key: Hashable, one: Ask) -> Answer:
        """The answer for one, whoever else is asking."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append((one, answer))
        workers = self._workers.setdefault(key, set())
        if len(workers) < self._at_once:
            workers.add(asyncio.create_task(self._serve(key)))
        return await answer

    async def _serve(self, key: Hashable) -> None:
        try:
            await asyncio.sleep(0)  # those who ask in the same turn of the loop come along
            while self._asked.get(key):
                if self._gather and len(self._asked[key]) < self._most:
                    await asyncio.sleep(self._gather)
                asked = self._asked.get(key, [])
                portion, self._asked[key] = asked[: self._most], asked[self._most :]
                await self._one_portion(key, [pair for pair in portion if not pair[1].done()])
            self._asked.pop(key, None)
        finally:
            # In the very turn in which nobody was found asking: who asks in the next one must not take us for somebody who serves.
            self._workers[key].discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _one_portion(self, key: Hashable, portion: list[tuple[Ask, asyncio.Future[Answer]]]) -> None:
        if not portion:
            return
        try:
            answers = await self._work(key, [one for one, _ in portion])
        except Exception as error:  # noqa: BLE001  one that cannot be served must not keep the others from it
            if len(portion) == 1:
                _tell(portion[0][1], error)
                return
            for pair in portion:
                await self._one_portion(key, [pair])
            return
        for (_, waiting), answer in zip(portion, answers, strict=True):
            _tell(waiting, answer)


def _tell(waiting: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if waiting.done():
        return  # who asked has gone
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
