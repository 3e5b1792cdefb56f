"""The worker: claims what is due, runs its handlers, writes down what came of it.

Three things go on side by side. The *claimer* takes heads of lanes in batches. Each claimed effect is a *task* that runs its
handler while no transaction and no connection is held. The *finisher* completes whatever has ended in one statement, so that a
thousand quick effects a second cost a few commits. An effect with something to record (`Done(then=...)`) is completed alone, in
its tenant's own transaction.

What a crash can do is decided here and in `model.judge`: until the finisher's commit, the lease in the database is the only witness.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from vestibule.errors import Unavailable, VestibuleError
from vestibule.kit.backoff import backoff
from vestibule.kit.clock import Clock
from vestibule.kit.ids import EffectId, chance
from vestibule.platform.db import Database, Tx
from vestibule.platform.effects import model
from vestibule.platform.effects.finisher import Finisher, Meter, no_meter
from vestibule.platform.effects.model import (
    Done,
    Effect,
    EffectState,
    Finished,
    Handler,
    Mourner,
    Outcome,
    Policy,
    Then,
    Verdict,
    ambiguous,
    judge,
    outcome_of,
)
from vestibule.platform.effects.service import CHANNEL
from vestibule.platform.effects.store import DispatchStore
from vestibule.platform.http import NEVER_SENT
from vestibule.platform.telemetry.logs import log


class Wakes(Protocol):
    """What we need of the listener to the database's notifications."""

    def subscribe(self, channel: str, fn: Callable[[str], None], on_gap: Callable[[], None] | None = None) -> None:
        """Call `fn` with the payload of each message, and `on_gap` when some may have been missed."""
        ...


