"""What happens when a worker vanishes, comes late, or is told: leases, fences, wake-ups; and any order of it all."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.effects import EFFECTS, QUICK, Recorder, put, rows, settled, states, working
from support.waiting import until
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import EffectId, TenantId, VisitId, new_id
from vestibule.platform.db import Database, Listener, Tx
from vestibule.platform.effects import Dead, Done, Effect, Outcome, Promise, Retry, Unknown, Worker
from vestibule.platform.effects.model import Finished, Policy, judge
from vestibule.platform.effects.store import DispatchStore

VISIT = VisitId(new_id())
STORE = DispatchStore()


async def claim(db: Database, limit: int = 10) -> list[Effect]:
    async with db.dispatcher() as tx:
        return await STORE.claim(tx, kinds=["test"], busy={}, limit=limit, per_destination=99, worker="gone", lease=60)


async def expire_leases(owner: asyncpg.Connection) -> None:
    await owner.execute("update effects set lease_until = now() - interval '1 second' where state = 'running'")


async def test_a_vanished_workers_effects_are_rescued_when_its_lease_has_run_out(
    db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    for promise in Promise:
        await put(db, tenant, promise.value, promise=promise)
    assert len(await claim(db)) == 3
    await expire_leases(owner)
    record = Recorder()
    async with working(db, record):
        assert await settled(db, tenant) == {"status": "done", "create": "done", "text": "unknown"}
    assert sorted(record.calls) == ["create", "status"], "a text is never run twice"
    row = (await rows(db, tenant))["text"]
    assert row.code == "effect-worker-lost"
    async with db.tenant(tenant) as tx:
        assert [a.outcome for a in await EFFECTS.attempts(tenant, tx, row.id)] == ["lost"]


async def test_a_living_lease_is_left_alone(db: Database, tenant: TenantId) -> None:
    await put(db, tenant, "held")
    await claim(db)
    await put(db, tenant, "free")
    async with working(db, Recorder()):
        await until(lambda: _is(db, tenant, "free", "done"))
    assert (await states(db, tenant))["held"] == "running"


async def test_a_long_handler_keeps_its_effect(db: Database, tenant: TenantId, owner: asyncpg.Connection) -> None:
    gate, calls = asyncio.Event(), 0

    async def long(_: Effect) -> Outcome:
        nonlocal calls
        calls += 1
        await gate.wait()
        return Done()

    await put(db, tenant, "a", promise=Promise.TEXT)
    async with working(db, long, lease=3), working(db, long, lease=3):
        over = "select coalesce(bool_or(clock_timestamp() > started_at + interval '4 seconds'), false) from effects"
        await until(lambda: owner.fetchval(over))
        gate.set()
        assert await settled(db, tenant) == {"a": "done"}
    assert calls == 1


async def _is(db: Database, tenant: TenantId, key: str, state: str) -> bool:
    return (await states(db, tenant)).get(key) == state


async def test_an_effect_that_takes_its_worker_along_each_time_ends_in_the_dead_letters(
    db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    await put(db, tenant, "poison")
    for _ in range(QUICK.tries):
        assert len(await claim(db)) == 1
        await expire_leases(owner)
        async with db.dispatcher() as tx:
            await STORE.rescue(tx, tries=QUICK.tries, code="effect-worker-lost")
    assert await states(db, tenant) == {"poison": "dead"}


async def test_a_worker_that_comes_late_completes_nothing(db: Database, tenant: TenantId, owner: asyncpg.Connection) -> None:
    await owner.execute("create table notes (tenant_id uuid, who text); grant all on notes to vestibule_app")
    gate, inside = asyncio.Event(), asyncio.Event()

    def by(who: str) -> Done:
        async def note(tx: Tx) -> None:
            await tx.execute("insert into notes values ($1, $2)", tenant, who)

        return Done(then=note)

    async def stalled(effect: Effect) -> Outcome:
        inside.set()
        await gate.wait()
        return by("late")

    async def prompt(effect: Effect) -> Outcome:
        return by("second")

    told: list[str] = []
    await put(db, tenant, "a")
    async with working(db, stalled, concurrency=1, lease=60, meter=lambda event, kind, seconds: told.append(event)):
        await inside.wait()
        await expire_leases(owner)
        async with working(db, prompt):
            await settled(db, tenant)
        gate.set()
        await until(lambda: "fenced" in told)
    assert [r["who"] for r in await owner.fetch("select who from notes")] == ["second"]
    log = await owner.fetch("select number, outcome from effect_attempts order by id")
    assert [(r["number"], r["outcome"]) for r in log] == [(1, "lost"), (2, "done")]


async def test_a_late_batch_changes_nothing_either(db: Database, tenant: TenantId, owner: asyncpg.Connection) -> None:
    await put(db, tenant, "a")
    [old] = await claim(db)
    await expire_leases(owner)
    async with db.dispatcher() as tx:
        await STORE.rescue(tx, tries=4, code="lost")
    [new] = await claim(db)
    async with db.dispatcher() as tx:
        assert await STORE.finish(tx, [Finished(old, judge(old.promise, 1, Dead("late"), QUICK, 0.0))]) == set()
    assert (await states(db, tenant)) == {"a": "running"}
    assert new.fence == old.fence + 1


@pytest.fixture
async def listener(db_url: str) -> AsyncIterator[Listener]:
    ear = Listener(db_url)
    await ear.start()
    yield ear
    await ear.stop()


async def test_a_notification_wakes_the_worker_long_before_its_poll(db: Database, tenant: TenantId, listener: Listener) -> None:
    async with working(db, Recorder(), listener=listener, poll=3600):
        await until(lambda: listener.listening)
        for n in range(5):
            await put(db, tenant, f"k{n}")
            await until(lambda n=n: _is(db, tenant, f"k{n}", "done"))


async def test_a_retry_is_taken_up_when_due_without_any_poll(db: Database, tenant: TenantId) -> None:
    await put(db, tenant, "a")
    async with working(db, Recorder(a=[Retry("later", 0.1), Retry("later", 0.1)]), poll=3600):
        assert await settled(db, tenant) == {"a": "done"}


async def test_outcomes_survive_a_database_that_cuts_every_connection(
    db: Database, db_url: str, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    await put(db, tenant, "a")
    await put(db, tenant, "b", promise=Promise.TEXT)
    record = Recorder()

    async def cut_and_answer(effect: Effect) -> Outcome:
        admin = await asyncpg.connect(db_url)
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'vestibule'"
        )
        await admin.close()
        return await record(effect)

    async with working(db, cut_and_answer):
        await until(lambda: _both_done(owner))
    assert sorted(record.calls) == ["a", "b"]


async def _both_done(owner: asyncpg.Connection) -> bool:
    return bool(await owner.fetchval("select count(*) = 2 from effects where state = 'done'"))


# -- any order of everything -------------------------------------------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), st.sampled_from(Promise)),
        st.tuples(st.just("claim"), st.integers(1, 4)),
        st.tuples(
            st.just("finish"),
            st.integers(0, 9),
            st.sampled_from([Done(), Retry("r", 0.0), Retry("r", 3600.0), Dead("d"), Unknown("u")]),
        ),
        st.tuples(st.just("crash")),
        st.tuples(st.just("late"), st.integers(0, 9)),
        st.tuples(st.just("redrive"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
    ),
    max_size=25,
)


class World:
    """The database driven step by step, with the outside's ledger beside it."""

    def __init__(self, db: Database, tenant: TenantId, owner: asyncpg.Connection) -> None:
        self.db, self.tenant, self.owner = db, tenant, owner
        self.held: list[Effect] = []
        self.lost: list[Effect] = []
        self.texts: list[str] = []
        self.number = 0

    async def put(self, lane: int, promise: Promise) -> None:
        self.number += 1
        await put(self.db, self.tenant, f"{self.number:03}", visit=VISIT, destination=f"lane{lane}", promise=promise)

    async def claim(self, limit: int) -> None:
        for effect in await claim(self.db, limit):
            await self._is_head(effect)
            self.held.append(effect)
            if effect.promise is Promise.TEXT:
                self.texts.append(effect.key)

    async def _is_head(self, effect: Effect) -> None:
        before = await self.owner.fetchval(
            "select count(*) from effects where destination = $1 and key < $2 and holds", effect.destination, effect.key
        )
        assert before == 0, "nothing that holds the lane stood before it"

    async def finish(self, index: int, outcome: Outcome) -> None:
        if not self.held:
            return
        effect = self.held.pop(index % len(self.held))
        verdict = judge(effect.promise, effect.attempts, outcome, Policy(tries=3), 0.5)
        async with self.db.dispatcher() as tx:
            assert await STORE.finish(tx, [Finished(effect, verdict)]) == {effect.id}
        if isinstance(outcome, Retry) and effect.key in self.texts:
            self.texts.remove(effect.key)

    async def crash(self) -> None:
        self.lost, self.held = self.lost + self.held, []
        await expire_leases(self.owner)
        async with self.db.dispatcher() as tx:
            await STORE.rescue(tx, tries=3, code="lost")

    async def late(self, index: int) -> None:
        if self.lost:
            effect = self.lost[index % len(self.lost)]
            async with self.db.dispatcher() as tx:
                assert await STORE.finish(tx, [Finished(effect, judge(effect.promise, 1, Done(), QUICK, 0.5))]) == set()

    async def _decide(self, index: int, states: tuple[str, ...], act: str) -> None:
        ids = await self.owner.fetch("select id, key, promise from effects where state = any($1::text[]) order by seq", list(states))
        if not ids:
            return
        chosen = ids[index % len(ids)]
        if act == "redrive" and chosen["promise"] == "status":
            return  # may be overtaken, which has a test of its own
        async with self.db.tenant(self.tenant) as tx:
            await getattr(EFFECTS, act)(self.tenant, tx, EffectId(chosen["id"]), "person")
        if act == "redrive" and chosen["key"] in self.texts:
            self.texts.remove(chosen["key"])

    async def redrive(self, index: int) -> None:
        await self._decide(index, ("dead", "unknown"), "redrive")

    async def cancel(self, index: int) -> None:
        await self._decide(index, ("ready", "dead", "unknown"), "cancel")

    async def check(self) -> None:
        running = await self.owner.fetch("select destination, count(*) as n from effects where state = 'running' group by 1")
        assert {r["destination"] for r in running if r["n"] > 1} == set(), "one at a time in a lane"
        assert len(await self.owner.fetch("select 1 from effects where state = 'running'")) == len(self.held)
        assert await self.owner.fetchval("select count(*) from effects") == self.number, "nothing is lost"
        assert len(self.texts) == len(set(self.texts)), "a text runs once, unless a person or its handler said that it did not go out"


@given(steps)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_in_any_order_of_work_crash_and_decision_lanes_keep_order_and_texts_go_once(
    db: Database, tenant: TenantId, owner: asyncpg.Connection, steps: list[tuple[object, ...]]
) -> None:
    await owner.execute("truncate effects, effect_attempts")
    world = World(db, tenant, owner)
    for name, *args in steps:
        await getattr(world, str(name))(*args)
        await world.check()


async def test_a_worker_without_work_ends_at_once_when_asked(db: Database) -> None:
    worker = Worker(db, {}, SystemClock(), poll=3600)
    running = asyncio.create_task(worker.run())
    await worker.stop()
    async with asyncio.timeout(20):
        await running
