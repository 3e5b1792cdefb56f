"""The door to a meeting in Teams: where it leads whom, and that its address reaches nobody who was not let in."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, unquote

import aiohttp
import asyncpg
import pytest

from support.doors import doors, knock
from support.house import Guest, House, house
from support.teams_visits import JOIN, JOIN_WORD, VISITOR, VISITOR_WORD, failed, made, meet_in_teams, seen, sign_in
from support.waiting import until
from vestibule.meetings.store.roster import Presence
from vestibule.visits.model import PersonRole


@pytest.fixture
async def clinic(db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("vestibule.wiring.web.RATES", {})
    async with house(db_url, tmp_path) as running:
        yield running


async def leads(guest: Guest, what: str = "meeting") -> tuple[int, str]:
    """The answer's status, and where it leads."""
    url = f"{guest.house.origin}{guest.base}/{what}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=guest.headers, allow_redirects=False) as answer:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        return answer.status, answer.headers.get("location", "").replace(guest.base, "")


async def two(clinic: House) -> tuple[Guest, Guest]:
    return await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor"), await clinic.come(PersonRole.PATIENT, "Amy Shaw")


async def test_the_door_leads_each_to_where_they_stand(clinic: House) -> None:
    await meet_in_teams(clinic)
    doctor, amy = await two(clinic)
    assert await leads(amy) == (303, "/lobby"), "who has not even arrived"
    assert await doctor.post("arrive") == 204
    assert await amy.post("arrive") == 204
    assert await leads(amy) == (303, "/lobby"), "who waits"
    assert await leads(doctor) == (303, "/microsoft"), "who has not said who they are there"
    await sign_in(doctor)
    status, _ = await leads(doctor)
    assert status == 200, "a window that waits for the meeting"
    assert await doctor.post(f"people/{amy.participant.id}/admit") == 204
    assert await leads(amy) == (303, "/lobby"), "who was let in before the meeting was there"
    await made(doctor)
    assert await leads(amy) == (303, VISITOR)
    assert await leads(doctor) == (303, JOIN)
    assert (await leads(doctor, "meeting/app"))[0] == 200
    assert (await leads(amy, "meeting/app"))[0] == 403
    assert await doctor.post(f"people/{amy.participant.id}/put-back") == 204
    assert await leads(amy) == (303, "/lobby"), "who was put back"
    assert await doctor.post(f"people/{amy.participant.id}/admit") == 204
    assert await doctor.post("end") == 204
    assert await leads(amy) == (303, "/lobby"), "once it is over"
    assert await leads(doctor) == (303, "/console")


async def test_a_visit_in_the_room_has_no_such_door(clinic: House) -> None:
    doctor, amy = await two(clinic)
    assert await doctor.post("arrive") == 204
    assert await doctor.post(f"people/{amy.participant.id}/admit") == 204
    assert await leads(doctor) == (303, "/console")
    assert await leads(amy) == (303, "/lobby")


async def test_a_browsers_guess_takes_nobody_in(clinic: House, owner: asyncpg.Connection) -> None:
    await meet_in_teams(clinic)
    doctor, amy = await two(clinic)
    assert await doctor.post("arrive") == 204
    assert await doctor.post(f"people/{amy.participant.id}/admit") == 204
    await made(doctor)
    headers = {**amy.headers, "Sec-Purpose": "prefetch"}
    async with aiohttp.ClientSession() as session, session.get(f"{clinic.origin}{amy.base}/meeting", headers=headers) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    assert await owner.fetchval("select count(*) from meeting_ways") == 0
    assert await leads(amy) == (303, VISITOR)
    assert await owner.fetchval("select participant_id from meeting_ways") == amy.participant.id


async def test_the_app_is_asked_for_the_same_meeting_and_the_browser_is_offered_beside_it(clinic: House) -> None:
    await meet_in_teams(clinic)
    doctor, _ = await two(clinic)
    assert await doctor.post("arrive") == 204
    await sign_in(doctor)
    await made(doctor)
    _, page = await doctor.get("meeting/app")
    assert f'href="msteams:/l/meetup-join/19%3a{JOIN_WORD}%40thread.v2/0?context=' in page
    assert f'href="{doctor.base}/meeting"' in page


async def test_why_there_is_no_meeting_is_said_to_the_clinician_and_not_to_the_patient(clinic: House) -> None:
    await meet_in_teams(clinic)
    doctor, amy = await two(clinic)
    assert await doctor.post("arrive") == 204
    await sign_in(doctor)
    assert await doctor.post(f"people/{amy.participant.id}/admit") == 204
    await failed(doctor, "teams-policy-missing")
    _, console = await doctor.get("console")
    assert "teams-policy-missing" in console
    assert "Your administrator grants that in Microsoft 365" in console
    _, lobby = await amy.get("lobby")
    assert "policy" not in lobby
    assert "You have been let in" in lobby


