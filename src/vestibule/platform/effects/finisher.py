"""Writing outcomes down: many in one statement where nothing else is to be recorded, one by one with what goes along, or many
together with what is recorded for many at once.

An outcome is precious, for outside it has already happened. So while the database is away it is kept and tried again; after a
minute it is let go, for by then the lease has run out, the effect belongs to another worker, and the fence would refuse us anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from vestibule.errors import Unavailable
from vestibule.kit.backoff import backoff
from vestibule.kit.clock import Clock
from vestibule.kit.ids import EffectId, chance
from vestibule.platform.db import Database
from vestibule.platform.effects.model import NOT_RECORDED, EffectState, Finished, Policy, ambiguous, judge
from vestibule.platform.effects.store import DispatchStore
from vestibule.platform.telemetry.logs import log

_BATCH = 500
# Completions with a `then` hold a connection each; the pool belongs to others as well.
_ALONE_AT_ONCE = 4
# So many are recorded together at most; more would keep their rows locked for too long.
_COMPANY = 200
# Seconds for which the first of them waits for others.
_GATHER = 0.03

Meter = Callable[[str, str, float], None]


def no_meter(event: str, kind: str, seconds: float) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    finished: Finished
    until: float


class Finisher:
    """Takes ended attempts and completes their effects."""

    def __init__(
        self,
        db: Database,
        store: DispatchStore,
        clock: Clock,
        *,
        policy: Policy,
        on_over: Callable[[Sequence[Finished]], None],
        meter: Meter,
        patience: float = 60.0,
    ) -> None:
        """Prepare.

        Args:
            db: where the effects are.
            store: their SQL.
            clock: how long an outcome has been kept.
            policy: for what could not be recorded.
            on_over: told of outcomes that are written down, refused by the fence, or let go.
            meter: told of what was refused by the fence or dropped.
            patience: seconds an outcome is kept while the database is away.
        """
        self._db, self._store, self._clock, self._meter, self._patience = db, store, clock, meter, patience
        self._policy = policy
        self._on_over = on_over
        self._buffer: list[_Waiting] = []
        self._filled = asyncio.Event()
        self._alone: set[asyncio.Task[None]] = set()
        self._joint: dict[Any, list[_Waiting]] = {}
        self._places = asyncio.Semaphore(_ALONE_AT_ONCE)
        self._closing = False

    @property
    def waiting(self) -> int:
        """Outcomes not yet written down."""
        return len(self._buffer) + len(self._alone) + sum(map(len, self._joint.values()))

    def add(self, finished: Finished) -> None:
        """Take an outcome; it is written down soon."""
        waiting = _Waiting(finished, self._clock.monotonic() + self._patience)
        if finished.together is not None:
            self._join(waiting, (finished.together.write, finished.effect.tenant))
        elif finished.then is not None:
            self._go(self._finish_alone(waiting))
        else:
            self._buffer.append(waiting)
            self._filled.set()

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._alone.add(task)
        task.add_done_callback(self._alone.discard)

    async def run(self) -> None:
        """Write down until drained."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._buffer:
                batch, self._buffer = self._buffer[:_BATCH], self._buffer[_BATCH:]
                await self._finish_batch(batch)
            if self._closing:
                return

    async def drain(self) -> None:
        """Write down what is left; `run` ends after it."""
        while self._alone:
            await asyncio.wait(self._alone)
        self._closing = True
        self._filled.set()

    async def _finish_batch(self, batch: list[_Waiting]) -> None:
        attempt = 0
        while batch:
            try:
                async with self._db.dispatcher() as tx:
                    ours = await self._store.finish(tx, [w.finished for w in batch])
            except Unavailable:
                attempt += 1
                batch = self._still_ours(batch)
                await asyncio.sleep(backoff(attempt, base=0.05, ceiling=2.0))
            except Exception as error:  # noqa: BLE001  one row the database will not take must not hold the others
                await self._finish_apart(batch, error)
                return
            else:
                self._report(batch, {w.finished.effect.id for w in batch} - ours)
                return

    async def _finish_apart(self, batch: list[_Waiting], error: Exception) -> None:
        if len(batch) > 1:
            for w in batch:
                await self._finish_batch([w])
            return
        self._on_over([batch[0].finished])
        log.error("effect-outcome-refused", effect=batch[0].finished.effect.id, exc_info=error)

    def _report(self, batch: list[_Waiting], refused: set[EffectId]) -> None:
        for w in batch:
            if w.finished.effect.id in refused:
                self._meter("fenced", w.finished.effect.kind, 0.0)
        self._on_over([w.finished for w in batch])

    def _still_ours(self, batch: list[_Waiting]) -> list[_Waiting]:
        now = self._clock.monotonic()
        given_up = [w.finished for w in batch if w.until <= now]
        for finished in given_up:
            self._meter("dropped", finished.effect.kind, 0.0)
        if given_up:
            self._on_over(given_up)
        return [w for w in batch if w.until > now]

    def _join(self, waiting: _Waiting, company: Any) -> None:
        """Those of one company are completed together; while one transaction runs, the next company gathers."""
        if company in self._joint:
            self._joint[company].append(waiting)
            return
        self._joint[company] = [waiting]
        self._go(self._finish_companies(company))

    async def _finish_companies(self, company: Any) -> None:
        while self._joint[company]:
            if len(self._joint[company]) < _COMPANY and not self._closing:
                await asyncio.sleep(_GATHER)
            waiting = self._joint[company]
            batch, self._joint[company] = waiting[:_COMPANY], waiting[_COMPANY:]
            await self._finish_together(batch)
        del self._joint[company]

    async def _finish_together(self, batch: list[_Waiting]) -> None:
        attempt = 0
        while batch := self._still_ours(batch):
            try:
                async with self._places:
                    await self._complete([w.finished for w in batch])
            except Unavailable:
                attempt += 1
                await asyncio.sleep(backoff(attempt, base=0.05, ceiling=2.0))
            except Exception as error:  # noqa: BLE001  one that cannot be recorded must not keep the others from it
                if len(batch) == 1:
                    self._refuse(batch[0].finished, error)
                else:
                    for w in batch:
                        await self._finish_together([w])
                return
            else:
                self._on_over([w.finished for w in batch])
                return

    def _refuse(self, finished: Finished, error: Exception) -> None:
        log.warning("effect-not-recorded", kind=finished.effect.kind, effect=finished.effect.id, exc_info=error)
        self._hand_over(finished)

    async def _finish_alone(self, waiting: _Waiting) -> None:
        attempt = 0
        while self._still_ours([waiting]):
            try:
                async with self._places:
                    await self._complete([waiting.finished])
            except Unavailable:
                attempt += 1
                await asyncio.sleep(backoff(attempt, base=0.05, ceiling=2.0))
            except Exception as error:  # noqa: BLE001  what the record could not take must not stop the worker
                self._refuse(waiting.finished, error)
                return
            else:
                self._on_over([waiting.finished])
                return

    async def _complete(self, batch: list[Finished]) -> None:
        """Complete and record in one transaction. An effect that is no longer ours records nothing."""
        async with self._db.tenant(batch[0].effect.tenant) as tx:
            ours = await self._store.finish(tx, batch)
            mine = [f for f in batch if f.effect.id in ours]
            for finished in mine:
                if finished.then is not None:
                    await finished.then(tx)
            joint = [f.together for f in mine if f.together is not None]
            if joint:
                await joint[0].write(tx, [one.item for one in joint])
        for finished in batch:
            if finished.effect.id not in ours:
                self._meter("fenced", finished.effect.kind, 0.0)

    def _hand_over(self, finished: Finished) -> None:
        """`then` itself failed. What has failed for good stays so; a text must not go out again; anything else is repeated."""
        effect, verdict = finished.effect, finished.verdict
        if verdict.state is EffectState.DONE:
            verdict = judge(effect.promise, effect.attempts, ambiguous(effect.promise, NOT_RECORDED), self._policy, chance())
        self.add(Finished(effect, verdict))
