"""What a person may do with effects, and what the program does in their place, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from support.effects import EFFECTS, Recorder, has_code, put, rows, settled, states, working
from support.waiting import until
from vestibule.errors import Conflict, NotFound
from vestibule.kit.ids import EffectId, TenantId, VisitId, new_id
from vestibule.platform.db import Database
from vestibule.platform.effects import Dead, Done, EffectState, Outcome, Promise, Retry, Unknown

VISIT = VisitId(new_id())


class TestAPerson:
    """What a person may do."""

    async def _dead(self, db: Database, tenant: TenantId, answer: Outcome, **more: object) -> EffectId:
        effect: EffectId = await put(db, tenant, "a", **more)
        async with working(db, Recorder(a=[answer])):
            await settled(db, tenant)
        return effect

    async def test_re_drives_a_dead_effect_with_all_its_tries_before_it(self, db: Database, tenant: TenantId) -> None:
        effect = await self._dead(db, tenant, Dead("no"))
        async with db.tenant(tenant) as tx:
            await EFFECTS.redrive(tenant, tx, effect, "operator")
        assert (await rows(db, tenant))["a"].attempts == 0
        async with working(db, Recorder()):
            assert await settled(db, tenant) == {"a": "done"}
        async with db.tenant(tenant) as tx:
            log = await EFFECTS.attempts(tenant, tx, effect)
        assert [(a.outcome, a.by == "operator") for a in log] == [("dead", False), ("redriven", True), ("done", False)]

    async def test_may_send_a_text_of_unknown_outcome_again(self, db: Database, tenant: TenantId) -> None:
        effect = await self._dead(db, tenant, Unknown("lost"), promise=Promise.TEXT)
        async with db.tenant(tenant) as tx:
            await EFFECTS.redrive(tenant, tx, effect, "operator")
        async with working(db, Recorder()):
            assert await settled(db, tenant) == {"a": "done"}

    async def test_settles_a_text_of_unknown_outcome_when_a_receipt_came(self, db: Database, tenant: TenantId) -> None:
        effect = await self._dead(db, tenant, Unknown("lost"), promise=Promise.TEXT)
        async with db.tenant(tenant) as tx:
            await EFFECTS.settle(tenant, tx, effect, "receipt")
        assert await states(db, tenant) == {"a": "done"}
        with pytest.raises(Conflict, match="effect-not-unknown"):
            async with db.tenant(tenant) as tx:
                await EFFECTS.settle(tenant, tx, effect, "receipt")

    async def test_cannot_make_the_record_wrong_by_telling_an_old_status_after_a_new_one(self, db: Database, tenant: TenantId) -> None:
        old = await self._dead(db, tenant, Dead("no"), visit=VISIT, about="p1")
        await put(db, tenant, "other", visit=VISIT, about="p2")
        async with db.tenant(tenant) as tx:
            await EFFECTS.redrive(tenant, tx, old, "operator")
            await EFFECTS.cancel(tenant, tx, old, "operator")
        old2 = await put(db, tenant, "b", visit=VISIT, about="p1")
        async with working(db, Recorder(b=[Dead("no")])):
            await settled(db, tenant)
        await put(db, tenant, "newer", visit=VISIT, about="p1")
        with pytest.raises(Conflict, match="effect-overtaken"):
            async with db.tenant(tenant) as tx:
                await EFFECTS.redrive(tenant, tx, old2, "operator")

    async def test_cancels_what_holds_a_lane_and_the_lane_goes_on(self, db: Database, tenant: TenantId) -> None:
        head = await put(db, tenant, "head", visit=VISIT)
        await put(db, tenant, "next", visit=VISIT)
        async with working(db, Recorder(head=[Retry("slow", 3600.0)])):
            await until(lambda: has_code(db, tenant, "head", "slow"))
            async with db.tenant(tenant) as tx:
                await EFFECTS.cancel(tenant, tx, head, "operator")
            assert await settled(db, tenant) == {"head": "cancelled", "next": "done"}

    @pytest.mark.parametrize(
        ("act", "code"),
        [(EFFECTS.redrive, "effect-not-redrivable"), (EFFECTS.cancel, "effect-not-cancellable"), (EFFECTS.settle, "effect-not-unknown")],
    )
    async def test_cannot_touch_what_is_done(self, db: Database, tenant: TenantId, act: Callable[..., Awaitable[None]], code: str) -> None:
        effect = await self._dead(db, tenant, Done())
        with pytest.raises(Conflict, match=code):
            async with db.tenant(tenant) as tx:
                await act(tenant, tx, effect, "operator")

    async def test_finds_no_effect_that_is_not_there(self, db: Database, tenant: TenantId) -> None:
        with pytest.raises(NotFound):
            async with db.tenant(tenant) as tx:
                await EFFECTS.redrive(tenant, tx, EffectId(new_id()), "operator")

    async def test_lists_by_state_and_visit_the_newest_first(self, db: Database, tenant: TenantId) -> None:
        for n in range(3):
            await put(db, tenant, f"k{n}", visit=VISIT if n else None)
        async with db.tenant(tenant) as tx:
            assert [r.key for r in await EFFECTS.list(tenant, tx)] == ["k2", "k1", "k0"]
            assert [r.key for r in await EFFECTS.list(tenant, tx, visit=VISIT, limit=1)] == ["k2"]
            assert await EFFECTS.list(tenant, tx, states=[EffectState.DEAD]) == []

    async def test_lists_and_counts_by_kind(self, db: Database, tenant: TenantId) -> None:
        await put(db, tenant, "a")
        await put(db, tenant, "b", kind="other")
        async with db.tenant(tenant) as tx:
            assert [r.key for r in await EFFECTS.list(tenant, tx, kinds=["other"])] == ["b"]
            assert await EFFECTS.failed(tenant, tx, kinds=["other"]) == 0


TOMORROW = datetime.now(UTC) + timedelta(days=1)


async def test_what_waits_can_be_meant_for_another_time_and_goes_then(db: Database, tenant: TenantId) -> None:
    effect = await put(db, tenant, "a", run_at=TOMORROW)
    async with working(db, Recorder()):
        async with db.tenant(tenant) as tx:
            assert await EFFECTS.postpone(tx, effect, datetime.now(UTC))
        assert await settled(db, tenant) == {"a": "done"}
    async with db.tenant(tenant) as tx:
        assert not await EFFECTS.postpone(tx, effect, TOMORROW), "it is over"


async def test_the_program_withdraws_what_waits_and_not_what_is_over(db: Database, tenant: TenantId) -> None:
    effect = await put(db, tenant, "a", run_at=TOMORROW)
    async with db.tenant(tenant) as tx:
        assert await EFFECTS.withdraw(tx, effect, why="overtaken")
        assert not await EFFECTS.withdraw(tx, effect, why="overtaken")
    assert await states(db, tenant) == {"a": "cancelled"}
    async with db.tenant(tenant) as tx:
        assert [a.by for a in await EFFECTS.attempts(tenant, tx, effect)] == ["system:overtaken"]
