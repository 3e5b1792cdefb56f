"""Row-level security really hides: judged by the owner, whom it does not bind."""

from __future__ import annotations

import asyncpg
import pytest

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database

_NOTES = """
create table notes (tenant_id uuid not null, body text not null);
alter table notes enable row level security;
create policy own on notes using (tenant_id = vestibule_tenant());
grant select, insert, update, delete on notes to vestibule_app;
create table queue (tenant_id uuid not null, body text not null);
alter table queue enable row level security;
create policy own on queue to vestibule_app using (tenant_id = vestibule_tenant());
create policy dispatch on queue to vestibule_dispatch using (true);
grant select, insert on queue to vestibule_app;
grant select on queue to vestibule_dispatch;
"""


@pytest.fixture(autouse=True)
async def tables(owner: asyncpg.Connection, tenant: TenantId, other_tenant: TenantId) -> None:
    """A note and a queued thing of each of two tenants."""
    await owner.execute(_NOTES)
    for table in ("notes", "queue"):
        await owner.executemany(f"insert into {table} values ($1, $2)", [(tenant, "ours"), (other_tenant, "theirs")])


async def test_a_tenant_sees_its_own_rows_only(db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        assert [row["body"] for row in await tx.fetch("select body from notes")] == ["ours"]


async def test_naming_the_other_tenant_in_sql_shows_nothing(db: Database, tenant: TenantId, other_tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        assert await tx.fetch("select body from notes where tenant_id = $1", other_tenant) == []


@pytest.mark.parametrize("sql", ["update notes set body = 'changed'", "delete from notes"])
async def test_a_sweeping_statement_stops_at_the_tenant(db: Database, tenant: TenantId, owner: asyncpg.Connection, sql: str) -> None:
    async with db.tenant(tenant) as tx:
        assert (await tx.execute(sql)).endswith(" 1")
    assert await owner.fetchval("select count(*) from notes where body = 'theirs'") == 1


async def test_nothing_is_written_for_another_tenant(db: Database, tenant: TenantId, other_tenant: TenantId) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(tenant) as tx:
            await tx.execute("insert into notes values ($1, 'forged')", other_tenant)


async def test_without_a_tenant_nothing_is_seen(db: Database) -> None:
    async with db.anyone() as tx:
        assert await tx.fetchval("select count(*) from notes") == 0


async def test_without_a_tenant_nothing_is_written(db: Database, tenant: TenantId) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.anyone() as tx:
            await tx.execute("insert into notes values ($1, 'forged')", tenant)


async def test_the_tenant_does_not_stay_on_the_connection(db_url: str, tenant: TenantId) -> None:
    """One connection, used for one tenant and then for none."""
    db = await Database.open(db_url, max_size=1)
    try:
        async with db.tenant(tenant) as tx:
            assert await tx.fetchval("select count(*) from notes") == 1
        async with db.anyone() as tx:
            assert await tx.fetchval("select count(*) from notes") == 0
    finally:
        await db.close()


@pytest.mark.parametrize(
    "sql",
    [
        "create table mine (x int)",
        "alter table notes disable row level security",
        "drop policy own on notes",
        "drop table notes",
        "truncate notes",
        "create function f() returns int language sql as 'select 1'",
        "select * from schema_migration",
    ],
)
async def test_the_program_s_role_owns_nothing(db: Database, tenant: TenantId, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(tenant) as tx:
            await tx.execute(sql)


async def test_the_dispatcher_sees_every_tenant_s_queue_and_nothing_else(db: Database) -> None:
    async with db.dispatcher() as tx:
        assert await tx.fetchval("select count(*) from queue") == 2
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.dispatcher() as tx:
            await tx.fetch("select * from notes")


async def test_the_dispatcher_s_role_does_not_stay_on_the_connection(db_url: str) -> None:
    db = await Database.open(db_url, max_size=1)
    try:
        async with db.dispatcher() as tx:
            assert await tx.fetchval("select current_user") == "vestibule_dispatch"
        async with db.anyone() as tx:
            assert await tx.fetchval("select current_user") == "vestibule_app"
    finally:
        await db.close()
