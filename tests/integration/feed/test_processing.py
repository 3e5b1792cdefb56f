"""The worker's loop: what cannot be read goes to quarantine, what cannot be done now comes again, nothing stops the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from integration.feed.conftest import FeedHouse
from support.scheduling import siu
from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.feed.model import CHANNEL, Rule, RuleField
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Listener

FIRST = TenantId(UUID(int=0))


async def test_what_cannot_be_read_goes_to_quarantine_and_the_others_go_on(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    rows = await feed.put(siu(csn="1"), b"", b"\x00\xff", b"MSH|^~\\&|A|B|||20260101||ADT^A01|7|P|2.5\r", siu("S99", csn="2"), siu(csn="3"))
    await feed.process()
    fates = await feed.fates(rows)
    assert (fates[0], fates[-1]) == ("applied", "applied")
    assert [fate.split()[0] for fate in fates[1:3]] == ["quarantined"] * 2
    assert await owner.fetchval("select count(*) from feed_inbox where state = 'quarantined' and body is null") == 0, "nothing is lost"
    assert fates[3:5] == ["ignored hl7-type", "ignored hl7-event"], "what is about something else is passed over"
    assert await owner.fetchval("select count(*) from feed_inbox where state = 'ignored' and body is not null") == 0


async def test_a_message_sealed_for_another_place_is_not_opened(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    one, other = await feed.put(siu(csn="1"), siu(csn="2"))
    await owner.execute("update feed_inbox set body = (select body from feed_inbox where id = $1) where id = $2", one, other)
    await feed.process()
    assert await feed.fates([one, other]) == ["applied", "quarantined secret-unreadable"]


async def test_what_cannot_be_done_now_is_tried_again_and_given_up_at_last(
    feed: FeedHouse, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: Any, **__: Any) -> Any:
        raise Unavailable("database-busy", "Busy.", phase="test")

    with monkeypatch.context() as patch:
        patch.setattr(feed.visits.appointments, "appoint", busy)
        [row] = await feed.put(siu())
        await feed.process()
        assert await feed.fates([row]) == ["new database-busy"]
        assert await owner.fetchval("select run_at > now() from feed_inbox")
        await owner.execute("update feed_inbox set run_at = now(), tries = 11")
        await feed.process()
        assert await feed.fates([row]) == ["quarantined database-busy"]
    await owner.execute("update feed_inbox set state = 'new', run_at = now(), tries = 0")
    await feed.process()
    assert await feed.fates([row]) == ["applied"]


async def test_a_mistake_of_ours_poisons_one_message_only(
    feed: FeedHouse, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = feed.visits.appointments.appoint

    async def trip(tx: Any, one: Any) -> Any:
        if one.key.endswith(":13"):
            raise KeyError("MIRA CANARY")
        return await real(tx, one)

    monkeypatch.setattr(feed.visits.appointments, "appoint", trip)
    rows = await feed.put(*(siu(csn=str(n), control=str(n)) for n in (12, 13, 14)))
    for _ in range(3):
        await owner.execute("update feed_inbox set run_at = now() where state = 'new'")
        await feed.process()
    assert await feed.fates(rows) == ["applied", "quarantined internal-error", "applied"]
    assert await owner.fetchval("select count(*) from visits") == 2, "of what failed nothing is left half done"


async def test_who_was_too_slow_finishes_nothing(feed: FeedHouse, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease ran out, another worker took the message and finished it."""
    real = feed.visits.appointments.appoint

    async def slow(tx: Any, one: Any) -> Any:
        await owner.execute("update feed_inbox set tries = tries + 1, state = 'applied', processed_at = now()")
        return await real(tx, one)

    monkeypatch.setattr(feed.visits.appointments, "appoint", slow)
    await feed.put(siu())
    await feed.process()
    assert await owner.fetchval("select count(*) from visits") == 0


