"""A visit in Teams over real sockets: the meeting as the practice cloud keeps it, and what happens to it with the visit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.practice_cloud import ROSA
from support.teams import TeamsHouse, teams_house
from support.waiting import until


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


async def test_each_goes_where_they_belong(house: TeamsHouse) -> None:
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    assert (await house.enter(rosa)).role == "Organizer"
    assert (await house.enter(amy)).inside
