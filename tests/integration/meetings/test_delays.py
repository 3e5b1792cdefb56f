"""Live status that is late: noticed by what should have been told and was not, said once, over with the next word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from support.telling import TellingOffice, guest, telling, user
from vestibule.errors import NotAllowed
from vestibule.kit.ids import TenantId
from vestibule.meetings.model import Seen
from vestibule.platform.db import Database
from vestibule.visits.model import EventKind, Visit

FIRST = TenantId(UUID(int=0))


@pytest.fixture
async def office(db: Database, tenant: TenantId, db_url: str) -> AsyncIterator[TellingOffice]:
    async with telling(db, tenant, db_url) as one:
        yield one


async def look(office: TellingOffice) -> int:
    """The worker's chore."""
    return sum([await office.delays.find(office.db, one) for one in await office.delays.whose_silent(office.db, FIRST, 10)])


async def why(office: TellingOffice, visit: Visit) -> list[str]:
    return [e.body["code"] for e in await office.office.events(visit.id) if e.kind is EventKind.LIVE_DELAYED]


async def test_who_was_shown_the_way_and_is_not_heard_of_for_45_seconds_is_awaited_in_vain(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(44)
    assert await look(office) == 0
    office.clock.advance(1)
    assert await look(office) == 1
    assert await why(office, visit) == ["silence"]
    assert (await office.office.place(visit.id)).delayed
    assert await look(office) == 0, "it is said once"


async def test_then_the_subscription_is_looked_at(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(45)
    await look(office)
    assert (await office.row(visit)).check_code == "silence"
    assert await office.subscriptions.renew(office.db, office.tenant) == 1
    assert office.cloud.done == ["subscribe", "renew"]


async def test_the_next_word_that_is_proved_ends_it(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(45)
    await look(office)
    await office.tells(visit, office.event(Seen("g1", guest())))
    assert await office.told(visit) == ["live_delayed", "live_resumed", "patient connected"]
    assert not (await office.office.place(visit.id)).delayed
    office.clock.advance(60)
    assert await look(office) == 0


async def test_a_word_that_is_not_proved_ends_nothing(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(45)
    await look(office)
    await office.tells(visit, office.refused(NotAllowed("teams-notice-forged", "No.", phase="meeting.notice")))
    assert await office.told(visit) == ["live_delayed"]


async def test_somebody_elses_coming_after_it_was_shown_is_a_sign_that_we_are_told(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(20)
    await office.tells(visit, office.event(Seen("r1", user())))
    office.clock.advance(30)
    assert await look(office) == 0


@pytest.mark.parametrize("step", ["put_back", "remove", "leave"])
async def test_who_may_not_go_in_any_more_is_not_awaited(office: TellingOffice, step: str) -> None:
    visit, _, ann = await office.visit_of()
    await office.office.step(step, visit.id, ann.id)
    office.clock.advance(45)
    assert await look(office) == 0


async def test_a_visit_that_is_over_awaits_nobody(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.office.step("end_for_all", visit.id)
    office.clock.advance(45)
    assert await look(office) == 0


async def test_a_number_of_the_roster_that_does_not_come_within_ten_seconds_is_a_gap(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("r1", user(), sequence=4)))
    await office.tells(visit, office.event(Seen("g1", guest(), sequence=6), when=1))
    office.clock.advance(9)
    assert await look(office) == 0
    office.clock.advance(1)
    assert await look(office) == 1
    assert await why(office, visit) == ["gap"]
    await office.tells(visit, office.event(Seen("g1", guest(), gone=True, sequence=7)))
    assert (await office.told(visit))[-2:] == ["live_resumed", "patient disconnected"]
    office.clock.advance(60)
    assert await look(office) == 0, "the old gap is forgiven"


async def test_what_was_only_overtaken_is_none(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    first, second, third = (office.event(Seen(f"g{n}", guest("x", str(n)), sequence=n), when=n) for n in (1, 2, 3))
    await office.tells(visit, first)
    await office.tells(visit, third)
    await office.tells(visit, second)
    office.clock.advance(30)
    assert await look(office) == 0


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("missed", ["missed"]),
        ("reauthorizationRequired", []),
        ("subscriptionRemoved", []),
        ("somethingNew", []),
    ],
)
async def test_what_microsoft_says_of_the_subscription_itself(office: TellingOffice, word: str, expected: list[str]) -> None:
    visit, *_ = await office.visit_of()
    await office.lifecycle(visit, word)
    assert await why(office, visit) == expected
    looked = await office.subscriptions.renew(office.db, office.tenant)
    assert looked == (0 if word == "somethingNew" else 1), "whatever is said is looked at, and only what is found counts"
    assert await why(office, visit) == expected


async def test_removed_is_believed_when_it_is_so(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.cloud.gone = {"sub-1"}
    await office.lifecycle(visit, "subscriptionRemoved")
    await office.subscriptions.renew(office.db, office.tenant)
    assert (await office.row(visit)).graph_id == "sub-2"
    assert await why(office, visit) == ["removed"]
