"""The worker: what carries out effects, and the chores nobody asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vestibule.errors import VestibuleError
from vestibule.kit.ids import TenantId
from vestibule.launch.service import Launches
from vestibule.platform.effects import Worker
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import EFFECTS
from vestibule.retention.service import Retention
from vestibule.settings import Settings
from vestibule.wiring.launching import make_launches
from vestibule.wiring.parts import Parts, open_parts
from vestibule.wiring.signing_in import make_sign_ins
from vestibule.writeback.jobs import Teller
from vestibule.writeback.model import KIND as EHR_STATUS

_SLOW_CHORES_EVERY = 60.0  # seconds: names are erased that soon after a visit's time is over
_CHORES_EVERY = 2.0  # seconds: a killed node's people are disconnected that soon after their lease


async def run_worker(settings: Settings, database_url: str, stop: asyncio.Event) -> None:
    """Carry out effects and keep house until told to stop."""
    async with open_parts(settings, database_url) as parts:
        worker = effect_worker(parts)
        running = asyncio.create_task(worker.run())
        chores = asyncio.create_task(keep_house(parts))
        log.info("working")
        await stop.wait()
        chores.cancel()
        await worker.stop()
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

    The two go side by side: a round through ten thousand organisations takes its time, and nobody waits in a dead node's name for it.
    """
    retention = Retention(visits=parts.visits, tenancy=parts.tenancy, clock=parts.clock)
    launches = make_launches(parts)
    await asyncio.gather(
        _again("presence", _CHORES_EVERY, lambda: parts.visits.presence.reap(parts.db)),
        _again("retention", _SLOW_CHORES_EVERY, lambda: _tidy(parts, retention, launches)),
    )


async def _again(name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """A chore for ever, with a pause after each time."""
    while True:
        await _chore(name, work())
        await asyncio.sleep(seconds)


async def _chore(name: str, work: Awaitable[object]) -> None:
    """One chore; that it failed is said, and it is tried again at its next turn."""
    try:
        await work
    except VestibuleError as error:
        log.warning("chore-failed", step=name, code=error.code)
    except Exception as error:  # noqa: BLE001  a mistake of ours in one chore must not end all of them for ever
        log.error("chore-failed", step=name, code="internal-error", exc_info=error)


async def _tidy(parts: Parts, retention: Retention, launches: Launches) -> None:
    """Each organisation in turn; what fails for one, and it may fail for long, keeps no other's data a day longer."""
    for tenant in await parts.tenancy.tenants(parts.db):
        await _chore("retention", _tidy_one(parts, retention, launches, tenant))
    await make_sign_ins(parts).sweep()


async def _tidy_one(parts: Parts, retention: Retention, launches: Launches, tenant: TenantId) -> None:
    await retention.end_overdue(parts.db, tenant)
    await retention.forget(parts.db, tenant)
    async with parts.db.tenant(tenant) as tx:
        await parts.identity.sweep(tx)
        await parts.tokens.sweep(tx)
        await launches.forget(tx)
