"""Transactions: committed or not at all, and never waiting for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.db import Database

OTHERS = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


@pytest.fixture
async def rows(owner: asyncpg.Connection) -> None:
    await owner.execute("create table rows (n int unique); grant select, insert, update on rows to vestibule_app")


async def count(db: Database) -> int:
    async with db.anyone() as tx:
        return int(await tx.fetchval("select count(*) from rows"))


async def test_leaving_the_block_commits(db: Database, rows: None) -> None:
    async with db.anyone() as tx:
        await tx.execute("insert into rows values (1)")
    assert await count(db) == 1


async def test_an_exception_undoes_everything_and_stays_itself(db: Database, rows: None) -> None:
    class OurOwn(Exception):
        pass

    async def fail() -> None:
        async with db.anyone() as tx:
            await tx.execute("insert into rows values (1)")
            raise OurOwn

    with pytest.raises(OurOwn):
        await fail()
    assert await count(db) == 0


@pytest.mark.parametrize("error", [OSError("the caller's socket"), TimeoutError("the caller's clock")])
async def test_the_caller_s_own_socket_error_is_not_blamed_on_the_database(db: Database, error: Exception) -> None:
    async def fail() -> None:
        async with db.anyone():
            raise error

    with pytest.raises(type(error), match="the caller's"):
        await fail()


async def test_cancelling_undoes_everything_and_gives_the_connection_back(db_url: str, rows: None) -> None:
    db = await Database.open(db_url, max_size=1)
    inside = asyncio.Event()

    async def work() -> None:
        async with db.anyone() as tx:
            await tx.execute("insert into rows values (1)")
            inside.set()
            await tx.execute("select pg_sleep(60)")

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await count(db) == 0
    await db.close()


async def test_after_commit_runs_after_the_commit_and_not_after_a_rollback(db: Database, rows: None) -> None:
    ran: list[str] = []
    async with db.anyone() as tx:
        tx.after_commit(lambda: ran.append("yes"))
        assert ran == []
    with suppress(ZeroDivisionError):
        async with db.anyone() as tx:
            tx.after_commit(lambda: ran.append("never"))
            raise ZeroDivisionError
    assert ran == ["yes"]


async def test_a_failing_after_commit_does_not_deny_the_commit(db: Database, rows: None, caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []
    async with db.anyone() as tx:
        await tx.execute("insert into rows values (1)")
        tx.after_commit(lambda: 1 // 0)  # type: ignore[arg-type,return-value]
        tx.after_commit(lambda: ran.append("the next"))
    assert await count(db) == 1
    assert ran == ["the next"]
    assert "after_commit function failed" in caplog.text


async def test_a_savepoint_undoes_its_part_only(db: Database, rows: None) -> None:
    async with db.anyone() as tx:
        await tx.execute("insert into rows values (1)")
        with suppress(asyncpg.UniqueViolationError):
            async with tx.savepoint():
                await tx.execute("insert into rows values (2)")
                await tx.execute("insert into rows values (1)")
        await tx.execute("insert into rows values (3)")
    async with db.anyone() as tx:
        assert [row["n"] for row in await tx.fetch("select n from rows order by n")] == [1, 3]


async def test_swallowing_a_failed_statement_is_not_taken_for_a_commit(db: Database, rows: None) -> None:
    """PostgreSQL answers such a COMMIT with ROLLBACK and no error; believing it would lose the first row in silence."""

    async def swallow() -> None:
        async with db.anyone() as tx:
            await tx.execute("insert into rows values (1)")
            with suppress(asyncpg.UniqueViolationError):
                await tx.execute("insert into rows values (1)")

    with pytest.raises(RuntimeError, match="savepoint"):
        await swallow()
    assert await count(db) == 0


async def test_too_long_a_notification_is_refused_before_it_reaches_the_server(db: Database) -> None:
    async with db.anyone() as tx:
        with pytest.raises(ValueError, match="too long"):
            await tx.notify("news", "ä" * 4_000)
        await tx.notify("news", "x" * 7_999)


async def test_an_exhausted_pool_makes_callers_wait_for_a_bounded_time(db_url: str) -> None:
    db = await Database.open(db_url, max_size=2, patience=1.0)
    async with db.anyone(), db.anyone():
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable, match="database-unavailable") as told:
            await db.ping()
        assert 0.95 < asyncio.get_running_loop().time() - began < 4.5, "not for as long as where nobody says how long"
        assert not told.value.permanent
    await db.ping()
    await db.close()


async def test_who_waits_gets_the_connection_that_comes_free(db_url: str) -> None:
    db = await Database.open(db_url, max_size=1)
    async with db.anyone():
        waiting = asyncio.create_task(db.ping())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    await db.close()


async def test_a_hundred_callers_share_three_connections(db_url: str, owner: asyncpg.Connection) -> None:
    db = await Database.open(db_url, max_size=3)
    await asyncio.gather(*(db.ping() for _ in range(100)))
    assert await owner.fetchval(f"select count(*) {OTHERS}") <= 3
    await db.close()


async def test_connections_cut_while_idle_cost_the_caller_nothing(db: Database, owner: asyncpg.Connection) -> None:
    await asyncio.gather(*(db.ping() for _ in range(10)))
    assert await owner.fetchval(f"select count(pg_terminate_backend(pid)) {OTHERS}") > 1
    await asyncio.gather(*(db.ping() for _ in range(10)))


async def test_a_connection_cut_inside_a_transaction_is_an_error_with_a_name(db: Database, owner: asyncpg.Connection, rows: None) -> None:
    async def work() -> None:
        async with db.anyone() as tx:
            await tx.execute("insert into rows values (1)")
            await owner.fetch(f"select pg_terminate_backend(pid) {OTHERS}")
            await tx.execute("insert into rows values (2)")

    with pytest.raises(Unavailable, match="database-unavailable"):
        await work()
    assert await count(db) == 0


async def test_a_storm_of_cut_connections_loses_nothing_that_was_acknowledged(db_url: str, owner: asyncpg.Connection, rows: None) -> None:
    db = await Database.open(db_url, max_size=5)
    acknowledged: set[int] = set()
    numbers = iter(range(10_000))
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            n = next(numbers)
            with suppress(Unavailable):
                async with db.anyone() as tx:
                    await tx.execute("insert into rows values ($1)", n)
                acknowledged.add(n)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(write())
        for _ in range(20):
            await owner.fetch(f"select pg_terminate_backend(pid) {OTHERS}")
            before = len(acknowledged)
            await until(lambda before=before: len(acknowledged) > before, what="work goes on between two blows")  # type: ignore[misc]
        stop.set()
    there = {row["n"] for row in await owner.fetch("select n from rows")}
    assert acknowledged <= there
    assert len(acknowledged) >= 20, "work went on through the storm"
    await db.ping()
    await db.close()


async def test_waiting_for_a_locked_row_ends(db: Database, owner: asyncpg.Connection, rows: None) -> None:
    await owner.execute("insert into rows values (1)")

    async def blocked() -> None:
        async with db.anyone() as tx:
            await tx.execute("set local lock_timeout = '100ms'")
            await tx.execute("update rows set n = 2")

    async with owner.transaction():
        await owner.execute("update rows set n = 3")
        with pytest.raises(Unavailable, match="database-busy"):
            await blocked()


async def test_every_session_has_its_brakes(db: Database) -> None:
    async with db.tenant(TenantId(new_id())) as tx:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert await tx.fetchval(f"show {name}") not in {"0", None}, name
        assert await tx.fetchval("show timezone") == "UTC"


async def test_opening_without_a_server_says_so() -> None:
    with pytest.raises(Unavailable, match="database-unavailable"):
        await Database.open("postgresql://nobody@/none?host=/nowhere", patience=0.5)


async def test_opening_before_the_first_migration_says_what_to_do(postgres: object) -> None:
    """Judged with a login that may not become vestibule_app, as on a cluster where the roles do not exist."""
    url = postgres.server.url("postgres")  # type: ignore[attr-defined]
    conn = await asyncpg.connect(postgres.server.url("postgres", superuser=True))  # type: ignore[attr-defined]
    await conn.execute("create role stranger login password 'x'")
    await conn.close()
    with pytest.raises(Unavailable, match="database-not-migrated"):
        await Database.open("postgresql://stranger:x@" + url.split("@", maxsplit=1)[1])


async def test_closing_leaves_no_session(db_url: str, owner: asyncpg.Connection) -> None:
    db = await Database.open(db_url)
    await asyncio.gather(*(db.ping() for _ in range(5)))
    await db.close()
    await until(lambda: owner.fetchval(f"select count(*) = 0 {OTHERS}"), what="no session left")
