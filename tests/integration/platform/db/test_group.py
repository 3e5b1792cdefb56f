"""Group commit: many rows a commit, nothing said before it, and one bad row is nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from support.waiting import until
from vestibule.errors import BadInput, Unavailable, VestibuleError
from vestibule.platform.db.group import Group, Limits, Session

_TABLE = "create table kept (n bigint primary key check (n <> 13)); grant select, insert on kept to vestibule_dispatch"
Rows = Sequence[Any]


class Writer:
    """Inserts numbers; remembers how many came with each try."""

    def __init__(self) -> None:
        self.tries: list[int] = []
        self.fails: list[Exception] = []

    async def __call__(self, session: Session, rows: Rows) -> list[int]:
        self.tries.append(len(rows))
        if self.fails:
            raise self.fails.pop(0)
        await session.fetch("insert into kept select unnest($1::bigint[]) on conflict do nothing", rows)
        return [n * 10 for n in rows]


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
async def group(db_url: str, owner: asyncpg.Connection, writer: Writer) -> AsyncIterator[Group[Any, int]]:
    await owner.execute(_TABLE)
    limits = Limits(rows=64, batch_bytes=1_000, waiting_bytes=10_000, pause=0.1, refusal=0.01)
    it: Group[Any, int] = Group(db_url, writer, role="vestibule_dispatch", name="test.group", limits=limits)
    it.start()
    yield it
    await it.stop()


async def kept(owner: asyncpg.Connection) -> list[int]:
    return [row[0] for row in await owner.fetch("select n from kept order by n")]


async def refusal(answer: asyncio.Future[int]) -> tuple[type, str]:
    with pytest.raises((BadInput, Unavailable)) as caught:
        await asyncio.wait_for(answer, 30)
    return type(caught.value), caught.value.code


async def test_what_comes_in_one_tick_is_one_commit(group: Group[Any, int], writer: Writer, owner: asyncpg.Connection) -> None:
    assert await asyncio.gather(*(group.put(n, 1) for n in range(1, 9))) == [n * 10 for n in range(1, 9)]
    assert writer.tries == [8]
    assert await kept(owner) == list(range(1, 9))


async def test_what_comes_during_a_commit_is_the_next_one_in_portions(group: Group[Any, int], writer: Writer) -> None:
    first = group.put(1, 1)
    await until(lambda: writer.tries)
    rest = [group.put(n, 1) for n in range(100, 250)]
    await asyncio.gather(first, *rest)
    assert writer.tries == [1, 64, 64, 22]
    assert (group.waiting, group.waiting_bytes) == (0, 0)


async def test_a_batch_is_bounded_in_bytes_too_and_a_larger_row_goes_alone(group: Group[Any, int], writer: Writer) -> None:
    await asyncio.gather(*(group.put(n, size) for n, size in enumerate((600, 300, 600, 5_000, 1), start=20)))
    assert writer.tries == [2, 1, 1, 1]


@pytest.mark.parametrize("bad", [13, "no number", 2**70])
async def test_a_row_the_database_refuses_fails_alone(group: Group[Any, int], owner: asyncpg.Connection, bad: Any) -> None:
    answers = [group.put(n, 1) for n in (1, 2, bad, 3)]
    assert await refusal(answers[2]) == (BadInput, "row-refused")
    assert [await answers[n] for n in (0, 1, 3)] == [10, 20, 30]
    assert await kept(owner) == [1, 2, 3]
    assert group.waiting_bytes == 0


async def test_nothing_is_said_before_commit(group: Group[Any, int], owner: asyncpg.Connection) -> None:
    await owner.execute(
        "create function late() returns trigger language plpgsql as $$ begin raise exception 'at commit' using errcode = '23514'; end $$;"
        "create constraint trigger late after insert on kept deferrable initially deferred for each row execute function late()"
    )
    assert await refusal(group.put(1, 1)) == (BadInput, "row-refused")
    assert await kept(owner) == []


async def test_it_commits_durably_whatever_the_database_is_set_to(db_url: str) -> None:
    async def ask(session: Session, rows: Rows) -> list[str]:
        return [(await session.fetch("show synchronous_commit"))[0][0] for _ in rows]

    group: Group[int, str] = Group(db_url, ask, role="vestibule_dispatch", name="test.group")
    group.start()
    assert await group.put(1, 1) == "on"
    await group.stop()


async def test_a_lost_connection_is_mended_and_no_caller_hears_of_it(group: Group[Any, int], owner: asyncpg.Connection) -> None:
    assert await group.put(1, 1) == 10
    for n in range(2, 6):
        await owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()"
        )
        assert await asyncio.wait_for(group.put(n, 1), 30) == n * 10
    assert await kept(owner) == [1, 2, 3, 4, 5]


async def test_while_the_database_is_away_rows_are_held_and_nothing_spins(
    postgres: Any, db_url: str, group: Group[Any, int], writer: Writer, owner: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    name = await owner.fetchval("select current_database()")
    await group.put(1, 1)
    admin = await asyncpg.connect(postgres.server.url("postgres", superuser=True))
    await admin.execute(f"alter database {name} allow_connections false")
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'vestibule' and pid <> $2",
        name,
        owner.get_server_pid(),
    )
    tried = len(writer.tries)
    held = [group.put(n, 1) for n in range(20, 80)]
    await until(lambda: group.away)
    await asyncio.sleep(0.3)  # time enough to spin in
    assert not any(answer.done() for answer in held)
    assert len(writer.tries) - tried <= 2
    assert sum("is away" in line for line in caplog.messages) == 1
    await admin.execute(f"alter database {name} allow_connections true")
    await admin.close()
    assert await asyncio.wait_for(asyncio.gather(*held), 30) == [n * 10 for n in range(20, 80)]
    assert not group.away


async def test_a_full_disk_refuses_and_is_tried_again_later(group: Group[Any, int], writer: Writer, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "create function full_up() returns trigger language plpgsql as $$ begin raise exception 'no room' using errcode = '53100'; end $$;"
        "create trigger full_up before insert on kept execute function full_up()"
    )
    answers = [group.put(n, 1) for n in (1, 2)]
    assert [await refusal(answer) for answer in answers] == [(Unavailable, "database-disk-full")] * 2
    assert writer.tries == [2]  # and not row by row
    await owner.execute("drop trigger full_up on kept")
    assert await group.put(3, 1) == 30
    assert await kept(owner) == [3]


async def test_more_than_memory_should_hold_is_refused(group: Group[Any, int]) -> None:
    first = group.put(1, 9_999)
    with pytest.raises(Unavailable) as caught:
        group.put(2, 2)
    assert caught.value.code == "group-full"
    assert await first == 10
    assert await group.put(3, 50_000) == 30  # alone, anything goes


async def test_stopping_writes_what_waits_and_takes_nothing_more(group: Group[Any, int], owner: asyncpg.Connection) -> None:
    answers = [group.put(n, 1) for n in range(20, 120)]
    await group.stop()
    assert [answer.result() for answer in answers] == [n * 10 for n in range(20, 120)]
    with pytest.raises(Unavailable, match="group-closed"):
        group.put(1, 1)


async def test_stopping_while_the_database_is_away_refuses_what_waits(writer: Writer) -> None:
    limits = Limits(pause=0.05)
    group: Group[Any, int] = Group(
        "postgresql://nobody@127.0.0.1:9/none", writer, role="vestibule_dispatch", name="test.group", limits=limits
    )
    group.start()
    answers = [group.put(n, 1) for n in range(5)]
    await until(lambda: group.away)
    answers += [group.put(n, 1) for n in range(5)]
    await group.stop(patience=0.05)
    assert {(await refusal(answer))[1] for answer in answers} == {"group-closed"}


async def test_a_caller_who_has_gone_away_disturbs_nobody(group: Group[Any, int]) -> None:
    gone, stays = group.put(1, 1), group.put(2, 1)
    gone.cancel()
    assert await stays == 20


async def test_who_is_told_instead_of_waiting_hears_once_and_may_hand_in_more(group: Group[Any, int], owner: asyncpg.Connection) -> None:
    heard: list[int | VestibuleError] = []

    def tell(answer: int | VestibuleError) -> None:
        heard.append(answer)
        if answer == 20:
            group.hand(7, 1, heard.append)

    for n in (2, 3):
        group.hand(n, 1, tell)
    await until(lambda: len(heard) == 3)
    assert heard == [20, 30, 70]
    await group.stop()
    assert heard == [20, 30, 70]
    assert group.waiting_bytes == 0


async def test_a_caller_s_mistake_costs_nobody_else_the_answer(group: Group[Any, int], caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise ValueError("not heard")

    group.hand(1, 1, broken)
    assert [await group.put(2, 1), await group.put(3, 1)] == [20, 30]
    assert sum("could not be told" in line for line in caplog.messages) == 1
    assert group.waiting_bytes == 0
