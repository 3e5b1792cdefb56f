"""What an entry is made of: sound texts, one encoding, no two alike; who acts; repeats that are counted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.audit import SYSTEM, Actor, Outcome, Repeats, acting, acting_as, actor_from, answer_for, refer_to
from vestibule.platform.audit.model import Entry, chain_hash, clean, clean_detail, content_hash, moment

NOW = datetime(2026, 11, 21, 13, 1, 2, 3, UTC)
texts = st.text(max_size=20)
entries = st.builds(
    Entry,
    st.just(NOW),
    st.builds(Actor, texts, texts, texts, texts, texts).map(
        lambda a: Actor(clean(a.kind), clean(a.id), clean(a.session), clean(a.address), clean(a.reference))
    ),
    texts.map(clean),
    texts.map(clean),
    texts.map(clean),
    st.sampled_from(Outcome),
    st.dictionaries(texts, texts, max_size=3).map(clean_detail),
)


@given(entries, entries)
def test_two_entries_are_encoded_alike_only_when_they_say_the_same(one: Entry, other: Entry) -> None:
    assert (content_hash(one) == content_hash(other)) == (one == other)


@given(texts, texts, texts, texts)
def test_a_letter_that_moves_to_the_next_field_is_another_entry(a: str, b: str, c: str, d: str) -> None:
    one = Entry(NOW, Actor("staff", clean(a + b), clean(c)), clean(d))
    other = Entry(NOW, Actor("staff", clean(a), clean(b + c)), clean(d))
    assert (content_hash(one) == content_hash(other)) == (one == other)


@given(st.text(st.characters(), max_size=400))
def test_a_cleaned_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    found = clean(text)
    assert len(found) <= 200
    assert "\x00" not in found
    assert found.isprintable()
    assert clean(found) == found
    found.encode()


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_a_moment_is_written_in_one_way_wherever_it_was_read(at: datetime) -> None:
    text = moment(at)
    assert len(text) == 32
    assert datetime.fromisoformat(text) == at.astimezone(UTC)
    assert moment(at.astimezone(timezone(timedelta(hours=5)))) == text


def test_a_hash_belongs_to_its_organisation_and_its_place() -> None:
    tenant, other = TenantId(new_id()), TenantId(new_id())
    content = content_hash(Entry(NOW, SYSTEM, "thing.made"))
    places = [(bytes(32), tenant, 1), (bytes(32), other, 1), (bytes(32), tenant, 2), (content, tenant, 1)]
    assert len({chain_hash(previous, whose, seq, content) for previous, whose, seq in places}) == 4


# ---------------------------------------------------------------------- who acts

STATES = [
    ({"client": "10.0.0.7", "reference": "R"}, Actor("nobody", address="10.0.0.7", reference="R")),
    ({"client": None, "principal": None}, Actor("nobody")),
    ({"principal": SimpleNamespace(session="s", participant="p", member=None)}, Actor("visitor", "p", "s")),
    ({"principal": SimpleNamespace(session="s", participant=None)}, Actor("visitor", "", "s")),
    ({"principal": SimpleNamespace(session="s", participant="p", member="m")}, Actor("staff", "m", "s")),
    ({"principal": SimpleNamespace(token="t"), "client": "10.0.0.8"}, Actor("token", "t", "", "10.0.0.8")),
]


@pytest.mark.parametrize(("state", "actor"), STATES)
def test_who_asks_is_read_from_the_request(state: dict[str, object], actor: Actor) -> None:
    assert actor_from(state) == actor


async def test_outside_of_a_request_it_is_the_system_and_inside_whoever_the_guard_finds() -> None:
    async def answering() -> list[Actor]:
        state: dict[str, object] = {"client": "10.0.0.7", "reference": "R"}
        answer_for(state)
        before = acting()
        state["principal"] = SimpleNamespace(session="s", participant="p")
        refer_to("THE-LAU-NCH")
        return [before, acting(), acting_as(SimpleNamespace(session="s2", participant="p2"))]

    found = await asyncio.create_task(answering())
    assert found[0] == Actor("nobody", address="10.0.0.7", reference="R")
    assert found[1] == Actor("visitor", "p", "s", "10.0.0.7", "THE-LAU-NCH")
    assert found[2] == Actor("visitor", "p2", "s2", "10.0.0.7", "THE-LAU-NCH")
    assert acting() == SYSTEM, "another task is another request"


# ---------------------------------------------------------------------- repeats


def test_the_first_are_noted_the_rest_counted_and_told_with_the_next() -> None:
    clock = FrozenClock(NOW)
    repeats = Repeats(clock, most=2, seconds=60)
    assert [repeats.detail("a") for _ in range(5)] == [{}, {}, None, None, None]
    assert repeats.detail("b") == {}
    clock.advance(60)
    assert repeats.detail("a") == {"unnoted": "3"}
    clock.advance(60)
    assert repeats.detail("a") == {}


def test_a_storm_of_keys_takes_no_more_room() -> None:
    repeats = Repeats(FrozenClock(NOW), most=1, keys=3)
    for key in range(100):
        assert repeats.detail(key) == {}
    assert [repeats.detail(key) for key in (97, 98, 99)] == [None, None, None]
    assert repeats.detail(0) == {}
