"""The Teams-like meeting over real sockets: its doors, its lobby, what who leads may do, and a page that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from practice.microsoft.graph.model import OnlineMeeting
from practice.microsoft.seed import ALDER, BIRCH
from practice.server import Running, start
from practice.teams import seats

ROSA = "5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03"
LENA = "5f1c2a70-0004-4c1e-8a55-2d7b9e3f0a04"
STRICT = {"allowedPresenters": "organizer", "allowMeetingChat": "limited"}


def meeting_of(hospital: Running, **options: Any) -> OnlineMeeting:
    """A meeting of Rosa's, into which nobody else comes past the lobby."""
    graph = hospital.hospital.graph
    made = graph.make(ALDER, ROSA, start="2026-11-21T20:00:00Z", end="2026-11-21T21:00:00Z", subject="Video visit")
    made.lobby, made.options = "organizer", {**STRICT, **options}
    return graph.keep(made)


@dataclass
class Meeting:
    """A meeting, and people who come into it by its pages."""

    hospital: Running
    made: OnlineMeeting
    web: aiohttp.ClientSession
    texts: list[str] = field(default_factory=list)

    async def come(self, **form: str) -> str:
        """Join; where the page of who came is."""
        async with self.web.post(f"{self.hospital.url}/teams/join", data={"thread": self.made.thread, **form}) as answer:
            self.texts.append(await answer.text())
            return str(answer.url)

    async def press(self, page: str, what: str, whom: str = "") -> str:
        """A button of somebody's page; what they see afterwards."""
        async with self.web.post(f"{page}/{what}", data={"whom": whom.rpartition("/")[2]}) as answer:
            return await answer.text()

    async def look(self, address: str) -> tuple[int, str]:
        async with self.web.get(address) as answer:
            return answer.status, await answer.text()

    def happened(self) -> list[str]:
        """What the ledger has, each in a word."""
        return [_word(entry) for entry in self.hospital.ledger("teams")]


def _word(entry: dict[str, Any]) -> str:
    people = [f"{one['name']}: {one['gone'] or ('lobby' if one['lobby'] else 'in')}" for one in entry.get("participants", [])]
    return ", ".join(people) or entry["event"]


@pytest.fixture
async def meeting(hospital: Running) -> AsyncIterator[Meeting]:
    async with aiohttp.ClientSession() as session:
        yield Meeting(hospital, meeting_of(hospital), session)


async def test_a_visit_is_held_by_its_pages(meeting: Meeting) -> None:
    amy = await meeting.come(name="  Amy   Shaw ", visitors="1")
    assert "Someone will let you in" in meeting.texts[-1]
    rosa = await meeting.come(account=ROSA)
    assert "Admit Amy Shaw" in meeting.texts[-1]
    assert "Remove Amy Shaw" in await meeting.press(rosa, "admit", amy)
    assert "You left the meeting" in await meeting.press(amy, "leave")
    assert "The meeting has ended" in await meeting.press(rosa, "end")
    expected = ["callStarted", "Amy Shaw: lobby", "Rosa Okafor: in", "Amy Shaw: in", "Amy Shaw: left", "callEnded"]
    assert meeting.happened() == expected


async def test_only_who_leads_lets_in_sends_out_and_ends(meeting: Meeting) -> None:
    rosa, amy, kwame = await meeting.come(account=ROSA), await meeting.come(name="Amy Shaw"), await meeting.come(name="Kwame Osei")
    await meeting.press(rosa, "admit", amy)
    before = meeting.happened()
    for page in (amy, kwame):
        for what in ("admit", "admit-all", "remove", "end", "nonsense"):
            assert "Admit" not in await meeting.press(page, what, kwame)
    assert meeting.happened() == before
    await meeting.press(rosa, "remove", kwame)
    assert meeting.happened()[-1] == "Kwame Osei: denied"


async def test_who_leads_one_meeting_has_no_say_in_another(meeting: Meeting) -> None:
    other = Meeting(meeting.hospital, meeting_of(meeting.hospital), meeting.web)
    rosa, amy = await meeting.come(account=ROSA), await other.come(name="Amy Shaw")
    await meeting.press(rosa, "admit", amy)
    await meeting.press(rosa, "remove", amy)
    assert meeting.happened()[-1] == "Amy Shaw: lobby"


async def test_a_colleague_is_no_organizer_where_the_meeting_says_so(meeting: Meeting) -> None:
    await meeting.come(account=LENA)
    assert "Someone will let you in" in meeting.texts[-1]
    open_one = Meeting(meeting.hospital, meeting_of(meeting.hospital, allowedPresenters="everyone"), meeting.web)
    open_one.made.lobby = "organization"
    await open_one.come(account=LENA)
    assert "End for everybody" in open_one.texts[-1]


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "Amy\u202eShaw", "\x00"])
async def test_a_name_that_says_nothing_is_asked_for_again(meeting: Meeting, name: str) -> None:
    await meeting.come(name=name, visitors="1")
    assert "Enter your name" in meeting.texts[-1]
    assert meeting.happened() == []


