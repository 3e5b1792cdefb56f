"""Reading sessions together: when thousands of pages come back at once, they are asked for in groups, not one transaction each.

A group is what has gathered while the groups before it were being read, so a single request never waits for company, and however many
come, no more than LANES connections of the pool are taken: everybody else's requests still find one. Whoever asks joins a group that
has not begun to read, so that a session closed before the question is never found open by it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta

from vestibule.identity.store import IdentityStore, SessionRow
from vestibule.kit.clock import Clock
from vestibule.kit.ids import SessionId, TenantId
from vestibule.platform.db import Database

LANES = 2
MOST = 100


@dataclass(slots=True)
class _Wanted:
    db: Database
    sid: SessionId
    used: bool
    found: asyncio.Future[SessionRow | None]


class SessionReader:
    """Finds sessions by id, whosever they are, and notes that they are in use."""

    def __init__(self, store: IdentityStore, clock: Clock, *, idle: timedelta) -> None:
        """Set the limits; see `Identity`."""
        self._store = store
        self._clock = clock
        self._idle = idle
        self._waiting: list[_Wanted] = []
        self._lanes: set[asyncio.Task[None]] = set()

    async def find(self, db: Database, sid: SessionId, *, used: bool = True) -> SessionRow | None:
        """The session as it is now, over or not; `used` says whether asking counts as its use."""
        wanted = _Wanted(db, sid, used, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        if len(self._lanes) < LANES:
            lane = asyncio.create_task(self._lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await wanted.found

    async def _lane(self) -> None:
        """Read group after group until nobody waits."""
        while self._waiting:
            db = self._waiting[0].db
            group = [wanted for wanted in self._waiting if wanted.db is db][:MOST]
            taken = set(map(id, group))
            self._waiting = [wanted for wanted in self._waiting if id(wanted) not in taken]
            try:
                rows = await self._read(db, [wanted.sid for wanted in group], {wanted.sid for wanted in group if wanted.used})
            except BaseException as error:
                _fail(group, error)
                if not isinstance(error, Exception):
                    raise
            else:
                for wanted in group:
                    if not wanted.found.done():
                        wanted.found.set_result(rows.get(wanted.sid))

    async def _read(self, db: Database, sids: list[SessionId], used: set[SessionId]) -> dict[SessionId, SessionRow]:
        async with db.anyone() as tx:
            tenants = await self._store.whose_sessions(tx, sids)
        by_tenant: dict[TenantId, list[SessionId]] = defaultdict(list)
        for sid, tenant in tenants.items():
            by_tenant[tenant].append(sid)
        rows: dict[SessionId, SessionRow] = {}
        for tenant, theirs in by_tenant.items():
            rows |= await self._read_tenant(db, tenant, theirs, used)
        return rows

    async def _read_tenant(
        self, db: Database, tenant: TenantId, sids: list[SessionId], used: set[SessionId]
    ) -> dict[SessionId, SessionRow]:
        now = self._clock.now()
        async with db.tenant(tenant) as tx:
            rows = {row.principal.session: row for row in await self._store.sessions(tenant, tx, sids, self._idle)}
            touched = [sid for sid, row in rows.items() if sid in used and row.to_be_touched(now)]
            if touched:
                await self._store.seen(tenant, tx, touched, now)
        return rows | {sid: replace(rows[sid], last_seen_at=now) for sid in touched}


def _fail(group: list[_Wanted], error: BaseException) -> None:
    for wanted in group:
        if not wanted.found.done():
            wanted.found.set_exception(error)
            wanted.found.exception()  # whoever asked may have gone away meanwhile
