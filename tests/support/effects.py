"""Helpers of the effects' tests: a worker that runs for a while, and a waiting that polls the database, never the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from support.waiting import until
from vestibule.kit.clock import SystemClock
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database
from vestibule.platform.effects import Done, Effect, EffectRow, Effects, Handler, Outcome, Policy, Promise, Worker

QUICK = Policy(tries=4, first=0.01, cap=0.02)
EFFECTS = Effects()


async def put(
    db: Database, tenant: TenantId, key: str, *, destination: str = "ehr:1", promise: Promise = Promise.STATUS, **more: Any
) -> Any:
    """Enqueue one effect of kind `test` in a transaction of its own."""
    async with db.tenant(tenant) as tx:
        return await EFFECTS.enqueue(
            tx, **({"kind": "test", "destination": destination, "promise": promise, "key": key, "payload": {"k": key}} | more)
        )


async def rows(db: Database, tenant: TenantId, **where: Any) -> dict[str, EffectRow]:
    """The tenant's effects by key."""
    async with db.tenant(tenant) as tx:
        return {r.key: r for r in await EFFECTS.list(tenant, tx, **where)}


async def states(db: Database, tenant: TenantId) -> dict[str, str]:
    """State by key."""
    return {key: r.state.value for key, r in (await rows(db, tenant)).items()}


async def has_code(db: Database, tenant: TenantId, key: str, code: str) -> bool:
    """Whether an effect has come to nothing for that reason."""
    return (await rows(db, tenant))[key].code == code


async def settled(db: Database, tenant: TenantId, *, seconds: float = 15) -> dict[str, str]:
    """Wait until nothing is ready or running; returns state by key."""

    async def over() -> bool:
        return not (set((await states(db, tenant)).values()) & {"ready", "running"})

    await until(over, what="all effects over", seconds=seconds)
    return await states(db, tenant)


@asynccontextmanager
async def working(db: Database, handler: Handler | Mapping[str, Handler], **more: Any) -> AsyncIterator[Worker]:
    """A worker that runs as long as the block."""
    handlers = handler if isinstance(handler, Mapping) else {"test": handler}
    worker = Worker(db, handlers, SystemClock(), **({"policy": QUICK, "poll": 0.05} | more))
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.stop()
        await running


class Recorder:
    """A handler that keeps what it was asked and answers as it is told (by key), Done otherwise."""

    def __init__(self, **answers: list[Outcome | Exception]) -> None:
        self.calls: list[str] = []
        self.effects: list[Effect] = []
        self.answers = answers

    async def __call__(self, effect: Effect) -> Outcome:
        self.calls.append(effect.key)
        self.effects.append(effect)
        left = self.answers.get(effect.key)
        answer = left.pop(0) if left else Done()
        if isinstance(answer, Exception):
            raise answer
        return answer
