"""Sessions of staff: an idle time of their own, which only a person's use renews, and cookies for pages nobody frames."""

from __future__ import annotations

from datetime import timedelta

from support.membership import joined, opened, person
from vestibule.identity.members import Members
from vestibule.identity.service import Identity
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database


async def test_a_session_of_staff_has_an_idle_time_of_its_own(
    members: Members, identity: Identity, db: Database, tenant: TenantId, clock: FrozenClock
) -> None:
    member = await joined(members, db, tenant, person())
    async with db.tenant(tenant) as tx:
        session = await members.open_session(tx, member, idle=timedelta(minutes=15))
    clock.advance(14 * 60 + 59)
    assert await identity.prove(db, session.principal.session, session.cookie.value) is not None
    clock.advance(15 * 60)
    assert await identity.prove(db, session.principal.session, session.cookie.value) is None


async def test_what_a_page_asks_by_itself_is_no_use(
    members: Members, identity: Identity, db: Database, tenant: TenantId, clock: FrozenClock
) -> None:
    member = await joined(members, db, tenant, person())
    async with db.tenant(tenant) as tx:
        session = await members.open_session(tx, member, idle=timedelta(minutes=15))
    sid, cookie = session.principal.session, session.cookie.value
    for _ in range(14):
        clock.advance(60)
        assert (await identity.proof(db, sid, cookie, used=False)).principal is not None
    assert await identity.seconds_left(db, sid) == 60
    clock.advance(60)
    assert (await identity.proof(db, sid, cookie, used=False)).principal is None
    assert await identity.seconds_left(db, sid) == 0


async def test_polls_do_not_hide_use(members: Members, identity: Identity, db: Database, tenant: TenantId, clock: FrozenClock) -> None:
    member = await joined(members, db, tenant, person())
    async with db.tenant(tenant) as tx:
        session = await members.open_session(tx, member, idle=timedelta(minutes=15))
    sid, cookie = session.principal.session, session.cookie.value
    for _ in range(20):
        clock.advance(60)
        assert (await identity.proof(db, sid, cookie, used=False)).principal is not None
        assert (await identity.proof(db, sid, cookie)).principal is not None


async def test_cookies_of_staff_are_for_pages_nobody_frames(members: Members, db: Database, tenant: TenantId) -> None:
    session = await opened(members, db, tenant, await joined(members, db, tenant, person()))
    header = session.cookie.header().split("; ")
    assert "SameSite=Lax" in header
    assert {"HttpOnly", "Secure", f"Path=/s/{session.principal.session}/"} <= set(header)
    assert "Partitioned" not in header
