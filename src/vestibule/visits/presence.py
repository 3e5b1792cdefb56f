"""Presence: who is connected is a promise that runs out, so that a killed node's people are disconnected once, by whoever notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from vestibule.kit.ids import ParticipantId, TenantId, VisitId
from vestibule.platform.db import Database, Tx
from vestibule.visits.book import Book, tenant_of
from vestibule.visits.model import EventKind, PersonState
from vestibule.visits.store import PresenceStore


class Presence:
    """Leases on people's sockets. A quick reconnect takes the lease over, and the old socket's end then means nothing."""

    def __init__(self, book: Book, store: PresenceStore) -> None:
        self._book = book
        self._store = store

    async def hold(self, tx: Tx, visit: VisitId, participant: ParticipantId, holder: str, seconds: float) -> None:
        """Promise that they are here for so many seconds."""
        until = self._book.clock.now() + timedelta(seconds=seconds)
        await self._store.hold(tenant_of(tx), tx, visit, participant, holder=holder, until=until)

    async def renew(self, tx: Tx, holders: Mapping[ParticipantId, str], seconds: float = 20) -> list[ParticipantId]:
        """Promise it again, for many at once; whom the answer leaves out has been taken over or let go: close that socket."""
        return await self._store.renew(tenant_of(tx), tx, holders, self._book.clock.now() + timedelta(seconds=seconds))

    async def taken_over(self, tx: Tx, participant: ParticipantId, holder: str) -> bool:
        """Whether somebody else than this holder has them now."""
        now = await self._store.holder(tenant_of(tx), tx, participant)
        return now is not None and now != holder

    async def release(self, tx: Tx, participant: ParticipantId) -> None:
        """They are gone."""
        await self._store.release(tenant_of(tx), tx, participant)

    async def release_all(self, tx: Tx, visit: VisitId) -> None:
        """Everybody is gone."""
        await self._store.release_all(tenant_of(tx), tx, visit)

    async def reap(self, db: Database, *, at_most: int = 200) -> int:
        """Disconnect everybody whose promise has run out; any number of nodes may do it at once. Returns how many were disconnected."""
        async with db.dispatcher() as tx:
            expired = await self._store.expired(tx, self._book.clock.now(), at_most)
        done = 0
        for tenant, visit, participant in expired:
            done += await self._reap_one(db, tenant, visit, participant)
        return done

    async def _reap_one(self, db: Database, tenant: TenantId, visit: VisitId, participant: ParticipantId) -> bool:
        async with db.tenant(tenant) as tx:
            found = await self._book.read(tx, visit, lock=True)
            if not await self._store.release(tenant, tx, participant, expired_by=self._book.clock.now()):
                return False  # renewed, taken over, or reaped by another node in the meantime
            who = found.person(participant)
            if who is None or found.over or who.state is not PersonState.CONNECTED:
                return False
            await self._book.add(tx, found, EventKind.DISCONNECTED, who.id, {"why": "lost"})
            return True