async def test_a_hostile_name_stays_a_name(meeting: Meeting) -> None:
    await meeting.come(name="<script>alert(1)</script>")
    assert "<script>alert" not in meeting.texts[-1]


async def test_wrong_links_lead_nowhere(meeting: Meeting) -> None:
    made, url = meeting.made, meeting.hospital.url
    wrong = [
        made.join_url.replace("meeting_", "meeting_x"),
        made.visitor_url.replace(ALDER, BIRCH),
        f"{url}/teams/visit/route",
        f"{url}/teams/in/nobody",
        f"{url}/teams/in/nobody/news",
    ]
    for address in wrong:
        status, text = await meeting.look(address)
        assert (status, "find this meeting" in text) == (404, True), address
    assert (await meeting.look(made.join_url))[0] == (await meeting.look(made.visitor_url))[0] == 200
    made.deleted = True
    meeting.hospital.hospital.graph.keep(made)
    assert (await meeting.look(made.join_url))[0] == 404


async def test_a_page_that_is_gone_is_somebody_who_is_gone(meeting: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "GRACE", 0.05)
    monkeypatch.setattr("practice.teams.pages._HEARTBEAT", 0.05)
    rosa = await meeting.come(account=ROSA)
    async with meeting.web.get(f"{rosa}/news") as stream:
        assert (await stream.content.readline()).startswith(b"data: ")
        assert meeting.happened()[-1] == "Rosa Okafor: in"
    await meeting.hospital.wait("teams", count=4)
    assert meeting.happened() == ["callStarted", "Rosa Okafor: in", "Rosa Okafor: noResponse", "callEnded"]


async def test_a_page_that_comes_back_in_time_was_never_gone(meeting: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    rosa = (await meeting.come(account=ROSA)).rpartition("/")[2]
    house = meeting.hospital.hospital
    monkeypatch.setattr(seats, "GRACE", 0.02)
    with house.seats.taken(rosa):
        pass
    with house.seats.taken(rosa):
        assert await meeting.hospital.wait("teams", count=3, seconds=0.1) == meeting.hospital.ledger("teams")
        assert len(meeting.happened()) == 2


async def test_who_does_not_come_back_after_a_restart_is_gone(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await start(data=tmp_path)
    made = meeting_of(first)
    first.hospital.calls.join(made.id, who="user", name="Rosa Okafor", person=ROSA, tid=ALDER)
    await first.stop()
    monkeypatch.setattr(seats, "RETURN", 0.02)
    again = await start(data=tmp_path)
    assert [entry["event"] for entry in await again.wait("teams", count=4)][-1] == "callEnded"
    await again.stop()


async def test_whoever_looks_is_told_of_what_happens(meeting: Meeting) -> None:
    rosa = await meeting.come(account=ROSA)
    async with meeting.web.get(f"{rosa}/news") as stream:
        first = await stream.content.readline()
        await stream.content.readline()
        await meeting.come(name="Amy Shaw")
        async with asyncio.timeout(15):
            while (line := await stream.content.readline()) in {b"\n", b":\n"}:
                pass
    assert line.startswith(b"data: ")
    assert line != first


async def test_the_clouds_own_page_says_who_was_there_and_why_they_went(meeting: Meeting) -> None:
    rosa, amy = await meeting.come(account=ROSA), await meeting.come(name="Amy Shaw")
    await meeting.press(rosa, "admit", amy)
    await meeting.press(rosa, "remove", amy)
    _, text = await meeting.look(f"{meeting.hospital.url}/teams")
    assert "1 there now" in text
    assert "UTC: was removed" in text
    assert "the organizer alone" in text
    _, text = await meeting.look(f"{meeting.hospital.url}/desk?kind=teams")
    assert "Amy Shaw: in the lobby" in text


async def test_nothing_of_microsofts_stands_in_a_frame(meeting: Meeting) -> None:
    stage = await meeting.come(account=ROSA)
    for address in (
        meeting.made.join_url,
        meeting.made.visitor_url,
        stage,
        f"{meeting.hospital.url}/microsoft/common/oauth2/v2.0/authorize",
    ):
        async with meeting.web.get(address) as answer:
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], address
    async with meeting.web.get(f"{meeting.hospital.url}/teams") as answer:
        assert "frame-ancestors" not in answer.headers["Content-Security-Policy"]
