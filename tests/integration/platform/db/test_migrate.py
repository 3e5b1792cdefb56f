"""Migrations: each once, whole, by one runner at a time."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from vestibule.errors import Conflict, Unavailable
from vestibule.platform.db import migrate, migrations, pending
from vestibule.platform.db.migrate import Migration

ONE = Migration("0001_one", "create table one (n int); insert into one values (1);")
TWO = Migration("0002_two", "select pg_sleep(0.3); create table two (n int);")


async def names(url: str) -> list[str]:
    conn = await asyncpg.connect(url)
    try:
        return [row["name"] for row in await conn.fetch("select name from schema_migration order by applied_at, name")]
    finally:
        await conn.close()


async def test_every_migration_of_ours_applies_and_a_second_run_finds_nothing(empty_url: str) -> None:
    assert await pending(empty_url) == [step.name for step in migrations()]
    assert await migrate(empty_url) == [step.name for step in migrations()]
    assert await migrate(empty_url) == []
    assert await pending(empty_url) == []


async def test_two_runners_at_once_apply_each_step_once(empty_url: str) -> None:
    """The second waits for the first, longer than a migration may wait for a table, and then finds it done."""
    first, second = await asyncio.gather(*(migrate(empty_url, steps=[ONE, TWO]) for _ in range(2)))
    assert sorted([first, second]) == [[], ["0001_one", "0002_two"]]
    assert await names(empty_url) == ["0001_one", "0002_two"]


async def test_eight_databases_of_one_cluster_at_once(postgres: object) -> None:
    """The roles are the cluster's, so the runners meet there although each has a database of its own."""
    urls = await asyncio.gather(*(postgres.fresh(template="template1") for _ in range(8)))  # type: ignore[attr-defined]
    try:
        done = await asyncio.gather(*(migrate(url) for url in urls))
        assert all(names[0] == "0000_ground" for names in done)
    finally:
        for url in urls:
            await postgres.drop(url)  # type: ignore[attr-defined]


async def test_a_failing_step_leaves_nothing_and_keeps_those_before(empty_url: str) -> None:
    broken = Migration("0002_broken", "create table half (n int); select 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_url, steps=[ONE, broken])
    assert await names(empty_url) == ["0001_one"]
    assert await migrate(empty_url, steps=[ONE, Migration("0002_broken", "create table half (n int)")]) == ["0002_broken"]


async def test_an_edited_applied_migration_is_an_error_and_nothing_runs(empty_url: str) -> None:
    await migrate(empty_url, steps=[ONE])
    with pytest.raises(Conflict, match=r"migration-edited.*0001_one"):
        await migrate(empty_url, steps=[Migration("0001_one", ONE.sql + " -- better"), TWO])
    assert await names(empty_url) == ["0001_one"]


async def test_a_migration_never_queues_long_behind_a_busy_table(empty_url: str) -> None:
    await migrate(empty_url, steps=[ONE])
    holder = await asyncpg.connect(empty_url)
    try:
        async with holder.transaction():
            await holder.execute("select * from one")
            began = asyncio.get_running_loop().time()
            with pytest.raises(Unavailable, match="migration-blocked"):
                await migrate(empty_url, steps=[ONE, Migration("0002_alter", "alter table one add column m int")])
            assert asyncio.get_running_loop().time() - began < 8
    finally:
        await holder.close()


def test_files_are_numbered_and_no_number_is_used_twice() -> None:
    numbers = [int(step.name[:4]) for step in migrations()]
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)
    assert numbers[0] == 0


async def test_every_table_with_a_tenant_stands_behind_row_level_security(owner: asyncpg.Connection) -> None:
    """Whatever later migrations bring: a tenant's table without a policy would be everybody's."""
    naked = await owner.fetch(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'"
        " where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace"
        " and (not c.relrowsecurity or not exists (select from pg_policy p where p.polrelid = c.oid))"
    )
    assert [row["relname"] for row in naked] == []
    owned = "select relname from pg_class where relowner in ('vestibule_app'::regrole, 'vestibule_dispatch'::regrole)"
    assert await owner.fetch(owned) == []
