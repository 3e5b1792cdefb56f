"""Works through what Microsoft sent: claims it, proves and opens it with no transaction open, then applies and finishes it in one.

Any number of workers may share one database. What was claimed by one that died is claimed again when its lease is over; because a
notification is finished in the transaction that changes the visit by it, it is applied once. What is forged or unreadable is finished too,
with a code: it changes nothing, and holds up nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

from vestibule.errors import BadInput, NotAllowed, NotFound, VestibuleError
from vestibule.kit.backoff import backoff
from vestibule.kit.clock import Clock
from vestibule.meetings.applying import Applying
from vestibule.meetings.inbox import LIFECYCLE, LOOK, Inbox, lifecycle_of
from vestibule.meetings.keys import MeetingKeys
from vestibule.meetings.model import Account, CallEvent, KeyPair, Lifecycle
from vestibule.meetings.ports import Notices
from vestibule.meetings.store.inbox import CHANNEL, CLAIM, IN_TURN, NEXT_DUE, Claimed, InboxStore, claimed
from vestibule.meetings.store.subscriptions import SubscriptionRow, SubscriptionStore
from vestibule.meetings.subscriptions import Accounts, Subscriptions
from vestibule.platform.audit import SYSTEM, Audit, Outcome, Repeats
from vestibule.platform.db import Database, Turns, Tx, Wakes
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import MEETING_NOTICE_SECONDS, MEETING_NOTICES

_MOST_TRIES: Final = 20  # with the back-off below, the better part of an hour
_FEW: Final = 3  # tries of what trips a mistake of ours, or what trying again can hardly help
_TOGETHER: Final = 50  # of one meeting in one transaction
_MOST_NOTED: Final = 5  # refusals of one subscription noted in a minute
_OVER: Final = "meeting-over"
_UNKNOWN: Final = "lifecycle-unknown"


class _Overtaken(Exception):
    """Some of these were finished by somebody else."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is needed to open what came for one meeting; None where the meeting is over."""

    subscription: SubscriptionRow
    account: Account
    keys: Mapping[str, KeyPair] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Read:
    """One of them, judged.

    Attributes:
        said: what it says; None for what is finished without a word, for `code`.
    """

    one: Claimed
    said: CallEvent | Lifecycle | None = None
    code: str = ""


