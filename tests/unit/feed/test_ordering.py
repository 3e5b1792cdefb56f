"""Whatever order messages come in, what is known in the end is what their own times say."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from vestibule.feed.ordering import OVER, Move, Word, after, tie, weigh
from vestibule.protocols.hl7v2.notice import Status

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
EVENTS = {"S12": Status.BOOKED, "S13": Status.BOOKED, "S14": Status.BOOKED, "S15": Status.CANCELLED, "S17": Status.ENTERED_IN_ERROR}
EVENTS |= {"S26": Status.NO_SHOW, "S16": Status.CANCELLED, "S20": Status.BOOKED}


@st.composite
def words(draw: st.DrawFn) -> list[Word]:
    """Up to five messages with names of their own, some of the same moment."""
    many = draw(st.integers(1, 5))
    events = draw(st.lists(st.sampled_from(sorted(EVENTS)), min_size=many, max_size=many))
    minutes = draw(st.lists(st.integers(0, 3), min_size=many, max_size=many))
    return [Word(EVENTS[e], NOON + timedelta(minutes=m), tie(e, str(9 + n))) for n, (e, m) in enumerate(zip(events, minutes, strict=True))]


def implied(heard: list[Word]) -> tuple[bool, Word | None]:
    """What their times say: cancelled if any cancels, else the newest."""
    if any(word.status in OVER for word in heard):
        return True, None
    return False, max(heard, key=lambda word: (word.at, word.tie))


@given(words())
def test_every_permutation_ends_in_the_state_that_their_times_imply(heard: list[Word]) -> None:
    over, newest = implied(heard)
    for order in itertools.permutations(heard):
        known = reduce(after, order, None)
        assert known is not None
        assert (known.status in OVER) is over
        if not over:
            assert known == newest


@given(words(), st.data())
def test_what_comes_twice_changes_nothing(heard: list[Word], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(heard), max_size=4))
    once, twice = reduce(after, heard, None), reduce(after, [*heard, *again], None)
    assert (once, True) == (twice, True) or (once is not None and once.status in OVER and twice is not None and twice.status in OVER)


@given(words(), st.sampled_from(sorted(EVENTS)), st.integers(0, 9))
def test_nothing_revives_what_was_cancelled(heard: list[Word], event: str, minute: int) -> None:
    cancelled = Word(Status.CANCELLED, NOON, "")
    known = reduce(after, [cancelled, *heard], None)
    assert weigh(known, Word(EVENTS[event], NOON + timedelta(minutes=minute))) in {Move.OVER, Move.LATE}


def test_messages_of_one_second_are_ordered_by_what_they_tell_then_by_their_number() -> None:
    told = [tie("S12", "99"), tie("S14", "9"), tie("S14", "10"), tie("S14", "A-2"), tie("S14", "A-10"), tie("S13", "1"), tie("S26", "1")]
    assert told == sorted(told)
    assert len(tie("S12", "9" * 400)) < 240
