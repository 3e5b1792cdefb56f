"""Notifications that come twice, in the names of years ago, from a forger, or late: what the visit is told is what happened, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest

from practice.microsoft.graph.model import NoticeFault
from support.house import Guest
from support.teams import TeamsHouse, teams_house
from support.waiting import until

FAULTS = [fault for fault in get_args(NoticeFault) if fault != "none"]


@pytest.fixture
async def house(db_url: str, quick_path: Path) -> AsyncIterator[TeamsHouse]:
    async with teams_house(db_url, quick_path) as one:
        one.hospital.setup(cloud={"retry_seconds": 0.05})
        yield one


async def two(house: TeamsHouse) -> tuple[Guest, Guest]:
    """A clinician and a patient who were let in, and their meeting."""
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    await house.made(amy.visit)
    return rosa, amy


async def heard(house: TeamsHouse, one: Guest, *kinds: str) -> None:
    async def so() -> bool:
        return await house.kinds(one) == list(kinds)

    await until(so, seconds=20, what=f"the visit knows of {kinds}")


def happened(house: TeamsHouse, meeting: str, person: str) -> list[str]:
    """What the practice cloud's own ledger says of somebody."""
    calls = house.calls.history(meeting)
    spells = [one for call in calls for one in call.attended if one.name == person]
    return [word for one in spells for word in (["connected", "disconnected"] if one.gone else ["connected"])]


async def everything(house: TeamsHouse, rosa: Guest, amy: Guest) -> str:
    """Both come, the patient loses the way and comes again, both go; the practice meeting's id."""
    clinician, first = await house.enter(rosa), await house.enter(amy)
    await heard(house, amy, "connected")
    house.calls.leave(first.id, "noResponse")
    again = await house.enter(amy)
    await heard(house, amy, "connected", "disconnected", "connected")
    house.calls.leave(again.id)
    house.calls.leave(clinician.id)
    await heard(house, rosa, "connected", "disconnected")
    await heard(house, amy, "connected", "disconnected", "connected", "disconnected")
    return clinician.meeting


@pytest.mark.parametrize("manners", [{"trick": "duplicate"}, {"generation": "roster"}, {"generation": "delta"}], ids=str)
async def test_however_it_is_told_the_visit_knows_what_happened(house: TeamsHouse, manners: dict[str, str]) -> None:
    house.hospital.setup(cloud=manners)
    rosa, amy = await two(house)
    meeting = await everything(house, rosa, amy)
    await house.hospital.hospital.notifier.settled()
    assert await house.kinds(amy) == happened(house, meeting, amy.participant.name)
    assert await house.kinds(rosa) == happened(house, meeting, "Rosa Okafor")


async def test_what_nobody_should_believe_is_taken_and_changes_nothing_and_the_next_good_word_counts(house: TeamsHouse) -> None:
    rosa, amy = await two(house)
    meeting = house.behind(await house.way(amy))
    for fault in FAULTS:
        house.hospital.setup(cloud={"notice_fault": fault})
        seat = house.calls.join(meeting, who="guest", name=amy.participant.name)
        house.calls.admit(seat.id)
        await house.hospital.hospital.notifier.settled()
        house.calls.leave(seat.id)
        await house.hospital.hospital.notifier.settled()
    told = house.hospital.ledger("notice")
    assert {one["status"] for one in told} == {202}
    assert len({event["event"] for one in told for event in one["items"]}) >= 3 * len(FAULTS)
    house.hospital.setup(cloud={"notice_fault": "none"})
    await house.enter(rosa)
    await heard(house, rosa, "connected")
    assert await house.kinds(amy) == []
    assert (await house.place(amy.visit)).strangers == 0
