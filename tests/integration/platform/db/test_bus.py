"""Messages between nodes: whole or not at all, here at once, nowhere stored."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import TooLarge, Unavailable
from vestibule.kit.clock import FrozenClock
from vestibule.platform.db import Bus, Database, Listener
from vestibule.platform.db.bus import CHANNEL, LARGEST

Message = tuple[str, bytes]


class Node:
    """One process's end of the bus."""

    def __init__(self, db: Database, url: str) -> None:
        self.db = db
        self.listener = Listener(url)
        self.clock = FrozenClock(datetime(2026, 11, 21, tzinfo=UTC))
        self.bus = Bus(db, self.listener, clock=self.clock)
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.bus.subscribe("visit:", lambda topic, body: self.heard.put_nowait((topic, body)))

    async def next(self) -> Message:
        return await asyncio.wait_for(self.heard.get(), 10)


@pytest.fixture
async def here(db: Database, db_url: str) -> AsyncIterator[Node]:
    node = Node(db, db_url)
    await node.listener.start()
    yield node
    await node.listener.stop()


@pytest.fixture
async def there(db: Database, db_url: str) -> AsyncIterator[Node]:
    node = Node(db, db_url)
    await node.listener.start()
    yield node
    await node.listener.stop()


@pytest.mark.parametrize("size", [0, 1, 5_700, 5_701, 20_000, LARGEST])
async def test_a_message_of_any_size_reaches_the_other_node_whole(here: Node, there: Node, size: int) -> None:
    body = bytes(i * 7 % 251 for i in range(size))
    await here.bus.publish("visit:1", body)
    assert await there.next() == ("visit:1", body)


async def test_this_node_hears_it_at_once_and_only_once(here: Node, there: Node) -> None:
    sending = asyncio.ensure_future(here.bus.publish("visit:1", b"hello"))
    await asyncio.sleep(0)  # one turn of the loop: no round trip to the database fits into it
    assert here.heard.get_nowait() == ("visit:1", b"hello")
    await sending
    await there.bus.publish("visit:1", b"answer")  # arrives after the echo of the first, if there were one
    assert await here.next() == ("visit:1", b"answer")


async def test_messages_of_one_sender_arrive_in_order(here: Node, there: Node) -> None:
    await asyncio.gather(*(here.bus.publish(f"visit:{i}", bytes(6_000)) for i in range(50)))
    assert [(await there.next())[0] for _ in range(50)] == [f"visit:{i}" for i in range(50)]


async def test_many_messages_at_once_share_transactions(here: Node, there: Node, owner: asyncpg.Connection) -> None:
    before = await owner.fetchval("select pg_current_xact_id()::text::bigint")
    await asyncio.gather(*(here.bus.publish("visit:1", b"x") for _ in range(200)))
    for _ in range(200):
        await there.next()
    assert await owner.fetchval("select pg_current_xact_id()::text::bigint") - before < 20


async def test_other_topics_are_not_heard(here: Node, there: Node) -> None:
    await here.bus.publish("board:1", b"not for you")
    await here.bus.publish("visit:1", b"for you")
    assert await there.next() == ("visit:1", b"for you")


async def test_an_ended_subscription_hears_nothing(here: Node) -> None:
    heard: list[bytes] = []
    end = here.bus.subscribe("visit:", lambda _, body: heard.append(body))
    await here.bus.publish("visit:1", b"before")
    end()
    end()
    await here.bus.publish("visit:1", b"after")
    assert heard == [b"before"]


async def test_too_large_a_message_reaches_nobody(here: Node) -> None:
    with pytest.raises(TooLarge, match="bus-message-too-large"):
        await here.bus.publish("visit:1", bytes(LARGEST + 1))
    assert here.heard.empty()


