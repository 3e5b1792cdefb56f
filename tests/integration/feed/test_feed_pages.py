"""The feed's pages: set up part by part, looked at, quarantine worked off, a message tried; by whom, and by whom not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from support.feed_pages import put, turn
from support.house import House, Staff, house
from support.scheduling import siu
from support.senders import certificate_pem
from vestibule.feed.looking import unusually_silent
from vestibule.feed.model import FeedSettings, Rule, RuleField
from vestibule.identity.model import StaffRole
from vestibule.platform.audit import SYSTEM
from vestibule.visits.model import Place

ENGINEER = StaffRole.INTEGRATION_ENGINEER


@pytest.fixture
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


@pytest.fixture
async def staff(h: House) -> Staff:
    return await h.staff({ENGINEER})


async def settings_of(h: House) -> FeedSettings:
    async with h.parts.db.tenant(h.tenant) as tx:
        return await h.parts.feed_settings.get(tx, h.connection.id)


async def upload(staff: Staff, path: str, data: bytes, *, pasted: str = "") -> tuple[int, str]:
    """A file as a browser sends it."""
    form = aiohttp.FormData()
    form.add_field("file", data, filename="sender.cer", content_type="application/x-x509-ca-cert")
    form.add_field("pasted", pasted)
    url = f"{staff.house.origin}{staff.base}/{path}"
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=staff.headers, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def test_a_feed_is_set_up_part_by_part(h: House, staff: Staff) -> None:
    place = f"feed/{h.connection.id}"
    assert "not set up" in (await staff.get("feed"))[1]
    assert (await upload(staff, f"{place}/certificates", certificate_pem("engine")))[0] == 303
    rules = {
        "order": ["20", "10", "30"],
        "what": ["any", "resource", ""],
        "pattern": ["", " VIDEO   ROOM ", ""],
        "verdict": ["not", "clinic", "home"],
        "revision": "1",
    }
    assert (await staff.post_form(f"{place}/setup/rules", rules))[0] == 303
    fields = {
        "csn_from": "pv1-19",
        "department_from": "ail-3",
        "zone": "America/Chicago",
        "region": "us",
        "raw_hours": "24",
        "revision": "2",
    }
    assert (await staff.post_form(f"{place}/setup/fields", fields))[0] == 303
    ways = {"enabled": "yes", "plain_port": "6661", "networks": "10.20.0.0/16\r\n10.30.0.7", "revision": "3"}
    assert (await staff.post_form(f"{place}/setup/ways", ways))[0] == 303
    now = await settings_of(h)
    assert now == FeedSettings(
        h.connection.id,
        True,
        "pv1-19",
        "ail-3",
        "America/Chicago",
        "US",
        24,
        plain_port=6661,
        networks=("10.20.0.0/16", "10.30.0.7/32"),
        rules=(Rule(RuleField.RESOURCE, "VIDEO ROOM", True, Place.CLINIC), Rule(RuleField.ANY, "", False)),
        revision=4,
    )
    page = (await staff.get(f"{place}/setup"))[1]
    assert "CN=engine" in page
    assert [page.count("Saved."), (await staff.get(f"{place}/setup?saved=ways"))[1].count("Saved.")] == [0, 1]
    assert "MLLP without encryption is on, at port 6661" in page
    assert "MLLP without encryption is on" in (await staff.get(place))[1], "the warning stays in sight"
    assert "Plain MLLP" in (await staff.get("feed"))[1]


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(h: House, staff: Staff) -> None:
    place = f"feed/{h.connection.id}/setup"
    status, page = await staff.post_form(f"{place}/ways", {"plain_port": "80", "networks": "8.8.8.8", "revision": "0"})
    assert (status, 'href="#f-plain_port"' in page, 'href="#f-networks"' in page, ">8.8.8.8</textarea>" in page.replace("\n8", "8")) == (
        400,
        True,
        True,
        True,
    )
    status, page = await staff.post_form(f"{place}/ways", {"plain_port": "80", "http_status": "yes", "revision": "0"})
    assert (status, 'name="http_status" type="checkbox" value="yes" checked' in page) == (400, True)
    status, page = await staff.post_form(f"{place}/fields", {"csn_from": "x", "zone": "Nowhere", "raw_hours": "many", "revision": "0"})
    assert (status, "Choose a time zone" in page, 'value="Nowhere"' in page, "Between 1 and 72 hours" in page) == (400, True, True, True)
    status, page = await staff.post_form(f"{place}/rules", {"what": "resource", "pattern": " ", "verdict": "home", "revision": "0"})
    assert (status, "A rule needs something" in page) == (400, True)
    status, page = await staff.post_form(f"{place}/rules", {"what": "hacked", "verdict": "home", "revision": "0"})
    assert status == 400
    assert (await staff.post_form(f"{place}/ways", {"plain_port": "6661", "networks": "8.8.8.8", "meant": "yes", "revision": "0"}))[
        0
    ] == 303
    status, page = await staff.post_form(f"{place}/rules", {"what": "any", "verdict": "home", "revision": "0"})
    assert (status, "Somebody changed these settings meanwhile" in page) == (409, True)


async def test_a_file_that_is_no_certificate_is_refused_with_its_reason(h: House, staff: Staff) -> None:
    private = b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"
    for data, says in ((b"", "Choose the certificate"), (private, "private key"), (b"\x30\x80", "binary")):
        status, page = await upload(staff, f"feed/{h.connection.id}/certificates", data)
        assert (status, says in page) == (400, True), says


async def test_a_certificate_may_be_pasted_and_removed(h: House, staff: Staff) -> None:
    place = f"feed/{h.connection.id}/certificates"
    pem = certificate_pem("pasted", days=5)
    assert (await upload(staff, place, b"", pasted=pem.decode()))[0] == 303
    status, page = await upload(staff, place, pem)
    assert (status, "already" in page) == (409, True)
    assert "expires in" in (await staff.get(f"feed/{h.connection.id}"))[1]
    assert "Senders of appointments that will be refused soon" in (await staff.get("home"))[1]
    async with h.parts.db.tenant(h.tenant) as tx:
        [one] = await h.parts.feed_settings.certificates(tx)
    assert (await staff.post_form(f"{place}/{one.id}/remove"))[0] == 303
    assert "CN=pasted" not in (await staff.get(f"feed/{h.connection.id}/setup"))[1]


async def enable(h: House) -> None:
    async with h.parts.db.tenant(h.tenant) as tx:
        changes = {"enabled": True, "zone": "America/Chicago", "rules": (Rule(RuleField.RESOURCE, "VIDEO ROOM"),)}
        await h.parts.feed_settings.change(tx, h.connection.id, changes, revision=0, by=SYSTEM)


async def test_the_live_page_counts_what_came_and_says_who_sent(h: House, staff: Staff, owner: asyncpg.Connection) -> None:
    await enable(h)
    for n in range(3):
        await put(h, owner, siu(csn=str(n), control=str(n)))
    await put(h, owner, siu(room="ROOM 7", control="8"))
    await put(h, owner, b"no message at all")
    await turn(h)
    for path in ("", "/parts"):
        status, page = await staff.get(f"feed/{h.connection.id}{path}")
        assert status == 200
        assert "MLLP with mutual TLS" in page
        assert '<td class="number" data-label="Last hour">3</td>' in page
    assert "1 message" in (await staff.get("feed"))[1]


async def test_a_message_in_quarantine_shows_nothing_of_its_patient_until_somebody_asks(
    h: House, staff: Staff, owner: asyncpg.Connection
) -> None:
    await enable(h)
    row = await put(h, owner, siu(starts="", phone="608-555-0134"))
    await turn(h)
    status, page = await staff.get(f"feed/{h.connection.id}/quarantine")
    assert (status, "hl7-no-start" in page, "2001" in page) == (200, True, True)
    status, page = await staff.get(f"feed/{h.connection.id}/messages/{row}")
    assert status == 200
    secrets = ("MIRA", "CANARY", "19800101", "SAMPLE ST", "555-0134", "000-00-0000", "Z100200", "RIVERS", "OKAFOR", "555)555-0101")
    assert [word for word in secrets if word in page] == []
    assert all(word in page for word in ("VIDEO ROOM", "700123", "SIU^S12", "FOLLOW UP", "CARD", "Date of birth"))
    status, page = await staff.post_form(f"feed/{h.connection.id}/messages/{row}/reveal")
    assert (status, "CANARY^MIRA" in page) == (200, True)
    assert await owner.fetchval("select detail->>'message' from audit_entries where action = 'feed.message-read'") == str(row)
    approver = await h.staff({StaffRole.APPROVER})
    assert (await approver.get(f"feed/{h.connection.id}/messages/{row}"))[0] == 200
    assert (await approver.post_form(f"feed/{h.connection.id}/messages/{row}/reveal"))[0] == 403


async def test_quarantine_is_worked_off_one_by_one_or_a_reason_at_a_time(h: House, staff: Staff, owner: asyncpg.Connection) -> None:
    await enable(h)
    place = f"feed/{h.connection.id}/quarantine"
    starts = f"{datetime.now(UTC).year + 1}01151430"
    async with h.parts.db.tenant(h.tenant) as tx:
        await h.parts.feed_settings.change(tx, h.connection.id, {"zone": ""}, revision=1, by=SYSTEM)
    rows = [await put(h, owner, siu(csn=str(n), control=str(n), starts=starts, department="")) for n in range(3)]
    broken = [await put(h, owner, b"hello") for _ in range(60)]
    await turn(h)
    page = (await staff.get(place))[1]
    assert ("hl7-zone-missing" in page, "hl7-no-header" in page, 'rel="next"' in page) == (True, True, True)
    assert (await staff.post_form(f"{place}/drop", {"row": str(broken[0])}))[0] == 303
    assert (await staff.post_form(f"{place}/drop", {"code": "hl7-no-header"}))[0] == 303
    states = {r["state"]: r["many"] for r in await owner.fetch("select state, count(*) as many from feed_inbox group by state")}
    assert states == {"quarantined": 3, "dropped": 60}
    assert await owner.fetchval("select count(*) from feed_inbox where state = 'dropped' and body is not null") == 0
    async with h.parts.db.tenant(h.tenant) as tx:
        await h.parts.feed_settings.change(tx, h.connection.id, {"zone": "America/Chicago"}, revision=2, by=SYSTEM)
    assert (await staff.post_form(f"{place}/redrive", {"row": str(rows[0])}))[0] == 303
    assert (await staff.post_form(f"{place}/redrive", {"code": "hl7-zone-missing"}))[0] == 303
    await turn(h)
    assert {r["state"] for r in await owner.fetch("select state from feed_inbox where id = any($1)", rows)} == {"applied"}
    assert "Nothing is in quarantine" in (await staff.get(place))[1]
    noted = [r["action"] for r in await owner.fetch("select action from audit_entries where action like 'feed.messages-%' order by seq")]
    assert noted == ["feed.messages-dropped"] * 2 + ["feed.messages-redriven"] * 2


TRIED = (
    (siu(), "It would become a virtual visit"),
    (siu(room="ROOM 7"), "no virtual visit"),
    (siu("S15"), "It would cancel the appointment"),
    (siu("S26"), "It would mark the visit as a no-show"),
    (siu(starts=datetime.now(UTC) - timedelta(days=3)), "the appointment is past"),
    (siu(starts=""), "hl7-no-start"),
    (b"hello", "hl7-no-header"),
    (b"MSH|^~\\&|", "it is not about an appointment"),
    (b"", "Paste a message first"),
)


async def test_a_tried_message_says_what_would_happen_and_leaves_nothing(h: House, staff: Staff, owner: asyncpg.Connection) -> None:
    await enable(h)
    for message, says in TRIED:
        status, page = await staff.post_form(f"feed/{h.connection.id}/try", {"message": message.decode()})
        assert status in {200, 400}, says
        assert says in page
        assert "+1608555" not in page
    for table in ("visits", "feed_inbox", "feed_appointments", "contacts"):
        assert await owner.fetchval(f"select count(*) from {table}") == 0


async def test_other_peoples_feeds_and_other_roles_see_nothing(h: House, owner: asyncpg.Connection) -> None:
    await enable(h)
    row = await put(h, owner, siu())
    stranger = await h.staff({ENGINEER}, tenant=await h.organisation())
    auditor = await h.staff({StaffRole.AUDITOR})
    for path in ("", "/setup", "/quarantine", "/try", "/parts", f"/messages/{row}"):
        assert (await stranger.get(f"feed/{h.connection.id}{path}"))[0] == 404, path
        assert (await auditor.get(f"feed/{h.connection.id}{path}"))[0] == 403, path
    assert (await stranger.post_form(f"feed/{h.connection.id}/quarantine/drop"))[0] == 404
    assert (await stranger.post_form(f"feed/{h.connection.id}/messages/{row}/reveal"))[0] == 404
    approver = await h.staff({StaffRole.APPROVER})
    for path in ("setup/ways", "setup/rules", "setup/fields", "certificates", "quarantine/drop", "quarantine/redrive", "try"):
        assert (await approver.post_form(f"feed/{h.connection.id}/{path}"))[0] == 403, path
    assert (await stranger.get("feed"))[0] == 200


@pytest.mark.parametrize(
    ("busy", "hours", "silent"),
    [
        ([True] * 168, 1.5, False),
        ([True] * 160 + [False] * 8, 8.0, True),
        (([True] * 12 + [False] * 12) * 7, 13.0, False),
        (([True] * 12 + [False] * 12) * 6 + [True] * 4 + [False] * 20, 20.0, True),
        ([False] * 168, 400.0, False),
        ([False] * 160 + [True] * 4 + [False] * 4, 4.0, False),
    ],
)
def test_silence_is_unusual_when_the_week_before_had_none_as_long(busy: list[bool], hours: float, silent: bool) -> None:
    assert unusually_silent(busy, timedelta(hours=hours)) is silent
