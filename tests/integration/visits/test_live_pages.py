"""Live streams over real sockets: whole across a reconnect, bounded for whoever does not read, silent about others."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest

from support.house import Guest, House, house
from support.waiting import until
from vestibule.visits.model import PersonRole

IDS = re.compile(rb"^id: (\d+)$", re.MULTILINE)
DATA = re.compile(rb"^data: (\{.*\})$", re.MULTILINE)


@pytest.fixture
async def clinic(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as running:
        yield running


class Line:
    """A page's stream, as bytes."""

    def __init__(self, guest: Guest, *, after: int = 0, reads: bool = True, where: str = "live") -> None:
        self.guest, self.after, self.reads, self.where = guest, after, reads, where
        self.body = b""
        self.ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        port = int(self.guest.house.origin.rsplit(":", 1)[1])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        head = f"GET {self.guest.base}/{self.where} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {self.guest.headers['Cookie']}\r\n"
        self.writer.write(f"{head}Last-Event-ID: {self.after}\r\n\r\n".encode())
        self.task = asyncio.create_task(self._read())
        if self.reads:
            await until(lambda: b"retry:" in self.body, what="the stream's beginning")
        return self

    async def _read(self) -> None:
        while self.reads and (data := await self.reader.read(65536)):
            self.body += data
        if self.reads:
            self.ended.set()

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        self.writer.transport.abort()

    @property
    def ids(self) -> list[int]:
        return [int(n) for n in IDS.findall(self.body)]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in DATA.findall(self.body)]


async def say(guest: Guest, times: int) -> None:
    parts = guest.house.parts
    for _ in range(times):
        async with parts.db.tenant(guest.house.tenant) as tx:
            await parts.visits.message(tx, guest.visit, "thank_you")


async def test_a_page_that_lost_its_line_misses_nothing(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    async with Line(doctor) as first:
        await say(doctor, 5)
        await until(lambda: first.ids[-1:] == [7], what="five messages")
    await say(doctor, 20)
    async with Line(doctor, after=first.ids[-1]) as again:
        await say(doctor, 5)
        await until(lambda: again.ids[-1:] == [32], what="the rest")
    assert first.ids + again.ids == list(range(1, 33))


async def test_what_was_said_while_the_listener_was_cut_off_arrives(clinic: House, owner: asyncpg.Connection) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    async with Line(doctor) as line:
        await owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'"
            " or (datname = current_database() and state = 'idle' and query in ('select 1', ''))"
        )
        await say(doctor, 10)
        await until(lambda: line.ids[-1:] == [12], what="all ten", seconds=20)
        assert line.ids == list(range(1, 13))


