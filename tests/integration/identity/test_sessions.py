"""Sessions against a real database: proof, expiry, closing, tickets, and the walls between tenants."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from vestibule.errors import BadInput, Gone
from vestibule.identity.model import Principal, Role
from vestibule.identity.service import Identity, OpenedSession
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ParticipantId, SessionId, TenantId, VisitId, new_id
from vestibule.platform.db import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def identity(clock: FrozenClock) -> Identity:
    return Identity(clock, idle=timedelta(minutes=60), absolute=timedelta(hours=12))


async def opened(
    identity: Identity, db: Database, tenant: TenantId, *, role: Role = Role.PATIENT, visit: VisitId | None = None
) -> OpenedSession:
    async with db.tenant(tenant) as tx:
        return await identity.open_session(tx, role=role, visit=visit, framed=True, frame_origins=["https://ehr.example"])


async def test_a_session_is_proved_by_its_cookie_and_by_nothing_else(db: Database, tenant: TenantId, identity: Identity) -> None:
    session = await opened(identity, db, tenant)
    other = await opened(identity, db, tenant)
    sid = session.principal.session
    assert await identity.prove(db, sid, session.cookie.value) == session.principal
    assert await identity.prove(db, sid, None) is None
    assert await identity.prove(db, sid, "") is None
    assert await identity.prove(db, sid, session.cookie.value + "x") is None
    assert await identity.prove(db, sid, other.cookie.value) is None
    assert await identity.prove(db, SessionId(new_id()), session.cookie.value) is None


async def test_the_secret_rests_only_as_a_hash(db: Database, tenant: TenantId, identity: Identity, owner: asyncpg.Connection) -> None:
    session = await opened(identity, db, tenant)
    assert session.cookie.value not in str(await owner.fetch("select * from sessions"))
    assert session.cookie.value.encode() not in bytes(await owner.fetchval("select secret_hash from sessions"))


async def test_the_cookie_lives_only_below_its_own_session(db: Database, tenant: TenantId, identity: Identity) -> None:
    session = await opened(identity, db, tenant)
    sid = session.principal.session
    header = session.cookie.header()
    assert header.startswith(f"v_{sid.hex}={session.cookie.value}; Path=/s/{sid}/;")
    assert {"HttpOnly", "Secure", "SameSite=None", "Partitioned"} <= set(header.split("; "))
    assert "Domain" not in header


async def test_idle_sessions_are_over_and_used_ones_are_not(db: Database, tenant: TenantId, identity: Identity, clock: FrozenClock) -> None:
    session = await opened(identity, db, tenant)
    sid, cookie = session.principal.session, session.cookie.value
    for _ in range(3):
        clock.advance(59 * 60)
        assert await identity.prove(db, sid, cookie) is not None
    clock.advance(60 * 60)
    assert await identity.prove(db, sid, cookie) is None


async def test_a_session_is_over_after_twelve_hours_however_busy(
    db: Database, tenant: TenantId, identity: Identity, clock: FrozenClock
) -> None:
    session = await opened(identity, db, tenant)
    for _ in range(23):
        clock.advance(30 * 60)
        assert await identity.still_open(db, session.principal.session)
    clock.advance(30 * 60)
    assert not await identity.still_open(db, session.principal.session)


async def test_an_expired_session_still_says_who_may_frame_the_page_that_says_so(
    db: Database, tenant: TenantId, identity: Identity, clock: FrozenClock
) -> None:
    session = await opened(identity, db, tenant)
    clock.advance(13 * 3600)
    proof = await identity.proof(db, session.principal.session, session.cookie.value)
    assert proof.principal is None
    assert proof.frame_origins == ("https://ehr.example",)


async def test_closing_a_visit_ends_its_sessions_and_tickets_and_no_others(db: Database, tenant: TenantId, identity: Identity) -> None:
    visit = VisitId(new_id())
    inside = [await opened(identity, db, tenant, visit=visit) for _ in range(2)]
    outside = await opened(identity, db, tenant, visit=VisitId(new_id()))
    for session in [*inside, outside]:
        assert await identity.prove(db, session.principal.session, session.cookie.value)
    async with db.tenant(tenant) as tx:
        code = await identity.issue_ticket(tx, session_like=inside[0].principal, ttl_seconds=60, purpose="handoff", to="room")
        await identity.close_visit_sessions(tx, visit)
    for session in inside:
        assert await identity.prove(db, session.principal.session, session.cookie.value) is None
    assert await identity.prove(db, outside.principal.session, outside.cookie.value) == outside.principal
    with pytest.raises(Gone):
        await identity.use_ticket(db, code)


async def test_a_rolled_back_closing_closes_nothing(db: Database, tenant: TenantId, identity: Identity) -> None:
    session = await opened(identity, db, tenant)
    told: list[SessionId] = []
    identity.on_closed.append(told.append)

    async def close_and_fail() -> None:
        async with db.tenant(tenant) as tx:
            await identity.close_session(tx, session.principal.session)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await close_and_fail()
    assert await identity.prove(db, session.principal.session, session.cookie.value) is not None
    assert told == []


async def test_another_tenant_cannot_close_or_change_a_session(
    db: Database, tenant: TenantId, other_tenant: TenantId, identity: Identity
) -> None:
    session = await opened(identity, db, tenant)
    async with db.tenant(other_tenant) as tx:
        await identity.close_session(tx, session.principal.session)
        await identity.bind_participant(tx, session.principal.session, ParticipantId(new_id()))
    assert await identity.prove(db, session.principal.session, session.cookie.value) == session.principal


async def test_a_bound_participant_is_seen_at_once(db: Database, tenant: TenantId, identity: Identity) -> None:
    session = await opened(identity, db, tenant)
    sid = session.principal.session
    assert await identity.prove(db, sid, session.cookie.value)  # now it is in the cache
    participant = ParticipantId(new_id())
    async with db.tenant(tenant) as tx:
        await identity.bind_participant(tx, sid, participant)
    proved = await identity.prove(db, sid, session.cookie.value)
    assert proved is not None
    assert proved.participant == participant


async def test_of_fifty_who_use_one_ticket_at_once_exactly_one_gets_in(db: Database, tenant: TenantId, identity: Identity) -> None:
    session = await opened(identity, db, tenant, role=Role.CLINICIAN, visit=VisitId(new_id()))
    async with db.tenant(tenant) as tx:
        code = await identity.issue_ticket(tx, session_like=session.principal, ttl_seconds=60, purpose="handoff", to="room")
    results = await asyncio.gather(*(identity.use_ticket(db, code) for _ in range(50)), return_exceptions=True)
    won = [result for result in results if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert all(isinstance(result, Gone) for result in results if isinstance(result, BaseException))
    new, path = won[0]
    assert path == f"/s/{new.principal.session}/room"
    assert new.principal.session != session.principal.session
    assert (new.principal.role, new.principal.visit, new.principal.framed) == (Role.CLINICIAN, session.principal.visit, False)


async def test_a_ticket_grows_old(db: Database, tenant: TenantId, identity: Identity, clock: FrozenClock) -> None:
    session = await opened(identity, db, tenant)
    async with db.tenant(tenant) as tx:
        code = await identity.issue_ticket(tx, session_like=session.principal, ttl_seconds=60, purpose="handoff", to="room")
    clock.advance(60)
    with pytest.raises(Gone):
        await identity.use_ticket(db, code)


@pytest.mark.parametrize(
    "to", ["", "/etc", "../x", "//evil.example", "https://evil.example", "room?x=1", "room\r\nX: y", "a/../../b", "Room"]
)
async def test_a_ticket_leads_nowhere_but_below_its_session(db: Database, tenant: TenantId, identity: Identity, to: str) -> None:
    like = Principal(SessionId(new_id()), tenant, Role.PATIENT)
    async with db.tenant(tenant) as tx:
        with pytest.raises(BadInput):
            await identity.issue_ticket(tx, session_like=like, ttl_seconds=60, purpose="handoff", to=to)


async def test_what_ended_long_ago_is_forgotten(db: Database, tenant: TenantId, identity: Identity, clock: FrozenClock) -> None:
    await opened(identity, db, tenant)
    clock.advance(10 * 86400)
    fresh = await opened(identity, db, tenant)
    async with db.tenant(tenant) as tx:
        assert await identity.sweep(tx) == 1
    assert await identity.prove(db, fresh.principal.session, fresh.cookie.value)
