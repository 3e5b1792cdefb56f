"""The listener: the process that takes appointments. Apart from the other wiring, so that no other process loads what only it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from vestibule.adapters.hl7.desk import Desk, Limits
from vestibule.adapters.hl7.listener import Listener, Ports
from vestibule.adapters.hl7.web import Twin
from vestibule.feed.inbox import DurableInbox
from vestibule.feed.refusals import AuditedRefusals
from vestibule.feed.senders import KnownSenders
from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.audit import Audit
from vestibule.platform.db import Database
from vestibule.platform.db import Listener as Ear
from vestibule.platform.heap import calm_the_collector
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import FEED_WAITING
from vestibule.settings import Settings
from vestibule.wiring.parts import read_keys

_POOL = 4  # connections for questions; messages go by the inbox's own


@asynccontextmanager
async def listening(
    settings: Settings, database_url: str, *, clock: Clock | None = None, limits: Limits | None = None
) -> AsyncIterator[Listener]:
    """Listen for as long as the block lasts; at its end what was taken is stored and answered before the last connection is closed."""
    clock = clock or SystemClock()
    db = await Database.open(database_url, max_size=_POOL)
    ear = Ear(database_url)
    senders = KnownSenders(db, clock, ear)
    inbox = DurableInbox(database_url, SecretBox(read_keys(settings)))
    refusals = AuditedRefusals(db, Audit(clock), clock)
    desk = Desk(inbox, refusals, clock, limits or Limits(message_bytes=settings.mllp_max_bytes, idle=settings.mllp_idle_seconds))
    twin = Twin(desk, senders, metrics_token=settings.metrics_token, healthy=lambda: not inbox.group.away)
    listener = Listener(desk, senders, twin, _ports(settings))
    senders.on_change(listener.changed)
    FEED_WAITING.set_function(lambda: inbox.group.waiting)
    try:
        await ear.start()
        inbox.start()
        await listener.start()
        yield listener
    finally:
        await listener.close_doors()
        await inbox.stop()
        await listener.hang_up()
        await refusals.settled()
        await ear.stop()
        await db.close()


def _ports(settings: Settings) -> Ports:
    certificate = Path(settings.tls_certificate) if settings.tls_certificate else None
    key = Path(settings.tls_key) if settings.tls_key else None
    return Ports(settings.mllp_host, settings.mllp_port, settings.hl7_https_port, certificate, key)


async def run_listener(settings: Settings, database_url: str, stop: asyncio.Event) -> None:
    """Take messages until told to stop."""
    async with listening(settings, database_url):
        calm_the_collector()
        log.info("taking messages")
        await stop.wait()
        log.info("stopping")
