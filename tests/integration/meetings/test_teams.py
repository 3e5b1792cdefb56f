"""A visit in Teams over real sockets: the meeting as the practice cloud keeps it, what becomes of it with the visit, what the pages say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from practice.microsoft.graph.model import OnlineMeeting
from practice.microsoft.seed import ALDER
from support.house import Guest
from support.practice_cloud import ROSA, register
from support.teams import TeamsHouse, teams_house
from support.waiting import until
from vestibule.meetings.model import MeetingState
from vestibule.visits.model import MeetingPlace, PersonRole


@pytest.fixture
async def house(db_url: str, quick_path: Path) -> AsyncIterator[TeamsHouse]:
    async with teams_house(db_url, quick_path) as one:
        yield one


async def test_a_visit_that_opens_has_a_meeting_at_microsoft_and_loses_it_in_the_end(house: TeamsHouse) -> None:
    rosa = await house.clinician()
    meeting = await house.made(rosa.visit)
    kept = house.hospital.hospital.graph.meeting(meeting.meeting_id)
    assert kept is not None
    assert (kept.organizer, kept.external_id, kept.chat) == (ROSA, str(rosa.visit), "limited")
    await house.end(rosa.visit)
    await until(lambda: (shut := house.hospital.hospital.graph.meeting(meeting.meeting_id)) and shut.chat == "disabled", what="it is shut")


def kept(house: TeamsHouse, meeting: str) -> OnlineMeeting | None:
    """As the practice cloud has it; None where it was deleted."""
    return house.hospital.hospital.graph.meeting(meeting)


async def shows(house: TeamsHouse, one: Guest, **facts: Any) -> MeetingPlace:
    """What the console shows of the meeting, as soon as it is this."""

    async def so() -> MeetingPlace | None:
        place = await house.place(one.visit, one)
        return place if all(getattr(place, name) == value for name, value in facts.items()) else None

    place: MeetingPlace = await until(so, what=f"the console shows {facts}")
    return place


async def test_a_meeting_moves_with_its_appointment_and_goes_with_it(house: TeamsHouse) -> None:
    rosa, parts = await house.clinician(), house.house.parts
    meeting = await house.made(rosa.visit)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    async with parts.db.tenant(house.house.tenant) as tx:
        await parts.visits.reschedule(tx, rosa.visit, starts_at=later, ends_at=later + timedelta(minutes=20))
    begins = later.strftime("%Y-%m-%dT%H:%M")
    await until(lambda: (now := kept(house, meeting.meeting_id)) and now.start.startswith(begins), what="it has moved")
    async with parts.db.tenant(house.house.tenant) as tx:
        await parts.visits.cancel(tx, rosa.visit)
    await until(lambda: kept(house, meeting.meeting_id) is None, what="it is deleted")


async def test_what_is_missing_at_microsoft_is_named_and_nobody_goes_in_until_it_is_there(house: TeamsHouse) -> None:
    house.hospital.setup(access_policies=[{"name": "Vestibule", "tid": ALDER, "app_ids": []}])
    rosa = await house.clinician()
    await shows(house, rosa, code="teams-policy-missing", ready=False)
    register(house.hospital)
    await house.house.parts.meetings.choice.ensure(await house.visit(rosa.visit))
    await shows(house, rosa, code="", ready=True)
    assert [kind for kind in await house.house.kinds(rosa.visit) if kind.startswith("meeting")] == ["meeting_failed", "meeting_made"]


async def test_whoever_is_put_back_is_marked_until_the_clinician_removes_them_there(house: TeamsHouse) -> None:
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    await house.enter(rosa)
    seat = await house.enter(amy)
    await until(lambda: house.kinds(amy), what="Amy is connected")
    await house.step("put_back", amy)
    await shows(house, rosa, stuck=frozenset({amy.participant.id}))
    house.calls.remove(seat.id)
    await shows(house, rosa, stuck=frozenset())
    assert await house.kinds(amy) == ["connected", "disconnected"]


async def test_where_teams_has_its_lobby_on_the_console_says_who_knocks_there(house: TeamsHouse) -> None:
    await house.set(teams_lobby=True)
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    await house.enter(rosa)
    seat = await house.enter(amy)
    assert seat.lobby
    await shows(house, rosa, knocking=frozenset({amy.participant.id}), own_lobby=True)
    house.calls.admit(seat.id)
    await shows(house, rosa, knocking=frozenset())
    await until(lambda: house.kinds(amy), what="Amy is connected")


async def test_a_stranger_is_counted_and_a_call_that_goes_on_after_the_end_is_said(house: TeamsHouse) -> None:
    rosa = await house.clinician()
    seat = await house.enter(rosa)
    house.calls.join(seat.meeting, who="guest", name="Nobody we know")
    await shows(house, rosa, strangers=1, running=True)
    await house.end(rosa.visit)
    await shows(house, rosa, ready=False, running=True)
    house.calls.end(seat.meeting)
    await shows(house, rosa, running=False, strangers=0)


async def test_seven_people_meet_and_the_list_says_so_of_each(house: TeamsHouse) -> None:
    rosa = await house.clinician()
    guests = [await house.patient(f"Guest {n}", role=PersonRole.FAMILY if n else PersonRole.PATIENT) for n in range(6)]
    for one in guests:
        await house.admit(one)
    for one in (rosa, *guests):
        await house.enter(one)

    async def all_there() -> bool:
        return set((await house.house.states(rosa.visit)).values()) == {"connected"} and all([await house.kinds(one) for one in guests])

    await until(all_there, what="everybody is connected")


async def test_the_visit_ends_with_its_call_and_its_meeting_is_shut(house: TeamsHouse) -> None:
    parts = house.house.parts
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    seat = await house.enter(rosa)
    await house.enter(amy)
    await until(lambda: house.kinds(amy), what="Amy is connected")
    await until(lambda: house.kinds(rosa), what="Rosa is connected")
    house.calls.end(seat.meeting)

    async def quiet() -> bool:
        return "call_ended" in await house.house.kinds(rosa.visit)

    await until(quiet, what="the call is over")
    async with parts.db.tenant(house.house.tenant) as tx:
        await parts.meetings.kept.change(tx, rosa.visit, end_at=datetime.now(UTC))  # the two minutes are over

    async def shut() -> bool:
        meeting = await house.meeting(rosa.visit)
        return meeting is not None and meeting.state is MeetingState.SHUT

    await until(shut, what="the visit has ended, and its meeting is shut")
    assert (await house.visit(rosa.visit)).outcome == "completed"


async def test_each_goes_where_they_belong(house: TeamsHouse) -> None:
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    assert (await house.enter(rosa)).role == "Organizer"
    assert (await house.enter(amy)).inside