async def test_a_watcher_that_does_not_read_is_dropped_and_the_others_do_not_notice(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    hub = clinic.feed.hub
    hub._stall = 1.0
    async with Line(doctor) as quick, Line(doctor, reads=False):
        await until(lambda: hub.watching == 2, what="both streams")
        topic, block = f"visit:{doctor.visit}", b"x" * 2000
        seq = begun = hub.top(topic)
        while not hub.dropped:  # sockets hold some megabytes before anybody notices
            seq += 1
            hub.publish(topic, seq, "", block)
            if seq % 40 == 0:
                mark = b"id: %d\n" % seq
                await until(lambda mark=mark: mark in quick.body[-8000:], what="the reader has it")  # type: ignore[misc]
            assert seq < begun + 20_000, "forty megabytes, and nobody noticed"
        await until(lambda: hub.watching == 1, what="the reader alone")
        await until(lambda: quick.ids[-1:] == [seq], what="the reader has all")
        assert quick.ids == list(range(1, seq + 1))


async def test_people_hear_of_themselves_and_staff_of_everybody(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    amy = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    jon = await clinic.come(PersonRole.FAMILY, "Jon Shaw")
    async with Line(doctor) as staff, Line(amy) as mine, Line(jon) as his:
        assert await amy.post("arrive") == 204
        assert await doctor.post(f"people/{amy.participant.id}/hold") == 204
        assert await doctor.post(f"people/{amy.participant.id}/admit") == 204
        assert await doctor.post("end") == 204
        for line in (staff, mine, his):
            await until(lambda line=line: line.events[-1:] and line.events[-1]["kind"] == "ended", what="the end")  # type: ignore[misc]
    assert [e["kind"] for e in mine.events] == ["expected", "arrived", "admitted", "ended"] or [e["kind"] for e in mine.events] == [
        "arrived",
        "admitted",
        "ended",
    ]
    assert [e["kind"] for e in his.events] == ["ended"]
    assert "held" in [e["kind"] for e in staff.events]
    for hidden in (b"Shaw", b"Okafor", str(doctor.participant.id).encode(), b"completed", b"undetermined", b"no_show"):
        assert hidden not in mine.body + his.body


async def test_the_end_of_a_session_ends_its_stream(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    async with Line(doctor) as line:
        async with clinic.parts.db.tenant(clinic.tenant) as tx:
            await clinic.parts.identity.close_session(tx, doctor.opened.principal.session)
        await until(lambda: b"session-over" in line.body, what="the word")
        await until(lambda: line.ended.is_set() or b"\r\n0\r\n" in line.body, what="the stream's end")
    async with Line(doctor, reads=False) as refused:
        assert b" 401 " in await refused.reader.readline()


async def test_a_stranger_gets_no_stream(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    amy = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    async with Line(amy, reads=False, where="board/live") as refused:
        assert b" 403 " in await refused.reader.readline()
    amy.opened = type(amy.opened)(doctor.opened.principal, amy.opened.cookie)
    async with Line(amy, reads=False) as refused:
        assert b" 401 " in await refused.reader.readline()


async def test_two_visits_that_are_one_go_on_in_one_stream(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor", csn="1")
    amy = await clinic.come(PersonRole.PATIENT, "Amy Shaw", csn="2")
    async with Line(amy) as before:
        async with clinic.parts.db.tenant(clinic.tenant) as tx:
            one, other = await clinic.parts.visits.get(tx, doctor.visit), await clinic.parts.visits.get(tx, amy.visit)
            await clinic.parts.visits.door.merge(tx, one, other)
        await until(lambda: before.events[-1:] and before.events[-1]["kind"] == "merged_away", what="the merger")
    async with Line(amy) as after:
        assert await amy.post("arrive") == 204
        await until(lambda: after.events[-1:] and after.events[-1]["kind"] == "arrived", what="the arrival in the older visit")
    status, page = await doctor.get("console/parts")
    assert status == 200
    assert "Amy Shaw" in page


# ---------------------------------------------------------------------- what one may do


async def test_each_may_do_only_what_is_theirs(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    amy = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    for what in (f"people/{amy.participant.id}/admit", "end", "invite", "message", "outcome", f"people/{amy.participant.id}/message"):
        assert await amy.post(what) == 403, what
    for page in ("console", "board", "console/parts", "board/parts"):
        assert (await amy.get(page))[0] == 403, page
    assert await doctor.post("name", {"name": "x"}) == 403
    assert (await clinic.states(amy.visit))["patient"] == "expected"


async def test_a_patients_state_names_nobody_else(clinic: House) -> None:
    await clinic.come(PersonRole.PROVIDER, "Dr. Okafor")
    amy = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    _, text = await amy.get("state")
    assert json.loads(text)["step"] == "name"
    assert "Okafor" not in text
    assert "people" not in json.loads(text)


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("name", {"name": ""}, 400),
        ("name", {"name": "x" * 401}, 400),
        ("name", {}, 400),
        ("name", {"name": "Amy", "role": "provider"}, 400),
        ("name", {"name": ["Amy"]}, 400),
        ("tested", {"checks": {"camera": {"a": 1}}}, 400),
        ("tested", {"checks": {str(n): "x" for n in range(9)}}, 400),
        ("people/not-a-uuid/admit", {}, 404),
    ],
)
async def test_hostile_bodies_are_refused_in_our_own_words(clinic: House, what: str, body: dict[str, Any], status: int) -> None:
    amy = await clinic.come(PersonRole.PATIENT, "")
    assert await amy.post(what, body) == status
    assert (await clinic.kinds(amy.visit))[-1] == "expected"


async def test_a_step_on_somebody_of_another_visit_finds_nobody(clinic: House) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. Okafor", csn="1")
    other = await clinic.come(PersonRole.PATIENT, "Jon", csn="2")
    assert await doctor.post(f"people/{other.participant.id}/admit") == 404
    assert await doctor.post(f"people/{other.participant.id}/promote") == 404
