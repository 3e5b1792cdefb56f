"""The outbox's promises, each in words, on a real PostgreSQL."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from support.effects import EFFECTS, QUICK, Recorder, has_code, put, rows, settled, states, working
from support.waiting import until
from vestibule.errors import BadInput, NotFound, OutsideFailed, TooMany
from vestibule.kit.ids import TenantId, VisitId, new_id
from vestibule.platform.db import Database, Tx
from vestibule.platform.effects import Dead, Done, Effect, Outcome, Promise, Retry, Together, Unknown

VISIT = VisitId(new_id())


async def test_an_effect_happens_once_its_transaction_has_committed(db: Database, tenant: TenantId) -> None:
    record = Recorder()
    await put(db, tenant, "a", visit=VISIT)
    async with working(db, record):
        assert await settled(db, tenant) == {"a": "done"}
    assert record.calls == ["a"]
    assert record.effects[0].payload == {"k": "a"}
    assert record.effects[0].visit == VISIT


async def test_an_effect_of_a_rolled_back_transaction_never_happens(db: Database, tenant: TenantId) -> None:
    async def change_our_mind() -> None:
        async with db.tenant(tenant) as tx:
            await EFFECTS.enqueue(tx, kind="test", destination="d", promise=Promise.STATUS, key="a", payload={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change_our_mind()
    assert await states(db, tenant) == {}


async def test_a_key_is_taken_once_in_a_tenant(db: Database, tenant: TenantId, other_tenant: TenantId) -> None:
    assert await put(db, tenant, "a") is not None
    assert await put(db, tenant, "a") is None
    assert await put(db, other_tenant, "a") is not None


async def test_the_same_key_from_two_transactions_at_once_makes_one_effect(db: Database, tenant: TenantId) -> None:
    made = await asyncio.gather(*(put(db, tenant, "a") for _ in range(8)))
    assert len([m for m in made if m is not None]) == 1


async def test_a_payload_longer_than_ids_is_refused(db: Database, tenant: TenantId) -> None:
    with pytest.raises(BadInput, match="effect-too-large"):
        await put(db, tenant, "a", payload={"letter": "x" * 5000})
    with pytest.raises(BadInput, match="effect-too-large"):
        await put(db, tenant, "k" * 401)


async def test_one_tenant_never_sees_or_touches_anothers_effects(db: Database, tenant: TenantId, other_tenant: TenantId) -> None:
    effect = await put(db, tenant, "a")
    async with db.tenant(other_tenant) as tx:
        assert await EFFECTS.list(other_tenant, tx) == []
        assert await tx.fetch("select * from effects") == []
        assert await tx.fetch("select * from effect_attempts") == []
        assert await tx.execute("update effects set state = 'done'") == "UPDATE 0"
        with pytest.raises(NotFound):
            await EFFECTS.cancel(other_tenant, tx, effect, "operator")
    foreign = "insert into effect_attempts (tenant_id, effect_id, number, outcome, started_at) values ($1, $2, 1, 'x', now())"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(other_tenant) as tx:
            await tx.execute(foreign, tenant, effect)


async def test_the_dispatcher_sees_no_other_table_and_cannot_write_effects_of_its_own(db: Database, tenant: TenantId) -> None:
    await put(db, tenant, "a")
    async with db.dispatcher() as tx:
        assert await tx.fetchval("select count(*) from effects") == 1
    for sql in ("delete from effects", "select * from effect_attempts"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.dispatcher() as tx:
                await tx.execute(sql)


async def test_without_a_tenant_nothing_is_enqueued(db: Database) -> None:
    with pytest.raises(RuntimeError, match="belongs to a tenant"):
        async with db.anyone() as tx:
            await EFFECTS.enqueue(tx, kind="test", destination="d", promise=Promise.STATUS, key="a", payload={})


async def test_effects_of_a_visit_to_one_destination_keep_their_order(db: Database, tenant: TenantId) -> None:
    keys = [f"k{n:02}" for n in range(25)]
    for key in keys:
        await put(db, tenant, key, visit=VISIT)
    record = Recorder()
    async with working(db, record), working(db, record):
        await settled(db, tenant)
    assert record.calls == keys


async def test_a_head_that_waits_for_its_retry_holds_its_lane_and_no_other(db: Database, tenant: TenantId) -> None:
    other = VisitId(new_id())
    await put(db, tenant, "stuck", visit=VISIT)
    await put(db, tenant, "behind", visit=VISIT)
    await put(db, tenant, "same-visit-other-destination", visit=VISIT, destination="sms")
    await put(db, tenant, "other-visit", visit=other)
    await put(db, tenant, "no-visit")
    record = Recorder(stuck=[Retry("slow", 3600.0)])
    async with working(db, record):

        async def others_done() -> bool:
            now = await states(db, tenant)
            return [now[k] for k in ("same-visit-other-destination", "other-visit", "no-visit")] == ["done"] * 3

        await until(others_done)
        await put(db, tenant, "behind-too", visit=VISIT)
        await put(db, tenant, "probe")
        await until(lambda: _is(db, tenant, "probe", "done"))
    assert "behind" not in record.calls
    assert "behind-too" not in record.calls
    assert (await states(db, tenant))["stuck"] == "ready"


async def _is(db: Database, tenant: TenantId, key: str, state: str) -> bool:
    return (await states(db, tenant)).get(key) == state


@pytest.mark.parametrize(
    ("promise", "answer", "first", "second", "remark"),
    [
        (Promise.STATUS, Dead("no"), "dead", "done", "the newer status tells the newer truth"),
        (Promise.TEXT, Unknown("lost"), "unknown", "done", "a text stands alone"),
        (Promise.TEXT, Dead("no"), "dead", "done", "a text stands alone"),
        (Promise.CREATE, Dead("no"), "dead", "ready", "what follows builds on what should have been made"),
        (Promise.CREATE, Unknown("lost"), "unknown", "ready", "nobody knows whether it was made"),
    ],
)
async def test_what_a_failed_head_means_for_its_lane(
    db: Database, tenant: TenantId, promise: Promise, answer: Outcome, first: str, second: str, remark: str
) -> None:
    await put(db, tenant, "a", promise=promise, visit=VISIT)
    await put(db, tenant, "b", promise=promise, visit=VISIT)
    await put(db, tenant, "probe", visit=VisitId(new_id()), run_at=None)
    async with working(db, Recorder(a=[answer])):
        await until(lambda: _is(db, tenant, "a", first))
        await put(db, tenant, "later-probe")
        await until(lambda: _is(db, tenant, "later-probe", "done"))
        if second == "done":
            await until(lambda: _is(db, tenant, "b", second))
    assert (await states(db, tenant))["b"] == second, remark


async def test_a_reminder_for_tomorrow_does_not_hold_todays_message(db: Database, tenant: TenantId, owner: asyncpg.Connection) -> None:
    tomorrow = await owner.fetchval("select now() + interval '1 day'")
    await put(db, tenant, "reminder", visit=VISIT, run_at=tomorrow)
    await put(db, tenant, "cancelled", visit=VISIT)
    async with working(db, Recorder()):
        await until(lambda: _is(db, tenant, "cancelled", "done"))
    assert (await states(db, tenant))["reminder"] == "ready"


async def test_it_retries_with_back_off_and_gives_up_into_the_dead_letters(db: Database, tenant: TenantId) -> None:
    await put(db, tenant, "a")
    record = Recorder(a=[OutsideFailed("ehr-500", "", phase="p")] * 9)
    async with working(db, record):
        assert await settled(db, tenant) == {"a": "dead"}
    row = (await rows(db, tenant))["a"]
    assert (row.attempts, row.code, len(record.calls)) == (QUICK.tries, "ehr-500", QUICK.tries)
    async with db.tenant(tenant) as tx:
        log = await EFFECTS.attempts(tenant, tx, row.id)
    assert [(a.number, a.outcome, a.code) for a in log] == [(n, "retry" if n < 4 else "dead", "ehr-500") for n in (1, 2, 3, 4)]


async def test_retry_after_is_obeyed_to_the_second(db: Database, tenant: TenantId, owner: asyncpg.Connection) -> None:
    await put(db, tenant, "a")
    record = Recorder(a=[TooMany("ehr-429", "", phase="p", retry_after=120)])
    async with working(db, record):
        await until(lambda: has_code(db, tenant, "a", "ehr-429"))
    waits = await owner.fetchval(
        "select extract(epoch from e.run_at - a.ended_at) from effects e join effect_attempts a on a.effect_id = e.id"
    )
    assert abs(float(waits) - 120) < 0.5


async def test_a_handler_that_breaks_is_tried_again_but_a_text_is_not(db: Database, tenant: TenantId) -> None:
    await put(db, tenant, "status")
    await put(db, tenant, "text", promise=Promise.TEXT)
    record = Recorder(status=[ValueError("bug")], text=[ValueError("bug")])
    async with working(db, record):
        assert await settled(db, tenant) == {"status": "done", "text": "unknown"}
    assert (record.calls.count("status"), record.calls.count("text")) == (2, 1)


async def test_a_handler_past_its_deadline_is_stopped(db: Database, tenant: TenantId) -> None:
    await put(db, tenant, "status")
    await put(db, tenant, "text", promise=Promise.TEXT)
    calls: list[str] = []

    async def hang_once(effect: Effect) -> Outcome:
        calls.append(effect.key)
        if calls.count(effect.key) == 1:
            await asyncio.Event().wait()
        return Done()

    async with working(db, hang_once, deadline=0.05):
        assert await settled(db, tenant) == {"status": "done", "text": "unknown"}
    assert (await rows(db, tenant))["text"].code == "effect-handler-timeout"


async def test_no_connection_is_held_while_a_handler_runs(db_url: str, tenant: TenantId) -> None:
    db = await Database.open(db_url, min_size=1, max_size=1)
    gate, inside = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(effect: Effect) -> Outcome:
        inside.release()
        await gate.wait()
        return Done()

    try:
        for n in range(5):
            await put(db, tenant, f"k{n}")
        async with working(db, slow):
            for _ in range(5):
                await inside.acquire()
            assert set((await states(db, tenant)).values()) == {"running"}
            gate.set()
            await settled(db, tenant)
    finally:
        await db.close()


async def test_what_is_to_be_recorded_commits_together_with_the_completion(
    db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    await owner.execute("create table notes (tenant_id uuid, what text); grant all on notes to vestibule_app")

    async def note(tx: Tx) -> None:
        assert tx.tenant == tenant
        await tx.execute("insert into notes values ($1, 'told')", tenant)

    async def handler(effect: Effect) -> Outcome:
        return Done(then=note)

    await put(db, tenant, "a")
    async with working(db, handler):
        await settled(db, tenant)
    assert await owner.fetchval("select count(*) from notes") == 1


@pytest.mark.parametrize(("promise", "ends"), [(Promise.STATUS, "done"), (Promise.TEXT, "unknown")])
async def test_a_record_that_fails_undoes_the_completion(db: Database, tenant: TenantId, promise: Promise, ends: str) -> None:
    calls = 0

    async def broken(tx: Tx) -> None:
        raise ValueError

    async def handler(effect: Effect) -> Outcome:
        nonlocal calls
        calls += 1
        return Done(then=broken if calls == 1 else None)

    await put(db, tenant, "a", promise=promise)
    async with working(db, handler):
        assert await settled(db, tenant) == {"a": ends}
    assert calls == (2 if ends == "done" else 1)


async def test_a_slow_destination_leaves_places_for_the_others(db: Database, tenant: TenantId) -> None:
    gate = asyncio.Event()

    async def handler(effect: Effect) -> Outcome:
        if effect.destination == "slow":
            await gate.wait()
        return Done()

    for n in range(30):
        await put(db, tenant, f"slow{n}", destination="slow")
    for n in range(30):
        await put(db, tenant, f"fast{n}", destination="fast")
    async with working(db, handler, concurrency=8, per_destination=3):

        async def fast_done() -> bool:
            return sum(1 for k, s in (await states(db, tenant)).items() if k.startswith("fast") and s == "done") == 30

        await until(fast_done)
        assert list((await states(db, tenant)).values()).count("running") == 3
        gate.set()
        await settled(db, tenant)


async def test_kinds_without_a_handler_are_left_to_other_workers(db: Database, tenant: TenantId) -> None:
    await put(db, tenant, "new-kind", kind="not-mine")
    await put(db, tenant, "mine")
    async with working(db, Recorder()):
        await until(lambda: _is(db, tenant, "mine", "done"))
    assert (await states(db, tenant))["new-kind"] == "ready"


async def test_two_workers_share_the_work_and_never_double_it(db: Database, tenant: TenantId) -> None:
    for n in range(120):
        await put(db, tenant, f"k{n}", visit=VisitId(new_id()) if n % 2 else VISIT)
    first, second = Recorder(), Recorder()
    async with working(db, first, concurrency=7), working(db, second, concurrency=7):
        await settled(db, tenant)
    assert sorted(first.calls + second.calls) == sorted(f"k{n}" for n in range(120))


async def test_stop_lets_running_handlers_finish_and_claims_nothing_new(db: Database, tenant: TenantId) -> None:
    gate, inside = asyncio.Event(), asyncio.Event()

    async def slow(effect: Effect) -> Outcome:
        inside.set()
        await gate.wait()
        return Done()

    await put(db, tenant, "running")
    async with working(db, slow, concurrency=1) as worker:
        await inside.wait()
        await put(db, tenant, "waiting")
        await worker.stop()
        gate.set()
    assert await states(db, tenant) == {"running": "done", "waiting": "ready"}


async def test_stop_gives_up_on_a_handler_that_does_not_end(db: Database, tenant: TenantId) -> None:
    inside = asyncio.Semaphore(0)

    async def hang(effect: Effect) -> Outcome:
        inside.release()
        await asyncio.Event().wait()
        raise AssertionError

    await put(db, tenant, "status")
    await put(db, tenant, "text", promise=Promise.TEXT)
    async with working(db, hang, grace=0.05) as worker:
        await inside.acquire()
        await inside.acquire()
        await worker.stop()
    assert await states(db, tenant) == {"status": "ready", "text": "unknown"}


async def test_a_handler_sees_why_the_attempt_before_came_to_nothing_and_how_late_it_is(db: Database, tenant: TenantId) -> None:
    record = Recorder(a=[Retry("wait-a-moment", 0.05)])
    await put(db, tenant, "a")
    async with working(db, record):
        await settled(db, tenant)
    first, second = record.effects
    assert (first.code, second.code) == ("", "wait-a-moment")
    assert 0 <= second.late < 10


class Book:
    """Writes items down together, and refuses those it is told to."""

    def __init__(self, *, refuse: str = "") -> None:
        self.refuse = refuse
        self.batches: list[list[str]] = []

    async def write(self, tx: Tx, items: Sequence[Any]) -> None:
        assert tx.tenant is not None
        if self.refuse in items:
            raise RuntimeError
        self.batches.append(list(items))


async def test_what_is_recorded_together_is_recorded_in_few_transactions(db: Database, tenant: TenantId) -> None:
    book, gate = Book(), asyncio.Event()

    async def handler(effect: Effect) -> Outcome:
        await gate.wait()
        return Done(together=Together(book.write, effect.key))

    for n in range(30):
        await put(db, tenant, f"k{n}")
    async with working(db, handler, per_destination=100) as worker:
        await until(lambda: worker._running == 30)
        gate.set()
        assert set((await settled(db, tenant)).values()) == {"done"}
    assert sorted(k for batch in book.batches for k in batch) == sorted(f"k{n}" for n in range(30))
    assert len(book.batches) < 10


async def test_one_that_cannot_be_recorded_keeps_no_other_from_it(db: Database, tenant: TenantId) -> None:
    book, gate = Book(refuse="k3"), asyncio.Event()

    async def handler(effect: Effect) -> Outcome:
        await gate.wait()
        return Done(together=Together(book.write, effect.key))

    for n in range(6):
        await put(db, tenant, f"k{n}", promise=Promise.TEXT)
    async with working(db, handler) as worker:
        await until(lambda: worker._running == 6)
        gate.set()
        found = await settled(db, tenant)
    assert found == {f"k{n}": "unknown" if n == 3 else "done" for n in range(6)}
