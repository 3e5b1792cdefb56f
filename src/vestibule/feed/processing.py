"""From the inbox to the visits: a loop that claims what is new, of every organisation, and applies each in its organisation's transaction.

A message is finished in the very transaction that changes visits by it: a crash leaves both undone, and it is claimed again when its lease
is over. What cannot be read goes to quarantine with its code; what cannot be done now is tried again later; neither holds up another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from vestibule.errors import VestibuleError
from vestibule.feed.applying import Applied, Applying
from vestibule.feed.inbox import about
from vestibule.feed.knowing import Knowing
from vestibule.feed.model import CHANNEL, InboxState
from vestibule.feed.ordering import OVER
from vestibule.feed.reading import Reading, department_name, needs_start, read
from vestibule.feed.store import CLAIM, NEXT_DUE, Claimed, QueueStore, claimed
from vestibule.kit.backoff import backoff
from vestibule.kit.clock import Clock
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Database, Turns, Tx, Wakes
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import FEED_MESSAGES, FEED_SECONDS
from vestibule.protocols.hl7v2 import parse, read_notice

_MOST_TRIES: Final = 12  # with the back-off below, the better part of an hour
_TOGETHER: Final = 8  # messages in one transaction
_OURS: Final = 3  # tries of a message that trips a mistake of ours
_LONGEST_EVENT: Final = 20
_NOT_OURS: Final = frozenset({"hl7-type", "hl7-event"})  # messages about something else, which an interface may send besides


class _Overtaken(Exception):
    """This message was finished by somebody else."""


class Processing:
    """Applies messages until told to stop. Any number may share one database."""

    def __init__(
        self,
        db: Database,
        box: SecretBox,
        applying: Applying,
        knowing: Knowing,
        clock: Clock,
        *,
        listener: Wakes | None = None,
        concurrency: int = 4,
        lease: float = 60.0,
        poll: float = 5.0,
    ) -> None:
        """Prepare; nothing runs before `run`.

        Args:
            db: where the inbox is.
            box: opens bodies.
            applying: what a message does.
            knowing: settings and departments.
            clock: for figures.
            listener: tells when something came; without it only the slow poll looks.
            concurrency: messages at once.
            lease: seconds after which a message that was claimed and not finished is claimed again.
            poll: seconds between looks when nothing wakes us.
        """
        self._db, self._box, self._applying, self._knowing, self._clock = db, box, applying, knowing, clock
        self._concurrency, self._lease = concurrency, lease
        self._store = QueueStore()
        self._waiting: list[Claimed] = []
        self._turns = Turns(db, self.turn, next_due=NEXT_DUE, channel=CHANNEL, listener=listener, poll=poll)

    async def run(self) -> None:
        """Work until `stop`; what is being applied is finished."""
        await self._turns.run()

    async def stop(self) -> None:
        """Ask `run` to end. What was claimed and not begun is free again when its lease is over."""
        self._turns.stop()
        self._waiting.clear()

    async def turn(self) -> int:
        """Claim what is due and apply it; how many it were."""
        async with self._db.dispatcher() as tx:
            self._waiting = claimed(await tx.fetch(CLAIM, 32 * self._concurrency, self._lease))
        found = len(self._waiting)
        self._waiting.reverse()
        await asyncio.gather(*(self._through() for _ in range(min(found, self._concurrency))))
        return found

    async def _through(self) -> None:
        """A few messages of one organisation go together, for every commit costs a wait for the disk; if one fails, each goes alone."""
        while self._waiting:
            batch = [self._waiting.pop()]
            while self._waiting and len(batch) < _TOGETHER and self._waiting[-1].tenant == batch[0].tenant:
                batch.append(self._waiting.pop())
            if len(batch) == 1 or not await self._all(batch):
                for one in batch:
                    await self._one(one)

    # ------------------------------------------------------------------ one message

    async def _all(self, batch: Sequence[Claimed]) -> bool:
        """Several messages in one transaction; False, and nothing done, when any of them cannot be applied."""
        try:
            await self._apply(batch)
        except Exception:  # noqa: BLE001  which of them it was, and what is to be done, is found out one by one
            return False
        return True

    async def _one(self, one: Claimed) -> None:
        """Whatever is wrong with it, it gets an end or another turn."""
        try:
            await self._apply([one])
        except _Overtaken:
            return
        except VestibuleError as error:
            await self._failed(one, error.code, permanent=error.permanent, most=_MOST_TRIES)
        except Exception as error:  # noqa: BLE001  a mistake of ours in one message is no reason to stop for all
            log.error("feed-message-failed", inbox=one.id, code="internal-error", exc_info=error)
            await self._failed(one, "internal-error", permanent=False, most=_OURS)

    async def _apply(self, batch: Sequence[Claimed]) -> None:
        """All of them are read first, then applied in the order of their appointments' names: so no two workers wait for each other."""
        ended: list[tuple[Claimed, Applied]] = []
        async with self._db.tenant(batch[0].tenant) as tx:
            readings = [(one, *await self._read(tx, one)) for one in batch]
            for one, event, said in sorted(readings, key=lambda line: line[2].key if isinstance(line[2], Reading) else ""):
                applied = said if isinstance(said, Applied) else await self._applying.apply(tx, one.connection, said)
                await self._finish(tx, one, event, applied)
                ended.append((one, applied))
        for one, applied in ended:
            self._told(one, applied)

    async def _read(self, tx: Tx, one: Claimed) -> tuple[str, Reading | Applied]:
        """What a message says, or, of one that cannot be read, its end. Until here nothing is written, so an end needs no way back."""
        event = ""
        try:
            sealed = one.body if one.body is not None else await self._store.body(one.tenant, tx, one.id)
            if sealed is None:
                return "", Applied(InboxState.EXPIRED)
            message = parse(self._box.open_bytes(sealed, about=about(one.tenant, one.name)))
            event = _plain(message.get("MSH-9.2"))
            notice, settings = read_notice(message), await self._knowing.settings(tx, one.connection)
            department = await self._knowing.department(tx, department_name(notice, settings))
            reading = read(notice, settings, department, one.received_at)
            return event, reading if reading.word.status in OVER else needs_start(reading)
        except VestibuleError as error:
            if not error.permanent:
                raise
            return event, _end(error.code)

    async def _finish(self, tx: Tx, one: Claimed, event: str, applied: Applied) -> None:
        settings = await self._knowing.settings(tx, one.connection)
        mine = await self._store.finish(
            one.tenant,
            tx,
            one,
            applied.state,
            event=event[:_LONGEST_EVENT],
            code=applied.code,
            visit=applied.visit,
            hours=settings.raw_hours,
            erase=applied.erase,
        )
        if not mine:
            raise _Overtaken

    async def _failed(self, one: Claimed, code: str, *, permanent: bool, most: int) -> None:
        """To quarantine, or another turn later. A database that is away now finds the message as it was, when its lease is over."""
        over = permanent or one.tries >= most
        try:
            async with self._db.tenant(one.tenant) as tx:
                if over:
                    event, _ = await self._read(tx, one)
                    await self._finish(tx, one, event, _end(code))
                else:
                    await self._store.again(one.tenant, tx, one, seconds=backoff(one.tries, base=1.0, ceiling=600.0), code=code)
        except (VestibuleError, _Overtaken):
            return
        if over:
            self._told(one, _end(code))

    def _told(self, one: Claimed, applied: Applied) -> None:
        """It has an end, and that is committed."""
        FEED_MESSAGES.labels(applied.state.value).inc()
        FEED_SECONDS.observe(max((self._clock.now() - one.received_at).total_seconds(), 0))
        if applied.state is InboxState.QUARANTINED:
            log.warning("feed-message-quarantined", inbox=one.id, code=applied.code)


def _plain(event: str) -> str:
    """A trigger event as it may be shown and kept, whatever a stranger wrote there."""
    return event if event.isascii() and event.isalnum() else ""


def _end(code: str) -> Applied:
    """What becomes of a message that cannot be applied: a person looks at it, unless it never was about an appointment."""
    return Applied(InboxState.IGNORED, code, erase=True) if code in _NOT_OURS else Applied(InboxState.QUARANTINED, code)
