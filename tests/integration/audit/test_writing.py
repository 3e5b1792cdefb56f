"""An entry is written with the act it tells of, or neither of them is."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg
import pytest

from vestibule.errors import Unavailable
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.audit import SYSTEM, Actor, Audit
from vestibule.platform.audit.model import GENESIS, Entry, chain_hash, content_hash
from vestibule.platform.db import Database, Tx

NOW = datetime(2026, 11, 21, 13, 1, 2, 3, UTC)
ACTOR = Actor("staff", "m-1", "s-1", "10.0.0.7", "7QK-2MD-R4T")


@pytest.fixture
def audit() -> Audit:
    return Audit(FrozenClock(NOW))


async def actions(db: Database, tenant: TenantId) -> list[str]:
    async with db.tenant(tenant) as tx:
        return [row["action"] for row in await tx.fetch("select action from audit_entries where tenant_id = $1 order by seq", tenant)]


async def act(tx: Tx) -> None:
    """Something to be undone, or not."""
    await tx.execute("insert into heartbeats values ($1, now())", new_id())


async def acts(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("select count(*) from heartbeats"))


async def test_the_chain_is_what_the_documentation_says(db: Database, tenant: TenantId, audit: Audit) -> None:
    async with db.tenant(tenant) as tx:
        audit.note(tx, "thing.made", by=ACTOR, about=("thing", 7), detail={"b": "2", "a": "ü"})
        audit.note(tx, "thing.kept", by=SYSTEM)
    async with db.tenant(tenant) as tx:
        rows = await tx.fetch("select * from audit_entries where tenant_id = $1 order by seq", tenant)
        head = await tx.fetchrow("select seq, hash from audit_heads where tenant_id = $1", tenant)
    first = chain_hash(GENESIS, tenant, 1, content_hash(Entry(NOW, ACTOR, "thing.made", "thing", "7", detail={"a": "ü", "b": "2"})))
    second = chain_hash(first, tenant, 2, content_hash(Entry(NOW, SYSTEM, "thing.kept")))
    assert [(r["seq"], r["previous"], r["hash"]) for r in rows] == [(1, GENESIS, first), (2, first, second)]
    assert rows[0]["at"] == NOW
    assert head is not None
    assert tuple(head) == (2, second)


async def test_what_is_rolled_back_is_not_noted(db: Database, tenant: TenantId, audit: Audit) -> None:
    async def undone() -> None:
        async with db.tenant(tenant) as tx:
            audit.note(tx, "thing.made", by=SYSTEM)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await undone()
    assert await actions(db, tenant) == []


async def test_of_a_part_that_was_undone_nothing_is_noted(db: Database, tenant: TenantId, audit: Audit) -> None:
    async def part(tx: Tx) -> None:
        async with tx.savepoint():
            audit.note(tx, "thing.undone", by=SYSTEM)
            raise RuntimeError("no")

    async with db.tenant(tenant) as tx:
        audit.note(tx, "thing.before", by=SYSTEM)
        with pytest.raises(RuntimeError, match="no"):
            await part(tx)
        async with tx.savepoint():
            audit.note(tx, "thing.inside", by=SYSTEM)
    assert await actions(db, tenant) == ["thing.before", "thing.inside"]


@pytest.mark.parametrize(
    "harm",
    [
        "drop table audit_entries",
        "drop function audit_append(jsonb)",
        "revoke execute on function audit_append(jsonb) from vestibule_app",
        "alter table audit_entries add check (action <> 'thing.made')",
    ],
)
async def test_what_cannot_be_noted_is_not_done(db: Database, tenant: TenantId, audit: Audit, owner: asyncpg.Connection, harm: str) -> None:
    await owner.execute(harm)
    told: list[str] = []

    async def noted() -> None:
        async with db.tenant(tenant) as tx:
            await act(tx)
            tx.after_commit(lambda: told.append("done"))
            audit.note(tx, "thing.made", by=SYSTEM)

    with pytest.raises(Unavailable) as refused:
        await noted()
    assert (refused.value.code, told, await acts(owner)) == ("act-not-recorded", [], 0)
    async with db.tenant(tenant) as tx:  # and the connection is good for the next
        await act(tx)
    assert await acts(owner) == 1


async def test_a_swallowed_failure_is_not_taken_for_a_commit(
    db: Database, tenant: TenantId, audit: Audit, owner: asyncpg.Connection
) -> None:
    async def swallowing() -> None:
        async with db.tenant(tenant) as tx:
            await act(tx)
            audit.note(tx, "thing.made", by=SYSTEM)
            with suppress(asyncpg.PostgresError):
                await tx.execute("select nonsense")

    with pytest.raises(Unavailable):
        await swallowing()
    assert await acts(owner) == 0


async def test_without_an_organisation_nothing_is_noted(db: Database, audit: Audit) -> None:
    async with db.anyone() as tx:
        with pytest.raises(RuntimeError, match="belongs to an organisation"):
            audit.note(tx, "thing.made", by=SYSTEM)


async def test_many_at_once_make_one_chain_without_gaps(db: Database, tenant: TenantId, audit: Audit) -> None:
    async def once() -> None:
        async with db.tenant(tenant) as tx:
            audit.note(tx, "thing.made", by=SYSTEM)
            audit.note(tx, "thing.kept", by=SYSTEM)

    await asyncio.gather(*(once() for _ in range(50)))
    async with db.tenant(tenant) as tx:
        rows = await tx.fetch("select seq, previous, hash from audit_entries where tenant_id = $1 order by seq", tenant)
    assert [row["seq"] for row in rows] == list(range(1, 101))
    assert [row["previous"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]


@pytest.mark.parametrize(
    "text", ["a\x00b", "\ud800", "'; drop table audit_entries; --", "\\x00", "x" * 10_000, "\r\n\t", "🩺", '"\\u0000"']
)
async def test_whatever_a_text_holds_the_entry_is_written(db: Database, tenant: TenantId, audit: Audit, text: str) -> None:
    async with db.tenant(tenant) as tx:
        audit.note(tx, "thing.made", by=Actor("visitor", text, text, text, text), about=(text, text), detail={text: text})
    assert await actions(db, tenant) == ["thing.made"]


@pytest.mark.parametrize(
    "sql",
    [
        "update audit_entries set action = 'x'",
        "delete from audit_entries",
        "truncate audit_entries",
        "insert into audit_entries select * from audit_entries",
        "update audit_heads set seq = 0",
        "delete from audit_heads",
        "alter table audit_entries disable trigger all",
    ],
)
async def test_the_program_itself_can_change_nothing(db: Database, tenant: TenantId, audit: Audit, sql: str) -> None:
    async with db.tenant(tenant) as tx:
        audit.note(tx, "thing.made", by=SYSTEM)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(tenant) as tx:
            await tx.execute(sql)


@pytest.mark.parametrize("sql", ["update audit_entries set action = 'x'", "delete from audit_entries", "truncate audit_entries"])
async def test_not_even_the_owner_changes_an_entry_without_disarming_the_guard(
    db: Database, tenant: TenantId, audit: Audit, owner: asyncpg.Connection, sql: str
) -> None:
    async with db.tenant(tenant) as tx:
        audit.note(tx, "thing.made", by=SYSTEM)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(sql)


async def test_one_organisation_does_not_see_the_other_s_entries(
    db: Database, tenant: TenantId, other_tenant: TenantId, audit: Audit
) -> None:
    async with db.tenant(tenant) as tx:
        audit.note(tx, "thing.made", by=SYSTEM)
    assert await actions(db, other_tenant) == []
    async with db.tenant(other_tenant) as tx:
        assert await tx.fetch("select * from audit_entries where tenant_id = $1", tenant) == []
        assert await tx.fetch("select * from audit_heads where tenant_id = $1", tenant) == []