class Worker:
    """Runs effects until told to stop. Any number of workers may share one database; nothing runs before `run`.

    Args:
        db: where the effects are.
        handlers: kind to handler. Effects of other kinds are left to other workers.
        clock: for pauses and figures; due times and leases are the database's.
        mourners: by kind, what to record when an effect ends dead or unknown.
        listener: tells when something was enqueued; without it only the slow poll looks.
        policy: tries and back-off.
        concurrency: handlers at once.
        per_destination: handlers at once to one destination, so that a slow one never takes every place; a quarter by default.
        lease: seconds after its last sign of life in which a worker's effects are left to it; what takes longer is renewed.
        deadline: seconds a handler may take.
        poll: seconds between looks when nothing wakes us.
        grace: seconds `stop` waits for handlers before it cancels them.
        gather: seconds to wait while others run before claiming more, where many short ones come by the hundred.
        meter: told (event, kind, seconds) of each claim and end, for figures.
        draw: an even draw from [0, 1), for jitter.
        name: of this worker, in the log of attempts.
    """

    def __init__(
        self,
        db: Database,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        mourners: Mapping[str, Mourner] | None = None,
        listener: Wakes | None = None,
        policy: Policy | None = None,
        concurrency: int = 100,
        per_destination: int | None = None,
        lease: float = 10.0,
        deadline: float = 45.0,
        poll: float = 5.0,
        grace: float = 20.0,
        gather: float = 0.0,
        meter: Meter = no_meter,
        draw: Callable[[], float] = chance,
        name: str = "",
    ) -> None:
        self._db, self._handlers, self._clock, self._meter, self._draw = db, handlers, clock, meter, draw
        self._mourners = mourners or {}
        self._policy = policy or Policy()
        self._concurrency = concurrency
        self._per_destination = per_destination or max(1, concurrency // 4)
        self._lease, self._deadline = lease, deadline
        self._poll, self._grace, self._gather = poll, grace, gather
        self._name = name or f"{socket.gethostname()}:{os.getpid()}"
        self._store = DispatchStore()
        self._wake = asyncio.Event()
        self._stopping = False
        self._abandoning = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[EffectId, tuple[Effect, float]] = {}
        self._busy: Counter[str] = Counter()
        self._running = 0
        self._rescue_at = 0.0
        self._finisher = Finisher(db, self._store, clock, policy=self._policy, on_over=self._over, meter=meter)
        if listener is not None:
            listener.subscribe(CHANNEL, lambda _: self._wake.set(), self._wake.set)

    async def run(self) -> None:
        """Work until `stop`. Ends when what was running has ended and is written down."""
        finishing = asyncio.create_task(self._finisher.run())
        renewing = asyncio.create_task(self._renew_for_ever())
        try:
            await self._claim_until_stopped()
            await self._let_run_out()
        finally:
            for task in self._tasks:
                task.cancel()
            await self._finisher.drain()
            await finishing
            renewing.cancel()
            await asyncio.wait([renewing])

    async def stop(self) -> None:
        """Ask `run` to end: nothing new is claimed, what runs may finish within the grace."""
        self._stopping = True
        self._wake.set()

    async def _claim_until_stopped(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                if not await self._turn():
                    await self._rest()
                failures = 0
            except Unavailable:
                failures += 1
                # When the database is back, outcomes that wait to be written down come before anybody's rescue.
                self._rescue_at = self._clock.monotonic() + self._poll
                await self._sleep(backoff(failures, base=0.1, ceiling=5.0, draw=self._draw))

    async def _turn(self) -> bool:
        """Rescue and claim once; True when there may be more at once."""
        await self._rescue_when_due()
        if self._gather and self._running:
            await asyncio.sleep(self._gather)
        free = self._concurrency - self._running
        if free <= 0 or self._finisher.waiting > 2 * self._concurrency:
            return False
        claimed = await self._claim(free)
        for effect in claimed:
            self._start(effect)
        return bool(claimed)

    async def _claim(self, free: int) -> list[Effect]:
        async with self._db.dispatcher() as tx:
            return await self._store.claim(
                tx,
                kinds=list(self._handlers),
                busy=self._busy,
                limit=free,
                per_destination=self._per_destination,
                worker=self._name,
                lease=self._lease,
            )

    async def _rescue_when_due(self) -> None:
        if self._clock.monotonic() < self._rescue_at:
            return
        async with self._db.dispatcher() as tx:
            lost = await self._store.rescue(tx, tries=self._policy.tries, code=model.LEASE_LOST)
        self._rescue_at = self._clock.monotonic() + self._poll
        for kind, state in lost:
            self._meter(f"lost-{state}", kind, 0.0)

    async def _rest(self) -> None:
        """Sleep until something was enqueued or finished, until the next due time, or for the slow poll."""
        pause = self._poll
        if self._running < self._concurrency:
            async with self._db.dispatcher() as tx:
                due = await self._store.next_due(tx)
            pause = self._poll if due is None else min(self._poll, max(due, 0.005))
        if await self._sleep(pause):
            self._rescue_at = 0.0

    async def _sleep(self, seconds: float) -> bool:
        """Sleep unless woken; True when the time ran out."""
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return True
        return False

    async def _renew_for_ever(self) -> None:
        """Say for what takes long that we live. A database that is away now is told the next time."""
        while True:
            await asyncio.sleep(self._lease / 3)
            old = self._clock.monotonic() - self._lease / 3
            held = [effect for effect, since in self._held.values() if since <= old]
            with suppress(Unavailable):
                if held:
                    async with self._db.dispatcher() as tx:
                        await self._store.renew(tx, held, self._lease)

    def _over(self, finished: Sequence[Finished]) -> None:
        """Written down, refused by the fence, or let go: no longer ours. Places are free and lanes have new heads."""
        for one in finished:
            held = self._held.get(one.effect.id)
            if held is not None and held[0].fence == one.effect.fence:
                del self._held[one.effect.id]
        self._wake.set()

    def _start(self, effect: Effect) -> None:
        self._running += 1
        self._held[effect.id] = (effect, self._clock.monotonic())
        self._busy[effect.destination] += 1
        task = asyncio.create_task(self._one(effect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _one(self, effect: Effect) -> None:
        started = self._clock.monotonic()
        try:
            outcome = await self._attempt(effect)
        finally:
            self._running -= 1
            self._busy[effect.destination] -= 1
        jitter = 0.0 if isinstance(outcome, Done) else self._draw()
        verdict = judge(effect.promise, effect.attempts, outcome, self._policy, jitter)
        self._meter(f"tried-{verdict.state}", effect.kind, self._clock.monotonic() - started)
        together = outcome.together if isinstance(outcome, Done) else None
        self._finisher.add(Finished(effect, verdict, self._epilogue(effect, outcome, verdict), together))

    def _epilogue(self, effect: Effect, outcome: Outcome, verdict: Verdict) -> Then | None:
        """What to record in the completing transaction."""
        if isinstance(outcome, Done):
            return outcome.then
        mourner = self._mourners.get(effect.kind)
        if mourner is None or verdict.state not in {EffectState.DEAD, EffectState.UNKNOWN}:
            return None

        async def mourn(tx: Tx) -> None:
            await mourner(tx, effect, verdict.code)

        return mourn

    async def _attempt(self, effect: Effect) -> Outcome:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._handlers[effect.kind](effect)
        except TimeoutError:
            return ambiguous(effect.promise, model.TIMED_OUT)
        except asyncio.CancelledError:
            if not self._abandoning:
                raise
            return ambiguous(effect.promise, model.STOPPED)
        except Exception as error:  # noqa: BLE001  whatever a handler does, its effect gets an outcome
            outcome = outcome_of(error, effect.promise, NEVER_SENT)
            code = "" if isinstance(outcome, Done) else outcome.code
            foreign = None if isinstance(error, VestibuleError) else error
            log.warning("effect-failed", kind=effect.kind, effect=effect.id, attempts=effect.attempts, code=code, exc_info=foreign)
            return outcome

    async def _let_run_out(self) -> None:
        if not self._tasks:
            return
        await asyncio.wait(self._tasks, timeout=self._grace)
        self._abandoning = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