async def test_a_group_of_seven_meets_where_the_room_would_hold_four(clinic: House) -> None:
    await meet_in_teams(clinic)
    doctor, amy = await two(clinic)
    assert await doctor.post("arrive") == 204
    await sign_in(doctor)
    await made(doctor)
    group = [amy, *[await clinic.come(PersonRole.GUEST, f"Guest {number}") for number in range(5)]]
    for one in group:
        assert await doctor.post(f"people/{one.participant.id}/admit") == 204
        assert await leads(one) == (303, VISITOR)
    for one in (doctor, *group):
        await seen(one, Presence.IN, of=doctor)
    assert (await clinic.kinds(doctor.visit)).count("connected") == 7
    _, console = await doctor.get("console")
    assert console.count("Connected") >= 6
    late = await clinic.come(PersonRole.GUEST, "Guest 6")
    assert await doctor.post(f"people/{late.participant.id}/admit") == 204
    await seen(late, Presence.LOBBY, of=doctor)
    _, board = await doctor.get("board")
    assert "1 in the meeting's lobby" in board


# ---------------------------------------------------------------------- nothing of it before


def hidden_in(answer: bytes) -> bool:
    """Whether anything of the meeting's addresses stands in it, in any of the ways in which addresses are written."""
    text = answer.decode("utf-8", "replace")
    spellings = (text, unquote(text), unquote(unquote(text)))
    words = [JOIN_WORD, VISITOR_WORD, "teams.example.test", "meetup-join", "webrtc-svc"]
    words += [spelled for url in (JOIN, VISITOR) for spelled in (quote(url, safe=""), _base64(url)[:40])]
    return any(word in spelling for word in words for spelling in spellings)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def every_answer(guest: Guest) -> AsyncIterator[tuple[str, bytes]]:
    """Head and body of what each address answers that this person may use without changing anything."""
    async with aiohttp.ClientSession() as http:
        for door in doors():
            if door.method != "GET" or not door.allows("patient") or door.path.endswith("/live"):
                continue
            url = guest.house.origin + door.address(guest.opened.principal.session, {})
            async with http.get(url, headers={**guest.headers, "Accept": "text/html"}, allow_redirects=False) as answer:
                yield door.path, repr(answer.raw_headers).encode() + await answer.read()
        hand = next(door for door in doors() if door.path.endswith("/handoff"))
        said = await knock(http, guest.house.origin, hand, hand.address(guest.opened.principal.session, {}), guest.headers)
        yield hand.path, said.said.encode()


async def listening(guest: Guest, heard: bytearray) -> None:
    """The live stream, as long as it lasts."""
    url = f"{guest.house.origin}{guest.base}/live?after=0"
    async with aiohttp.ClientSession() as http, http.get(url, headers=guest.headers) as stream:
        async for chunk in stream.content.iter_any():
            heard.extend(chunk)


async def finds(guest: Guest) -> list[str]:
    """The addresses whose answers give something of the meeting away."""
    return [path async for path, answer in every_answer(guest) if hidden_in(answer)]


async def test_no_byte_of_the_meetings_address_reaches_who_was_not_let_in(clinic: House) -> None:
    await meet_in_teams(clinic)
    doctor, amy = await two(clinic)
    assert await doctor.post("arrive") == 204
    await sign_in(doctor)
    await made(doctor)
    heard = bytearray()
    stream = asyncio.create_task(listening(amy, heard))
    try:
        found = {"expected": await finds(amy)}
        assert await amy.post("name", {"name": "Amy Shaw"}) == 204
        found["testing"] = await finds(amy)
        assert await amy.post("arrive") == 204
        found["waiting"] = await finds(amy)
        for step in ("hold", "admit", "put-back"):
            assert await doctor.post(f"people/{amy.participant.id}/{step}") == 204
            if step == "admit":
                inside = await finds(amy)
            else:
                found[step] = await finds(amy)
        assert await amy.post("leave") == 204
        found["left"] = await finds(amy)
        assert await amy.post("arrive") == 204
        assert await doctor.post(f"people/{amy.participant.id}/remove") == 204
        found["removed"] = await finds(amy)
        await until(lambda: b"removed" in heard, what="the stream has told of the last step")
    finally:
        stream.cancel()
    assert not any(found.values()), found
    assert b"admitted" in heard
    assert not hidden_in(bytes(heard))
    assert inside == ["/s/{sid}/meeting"], "and who was let in is led there by the one door"


async def test_the_address_stands_sealed_in_the_database_and_in_no_page_of_the_clinicians(clinic: House, owner: asyncpg.Connection) -> None:
    await meet_in_teams(clinic)
    doctor, amy = await two(clinic)
    assert await doctor.post("arrive") == 204
    await sign_in(doctor)
    await made(doctor)
    assert await doctor.post(f"people/{amy.participant.id}/admit") == 204
    assert await leads(amy) == (303, VISITOR)
    for what in ("console", "console/parts", "board", "board/parts", "state"):
        _, text = await doctor.get(what)
        assert not hidden_in(text.encode()), what
    tables = await owner.fetch(
        "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    for table in [row["table_name"] for row in tables]:
        rows = await owner.fetch(f'select t::text as line from "{table}" t')
        assert not [row for row in rows if hidden_in(row["line"].encode())], table
