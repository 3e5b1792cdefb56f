"""The audit as its readers see it: found, narrowed, taken away as a file."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from support.house import House, Staff
from vestibule.identity.model import StaffRole
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM, Actor, Audit, Outcome

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def write(house: House, count: int, *, tenant: TenantId | None = None, every: timedelta = timedelta(hours=1)) -> None:
    """So many entries, an hour apart, told apart by what they are about."""
    for start in range(0, count, 50):
        async with house.parts.db.tenant(tenant or house.tenant) as tx:
            for number in range(start, min(start + 50, count)):
                clock = FrozenClock(BEGAN + every * number)
                by = Actor("staff", f"m{number % 5}", "s-1", "10.0.0.7", f"AAA-BBB-{number:03}")
                outcome = Outcome.REFUSED if number % 10 == 0 else Outcome.SUCCESS
                action = "visit.admitted" if number % 2 else "connection.saved"
                Audit(clock).note(tx, action, by=by, about=("visit", f"v{number}"), outcome=outcome, detail={"n": str(number)})


def shown(page: str) -> list[str]:
    """What the rows are about, in order."""
    return re.findall(r'<small><a href="\?about=(v\d+)"', page)


async def fetched(who: Staff, where: str) -> tuple[int, Any, bytes]:
    url = f"{who.house.origin}{who.base}/{where}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=who.headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_administrators_and_auditors_may_read_it_and_nobody_else(here: House) -> None:
    may = {StaffRole.ADMINISTRATOR, StaffRole.AUDITOR}
    for role in StaffRole:
        who = await here.staff([role])
        for where in ("audit", "audit/1", "audit.csv", "audit.ndjson"):
            assert (await fetched(who, where))[0] == (200 if role in may else 403), f"{role} {where}"


async def test_the_newest_comes_first_and_a_page_leads_to_the_next_without_a_gap(here: House, auditor: Staff) -> None:
    await write(here, 120)
    seen: list[str] = []
    where = "audit?until=2026-12-31&zone=UTC"
    for _ in range(5):
        status, page = await auditor.get(where)
        assert status == 200
        seen += shown(page)
        following = re.search(r'rel="next" href="\?([^"]+)"', page)
        if following is None:
            break
        where = "audit?" + following[1].replace("&amp;", "&")
    assert seen == [f"v{number}" for number in range(119, -1, -1)]


NARROWED: list[tuple[str, set[int]]] = [
    ("action=visit.admitted", {1, 3, 5, 7, 9, 11}),
    ("outcome=refused", {0, 10}),
    ("outcome=success&action=connection.saved", {2, 4, 6, 8}),
    ("actor=m3", {3, 8}),
    ("about=v7", {7}),
    ("reference=aaa-bbb-004", {4}),
    ("search=AAA-BBB-004", {4}),
    ("search=aaa-bbb-004", {4}),
    ("search=v5", {5}),
    ("search=m3", {3, 8}),
    ("search=visit.admitted&actor=m3", {3}),
    ("since=2026-03-01T20:00&zone=UTC", {8, 9, 10, 11}),
    ("until=2026-03-01T14:00&zone=UTC", {0, 1, 2}),
    ("since=2026-03-01T14:00&until=2026-03-01T16:00&zone=UTC", {2, 3, 4}),
    ("since=2026-03-01T15:00&until=2026-03-01T17:00&zone=Europe/Berlin", {2, 3, 4}),
    ("since=2026-03-01T15:00&until=2026-03-01T17:00", {2, 3, 4}),  # the clock of the organisation's departments
    ("since=2026-03-01&until=2026-03-01&zone=UTC", set(range(12))),
    ("search=nothing-like-it", set()),
    ("action=nothing.like-it", set()),
    ("search=%27%3B+drop+table+audit_entries%3B--", set()),
    ("search=a%00b", set()),
    ("zone=Nowhere/Land&about=v7", {7}),
    ("outcome=perhaps&about=v7", {7}),
    ("after=nonsense&about=v7", {7}),
    ("after=WyJhIiwiYiJd&about=v7", {7}),
]


async def test_only_what_is_asked_for_is_shown_and_taken_away(here: House, auditor: Staff) -> None:
    await write(here, 12)
    for query, found in NARROWED:
        wanted = [f"v{number}" for number in sorted(found, reverse=True)]
        status, page = await auditor.get(f"audit?{query}")
        assert (status, shown(page)) == (200, wanted), query
        _, _, file = await fetched(auditor, f"audit.csv?{query}")
        rows = list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"))))
        assert [row["about_id"] for row in rows if row["about_id"].startswith("v")] == wanted, query


async def test_a_time_that_is_none_is_said_and_not_asked_for(here: House, auditor: Staff) -> None:
    await write(here, 3)
    status, page = await auditor.get("audit?since=yesterday&about=v1")
    assert status == 200
    assert "This is no date and time" in page
    assert shown(page) == ["v1"]


async def test_members_are_shown_and_found_by_name(here: House, auditor: Staff) -> None:
    other = await here.staff([StaffRole.ADMINISTRATOR], name="Ada <b>Quill")
    async with here.parts.db.tenant(here.tenant) as tx:
        here.parts.audit.note(tx, "connection.saved", by=other.actor, about=("connection", "v77"))
    _, page = await auditor.get("audit?search=quill&action=connection.saved")
    assert shown(page) == ["v77"]
    assert "Ada &lt;b&gt;Quill" in page


async def test_an_entry_tells_everything_it_holds(here: House, auditor: Staff) -> None:
    await write(here, 12)
    async with here.parts.db.tenant(here.tenant) as tx:
        row = await tx.fetchrow("select seq, hash, previous from audit_entries where about_id = 'v7'")
    assert row is not None
    status, page = await auditor.get(f"audit/{row['seq']}")
    assert status == 200
    for text in ("visit.admitted", "m2", "s-1", "10.0.0.7", "v7", "AAA-BBB-007", bytes(row["hash"]).hex(), bytes(row["previous"]).hex()):
        assert text in page, text


async def test_an_entry_that_is_none_is_not_found(auditor: Staff) -> None:
    for seq in ("0", "999999", "-1", "99999999999999999999", "x"):
        assert (await auditor.get(f"audit/{seq}"))[0] == 404, seq


async def test_of_another_organisation_nothing_is_seen(here: House, auditor: Staff) -> None:
    other = await here.organisation()
    await write(here, 5, tenant=other)
    assert shown((await auditor.get("audit"))[1]) == []
    for file in ("audit.csv", "audit.ndjson"):
        assert b'"v3"' not in (await fetched(auditor, file))[2]


async def test_taking_the_list_away_is_itself_noted_without_what_was_typed(here: House, auditor: Staff) -> None:
    for file in ("audit.csv", "audit.ndjson"):
        await fetched(auditor, f"{file}?search=Camila+Lopez&action=visit.ended&since=2026-03-01T12:00&zone=UTC")
    _, page = await auditor.get("audit?action=audit.exported")
    assert page.count("Downloaded the audit</span>") == 2
    async with here.parts.db.tenant(here.tenant) as tx:
        rows = await tx.fetch("select actor_id, detail from audit_entries where action = 'audit.exported' order by seq")
    assert {row["actor_id"] for row in rows} == {str(auditor.member.id)}
    told = {"action": "visit.ended", "narrowed": "search", "since": "2026-03-01T12:00:00+00:00"}
    assert [json.loads(row["detail"]) for row in rows] == [{"form": "csv", **told}, {"form": "fhir", **told}]


async def test_files_hold_everything_however_long_in_portions(here: House, auditor: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vestibule.auditing.service._PORTION", 7)
    await write(here, 40)
    status, headers, file = await fetched(auditor, "audit.csv?zone=UTC&until=2026-06-01")
    rows = list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"))))
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert [row["about_id"] for row in rows] == [f"v{number}" for number in range(39, -1, -1)]
    assert rows[0] | {"hash": ""} == {
        "number": rows[0]["number"],
        "at": "2026-03-03T03:00:00.000000+00:00",
        "actor_kind": "staff",
        "actor_id": "m4",
        "actor_name": "",
        "session": "s-1",
        "address": "10.0.0.7",
        "reference": "AAA-BBB-039",
        "action": "visit.admitted",
        "about_kind": "visit",
        "about_id": "v39",
        "outcome": "success",
        "detail": "n=39",
        "hash": "",
    }
    _, headers, lines = await fetched(auditor, "audit.ndjson?zone=UTC&until=2026-06-01")
    events = [json.loads(line) for line in lines.splitlines()]
    assert headers["content-type"] == "application/fhir+ndjson"
    assert len(events) == 40
    assert {event["resourceType"] for event in events} == {"AuditEvent"}


FORMULAS = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\tx", "\rx"]


async def test_no_cell_of_the_file_is_a_formula(here: House) -> None:
    who = await here.staff([StaffRole.AUDITOR], name="=cmd|' /C calc'!A0")
    async with here.parts.db.tenant(here.tenant) as tx:
        for text in FORMULAS:
            by = Actor("staff", str(who.member.id), text, text, text)
            here.parts.audit.note(tx, "thing.made", by=by, about=(text, text), detail={text: text})
    _, _, file = await fetched(who, "audit.csv?action=thing.made")
    header, *rows = csv.reader(io.StringIO(file.decode("utf-8-sig")))
    assert len(rows) == len(FORMULAS)
    assert "detail" in header
    assert [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r")] == []
    assert {row[header.index("actor_name")][:5] for row in rows} == {"'=cmd"}


async def test_what_entries_say_is_text_on_the_page(here: House, auditor: Staff) -> None:
    bad = "<script>alert(1)</script>\"'"
    async with here.parts.db.tenant(here.tenant) as tx:
        here.parts.audit.note(tx, bad, by=Actor("staff", bad, bad, bad, bad), about=(bad, bad), detail={bad: bad, "code": bad})
        here.parts.audit.note(tx, "thing.made", by=SYSTEM)
        seq = await tx.fetchval("select max(seq) from audit_entries") + 1
    for where in ("audit", f"audit/{seq}"):
        status, page = await auditor.get(where)
        assert status == 200
        assert "<script>alert" not in page
