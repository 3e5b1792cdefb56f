"""Whose is it? What a cell makes of the others' answers, and that no name leads a browser anywhere but to a cell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import OutsideFailed, Unavailable
from vestibule.kit.clock import FrozenClock
from vestibule.kit.exchange import Answer, Ask
from vestibule.platform.cells.model import Cell, Named, onward, read_cells
from vestibule.platform.cells.service import Cells, Question
from vestibule.wiring.cells import PLACES

CELLS = read_cells(("eu=https://eu.example", "us=https://us.example", "au=https://au.example:8443"))
YES, NO = (200, b'{"mine":true}'), (200, b'{"mine":false}')


class Db:
    """Knows one name."""

    def __init__(self, known: bytes = b"") -> None:
        self.known = known

    async def ask(self, _sql: str, name_hash: bytes) -> list[list[bool]]:
        return [[name_hash == self.known]]


class Others:
    """The other cells, as they answer."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[Ask, dict[str, Any]]] = []

    async def perform(self, ask: Ask, **more: Any) -> Answer:
        self.asked.append((ask, more))
        said = self.answers[ask.url.partition("://")[2].partition(".")[0]]
        if said is None:
            raise OutsideFailed("outside-unreachable", "No.", phase=ask.phase)
        return Answer(said[0], {}, said[1], ask.url)


def cells(others: Others, *, known: bytes = b"", clock: Any = None) -> Cells:
    db: Any = Db(known)
    http: Any = others
    return Cells(db=db, http=http, clock=clock or FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)), region="eu", cells=CELLS, token="t" * 32)


NAME = Named("iss", "https://ehr.example/fhir")


@pytest.mark.parametrize(
    ("us", "au", "found"),
    [
        (YES, NO, "us"),
        (NO, YES, "au"),
        (NO, NO, None),
        (YES, YES, None),  # several know it: which one is meant nobody can say
        (YES, None, "us"),  # one is away, but another knows it
    ],
)
async def test_the_one_that_knows_it_is_where_it_lives(us: Any, au: Any, found: str | None) -> None:
    cell = await cells(Others(us=us, au=au)).where(NAME)
    assert (cell.region if cell else None) == found


@pytest.mark.parametrize(
    "wrong", [None, (500, b""), (302, b'{"mine":true}'), (200, b"true"), (200, b'{"mine":1}'), (200, b"<html>"), (401, b"{}"), (200, b"{}")]
)
async def test_no_answer_that_makes_sense_is_not_a_no(wrong: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        await cells(Others(us=wrong, au=NO)).where(NAME)
    assert (caught.value.code, caught.value.retry_after) == ("cell-unavailable", 5)


async def test_what_is_known_here_is_asked_of_nobody() -> None:
    others = Others(us=YES, au=YES)
    assert await cells(others, known=NAME.hash).where(NAME) is None
    assert others.asked == []


async def test_the_question_has_the_hash_and_the_token_goes_to_the_cells_only() -> None:
    others = Others(us=NO, au=NO)
    await cells(others).where(NAME)
    for ask, more in others.asked:
        assert "ehr.example" not in ask.url + str(ask.headers) + (ask.body or b"").decode()
        assert msgspec.json.decode(ask.body or b"", type=Question) == Question("iss", NAME.hash.hex())
        assert ask.url.startswith(more["bearer"].origin + "/cells/")
        assert "redirects" not in more


async def test_an_answer_is_remembered_for_a_while_and_a_failure_is_not() -> None:
    clock, others = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)), Others(us=YES, au=NO)
    here = cells(others, clock=clock)
    for seconds, asked in ((0, 2), (59, 2), (2, 4)):
        clock.advance(seconds)
        await here.where(NAME)
        assert len(others.asked) == asked
    others.answers = {"us": None, "au": NO}
    clock.advance(61)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await here.where(NAME)
    others.answers = {"us": NO, "au": NO}
    assert await here.where(NAME) is None
    assert len(others.asked) == 10


async def test_strangers_cannot_fill_the_memory() -> None:
    here = cells(Others(us=NO, au=NO))
    for n in range(10_050):
        await here.where(Named("link", str(n)))
    assert len(here._memory) == 10_000


@given(st.text(max_size=60), st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60))
def test_whatever_the_path_the_address_is_the_cells_own(path: str, query: str) -> None:
    url = onward(Cell("us", "https://us.example"), "/" + path, query, "eu")
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", "us.example")
    assert url.startswith("https://us.example/")
    assert url.isascii()
    assert url.isprintable()
    assert "sent_by=eu" in url


@given(
    st.sampled_from([place.prefix for place in PLACES]),
    st.text(max_size=80),
    st.lists(st.tuples(st.sampled_from(["iss", "connection", "state", "launch", "x"]), st.text(max_size=40)), max_size=4),
    st.text(max_size=80),
)
def test_no_request_makes_naming_fail(prefix: str, rest: str, query: list[tuple[str, str]], authorization: str) -> None:
    place = next(place for place in PLACES if prefix.startswith(place.prefix))
    named = place.name(prefix + rest, query, authorization)
    assert named is None or (len(named.hash) == 32 and named.name)


def test_each_address_finds_its_own_place_first() -> None:
    found = {prefix: next(place.prefix for place in PLACES if prefix.startswith(place.prefix)) for prefix in [p.prefix for p in PLACES]}
    assert all(prefix == own for prefix, own in found.items())
