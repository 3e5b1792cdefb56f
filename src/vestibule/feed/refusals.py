"""Saying whom the feed turned away: in the organisation's audit where its port or certificate names one, in the log in any case."""

from __future__ import annotations

import asyncio
from typing import Final

from vestibule.feed.model import Sender
from vestibule.kit.clock import Clock
from vestibule.platform.audit import Actor, Audit, Outcome, Repeats
from vestibule.platform.db import Database
from vestibule.platform.telemetry.logs import log

_SECONDS: Final = 600  # of each reason and address at each connection three are noted in so long


class AuditedRefusals:
    """Notes refusals; of what repeats itself only the first and how often."""

    def __init__(self, db: Database, audit: Audit, clock: Clock) -> None:
        """Write into the audit of whom it concerns."""
        self._db = db
        self._audit = audit
        self._repeats = Repeats(clock, most=3, seconds=_SECONDS)
        self._writing: set[asyncio.Task[None]] = set()

    def refused(self, reason: str, address: str, sender: Sender | None) -> None:
        """See `ports.Refusals`."""
        detail = self._repeats.detail((sender.connection if sender else None, reason, address))
        if detail is None:
            return
        log.warning("feed-refused", reason=reason, address=address, connection=sender.connection if sender else None)
        if sender is not None:
            task = asyncio.create_task(self._note(sender, address, {"reason": reason, **detail}))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def settled(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing)

    async def _note(self, sender: Sender, address: str, detail: dict[str, str]) -> None:
        try:
            async with self._db.tenant(sender.tenant) as tx:
                by, about = Actor("nobody", address=address), ("connection", sender.connection)
                self._audit.note(tx, "feed.refused", by=by, about=about, outcome=Outcome.REFUSED, detail=detail)
        except Exception:  # noqa: BLE001  whatever it is, whoever was turned away stays turned away, and the log has said so
            log.warning("feed-refusal-not-noted", connection=sender.connection, exc_info=True)
