"""Who may send: by key, while its certificate is valid and not removed; heard of at once on every node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from support.feeding import Key, add_certificate, add_connection, make_key, tell
from support.waiting import until
from vestibule.feed.model import PlainPort, Sender
from vestibule.feed.senders import KnownSenders
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.platform.db import Database, Listener

DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime.now(UTC))


@pytest.fixture
async def senders(db: Database, db_url: str, clock: FrozenClock) -> AsyncIterator[KnownSenders]:
    listener = Listener(db_url)
    it = KnownSenders(db, clock, listener)
    await listener.start()
    yield it
    await listener.stop()


@pytest.fixture
async def connection(owner: asyncpg.Connection, tenant: TenantId) -> ConnectionId:
    return await add_connection(owner, tenant)


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


async def test_a_key_says_whose_message_it_is(
    senders: KnownSenders, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId, key: Key
) -> None:
    number = await add_certificate(owner, tenant, connection, key)
    assert await senders.by_key(key.hash) == Sender(tenant, connection, number)
    assert await senders.by_key(b"\0" * 32) is None
    assert await senders.certificates() == [key.der]


async def test_a_key_unknown_a_moment_ago_is_known_when_it_is_added_and_forgotten_when_it_is_removed(
    senders: KnownSenders, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId, key: Key
) -> None:
    async def known() -> bool:
        return await senders.by_key(key.hash) is not None

    async def forgotten() -> bool:
        return not await known()

    assert await forgotten()
    await add_certificate(owner, tenant, connection, key)
    await until(known)
    await owner.execute("update feed_certificates set removed_at = now()")
    await tell(owner)
    await until(forgotten)


async def test_a_feed_that_is_off_has_no_senders(
    senders: KnownSenders, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId, key: Key
) -> None:
    await add_certificate(owner, tenant, connection, key)
    await owner.execute("update feed_settings set enabled = false")
    assert (await senders.by_key(key.hash), await senders.certificates(), await senders.plain_ports()) == (None, [], [])


@pytest.mark.parametrize(("starts", "ends", "reason"), [(-5 * DAY, -1 * DAY, "over"), (DAY, 5 * DAY, "early")])
async def test_a_certificate_out_of_its_time_is_nobodys_and_the_log_says_which(
    senders: KnownSenders,
    owner: asyncpg.Connection,
    tenant: TenantId,
    connection: ConnectionId,
    monkeypatch: pytest.MonkeyPatch,
    starts: timedelta,
    ends: timedelta,
    reason: str,
) -> None:
    said: list[Any] = []
    monkeypatch.setattr("vestibule.feed.senders.log.warning", lambda *words, **more: said.append((*words, more)), raising=False)
    key = make_key(starts=starts, ends=ends)
    number = await add_certificate(owner, tenant, connection, key)
    assert [await senders.by_key(key.hash) for _ in range(3)] == [None] * 3
    assert said == [("feed-certificate-not-valid", {"certificate": number, "reason": reason})]


async def test_a_certificate_expires_though_it_is_remembered(
    senders: KnownSenders, clock: FrozenClock, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId, key: Key
) -> None:
    await add_certificate(owner, tenant, connection, key)
    assert await senders.by_key(key.hash) is not None
    clock.advance(31 * 86_400)
    assert await senders.by_key(key.hash) is None


async def test_two_certificates_may_overlap(
    senders: KnownSenders, clock: FrozenClock, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId
) -> None:
    old, new = make_key(ends=2 * DAY), make_key(ends=60 * DAY)
    for each in (old, new):
        await add_certificate(owner, tenant, connection, each)
    assert [bool(await senders.by_key(each.hash)) for each in (old, new)] == [True, True]
    clock.advance(3 * 86_400)
    assert [bool(await senders.by_key(each.hash)) for each in (old, new)] == [False, True]


async def test_a_plain_port_belongs_to_one_connection(senders: KnownSenders, owner: asyncpg.Connection, tenant: TenantId) -> None:
    connection = await add_connection(owner, tenant, port=2575, networks=("10.20.0.0/16", "::1/128"))
    assert await senders.plain_ports() == [PlainPort(2575, Sender(tenant, connection), ("10.20.0.0/16", "::1/128"))]


async def test_how_a_sender_wants_to_be_answered_comes_with_it(
    senders: KnownSenders, owner: asyncpg.Connection, tenant: TenantId, key: Key
) -> None:
    connection = await add_connection(owner, tenant, http_status=True)
    await add_certificate(owner, tenant, connection, key)
    found = await senders.by_key(key.hash)
    assert found is not None
    assert found.http_status
