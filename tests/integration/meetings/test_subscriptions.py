"""Our subscriptions at Microsoft: one for a visit, prolonged in time, made anew when they are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from support.telling import JOIN, ORIGIN, TellingOffice, telling, whose
from vestibule.errors import OutsideFailed, TooMany
from vestibule.kit.ids import TenantId
from vestibule.meetings.model import MeetingState
from vestibule.platform.db import Database

DAY = 86_400.0
NO_ANSWER = OutsideFailed("outside-timeout", "No answer.", phase="meeting.subscribe")


@pytest.fixture
async def office(db: Database, tenant: TenantId, db_url: str) -> AsyncIterator[TellingOffice]:
    async with telling(db, tenant, db_url) as one:
        yield one


async def test_a_meeting_has_one_and_asking_again_asks_nobody(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.ensure(visit)
    assert office.cloud.done == ["subscribe"]
    _, join_url, hook, until = office.cloud.asked[0]
    row = await office.row(visit)
    assert (row.state, row.graph_id, row.key_id) == ("live", "sub-1", hook.key.id)
    assert (join_url, hook.url, hook.lifecycle_url) == (
        JOIN,
        f"{ORIGIN}/meetings/teams/notifications",
        f"{ORIGIN}/meetings/teams/lifecycle",
    )
    assert whose(hook.client_state) == (office.tenant, row.id)
    assert until - office.clock.now() < timedelta(minutes=4_230), "Graph allows no longer life"


async def test_one_whose_answer_was_lost_is_asked_for_again_under_the_same_name(office: TellingOffice) -> None:
    office.cloud.answers = [NO_ANSWER]
    with pytest.raises(OutsideFailed):
        await office.visit_of()
    visit, *_ = await office.visit_of()
    first, second = (asked[2].client_state for asked in office.cloud.asked)
    assert first == second
    assert (await office.row(visit)).state == "live"


async def test_it_is_prolonged_a_day_before_its_end_and_not_before(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(1.9 * DAY)
    assert await office.subscriptions.renew(office.db, office.tenant) == 0
    office.clock.advance(0.1 * DAY)
    assert await office.subscriptions.renew(office.db, office.tenant) == 1
    assert office.cloud.done == ["subscribe", "renew"]
    assert office.cloud.asked[1][3] is None, "the certificate is the same: it need not be told again"
    row = await office.row(visit)
    assert row.expires_at == office.clock.now() + timedelta(minutes=4_200)
    assert await office.subscriptions.renew(office.db, office.tenant) == 0


async def test_with_a_new_key_every_subscription_is_told_of_it(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    before = (await office.row(visit)).key_id
    await office.subscriptions.renew_keys(office.db, office.tenant, now=True)
    assert await office.subscriptions.renew(office.db, office.tenant) == 1
    hook, row = office.cloud.asked[1][3], await office.row(visit)
    assert hook.key.id == row.key_id != before
    async with office.db.tenant(office.tenant) as tx:
        assert set(await office.parts.keys.openers(tx)) == {before, row.key_id}, "the old one still opens what is on its way"


async def test_an_old_key_is_forgotten_a_week_after_nothing_names_it(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.subscriptions.renew_keys(office.db, office.tenant, now=True)
    office.clock.advance(8 * DAY)
    await office.subscriptions.renew_keys(office.db, office.tenant)
    assert len(await office.rows("select from meeting_keys where purpose = 'notify'")) == 2, "a subscription still names it"
    await office.subscriptions.renew(office.db, office.tenant)
    await office.subscriptions.renew_keys(office.db, office.tenant)
    assert [row[0] for row in await office.rows("select id from meeting_keys where purpose = 'notify'")] == [
        (await office.row(visit)).key_id
    ]


async def test_one_that_is_gone_is_made_anew_and_the_visit_is_told_that_something_was_missed(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.cloud.gone = {"sub-1"}
    office.clock.advance(2.5 * DAY)
    await office.subscriptions.renew(office.db, office.tenant)
    assert office.cloud.done == ["subscribe", "renew", "subscribe"]
    assert office.cloud.asked[0][2].client_state == office.cloud.asked[2][2].client_state
    assert (await office.row(visit)).graph_id == "sub-2"
    assert await office.told(visit) == ["live_delayed"]


async def test_what_failed_is_tried_again_when_microsoft_says_and_later_each_time(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(2 * DAY)
    office.cloud.answers = [TooMany("teams-throttled", "Slower.", phase="graph", retry_after=77), NO_ANSWER]
    await office.subscriptions.renew(office.db, office.tenant)
    row = await office.row(visit)
    assert (row.code, row.tries, row.check_at) == ("teams-throttled", 1, office.clock.now() + timedelta(seconds=77))
    assert await office.subscriptions.renew(office.db, office.tenant) == 0
    office.clock.advance(77)
    await office.subscriptions.renew(office.db, office.tenant)
    assert (await office.row(visit)).tries == 2
    office.clock.advance(10)
    await office.subscriptions.renew(office.db, office.tenant)
    row = await office.row(visit)
    assert (row.code, row.tries) == ("", 0)
    assert await office.told(visit) == [], "nothing was missed: it lives for another day"


async def test_one_that_ends_before_microsoft_can_be_reached_is_said_once(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    office.clock.advance(3 * DAY)
    office.cloud.answers = [NO_ANSWER, NO_ANSWER, NO_ANSWER]
    for _ in range(3):
        await office.subscriptions.renew(office.db, office.tenant)
        office.clock.advance(300)
    assert office.cloud.done.count("renew") == 3
    assert await office.told(visit) == ["live_delayed"]


async def test_one_organisations_trouble_is_found_and_no_others(office: TellingOffice, other_tenant: TenantId) -> None:
    await office.visit_of()
    office.clock.advance(2 * DAY)
    assert await office.subscriptions.due(office.db, TenantId(UUID(int=0)), 10) == [office.tenant]
    assert await office.subscriptions.renew(office.db, other_tenant) == 0


async def test_nothing_is_prolonged_for_a_meeting_that_is_over(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    async with office.db.tenant(office.tenant) as tx:
        await office.parts.kept.change(tx, visit.id, state=MeetingState.SHUT)
    office.clock.advance(2.5 * DAY)
    await office.subscriptions.renew(office.db, office.tenant)
    assert office.cloud.done == ["subscribe"]
    assert await office.subscriptions.renew(office.db, office.tenant) == 0


async def test_in_the_end_it_is_given_back_once(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    account = await office.account()
    await office.subscriptions.over(account, visit.id)
    await office.subscriptions.over(account, visit.id)
    assert office.cloud.done == ["subscribe", "unsubscribe"]
    assert [row[0] for row in await office.rows("select state from meeting_subscriptions")] == ["over"]


async def test_another_meeting_of_the_same_visit_has_a_subscription_of_its_own(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    meeting = await office.office.meeting(visit.id)
    assert meeting is not None
    await office.subscriptions.ensure(await office.account(), replace(meeting, join_url="https://teams.example/join/2"))
    assert [row[0] for row in await office.rows("select state from meeting_subscriptions order by id")] == ["over", "live"]
