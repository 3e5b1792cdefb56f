"""Programs' tokens, against a real database and on two nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput, NotFound
from vestibule.identity.model import Caller, MadeToken, StaffRole
from vestibule.identity.tokens import PREFIX, Tokens
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BY = Actor("staff", "somebody")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def tokens(clock: FrozenClock) -> Tokens:
    return Tokens(clock=clock, audit=Audit())


async def made(tokens: Tokens, db: Database, tenant: TenantId, name: str = "Config robot", days: int = 30) -> MadeToken:
    async with db.tenant(tenant) as tx:
        return await tokens.make(tx, name=name, roles={StaffRole.INTEGRATION_ENGINEER}, days=days, by=BY)


class Line:
    """A channel between nodes that a test may cut."""

    def __init__(self) -> None:
        self.fn: Callable[[str], None] = lambda _: None

    def subscribe(self, _channel: str, fn: Callable[[str], None], _on_gap: Callable[[], None] | None = None) -> None:
        self.fn = fn


async def test_a_token_proves_its_program_and_nothing_else_does(tokens: Tokens, db: Database, tenant: TenantId) -> None:
    one = await made(tokens, db, tenant)
    assert await tokens.prove(db, one.secret) == Caller(tenant, one.token.id, frozenset({StaffRole.INTEGRATION_ENGINEER}))
    for wrong in ("", PREFIX, one.secret + "x", one.secret[:-1], one.secret.upper(), one.secret.removeprefix(PREFIX), str(one.token.id)):
        assert await tokens.prove(db, wrong) is None


async def test_the_secret_rests_only_as_a_hash(tokens: Tokens, db: Database, tenant: TenantId, owner: asyncpg.Connection) -> None:
    one = await made(tokens, db, tenant)
    assert one.secret not in str(await owner.fetch("select * from api_tokens"))
    assert one.secret not in repr(one)


async def test_a_withdrawn_token_is_dead_here_at_once(tokens: Tokens, db: Database, tenant: TenantId) -> None:
    one = await made(tokens, db, tenant)
    assert await tokens.prove(db, one.secret)
    async with db.tenant(tenant) as tx:
        await tokens.withdraw(tx, one.token.id, BY)
    assert await tokens.prove(db, one.secret) is None
    async with db.tenant(tenant) as tx:
        with pytest.raises(NotFound, match="token-not-found"):
            await tokens.withdraw(tx, one.token.id, BY)


async def test_it_is_dead_on_another_node_when_told_and_within_a_second_when_not(
    tokens: Tokens, db: Database, tenant: TenantId, clock: FrozenClock
) -> None:
    told, cut_off, line = Tokens(clock=clock, audit=Audit()), Tokens(clock=clock, audit=Audit()), Line()
    told.listen(line)
    one = await made(tokens, db, tenant)
    assert await told.prove(db, one.secret)
    assert await cut_off.prove(db, one.secret)
    async with db.tenant(tenant) as tx:
        await tokens.withdraw(tx, one.token.id, BY)
    line.fn(str(one.token.id))
    assert await told.prove(db, one.secret) is None
    clock.advance(1)
    assert await cut_off.prove(db, one.secret) is None


async def test_a_token_ends_on_its_day(tokens: Tokens, db: Database, tenant: TenantId, clock: FrozenClock) -> None:
    one = await made(tokens, db, tenant, days=1)
    clock.advance(86_399)
    assert await tokens.prove(db, one.secret)
    clock.advance(1)
    assert await tokens.prove(db, one.secret) is None


async def test_its_last_use_is_known_to_the_minute(tokens: Tokens, db: Database, tenant: TenantId, clock: FrozenClock) -> None:
    one = await made(tokens, db, tenant)

    async def used_at() -> datetime | None:
        async with db.tenant(tenant) as tx:
            return (await tokens.listing(tx)).items[0].used_at

    assert await used_at() is None
    for _ in range(3):
        await tokens.prove(db, one.secret)
        clock.advance(20)
    assert await used_at() == NOON
    await tokens.prove(db, one.secret)
    assert await used_at() == clock.now()


async def test_tokens_of_another_organisation_do_not_exist(tokens: Tokens, db: Database, tenant: TenantId, other_tenant: TenantId) -> None:
    one = await made(tokens, db, tenant)
    async with db.tenant(other_tenant) as tx:
        assert (await tokens.listing(tx)).items == []
        with pytest.raises(NotFound):
            await tokens.withdraw(tx, one.token.id, BY)
    assert await tokens.prove(db, one.secret)


@pytest.mark.parametrize(
    ("name", "roles", "days", "code"),
    [
        ("", {StaffRole.AUDITOR}, 30, "token-name-missing"),
        (" \t\n", {StaffRole.AUDITOR}, 30, "token-name-missing"),
        ("x" * 201, {StaffRole.AUDITOR}, 30, "token-name-missing"),
        ("robot", set(), 30, "token-roles-missing"),
        ("robot", {StaffRole.AUDITOR}, 0, "token-days-wrong"),
        ("robot", {StaffRole.AUDITOR}, 731, "token-days-wrong"),
    ],
)
async def test_what_no_token_is_made_of(
    tokens: Tokens, db: Database, tenant: TenantId, name: str, roles: set[StaffRole], days: int, code: str
) -> None:
    async with db.tenant(tenant) as tx:
        with pytest.raises(BadInput, match=code):
            await tokens.make(tx, name=name, roles=roles, days=days, by=BY)


async def test_the_list_goes_on_where_it_ended(tokens: Tokens, db: Database, tenant: TenantId) -> None:
    for n in range(5):
        await made(tokens, db, tenant, f"Robot {n}")
    async with db.tenant(tenant) as tx:
        first = await tokens.listing(tx, limit=3)
        second = await tokens.listing(tx, limit=3, after=first.next)
        assert [t.name for t in [*first.items, *second.items]] == [f"Robot {n}" for n in range(5)]
        assert [t.name for t in (await tokens.listing(tx, search="BOT 2")).items] == ["Robot 2"]


async def test_old_ends_are_forgotten(tokens: Tokens, db: Database, tenant: TenantId, clock: FrozenClock) -> None:
    withdrawn, kept = await made(tokens, db, tenant, "a", 700), await made(tokens, db, tenant, "b", 700)
    async with db.tenant(tenant) as tx:
        await tokens.withdraw(tx, withdrawn.token.id, BY)
    clock.advance(91 * 86_400)
    async with db.tenant(tenant) as tx:
        assert await tokens.sweep(tx) == 1
        assert [t.id for t in (await tokens.listing(tx)).items] == [kept.token.id]


class NoDatabase:
    """What no made-up token may reach when it cannot be one."""

    async def ask(self, *_: object) -> list[list[None]]:
        return [[None]]


@given(st.text(max_size=300))
def test_nonsense_proves_nobody(text: str) -> None:
    db: Database = NoDatabase()  # type: ignore[assignment]
    fresh = Tokens(clock=FrozenClock(NOON), audit=Audit())
    assert asyncio.run(fresh.prove(db, PREFIX + text)) is None
    assert asyncio.run(fresh.prove(db, text)) is None
