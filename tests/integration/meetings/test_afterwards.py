"""After a visit in Teams: its report becomes events, once; its call record becomes numbers without addresses; nothing is left open."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from practice.teams.model import Presence
from support.house import Guest
from support.practice_cloud import CLIENT, EVERYTHING
from support.teams import TeamsHouse, teams_house
from support.waiting import until
from vestibule.kit.ids import VisitId
from vestibule.meetings.model import Meeting
from vestibule.meetings.store.reports import Measured, ReportStore
from vestibule.visits.model import Outcome, VisitEvent


@pytest.fixture
async def house(db_url: str, quick_path: Path) -> AsyncIterator[TeamsHouse]:
    async with teams_house(db_url, quick_path) as one:
        one.hospital.setup(cloud={"report_seconds": 0, "record_seconds": 0})
        yield one


async def events(house: TeamsHouse, visit: VisitId, *kinds: str) -> list[VisitEvent]:
    async with house.house.parts.db.tenant(house.house.tenant) as tx:
        return [one for one in await house.house.parts.visits.events(tx, visit) if one.kind in kinds]


async def later(house: TeamsHouse, visit: VisitId, **more: Any) -> None:
    """The time has come to look again."""
    async with house.house.parts.db.tenant(house.house.tenant) as tx:
        await house.house.parts.meetings.kept.change(tx, visit, look_at=datetime.now(UTC), **more)


async def quality(house: TeamsHouse, visit: VisitId) -> list[Measured]:
    async with house.house.parts.db.tenant(house.house.tenant) as tx:
        return await ReportStore().quality(house.house.tenant, tx, visit)


async def settled(house: TeamsHouse, visit: VisitId, times: int = 1) -> list[VisitEvent]:
    """The reports that were merged, as soon as there are so many."""

    async def there() -> list[VisitEvent]:
        found = await events(house, visit, "settled")
        return found if len(found) >= times else []

    found: list[VisitEvent] = await until(there, seconds=20, what="the report is merged")
    return found


async def over(house: TeamsHouse, visit: VisitId) -> Meeting:
    """The meeting, once the call's end was told."""

    async def told() -> Meeting | None:
        meeting = await house.meeting(visit)
        return meeting if meeting and meeting.call_ended_at and meeting.look_at else None

    found: Meeting = await until(told, seconds=20, what="the end of the call was told")
    return found


async def held(house: TeamsHouse) -> tuple[Guest, Guest, Presence, Presence]:
    """A clinician and a patient who are in the meeting and known to be."""
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    seats = await house.enter(rosa), await house.enter(amy)

    async def both() -> bool:
        return await house.kinds(rosa) == await house.kinds(amy) == ["connected"]

    await until(both, seconds=20, what="both are connected")
    return rosa, amy, *seats


async def test_the_report_says_who_was_there_and_the_record_how_well_they_heard(house: TeamsHouse) -> None:
    house.hospital.setup(cloud={"guest_ids": "none"})  # they are known again by when they came
    rosa, amy, *seats = await held(house)
    for seat in seats:
        house.calls.leave(seat.id)
    await over(house, rosa.visit)
    await house.end(rosa.visit)
    await later(house, rosa.visit)
    (report,) = await settled(house, rosa.visit)
    attended = await events(house, rosa.visit, "attended")
    assert {one.participant for one in attended} == {rosa.participant.id, amy.participant.id}
    assert {one.body["report"] for one in attended} == {report.body["report"]}
    assert report.body["outcome"] == Outcome.COMPLETED
    assert report.body["met_at"]
    measured = await until(lambda: quality(house, rosa.visit), seconds=20, what="the call record is kept")
    assert {one.participant for one in measured} == {rosa.participant.id, amy.participant.id}
    assert all({"audio_jitter_ms", "rtt_ms", "network"} <= set(one.measures) for one in measured)
    said = json.dumps([dict(one.measures) for one in measured])
    assert not any(word in said for word in ("192.0.2", "198.51.100", "203.0.113", "00-00-5", "corp.example", "EMC-WS", "Mozilla"))
    await until(lambda: not house.hospital.hospital.graph.subscriptions, seconds=20, what="the subscription is ended")


async def test_a_report_is_merged_once_however_often_it_is_looked_for(house: TeamsHouse) -> None:
    rosa, _, *seats = await held(house)
    for seat in seats:
        house.calls.leave(seat.id)
    await over(house, rosa.visit)
    await later(house, rosa.visit)
    await settled(house, rosa.visit)
    before = await events(house, rosa.visit, "attended", "settled")
    async with house.house.parts.db.tenant(house.house.tenant) as tx:
        await tx.execute("update meetings set quality_at = null")
    await later(house, rosa.visit, looks=0)

    async def looked() -> bool:
        meeting = await house.meeting(rosa.visit)
        return meeting is not None and meeting.looks > 0

    await until(looked, seconds=20, what="it was looked at again")
    assert await events(house, rosa.visit, "attended", "settled") == before


async def test_what_was_lost_on_its_way_the_report_tells(house: TeamsHouse) -> None:
    """Nothing was told of who came and went; who was shown the way stands for whoever the report names."""
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    await house.made(rosa.visit)
    house.hospital.setup(cloud={"trick": "drop"})
    seats = [await house.enter(rosa), await house.enter(amy)]
    await house.end(rosa.visit)
    for seat in seats:
        house.calls.leave(seat.id)
    assert await events(house, rosa.visit, "connected") == []
    await later(house, rosa.visit)
    (report,) = await settled(house, rosa.visit)
    assert {one.participant for one in await events(house, rosa.visit, "attended")} == {rosa.participant.id, amy.participant.id}
    assert report.body["outcome"] == Outcome.COMPLETED


async def test_without_leave_to_read_reports_the_subscription_ends_all_the_same(house: TeamsHouse) -> None:
    rosa = await house.clinician()
    await house.made(rosa.visit)
    seat = await house.enter(rosa)
    house.calls.leave(seat.id)
    await over(house, rosa.visit)
    apps = [{"client_id": CLIENT, "permissions": [one for one in EVERYTHING if "Artifact" not in one]}]
    house.hospital.setup(sign_in_apps=apps)
    house.hospital.hospital.graph.expire_tokens()
    await house.end(rosa.visit)
    await later(house, rosa.visit)
    await until(lambda: not house.hospital.hospital.graph.subscriptions, seconds=20, what="the subscription is ended")
    meeting = await house.meeting(rosa.visit)
    assert meeting is not None
    assert meeting.settled_at is None


async def test_a_meeting_that_takes_place_twice_has_two_reports(house: TeamsHouse) -> None:
    rosa, amy, *seats = await held(house)
    for seat in seats:
        house.calls.leave(seat.id)
    first = await over(house, rosa.visit)
    await later(house, rosa.visit)
    await settled(house, rosa.visit)
    again = [await house.enter(rosa), await house.enter(amy)]
    for seat in again:
        house.calls.leave(seat.id)

    async def ended_again() -> bool:
        meeting = await house.meeting(rosa.visit)
        return bool(meeting and meeting.call_ended_at and first.call_ended_at and meeting.call_ended_at > first.call_ended_at)

    await until(ended_again, seconds=20, what="the second end was told")
    await later(house, rosa.visit, looks=0)
    assert len({one.body["report"] for one in await settled(house, rosa.visit, times=2)}) == 2
