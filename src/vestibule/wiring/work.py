"""The worker: what carries out effects and applies the appointments that came in, and the chores nobody asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vestibule.platform.effects import Worker
from vestibule.platform.heap import calm_the_collector
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import EFFECTS
from vestibule.settings import Settings
from vestibule.wiring.chores import Tidying, attempt
from vestibule.wiring.feeding import make_processing
from vestibule.wiring.meeting import meeting_worker
from vestibule.wiring.message_desk import make_carrying, make_orders
from vestibule.wiring.messaging import message_worker
from vestibule.wiring.parts import Parts, open_parts
from vestibule.wiring.teams_notices import make_notice_work
from vestibule.writeback.jobs import Teller
from vestibule.writeback.model import KIND as EHR_STATUS

_SLOW_CHORES_EVERY = 60.0  # seconds: names are erased that soon after a visit's time is over
_CHORES_EVERY = 2.0  # seconds: a killed node's people are disconnected that soon after their lease


async def run_worker(settings: Settings, database_url: str, stop: asyncio.Event) -> None:
    """Carry out effects, apply what came in, and keep house, until told to stop."""
    async with open_parts(settings, database_url) as parts:
        workers = (effect_worker(parts), message_worker(parts), meeting_worker(parts), make_processing(parts), make_notice_work(parts))
        calm_the_collector()  # a pause of its making, and a hundred texts leave out of step
        running = asyncio.gather(*(worker.run() for worker in workers))
        chores = asyncio.create_task(keep_house(parts))
        log.info("working")
        await stop.wait()
        chores.cancel()
        await asyncio.gather(*(worker.stop() for worker in workers))
        await running


def effect_worker(parts: Parts) -> Worker:
    """What carries out effects: every kind has its handler here."""
    teller = Teller(db=parts.db, visits=parts.visits, tenancy=parts.tenancy, writeback=parts.writeback, records=parts.records)
    return Worker(
        parts.db,
        {EHR_STATUS: teller.handle},
        parts.clock,
        mourners={EHR_STATUS: teller.mourn},
        listener=parts.listener,
        concurrency=parts.settings.worker_concurrency,
        meter=lambda event, kind, _: EFFECTS.labels(kind, event).inc(),
    )


async def keep_house(parts: Parts) -> None:
    """What must happen though nobody asks: people of a killed node are disconnected, what is over is ended, what expired is forgotten.

    They go side by side: where much is over at once a round takes its time, and nobody waits in a dead node's name for it.
    """
    tidying, orders = Tidying(parts), make_orders(parts, make_carrying(parts, parts.messages.replan))
    await asyncio.gather(
        _again("presence", _CHORES_EVERY, lambda: parts.visits.presence.reap(parts.db)),
        _again("messages", _CHORES_EVERY, tidying.quick_round),
        _again("afterwards", _CHORES_EVERY, tidying.afterwards_round),
        _again("retention", _SLOW_CHORES_EVERY, tidying.round),
        _again("numbers", _CHORES_EVERY, lambda: orders.round(parts.db)),
    )


async def _again(name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """A chore for ever, with a pause after each time."""
    while True:
        await attempt(name, work())
        await asyncio.sleep(seconds)