class NoticeWork:
    """Works until told to stop."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        inbox: Inbox,
        notices: Notices,
        accounts: Accounts,
        keys: MeetingKeys,
        applying: Applying,
        subscriptions: Subscriptions,
        audit: Audit,
        listener: Wakes | None = None,
        concurrency: int = 4,
        lease: float = 10.0,
        poll: float = 5.0,
    ) -> None:
        """Prepare; nothing runs before `run`.

        Args:
            db: where the inbox is.
            clock: for figures, and to judge proofs by.
            inbox: opens what was sealed.
            notices: proves and decrypts.
            accounts: how organisations are connected.
            keys: of ours, for which Microsoft encrypts.
            applying: what a notification does.
            subscriptions: hears what becomes of them.
            audit: what was refused is noted there.
            listener: tells when something came; without it only the slow poll looks.
            concurrency: meetings at once.
            lease: seconds after which what was claimed and not finished is claimed again.
            poll: seconds between looks when nothing wakes us.
        """
        self._db, self._clock, self._inbox, self._notices, self._accounts, self._keys = db, clock, inbox, notices, accounts, keys
        self._applying, self._subscriptions, self._audit = applying, subscriptions, audit
        self._lease = lease
        self._places = asyncio.Semaphore(concurrency)
        self._many = 32 * concurrency
        self._store, self._rows = InboxStore(), SubscriptionStore()
        self._repeats = Repeats(clock, most=_MOST_NOTED)
        self._turns = Turns(db, self.turn, next_due=NEXT_DUE, channel=CHANNEL, listener=listener, poll=poll)

    # ------------------------------------------------------------------ the loop

    async def run(self) -> None:
        """Work until `stop`; what is being applied is finished."""
        await self._turns.run()

    async def stop(self) -> None:
        """Ask `run` to end. What was claimed and not begun is free again when its lease is over."""
        self._turns.stop()

    async def turn(self) -> int:
        """Claim what is due and work through it; how many it were."""
        async with self._db.dispatcher() as tx:
            await tx.execute(IN_TURN)
            found = claimed(await tx.fetch(CLAIM, self._many, self._lease))
        ordered = sorted(found, key=lambda one: (one.tenant, one.subscription, one.id))
        groups = [list(group) for _, group in groupby(ordered, key=lambda one: (one.tenant, one.subscription))]
        await asyncio.gather(*(self._meeting(group) for group in groups))
        return len(found)

    # ------------------------------------------------------------------ one meeting

    async def _meeting(self, group: Sequence[Claimed]) -> None:
        """What came for one meeting, in the order in which it came."""
        async with self._places:
            left = group
            while left and not self._turns.stopping:
                batch, left = left[:_TOGETHER], left[_TOGETHER:]
                if not await self._portion(batch):
                    break
            await self._free(left)

    async def _portion(self, batch: Sequence[Claimed]) -> bool:
        """Some of one meeting, together; if that fails each goes alone. False when what is behind them has to wait.

        What cannot be done now holds up what came after it, which may say otherwise. A mistake of ours in one holds up nothing.
        """
        try:
            await self._together(batch)
        except Exception as error:  # noqa: BLE001  which of them it was, and what is to be done, is found out one by one
            if len(batch) > 1:
                return await self._alone(batch)
            if isinstance(error, _Overtaken):
                return True
            await self._failed(batch[0], error)
            return not isinstance(error, VestibuleError)
        return True

    async def _alone(self, batch: Sequence[Claimed]) -> bool:
        for n, one in enumerate(batch, start=1):
            if not await self._portion([one]):
                await self._free(batch[n:])
                return False
        return True

    async def _free(self, rows: Sequence[Claimed]) -> None:
        """What was claimed and not begun; if that cannot be said, its lease ends by itself."""
        if not rows:
            return
        with suppress(VestibuleError):
            async with self._db.tenant(rows[0].tenant) as tx:
                await self._store.free(rows[0].tenant, tx, rows)

    async def _together(self, batch: Sequence[Claimed]) -> None:
        known = await self._known(batch[0])
        read = [_Read(one, code=_OVER) for one in batch] if known is None else [await self._open(one, known) for one in batch]
        async with self._db.tenant(batch[0].tenant) as tx:
            rows = [(one.one, one.code) for one in read]
            if await self._store.finish(batch[0].tenant, tx, rows, self._clock.now()) != len(batch):
                raise _Overtaken
            if known is not None:
                await self._apply(tx, known, read)
        self._told(read)

    async def _known(self, one: Claimed) -> _Known | None:
        async with self._db.tenant(one.tenant) as tx:
            row = await self._rows.find(one.tenant, tx, one.subscription)
            if row is None or row.state == "over":
                return None
            return _Known(row, await self._accounts.account(tx), await self._keys.openers(tx))

    async def _open(self, one: Claimed, known: _Known) -> _Read:
        """Prove and open one. What is not Microsoft's, or makes no sense, never will be or make any."""
        if one.kind == LOOK:
            return _Read(one)
        item, tokens = self._inbox.opened(one)
        if one.kind == LIFECYCLE:
            event = lifecycle_of(item)
            return _Read(one, event, "" if event else _UNKNOWN)
        try:
            return _Read(one, await self._notices.open(known.account, item, tokens, known.keys, now=one.came_at))
        except (NotAllowed, BadInput) as refusal:
            return _Read(one, code=refusal.code)

    async def _apply(self, tx: Tx, known: _Known, read: Sequence[_Read]) -> None:
        calls = [(one.said, one.one.came_at) for one in read if isinstance(one.said, CallEvent)]
        try:
            if calls:
                await self._applying.apply(tx, known.subscription.id, known.account.directory, calls)
            if any(one.one.kind == LOOK for one in read):
                await self._applying.look(tx, known.subscription.visit)
            for event in dict.fromkeys(one.said for one in read if isinstance(one.said, Lifecycle)):
                await self._subscriptions.told(tx, known.subscription, event)
        except NotFound:  # the visit is not there any more
            return
        for one in read:
            if one.code and one.code not in {_OVER, _UNKNOWN}:
                self._refused(tx, known, one.code)

    def _refused(self, tx: Tx, known: _Known, code: str) -> None:
        """It came with our own secret and without Microsoft's proof: somebody should see that."""
        more = self._repeats.detail(known.subscription.id)
        if more is not None:
            about = ("visit", known.subscription.visit)
            self._audit.note(tx, "meeting-notice.refused", by=SYSTEM, about=about, outcome=Outcome.REFUSED, detail={"code": code, **more})

    async def _failed(self, one: Claimed, error: Exception) -> None:
        """Another turn later, or an end. A database that is away now finds it as it was, when its lease is over."""
        known = error if isinstance(error, VestibuleError) else None
        code = known.code if known else "internal-error"
        if known is None:
            log.error("meeting-notice-failed", inbox=str(one.id), code=code, exc_info=error)
        over = one.tries >= (_FEW if known is None or known.permanent else _MOST_TRIES)
        try:
            async with self._db.tenant(one.tenant) as tx:
                if over:
                    await self._store.finish(one.tenant, tx, [(one, code)], self._clock.now())
                else:
                    await self._store.again(one.tenant, tx, one, seconds=backoff(one.tries, base=1.0, ceiling=300.0), code=code)
        except VestibuleError:
            return
        if over:
            MEETING_NOTICES.labels(one.kind, "failed").inc()
            log.warning("meeting-notice-given-up", inbox=str(one.id), code=code)

    def _told(self, read: Sequence[_Read]) -> None:
        """They have an end, and that is committed."""
        now: datetime = self._clock.now()
        for one in read:
            MEETING_NOTICES.labels(one.one.kind, "refused" if one.code else "applied").inc()
            if not one.code:
                MEETING_NOTICE_SECONDS.observe(max((now - one.one.came_at).total_seconds(), 0))
