"""Sessions are read in groups: nobody waits for company, nobody is given what was read before they asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vestibule.errors import Unavailable
from vestibule.identity.model import Principal, Role
from vestibule.identity.reading import LANES, MOST, SessionReader
from vestibule.identity.store import SessionRow
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import SessionId, TenantId, new_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, B = TenantId(new_id()), TenantId(new_id())


class Shelf:
    """A database and a store in one: counts transactions, and opens its gate when told to."""

    def __init__(self) -> None:
        self.rows: dict[SessionId, SessionRow] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = asyncio.Event()
        self.groups: list[int] = []
        self.open = 0
        self.most_open = 0
        self.seen_now: list[SessionId] = []
        self.broken = False

    def add(self, tenant: TenantId, *, last_seen: datetime = NOW) -> SessionId:
        sid = SessionId(new_id())
        self.rows[sid] = SessionRow(
            Principal(sid, tenant, Role.CLINICIAN), b"", (), last_seen, NOW + timedelta(hours=1), None, timedelta(hours=1)
        )
        return sid

    @asynccontextmanager
    async def anyone(self) -> AsyncIterator[Any]:
        if self.broken:
            raise Unavailable("database-unavailable", "No.", phase="p")
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.began.set()
        try:
            yield None
            await self.gate.wait()
        finally:
            self.open -= 1

    @asynccontextmanager
    async def tenant(self, tenant: TenantId) -> AsyncIterator[Any]:
        yield tenant

    async def whose_sessions(self, _tx: Any, sids: Sequence[SessionId]) -> dict[SessionId, TenantId]:
        self.groups.append(len(sids))
        return {sid: self.rows[sid].principal.tenant for sid in sids if sid in self.rows}

    async def sessions(self, tenant: TenantId, tx: Any, sids: Sequence[SessionId], _idle: timedelta) -> list[SessionRow]:
        assert tx == tenant
        return [self.rows[sid] for sid in sids if sid in self.rows and self.rows[sid].principal.tenant == tenant]

    async def seen(self, _tenant: TenantId, _tx: Any, sids: Sequence[SessionId], _now: datetime) -> None:
        self.seen_now += sids


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def reader(shelf: Shelf) -> SessionReader:
    store: Any = shelf
    return SessionReader(store, FrozenClock(NOW), idle=timedelta(hours=1))


def ask(reader: SessionReader, shelf: Any, sid: SessionId) -> asyncio.Task[SessionRow | None]:
    return asyncio.create_task(reader.find(shelf, sid))


async def test_everybody_gets_their_own_and_strangers_get_nothing(reader: SessionReader, shelf: Shelf) -> None:
    sids = [shelf.add(tenant) for tenant in (A, B, A)]
    found = await asyncio.gather(*(ask(reader, shelf, sid) for sid in [*sids, SessionId(new_id())]))
    assert [row.principal.session if row else None for row in found] == [*sids, None]
    assert [row.principal.tenant for row in found if row] == [A, B, A]


async def test_one_alone_does_not_wait(reader: SessionReader, shelf: Shelf) -> None:
    await ask(reader, shelf, shelf.add(A))
    await ask(reader, shelf, shelf.add(A))
    assert shelf.groups == [1, 1]


async def test_thousands_take_two_connections_and_few_groups(reader: SessionReader, shelf: Shelf) -> None:
    found = await asyncio.gather(*(ask(reader, shelf, shelf.add(A)) for _ in range(2_000)))
    assert all(found)
    assert shelf.most_open <= LANES
    assert len(shelf.groups) <= 2_000 / MOST + LANES
    assert max(shelf.groups) <= MOST


async def test_who_asks_after_a_group_began_is_answered_by_a_later_one(reader: SessionReader, shelf: Shelf) -> None:
    """A session closed in between must be found closed."""
    sid = shelf.add(A)
    shelf.gate.clear()
    early = [ask(reader, shelf, sid) for _ in range(LANES)]
    await shelf.began.wait()
    late = ask(reader, shelf, sid)
    await asyncio.sleep(0)
    begun = len(shelf.groups)
    shelf.gate.set()
    await asyncio.gather(*early, late)
    assert len(shelf.groups) > begun


async def test_a_failure_is_told_to_the_group_and_forgotten(reader: SessionReader, shelf: Shelf) -> None:
    sid = shelf.add(A)
    shelf.broken = True
    failed = await asyncio.gather(*(ask(reader, shelf, sid) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(error, Unavailable) for error in failed)
    shelf.broken = False
    assert await ask(reader, shelf, sid)


async def test_who_goes_away_harms_nobody(reader: SessionReader, shelf: Shelf) -> None:
    sids = [shelf.add(A) for _ in range(3)]
    shelf.gate.clear()
    tasks = [ask(reader, shelf, sid) for sid in sids]
    await asyncio.sleep(0)
    tasks[1].cancel()
    shelf.gate.set()
    assert await tasks[0]
    assert await tasks[2]


async def test_only_what_was_long_unused_is_touched(reader: SessionReader, shelf: Shelf) -> None:
    fresh, stale = shelf.add(A), shelf.add(A, last_seen=NOW - timedelta(minutes=5))
    over = shelf.add(A, last_seen=NOW - timedelta(hours=2))
    rows = await asyncio.gather(*(ask(reader, shelf, sid) for sid in (fresh, stale, over)))
    assert shelf.seen_now == [stale]
    assert [row.last_seen_at for row in rows if row] == [NOW, NOW, NOW - timedelta(hours=2)]
