"""What the practice cloud tells, over real sockets: sealed for our key, signed by its own, and forged in every way it can be."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest

from practice.microsoft.graph.model import NoticeFault
from practice.teams.model import Presence
from support.house import Guest
from support.teams import TeamsHouse, teams_house
from support.waiting import until
from vestibule.meetings.notices import NoticeWork
from vestibule.visits.ports import CHANNEL, Note, read_note

FAULTS = [fault for fault in get_args(NoticeFault) if fault != "none"]
# The step from a notification's coming to the event's being heard by live pages.
LIVE_SECONDS = 1.0


@pytest.fixture
async def house(db_url: str, quick_path: Path) -> AsyncIterator[TeamsHouse]:
    async with teams_house(db_url, quick_path) as one:
        yield one


async def meet(house: TeamsHouse) -> tuple[Guest, Guest, Presence]:
    """Rosa is in the meeting, and Amy was let in."""
    rosa, amy = await house.clinician(), await house.patient()
    await house.admit(amy)
    seat = await house.enter(rosa)
    await until(lambda: _connected(house, rosa), what="we are told of it")
    return rosa, amy, seat


async def _connected(house: TeamsHouse, one: Guest) -> bool:
    return (await house.kinds(one))[-1:] == ["connected"]


async def _disconnected(house: TeamsHouse, one: Guest) -> bool:
    return (await house.kinds(one))[-1:] == ["disconnected"]


async def quiet(house: TeamsHouse) -> None:
    """Everything that was to be told has come, and is worked through."""
    await house.hospital.hospital.notifier.settled()

    async def done() -> bool:
        return not await rows(house, "select from meeting_inbox where done_at is null")

    await until(done, what="all that came is worked through")


async def rows(house: TeamsHouse, sql: str) -> list[Any]:
    async with house.house.parts.db.tenant(house.house.tenant) as tx:
        return list(await tx.fetch(sql))


async def inside(house: TeamsHouse) -> list[Any]:
    """What hostile notifications must not change."""
    tables = ("meetings", "meeting_roster", "meeting_subscriptions", "visit_events", "participants", "visits")
    return [sorted(tuple(row) for row in await rows(house, f"select t::text from {table} t")) for table in tables]


async def events(house: TeamsHouse, one: Guest) -> list[str]:
    return [kind for kind in await house.house.kinds(one.visit) if kind.startswith(("live_", "call_"))]


async def test_who_comes_in_is_live_within_a_second_of_the_notification(
    db_url: str, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By being told: the worker's own looks are an hour apart here. Of some comings and goings a busy machine may spoil a few."""
    monkeypatch.setitem(NoticeWork.__init__.__kwdefaults__, "poll", 3600.0)  # type: ignore[arg-type]
    async with teams_house(db_url, quick_path) as house:
        _, amy, _ = await meet(house)
        heard: asyncio.Queue[Note] = asyncio.Queue()
        house.house.parts.listener.subscribe(CHANNEL, lambda payload: heard.put_nowait(read_note(payload)))
        took = {"connected": math.inf, "disconnected": math.inf}
        for _ in range(4):
            seat = await house.enter(amy)
            took["connected"] = min(took["connected"], await _until_heard(heard, "connected", amy))
            house.calls.leave(seat.id)
            took["disconnected"] = min(took["disconnected"], await _until_heard(heard, "disconnected", amy))
    assert max(took.values()) < LIVE_SECONDS, took


