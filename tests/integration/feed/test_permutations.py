"""All permutations of up to five messages, on PostgreSQL: each appointment ends in the state that the messages' own times imply.

Every permutation is an appointment of its own, and all of them go side by side: first everybody's first message, then everybody's second.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integration.feed.conftest import FeedHouse
from support.scheduling import siu
from vestibule.visits.model import Outcome, VisitState

NOW = datetime.now(UTC).replace(microsecond=0)
_fresh = itertools.count(70_000)
BOOKS, CANCELS = ("S12", "S13", "S14", "S18", "S24", "S26"), ("S15", "S16", "S17")


@dataclass(frozen=True)
class Said:
    """One message of an appointment's life: what, when, and when the appointment is from then on."""

    event: str
    minute: int
    hours: int

    def written(self, csn: str, number: int) -> bytes:
        sent, starts = NOW - timedelta(hours=1) + timedelta(minutes=self.minute), NOW + timedelta(days=2, hours=self.hours)
        return siu(self.event, csn=csn, control=f"{csn}{number}", sent=sent, starts=starts)


def implied(heard: tuple[Said, ...]) -> tuple[bool, datetime | None, Outcome | None]:
    """Cancelled or not; else when it is, and what is marked."""
    if any(one.event in CANCELS for one in heard):
        return True, None, None
    newest = max(heard, key=lambda one: one.minute)
    return False, NOW + timedelta(days=2, hours=newest.hours), Outcome.NO_SHOW if newest.event == "S26" else None


def lives(most: int) -> st.SearchStrategy[tuple[Said, ...]]:
    """Messages with times of their own."""
    said = st.builds(Said, st.sampled_from(BOOKS + CANCELS), st.integers(0, 30), st.integers(0, 9))
    return st.lists(said, min_size=1, max_size=most, unique_by=lambda one: one.minute).map(tuple)


FIVE = (Said("S12", 0, 0), Said("S13", 1, 3), Said("S26", 2, 3), Said("S14", 3, 5), Said("S18", 4, 1))
NO_SHOW = (Said("S12", 0, 0), Said("S14", 1, 2), Said("S26", 2, 2))
ENTERED_IN_ERROR = (Said("S12", 0, 0), Said("S17", 1, 0), Said("S13", 2, 4), Said("S26", 3, 4))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(lives(4))
@example(FIVE)
@example(NO_SHOW)
@example(ENTERED_IN_ERROR)
async def test_every_order_ends_as_the_times_imply(feed: FeedHouse, owner: asyncpg.Connection, heard: tuple[Said, ...]) -> None:
    orders = {f"{next(_fresh)}": order for order in itertools.permutations(heard)}
    for step in range(len(heard)):
        await feed.put(*(order[step].written(csn, heard.index(order[step])) for csn, order in orders.items()))
        await feed.process()
    over, starts_at, outcome = implied(heard)
    assert await owner.fetchval("select count(*) from feed_inbox where state not in ('applied', 'late', 'ignored')") == 0
    rows = await owner.fetch(
        "select i.value, v.state, v.starts_at, v.outcome, (select count(*) from participants p where p.visit_id = v.id) as people"
        " from visits v join visit_identifiers i on i.visit_id = v.id and i.system = 'csn' and i.value = any($1)",
        list(orders),
    )
    found = {row["value"]: row for row in rows}
    for csn, order in orders.items():
        row = found.get(csn)
        if over:
            assert row is None or row["state"] == VisitState.CANCELLED, order
            continue
        assert row is not None, order
        assert (row["state"], row["starts_at"], row["outcome"], row["people"]) == (VisitState.SCHEDULED, starts_at, outcome, 1), order
