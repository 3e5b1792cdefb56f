"""Presence on a real database: people of a killed node, and sockets that take over."""

from __future__ import annotations

import asyncio

from support.met import Met, kinds
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database
from vestibule.visits.model import PersonState
from vestibule.visits.service import Visits


async def test_a_killed_nodes_people_are_disconnected_once(visits: Visits, db: Database, tenant: TenantId, clock: FrozenClock) -> None:
    met = await Met(visits, db, tenant).begin()
    clock.advance(19)
    async with db.tenant(tenant) as tx:
        assert await visits.presence.renew(tx, {met.doctor.id: "d1", met.patient.id: "someone else"}) == [met.doctor.id]
    assert await visits.presence.reap(db) == 0
    clock.advance(2)
    reaped = await asyncio.gather(visits.presence.reap(db), visits.presence.reap(db), visits.presence.reap(db))
    assert sum(reaped) == 1
    async with db.tenant(tenant) as tx:
        visit = await visits.get(tx, met.id)
    states = {p.id: p.state for p in visit.people}
    assert states == {met.doctor.id: PersonState.CONNECTED, met.patient.id: PersonState.DISCONNECTED}
    assert (await kinds(visits, db, tenant, met.id)).count("disconnected") == 1


async def test_a_quick_reconnect_takes_over_and_the_old_sockets_end_means_nothing(visits: Visits, db: Database, tenant: TenantId) -> None:
    met = await Met(visits, db, tenant).begin()
    before = await kinds(visits, db, tenant, met.id)
    await met.do(lambda tx: visits.connected(tx, met.id, met.patient.id, holder="p2"))
    await met.do(lambda tx: visits.disconnected(tx, met.id, met.patient.id, holder="p1"))
    assert await kinds(visits, db, tenant, met.id) == before
    await met.do(lambda tx: visits.disconnected(tx, met.id, met.patient.id, holder="p2"))
    assert (await kinds(visits, db, tenant, met.id))[len(before) :] == ["disconnected"]
