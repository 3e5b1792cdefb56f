"""Taking messages: once, the same again, another of the same name; sealed; and the worker hears of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from support.feeding import add_connection, message, received
from support.waiting import until
from vestibule.errors import BadInput, Unavailable
from vestibule.feed.inbox import DurableInbox, about
from vestibule.feed.model import CHANNEL, Verdict, Via
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Listener
from vestibule.platform.db.group import Limits

BOX = SecretBox([("test", b"k" * 32)])
TAKEN, AGAIN, CONFLICT = Verdict.TAKEN, Verdict.AGAIN, Verdict.CONFLICT


@pytest.fixture
async def inbox(db_url: str) -> AsyncIterator[DurableInbox]:
    it = DurableInbox(db_url, BOX, limits=Limits(pause=0.1, refusal=0.01))
    it.start()
    yield it
    await it.stop()


@pytest.fixture
async def connection(owner: asyncpg.Connection, tenant: TenantId) -> ConnectionId:
    return await add_connection(owner, tenant)


async def rows(owner: asyncpg.Connection) -> list[asyncpg.Record]:
    return await owner.fetch("select * from feed_inbox order by id")


async def test_a_message_is_kept_sealed_with_what_is_needed_to_find_it(
    inbox: DurableInbox, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId
) -> None:
    one = received(tenant, connection, "77")
    assert await inbox.take(one) is TAKEN
    (row,) = await rows(owner)
    found = row["tenant_id"], row["connection_id"], row["control_id"], row["name"], row["via"], row["state"], row["twin"], row["size"]
    assert found == (tenant, connection, "77", one.name, "mllp", "new", False, len(one.body))
    assert b"CANARY" not in row["body"]
    assert BOX.open_bytes(row["body"], about=about(tenant, one.name)) == one.body
    assert row["body_hash"] == hashlib.sha256(one.body).digest()


async def test_the_same_message_again_is_one_message(
    inbox: DurableInbox, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId
) -> None:
    one = received(tenant, connection)
    assert [await inbox.take(one), await inbox.take(one)] == [TAKEN, AGAIN]
    assert await asyncio.gather(*(inbox.take(received(tenant, connection, "2")) for _ in range(5))) == [TAKEN, *[AGAIN] * 4]
    assert len(await rows(owner)) == 2


async def test_another_body_under_a_known_name_is_kept_once_in_quarantine(
    inbox: DurableInbox, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId
) -> None:
    one, other = received(tenant, connection), received(tenant, connection, body=message("1", kind="SIU^S15"))
    assert [await inbox.take(each) for each in (one, other, other, one)] == [TAKEN, CONFLICT, CONFLICT, AGAIN]
    first, twin = await rows(owner)
    assert (first["twin"], first["state"], first["code"]) == (False, "new", "")
    assert (twin["twin"], twin["state"], twin["code"]) == (True, "quarantined", "hl7-control-id-reused")
    assert BOX.open_bytes(twin["body"], about=about(tenant, other.name)) == other.body


async def test_both_at_once_in_one_batch_are_told_apart(
    inbox: DurableInbox, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId
) -> None:
    one, other = received(tenant, connection), received(tenant, connection, body=message("1", kind="SIU^S15"))
    new = received(tenant, connection, "2")
    assert await asyncio.gather(*map(inbox.take, (one, other, new, one, other))) == [TAKEN, CONFLICT, TAKEN, AGAIN, CONFLICT]
    assert [row["twin"] for row in await rows(owner)] == [False, False, True]


async def test_messages_of_many_senders_share_a_commit_and_each_keeps_its_own(
    inbox: DurableInbox, owner: asyncpg.Connection, tenant: TenantId, other_tenant: TenantId, connection: ConnectionId
) -> None:
    elsewhere, key = await add_connection(owner, other_tenant), new_id()
    sent = [received(*((tenant, connection), (other_tenant, elsewhere))[n % 2], control_id=str(n)) for n in range(6)]
    sent[4] = replace(sent[4], via=Via.MLLPS, sender=replace(sent[4].sender, certificate=key))
    assert await asyncio.gather(*map(inbox.take, [*sent, sent[3]])) == [TAKEN] * 6 + [AGAIN]
    found = [(r["tenant_id"], r["connection_id"], r["via"], r["certificate_id"], r["control_id"], r["name"]) for r in await rows(owner)]
    assert found == [(m.sender.tenant, m.sender.connection, m.via, m.sender.certificate, m.control_id, m.name) for m in sent]


async def test_a_control_id_is_a_name_only_with_its_sender(
    inbox: DurableInbox, owner: asyncpg.Connection, tenant: TenantId, other_tenant: TenantId, connection: ConnectionId
) -> None:
    elsewhere = await add_connection(owner, other_tenant)
    beside = await add_connection(owner, tenant)
    assert [await inbox.take(received(*who)) for who in ((tenant, connection), (other_tenant, elsewhere), (tenant, beside))] == [TAKEN] * 3


async def test_the_worker_is_told_with_the_commit_and_only_of_news(
    inbox: DurableInbox, db_url: str, tenant: TenantId, connection: ConnectionId
) -> None:
    listener, told = Listener(db_url), list[str]()
    listener.subscribe(CHANNEL, told.append)
    await listener.start()
    one = received(tenant, connection)
    await inbox.take(one)
    await until(lambda: told == [""])
    assert await inbox.take(one) is AGAIN
    await inbox.take(received(tenant, connection, "2"))
    await until(lambda: len(told) > 1)
    assert told == ["", ""]
    await listener.stop()


async def test_a_poison_row_refuses_itself_only(inbox: DurableInbox, tenant: TenantId, connection: ConnectionId) -> None:
    bad = [received(tenant, connection, control_id) for control_id in ("nul\0", "half\ud800", "x" * 201)]
    good = [received(tenant, connection, str(n)) for n in range(5)]
    answers = [inbox.take(each) for pair in zip(good, [*bad, *good[:2]], strict=True) for each in pair]
    ends = await asyncio.gather(*answers, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, Exception)] == [TAKEN] * 3 + [TAKEN, AGAIN, TAKEN, AGAIN]
    assert {(type(end), end.code) for end in ends if isinstance(end, BadInput)} == {(BadInput, "row-refused")}


async def test_a_full_disk_is_an_error_and_nothing_is_kept(
    inbox: DurableInbox, owner: asyncpg.Connection, tenant: TenantId, connection: ConnectionId
) -> None:
    await owner.execute(
        "create function full_up() returns trigger language plpgsql as $$ begin raise exception 'no room' using errcode = '53100'; end $$;"
        "create trigger full_up before insert on feed_inbox execute function full_up()"
    )
    with pytest.raises(Unavailable, match="database-disk-full"):
        await inbox.take(received(tenant, connection))
    await owner.execute("drop trigger full_up on feed_inbox")
    assert await rows(owner) == []
    assert await inbox.take(received(tenant, connection)) is TAKEN