@pytest.mark.parametrize("topic", ["", "two words", "ä", "x" * 201, "a\n", "a/b"])
async def test_a_topic_that_could_break_the_header_is_refused(here: Node, topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        await here.bus.publish(topic, b"")


async def test_without_a_database_this_node_is_told_and_the_caller_learns_of_the_rest(db_url: str, owner: asyncpg.Connection) -> None:
    db = await Database.open(db_url, max_size=1)
    node = Node(db, db_url)
    await db.close()
    with pytest.raises(Unavailable, match="database-unavailable"):
        await node.bus.publish("visit:1", b"local")
    assert node.heard.get_nowait() == ("visit:1", b"local")


async def test_nothing_is_stored(here: Node, there: Node, owner: asyncpg.Connection) -> None:
    tables = "select coalesce(sum(n_tup_ins + n_tup_upd), 0) from pg_stat_user_tables"
    before = await owner.fetchval(tables)
    await here.bus.publish("visit:1", b"canary")
    await there.next()
    assert await owner.fetchval(tables) == before


def wire(number: int, index: int, count: int, body: bytes, *, topic: str = "visit:1", node: str = "0" * 16) -> str:
    return f"{node} {number} {index}/{count} {topic} {base64.b64encode(body).decode()}"


@pytest.fixture
def lonely(db: Database, db_url: str) -> Node:
    """A node whose listener does not run; pieces are put into its hand."""
    return Node(db, db_url)


def test_pieces_in_any_order_make_the_whole(lonely: Node) -> None:
    for index in (2, 0, 1):
        lonely.bus._arrived(wire(1, index, 3, f"{index}".encode()))
    assert lonely.heard.get_nowait() == ("visit:1", b"012")


def test_a_piece_that_comes_twice_does_no_harm(lonely: Node) -> None:
    for index in (0, 0, 1):
        lonely.bus._arrived(wire(1, index, 2, f"{index}".encode()))
    assert lonely.heard.get_nowait() == ("visit:1", b"01")
    assert lonely.heard.empty()


def test_what_is_not_whole_in_time_is_dropped(lonely: Node) -> None:
    lonely.bus._arrived(wire(1, 0, 2, b"first"))
    lonely.clock.advance(6)
    lonely.bus._arrived(wire(2, 0, 2, b"another"))  # the look at the clock
    lonely.bus._arrived(wire(1, 1, 2, b"second"))
    assert lonely.heard.empty()


def test_unfinished_messages_take_a_bounded_place(lonely: Node) -> None:
    for number in range(2_000):
        lonely.bus._arrived(wire(number, 0, 2, bytes(5_700)))
    assert len(lonely.bus._unfinished) <= 256


HOSTILE = [
    ("", "nothing"),
    ("hello", "no header"),
    (wire(1, 1, 1, b"x"), "an index at the count"),
    (wire(1, 0, 0, b"x"), "no pieces at all"),
    (wire(1, 0, 999, b"x"), "more pieces than a message can have"),
    (wire(1, 0, 1, bytes(6_000)), "a piece too long"),
    (f"{'0' * 16} 1 0/1 visit:1 ===", "not base64"),
    (f"{'0' * 16} {'9' * 40} 0/1 visit:1 eA==", "a number without end"),
]


@pytest.mark.parametrize(("payload", "remark"), HOSTILE)
def test_a_broken_piece_is_dropped(lonely: Node, payload: str, remark: str) -> None:
    lonely.bus._arrived(payload)
    assert lonely.heard.empty()


@given(st.text(max_size=200))
def test_no_payload_breaks_the_bus(payload: str) -> None:
    bus = Bus(None, Listener("postgresql://"))  # type: ignore[arg-type]
    bus._arrived(payload)


async def test_anybody_may_shout_into_the_channel(there: Node, owner: asyncpg.Connection) -> None:
    await owner.execute("select pg_notify($1, 'rubbish')", CHANNEL)
    await owner.execute("select pg_notify($1, $2)", CHANNEL, wire(1, 0, 1, b"fine"))
    assert await there.next() == ("visit:1", b"fine")
