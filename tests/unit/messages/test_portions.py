"""Those who ask at the same time are served together."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence

import pytest

from vestibule.messages.portions import Portions


class Counter:
    """Doubles what it is asked, and minds thirteen."""

    def __init__(self) -> None:
        self.portions: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def work(self, _: Hashable, asked: Sequence[int]) -> list[int | Exception]:
        await self.gate.wait()
        self.portions.append(list(asked))
        if 13 in asked:
            raise RuntimeError
        return [LookupError() if one == 7 else one * 2 for one in asked]


async def test_each_gets_its_own_answer_in_few_portions() -> None:
    counter = Counter()
    portions: Portions[int, int] = Portions(counter.work, most=40)
    numbers = [n for n in range(100) if n not in {7, 13}]
    assert await asyncio.gather(*(portions.ask("a", n) for n in numbers)) == [2 * n for n in numbers]
    assert [len(one) for one in counter.portions] == [40, 40, 18]


async def test_one_that_fails_keeps_no_other_from_its_answer() -> None:
    counter = Counter()
    portions: Portions[int, int] = Portions(counter.work)
    found = await asyncio.gather(*(portions.ask("a", n) for n in (1, 7, 13, 2)), return_exceptions=True)
    assert (found[0], found[3]) == (2, 4)
    assert isinstance(found[1], LookupError)
    assert isinstance(found[2], RuntimeError)


async def test_keys_do_not_wait_for_each_other_and_who_has_gone_is_not_served() -> None:
    counter = Counter()
    portions: Portions[int, int] = Portions(counter.work)
    counter.gate.clear()
    waiting = asyncio.create_task(portions.ask("a", 1))
    gone = asyncio.create_task(portions.ask("b", 2))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    counter.gate.set()
    assert await waiting == 2
    assert await portions.ask("a", 5) == 10
    assert [2] not in counter.portions


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("gather", [0.0, 0.001])
async def test_who_asks_in_the_very_turn_in_which_the_last_portion_ended_is_served(at_once: int, gather: float) -> None:
    portions: Portions[int, int] = Portions(Counter().work, at_once=at_once, gather=gather)

    async def again_and_again(first: int) -> list[int]:
        return [await portions.ask("a", first + n) for n in range(20)]

    async with asyncio.timeout(30):
        assert await again_and_again(20) == [2 * n for n in range(20, 40)]
        both = await asyncio.gather(again_and_again(100), again_and_again(200))
    assert both == [[2 * n for n in range(100, 120)], [2 * n for n in range(200, 220)]]
