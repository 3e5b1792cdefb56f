"""Notifications arrive, and when the connection was lost, subscribers are told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.platform.db import Database, Listener


class Ear:
    """Remembers what it heard, and can be waited for."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.gaps: asyncio.Queue[None] = asyncio.Queue()

    def gap(self) -> None:
        self.gaps.put_nowait(None)

    async def next(self) -> str:
        return await asyncio.wait_for(self.heard.get(), 30)

    async def next_gap(self) -> None:
        await asyncio.wait_for(self.gaps.get(), 30)


@pytest.fixture
async def listener(db_url: str) -> AsyncIterator[Listener]:
    it = Listener(db_url, heartbeat=0.2)
    yield it
    await it.stop()


@pytest.fixture
def ear() -> Ear:
    return Ear()


async def tell(db: Database, channel: str, payload: str) -> None:
    async with db.anyone() as tx:
        await tx.notify(channel, payload)


async def cut(owner: asyncpg.Connection) -> int:
    """End every session of this database but our own; returns how many there were."""
    return await owner.fetchval(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )


async def test_a_committed_notification_arrives(db: Database, listener: Listener, ear: Ear) -> None:
    listener.subscribe("news", ear.heard.put_nowait)
    await listener.start()
    await tell(db, "news", "one")
    assert await ear.next() == "one"


async def test_a_rolled_back_one_does_not(db: Database, listener: Listener, ear: Ear) -> None:
    listener.subscribe("news", ear.heard.put_nowait)
    await listener.start()
    with suppress(ZeroDivisionError):
        async with db.anyone() as tx:
            await tx.notify("news", "never")
            raise ZeroDivisionError
    await tell(db, "news", "after")
    assert await ear.next() == "after"


async def test_each_channel_reaches_its_own_subscribers_only(db: Database, listener: Listener, ear: Ear) -> None:
    other = Ear()
    listener.subscribe("news", ear.heard.put_nowait)
    listener.subscribe("Odd Channel; --", other.heard.put_nowait)
    await listener.start()
    await tell(db, "news", "one")
    await tell(db, "Odd Channel; --", "two")
    assert await other.next() == "two"
    assert await ear.next() == "one"
    assert ear.heard.empty()


async def test_a_failing_subscriber_does_not_silence_the_next(
    db: Database, listener: Listener, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    listener.subscribe("news", lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    listener.subscribe("news", ear.heard.put_nowait)
    await listener.start()
    await tell(db, "news", "one")
    assert await ear.next() == "one"
    assert "a subscriber of the database listener failed" in caplog.text


async def test_a_lost_connection_comes_back_and_tells_of_the_gap(
    db: Database, owner: asyncpg.Connection, listener: Listener, ear: Ear
) -> None:
    listener.subscribe("news", ear.heard.put_nowait, on_gap=ear.gap)
    await listener.start()
    assert ear.gaps.empty()
    for round_ in range(3):
        assert await cut(owner) >= 1
        await ear.next_gap()
        await tell(db, "news", f"after {round_}")
        assert await ear.next() == f"after {round_}"


async def test_listen_stands_before_the_gap_is_told(db: Database, owner: asyncpg.Connection, listener: Listener, ear: Ear) -> None:
    """A subscriber reads what it missed when told of the gap; what is committed after that must reach it as a notification."""
    sent: list[asyncio.Task[None]] = []
    listener.subscribe("news", ear.heard.put_nowait, on_gap=lambda: sent.append(asyncio.ensure_future(tell(db, "news", "right after"))))
    await listener.start()
    await cut(owner)
    assert await ear.next() == "right after"
    await asyncio.gather(*sent)


async def test_a_later_subscriber_is_heard_and_told_that_it_is_late(db: Database, listener: Listener, ear: Ear) -> None:
    await listener.start()
    listener.subscribe("news", ear.heard.put_nowait, on_gap=ear.gap)
    await ear.next_gap()
    await tell(db, "news", "one")
    assert await ear.next() == "one"


async def test_starting_without_a_server_says_so() -> None:
    listener = Listener("postgresql://nobody@/none?host=/nowhere")
    with pytest.raises(Unavailable, match="database-unavailable"):
        await listener.start(patience=0.3)


async def test_stopping_leaves_no_session(db: Database, owner: asyncpg.Connection, listener: Listener) -> None:
    listener.subscribe("news", lambda _: None)
    await listener.start()
    await listener.stop()
    await listener.stop()
    await db.close()
    nobody = "select count(*) = 0 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    await until(lambda: owner.fetchval(nobody), what="no session left")


async def test_stopping_in_the_very_moment_of_news_ends_too(listener: Listener) -> None:
    listener.subscribe("news", lambda _: None)
    await listener.start()
    await asyncio.sleep(0)
    listener.subscribe("other news", lambda _: None)
    stopping = asyncio.create_task(listener.stop())
    ended, _ = await asyncio.wait([stopping], timeout=30)
    stopping.cancel()
    assert ended
