"""From the inbox to the visits: a loop that claims what is new, of every organisation, and applies each in its organisation's transaction.

A message is finished in the very transaction that changes visits by it: a crash leaves both undone, and it is claimed again when its lease
is over. What cannot be read goes to quarantine with its code; what cannot be done now is tried again later; neither holds up another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from vestibule.errors import Unavailable, VestibuleError
from vestibule.feed.applying import Applied, Applying
from vestibule.feed.inbox import about
from vestibule.feed.knowing import Knowing
from vestibule.feed.model import CHANNEL, FeedSettings, InboxState
from vestibule.feed.reading import department_name, read
from vestibule.feed.store import CLAIM, NEXT_DUE, Claimed, QueueStore, claimed
from vestibule.kit.backoff import backoff
from vestibule.kit.clock import Clock
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import FEED_MESSAGES, FEED_SECONDS
from vestibule.protocols.hl7v2 import parse, read_notice

_MOST_TRIES: Final = 12  # with the back-off below, the better part of an hour
_OURS: Final = 3  # tries of a message that trips a mistake of ours
_LONGEST_EVENT: Final = 20
_NOT_OURS: Final = frozenset({"hl7-type", "hl7-event"})  # messages about something else, which an interface may send besides


class Wakes(Protocol):
    """What we need of the listener to the database's notifications."""

    def subscribe(self, channel: str, fn: Callable[[str], None], on_gap: Callable[[], None] | None = None) -> None:
        """Call `fn` with the payload of each message, and `on_gap` when some may have been missed."""
        ...


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
        self._concurrency, self._lease, self._poll = concurrency, lease, poll
        self._store = QueueStore()
        self._wake = asyncio.Event()
        self._stopping = False
        self._waiting: list[Claimed] = []
        if listener is not None:
            listener.subscribe(CHANNEL, lambda _: self._wake.set(), self._wake.set)

    async def run(self) -> None:
        """Work until `stop`; what is being applied is finished."""
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                if not await self.turn():
                    await self._rest()
                failures = 0
            except Unavailable:
                failures += 1
                await self._sleep(backoff(failures, base=0.1, ceiling=5.0))

    async def stop(self) -> None:
        """Ask `run` to end. What was claimed and not begun is free again when its lease is over."""
        self._stopping = True
        self._waiting.clear()
        self._wake.set()

    async def turn(self) -> int:
        """Claim what is due and apply it; how many it were."""
        async with self._db.dispatcher() as tx:
            self._waiting = claimed(await tx.fetch(CLAIM, 32 * self._concurrency, self._lease))
        found = len(self._waiting)
        self._waiting.reverse()
        await asyncio.gather(*(self._through() for _ in range(min(found, self._concurrency))))
        return found

    async def _through(self) -> None:
        while self._waiting:
            await self._one(self._waiting.pop())

    async def _rest(self) -> None:
        async with self._db.dispatcher() as tx:
            due: float | None = await tx.fetchval(NEXT_DUE)
        await self._sleep(self._poll if due is None else min(self._poll, max(due, 0.005)))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    # ------------------------------------------------------------------ one message

    async def _one(self, one: Claimed) -> None:
        """Whatever is wrong with it, it gets an end or another turn."""
        try:
            await self._apply(one)
        except _Overtaken:
            return
        except VestibuleError as error:
            await self._failed(one, error.code, permanent=error.permanent, most=_MOST_TRIES)
        except Exception as error:  # noqa: BLE001  a mistake of ours in one message is no reason to stop for all
            log.error("feed-message-failed", row=one.id, code="internal-error", exc_info=error)
            await self._failed(one, "internal-error", permanent=False, most=_OURS)

    async def _apply(self, one: Claimed) -> None:
        async with self._db.tenant(one.tenant) as tx:
            settings = await self._knowing.settings(tx, one.connection)
            event, applied = await self._read(tx, one, settings)
            await self._finish(tx, one, settings, event, applied)
        self._count(one, applied.state)

    async def _read(self, tx: Tx, one: Claimed, settings: FeedSettings) -> tuple[str, Applied]:
        sealed = one.body if one.body is not None else await self._store.body(one.tenant, tx, one.id)
        if sealed is None:
            return "", Applied(InboxState.EXPIRED)
        notice = read_notice(parse(self._box.open_bytes(sealed, about=about(one.tenant, one.name))))
        department = await self._knowing.department(tx, department_name(notice, settings))
        return notice.event, await self._applying.apply(tx, one.connection, read(notice, settings, department, one.received_at))

    async def _finish(self, tx: Tx, one: Claimed, settings: FeedSettings, event: str, applied: Applied) -> None:
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
                    settings = await self._knowing.settings(tx, one.connection)
                    await self._finish(tx, one, settings, await self._event(tx, one), _end(code))
                else:
                    await self._store.again(one.tenant, tx, one, seconds=backoff(one.tries, base=1.0, ceiling=600.0), code=code)
        except (Unavailable, _Overtaken):
            return
        if over:
            self._count(one, _end(code).state)
        if over and code not in _NOT_OURS:
            log.warning("feed-message-quarantined", row=one.id, code=code)

    async def _event(self, tx: Tx, one: Claimed) -> str:
        """What kind of message it is, as far as that can be read of one that cannot."""
        try:
            sealed = one.body if one.body is not None else await self._store.body(one.tenant, tx, one.id)
            said = parse(self._box.open_bytes(sealed, about=about(one.tenant, one.name))).get("MSH-9.2") if sealed else ""
        except VestibuleError:
            return ""
        return said if said.isascii() and said.isalnum() else ""

    def _count(self, one: Claimed, state: InboxState) -> None:
        FEED_MESSAGES.labels(state.value).inc()
        FEED_SECONDS.observe(max((self._clock.now() - one.received_at).total_seconds(), 0))


def _end(code: str) -> Applied:
    """What becomes of a message that cannot be applied: a person looks at it, unless it never was about an appointment."""
    return Applied(InboxState.IGNORED, code, erase=True) if code in _NOT_OURS else Applied(InboxState.QUARANTINED, code)
