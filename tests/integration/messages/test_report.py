"""The SMS report, as it is counted in the database and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from support.sent_messages import sender, sent
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.messages.model import MessageState, Purpose, Status
from vestibule.messages.report import COLUMNS, END, STATUS_NAMES, Month, Reporting, Wish, receipt_of
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
HERE = ConnectionId(new_id())


@pytest.fixture
def reporting(db: Database) -> Reporting:
    clock = FrozenClock(NOW)
    return Reporting(db=db, clock=clock, audit=Audit(clock))


async def whole(lines: AsyncIterator[bytes]) -> list[list[str]]:
    text = b"".join([one async for one in lines]).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def days_ago(*days: float) -> list[datetime]:
    return [NOW - timedelta(days=one) for one in days]


async def test_each_of_the_nine_values_is_counted_and_named(
    db: Database, tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting
) -> None:
    for status in Status:
        await sent(owner, tenant, HERE, times=days_ago(1), status=status.value, state="failed")
    async with db.tenant(tenant) as tx:
        found = await reporting.listing(tx, Wish())
        totals = await reporting.totals(tx, Wish())
        for status in Status:
            assert [one.status for one in (await reporting.listing(tx, Wish(status=status))).items] == [status]
    assert {one.status for one in found.items} == set(Status)
    assert (totals.sent, totals.failed, totals.segments) == (1, 8, 9)
    assert set(STATUS_NAMES) == set(Status)


@pytest.mark.parametrize(
    ("state", "status", "counted"),
    [("accepted", None, Status.SENT), ("delivered", None, Status.SENT), ("failed", None, Status.OTHER), ("unknown", None, Status.OTHER)],
)
async def test_what_has_no_receipt_yet_is_sent_and_what_nobody_knows_is_another_error(
    db: Database, tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting, state: str, status: str | None, counted: Status
) -> None:
    await sent(owner, tenant, HERE, times=days_ago(1), state=state, status=status)
    async with db.tenant(tenant) as tx:
        [one] = (await reporting.listing(tx, Wish())).items
    assert one.status is counted


async def test_tests_mails_and_what_was_never_given_to_a_carrier_are_left_out(
    db: Database, tenant: TenantId, other_tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting
) -> None:
    await sent(owner, tenant, HERE, times=days_ago(1), test=True)
    await sent(owner, tenant, HERE, times=days_ago(1), channel="email")
    await sent(owner, tenant, HERE, times=days_ago(1), state="planned", sent_at=None)
    await sent(owner, tenant, HERE, times=days_ago(1), state="withdrawn")
    await sent(owner, other_tenant, HERE, times=days_ago(1))
    async with db.tenant(tenant) as tx:
        assert (await reporting.listing(tx, Wish())).items == []
        assert (await reporting.totals(tx, Wish())).months == ()
        assert await reporting.pending(tx) == {HERE: 1}


async def test_a_range_a_sender_a_type_and_a_connection_narrow_it(
    db: Database, tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting
) -> None:
    other, elsewhere = await sender(owner, tenant, "+18335550199"), ConnectionId(new_id())
    await sent(owner, tenant, HERE, times=days_ago(1, 8, 31, 91), purpose="reminder")
    await sent(owner, tenant, elsewhere, times=days_ago(2), source=other, purpose="direct")
    async with db.tenant(tenant) as tx:
        for wish, count in (
            (Wish(days=7), 2),
            (Wish(days=30), 3),
            (Wish(days=90), 4),
            (Wish(purpose=Purpose.REMINDER), 2),
            (Wish(sender=other), 1),
            (Wish(connection=elsewhere), 1),
            (Wish(connection=elsewhere, purpose=Purpose.REMINDER), 0),
        ):
            assert len((await reporting.listing(tx, wish)).items) == count, wish
        totals = await reporting.totals(tx, Wish(days=90))
        assert [one.month for one in totals.months] == ["2026-10", "2026-11"]
        assert sum(one.sent + one.failed for one in totals.months) == 4
        assert {address for _, address in await reporting.senders(tx)} == {"+18335550100", "+18335550199"}


async def test_pages_follow_each_other_without_a_gap_also_where_times_are_equal(
    db: Database, tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting
) -> None:
    made = await sent(owner, tenant, HERE, times=days_ago(*[1] * 7, *[2] * 6))
    seen, after = [], ""
    async with db.tenant(tenant) as tx:
        while True:
            page = await reporting.listing(tx, Wish(), after=after, limit=4)
            seen += [one.id for one in page.items]
            after = page.next
            if not after:
                break
        assert (await reporting.listing(tx, Wish(), after="no-place-at-all", limit=2)).items[0].id == seen[0]
    assert sorted(seen) == sorted(made)
    assert len(seen) == 13


async def test_the_file_is_whole_says_so_and_holds_no_formulas(
    db: Database, tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting
) -> None:
    evil = await sender(owner, tenant, "+cmd|' /C calc'!A0")
    await sent(owner, tenant, HERE, times=days_ago(1, 2, 3), source=evil)
    rows = await whole(reporting.as_csv(tenant, Wish()))
    assert rows[0] == list(COLUMNS)
    assert rows[-1] == [END, "3 rows"]
    assert rows[1] == ["2026-11-19 14:00:00", "'+cmd|' /C calc'!A0", "Confirmation", "EHR", "Sent", "delivered", "1"]
    assert [row[4] for row in rows[1:-1]] == ["Sent", "Sent", "Not Delivered - Spam detected"]
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


async def test_a_long_file_is_read_in_portions(
    db: Database, tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vestibule.messages.report._PORTION", 4)
    await sent(owner, tenant, HERE, times=days_ago(*range(12)))
    rows = await whole(reporting.as_csv(tenant, Wish()))
    assert len(rows) == 1 + 12 + 1
    assert len({row[0] for row in rows}) == 1 + 12 + 1


async def test_taking_the_file_is_noted(db: Database, tenant: TenantId, owner: asyncpg.Connection, reporting: Reporting) -> None:
    async with db.tenant(tenant) as tx:
        await reporting.exporting(tx, Wish(days=7, status=Status.SPAM), by=SYSTEM)
    row = await owner.fetchrow("select action, detail from audit_entries where tenant_id = $1", tenant)
    assert row is not None
    assert row["action"] == "message-report.exported"
    assert '"days": "7"' in row["detail"]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (MessageState.ACCEPTED, "none yet"),
        (MessageState.DELIVERED, "delivered"),
        (MessageState.FAILED, "failed"),
        (MessageState.UNKNOWN, "unknown"),
    ],
)
def test_a_receipt_is_told_from_no_receipt(state: MessageState, word: str) -> None:
    assert receipt_of(state) == word


def test_a_month_is_plain() -> None:
    assert Month("2026-11", 1, 2).failed == 2