async def test_a_large_message_is_fetched_by_itself(feed: FeedHouse) -> None:
    obx = b"OBX|1|TX|note||" + b"x" * 300_000 + b"\r"
    assert await feed.hear(siu() + obx) == ["applied"]


async def test_the_loop_wakes_when_something_comes_and_stops_when_told(feed: FeedHouse, db_url: str, owner: asyncpg.Connection) -> None:
    listener = Listener(db_url)
    worker = feed.worker(listener=listener, poll=60)
    await listener.start()
    running = asyncio.create_task(worker.run())
    try:
        await feed.put(siu())
        await owner.execute(f"notify {CHANNEL}")
        await until(feed.visit, what="it is applied")
    finally:
        await worker.stop()
        await asyncio.wait_for(running, 10)
        await listener.stop()


async def test_changed_rules_count_from_the_next_message_on(feed: FeedHouse) -> None:
    assert await feed.hear(siu(csn="1", room="TELE 9")) == ["ignored appointment-not-virtual"]
    await feed.change(rules=(Rule(RuleField.RESOURCE, "tele*"),))
    assert await feed.hear(siu(csn="1", control="2", room="TELE 9")) == ["applied"]


# ---------------------------------------------------------------------- forgetting


async def bodies(owner: asyncpg.Connection) -> int:
    found: int = await owner.fetchval("select count(*) from feed_inbox where body is not null")
    return found


async def test_a_message_goes_when_its_hours_are_over_and_says_so_where_nobody_looked(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    await feed.change(raw_hours=24)
    await feed.hear(siu(csn="1"), b"hello")
    kept = await owner.fetch("select keep_until - received_at as kept from feed_inbox order by id")
    assert [row["kept"] for row in kept] == [timedelta(hours=24)] * 2
    assert await feed.forgetting.due_bodies(feed.db, FIRST, 10) == []
    await owner.execute("update feed_inbox set keep_until = now() - interval '1 second'")
    assert await feed.forgetting.due_bodies(feed.db, FIRST, 10) == [feed.tenant]
    async with feed.db.tenant(feed.tenant) as tx:
        assert await feed.forgetting.erase_bodies(tx) == 2
    assert await bodies(owner) == 0
    assert [row["state"] for row in await owner.fetch("select state from feed_inbox order by id")] == ["applied", "expired"]


async def test_fewer_hours_count_for_what_is_kept_already(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    await feed.hear(siu())
    await feed.change(raw_hours=2)
    assert await owner.fetchval("select keep_until - received_at from feed_inbox") == timedelta(hours=2)


async def test_no_message_outlives_the_contact_it_brought(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    await feed.hear(siu(csn="1", control="1"), siu("S14", csn="1", control="2"), siu(csn="2", control="3"))
    visit, other = await feed.visit("1"), await feed.visit("2")
    assert visit is not None
    assert other is not None
    async with feed.db.tenant(feed.tenant) as tx:
        await feed.visits.contacts.erase(tx, visit.id, why="time")
    assert await bodies(owner) == 1
    async with feed.db.tenant(feed.tenant) as tx:
        await feed.visits.end_for_all(tx, other.id)
    assert await bodies(owner) == 0


async def test_after_a_week_nothing_says_that_it_ever_came(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    await feed.hear(siu(csn="1"), siu(csn="2", control="2"))
    await owner.execute("update feed_inbox set received_at = now() - interval '8 days' where id = (select min(id) from feed_inbox)")
    await owner.execute(
        "update feed_appointments set ends_at = now() - interval '8 days' where ctid = (select min(ctid) from feed_appointments)"
    )
    assert await feed.forgetting.due_rows(feed.db, FIRST, 10) == [feed.tenant]
    async with feed.db.tenant(feed.tenant) as tx:
        await feed.forgetting.forget(tx)
    assert await owner.fetchval("select count(*) from feed_inbox") == 1
    assert await owner.fetchval("select count(*) from feed_appointments") == 3