async def _until_heard(heard: asyncio.Queue[Note], kind: str, who: Guest) -> float:
    """Seconds from now until the event is heard."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with asyncio.timeout(30):
        while (note := await heard.get()).kind != kind or note.who != who.participant.id:
            pass
    return clock() - began


async def test_nothing_that_is_forged_changes_anything_and_what_is_true_goes_on(house: TeamsHouse) -> None:
    rosa, amy, _ = await meet(house)
    seat = await house.enter(amy)
    await until(lambda: _connected(house, amy), what="Amy is connected")
    await quiet(house)
    before = await inside(house)
    for fault in FAULTS:
        house.hospital.setup(cloud={"notice_fault": fault})
        house.calls.leave(house.calls.join(seat.meeting, who="guest", name="Mallory").id)
        await quiet(house)
        assert await inside(house) == before, fault
    codes = {row[0] for row in await rows(house, "select code from meeting_inbox where code <> ''")}
    assert codes == {"teams-notice-forged", "teams-notice-unreadable"}
    assert {row[0] for row in await rows(house, "select count(*) from meeting_inbox where sealed is not null")} == {0}
    answers = {entry["status"] for entry in house.hospital.ledger("notice")}
    assert answers == {202}, "and whoever sent it cannot tell"
    house.hospital.setup(cloud={"notice_fault": "none"})
    house.calls.leave(seat.id)
    await until(lambda: _disconnected(house, amy), what="what is true is still heard")
    assert await house.kinds(rosa) == ["connected"]


@pytest.mark.parametrize("manners", [{"trick": "duplicate"}, {"trick": "reorder"}, {"generation": "roster"}, {"generation": "delta"}])
async def test_however_it_is_told_it_is_the_same_visit(house: TeamsHouse, manners: dict[str, Any]) -> None:
    _, amy, rosas = await meet(house)
    house.hospital.setup(cloud=manners)
    seat = await house.enter(amy)
    house.calls.leave(seat.id)
    await until(lambda: _disconnected(house, amy), what="Amy came and went")
    house.hospital.setup(cloud={"trick": "", "generation": "event"})
    house.calls.leave(rosas.id)
    await quiet(house)
    assert await house.kinds(amy) == ["connected", "disconnected"]


async def test_a_call_that_is_ended_for_all_leaves_nobody_connected(house: TeamsHouse) -> None:
    rosa, amy, _ = await meet(house)
    seat = await house.enter(amy)
    await until(lambda: _connected(house, amy), what="Amy is connected")
    house.calls.end(seat.meeting)
    await until(lambda: _disconnected(house, amy), what="everybody is gone")
    assert await house.kinds(rosa) == ["connected", "disconnected"]
    assert await events(house, rosa) == ["call_ended"]


async def test_who_waits_in_teams_own_lobby_knocks_in_the_console(house: TeamsHouse) -> None:
    await house.set(teams_lobby=True)
    rosa, amy, _ = await meet(house)
    seat = await house.enter(amy)
    assert seat.lobby

    async def knocks() -> bool:
        return (await house.place(rosa.visit)).knocking == {amy.participant.id}

    await until(knocks, what="Amy knocks")
    assert await house.kinds(amy) == []
    house.calls.admit(seat.id)
    await until(lambda: _connected(house, amy), what="Amy was let in there")


async def test_a_subscription_that_is_removed_is_noticed_and_made_anew(house: TeamsHouse) -> None:
    rosa, amy, _ = await meet(house)
    ((before,),) = await rows(house, "select graph_id from meeting_subscriptions where state = 'live'")
    house.hospital.hospital.notifier.lifecycle(before, "subscriptionRemoved")

    async def anew() -> bool:
        return [row[0] for row in await rows(house, "select graph_id from meeting_subscriptions where state = 'live'")] not in (
            [],
            [before],
        )

    await until(anew, what="another one is there")
    assert await events(house, rosa) == ["live_delayed"]
    assert (await house.place(rosa.visit)).delayed
    await house.enter(amy)
    await until(lambda: _connected(house, amy), what="we are told again")
    assert await events(house, rosa) == ["live_delayed", "live_resumed"]


async def test_silence_after_the_way_was_shown_is_noticed(house: TeamsHouse) -> None:
    rosa, amy, _ = await meet(house)
    house.hospital.setup(cloud={"trick": "drop"})
    await house.enter(amy)
    await rows(house, "update meeting_ways set given_at = given_at - interval '50 seconds' returning 1")
    await rows(house, "update meetings set heard_at = heard_at - interval '70 seconds' returning 1")

    async def late() -> bool:
        return await events(house, rosa) == ["live_delayed"]

    await until(late, what="nothing is heard of Amy")
    house.hospital.setup(cloud={"trick": ""})


async def test_an_end_that_was_told_to_nobody_is_found_by_the_report(house: TeamsHouse) -> None:
    rosa, amy, _ = await meet(house)
    seat = await house.enter(amy)
    await until(lambda: _connected(house, amy), what="Amy is connected")
    ((due, ends),) = await rows(house, "select m.look_at, v.ends_at from meetings m join visits v on v.id = m.visit_id")
    assert due > (ends or house.house.parts.clock.now()), "a call that goes on after its time is looked at"
    house.hospital.setup(cloud={"trick": "drop", "report_seconds": 0})
    house.calls.end(seat.meeting)
    await rows(house, "update meetings set look_at = now() returning 1")
    await until(lambda: _disconnected(house, amy), what="the report says that it is over", seconds=20)
    assert await house.kinds(rosa) == ["connected", "disconnected"]
    assert await events(house, rosa) == ["call_ended"]
    house.hospital.setup(cloud={"trick": ""})
