"""Our subscriptions at Microsoft: made before a meeting is called made, kept up while its visit lasts, made anew when they are gone.

A subscription of Graph to a meeting's events lasts three days at most. One row of ours stands for the visit's; Microsoft's own name of it
may change. Every call to Microsoft is made with no transaction open and may be repeated: `Cloud.subscribe` replaces what there was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol

from vestibule.errors import Gone, VestibuleError
from vestibule.kit.backoff import backoff
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.client_state import client_state
from vestibule.meetings.delays import MISSED, REMOVED, Delays
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.keys import KeyPurpose, MeetingKeys
from vestibule.meetings.model import Account, KeyPair, Lifecycle, Meeting, MeetingState, Subscribed
from vestibule.meetings.ports import Cloud, Hook
from vestibule.meetings.store.subscriptions import SubscriptionRow, SubscriptionStore
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.tenancy.service import bound

NOTIFICATIONS: Final = "/meetings/teams/notifications"
LIFECYCLE: Final = "/meetings/teams/lifecycle"

# Graph allows 4,230 minutes in one of its tables and 4,320 in another.
_LIFE: Final = timedelta(minutes=4_200)
# Renewed so long before the end: a night in which Microsoft cannot be reached ends none.
_RENEWED_BEFORE: Final = timedelta(hours=24)
_FIRST, _LONGEST = 2.0, 300.0  # seconds between tries of what failed
_PORTION: Final = 50
_PAST: Final = frozenset({MeetingState.SHUT, MeetingState.DELETED})


class Accounts(Protocol):
    """Who says how an organisation is connected."""

    async def account(self, tx: Tx) -> Account:
        """What every call to Microsoft takes."""
        ...


class Subscriptions:
    """Makes, renews and ends them."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        box: SecretBox,
        cloud: Cloud,
        keys: MeetingKeys,
        kept: MeetingsKept,
        accounts: Accounts,
        delays: Delays,
        origin: str,
    ) -> None:
        """Say what it works with.

        Args:
            db: where rows are.
            clock: tells when they end.
            box: proves what comes back with notifications.
            cloud: Microsoft.
            keys: whose certificates notifications are encrypted for.
            kept: meetings, for their links.
            accounts: how organisations are connected.
            delays: hears when something was not told to us.
            origin: ours, as Microsoft reaches it.
        """
        self._db, self._clock, self._box, self._cloud, self._keys = db, clock, box, cloud, keys
        self._kept, self._accounts, self._delays, self._origin = kept, accounts, delays, origin
        self._store = SubscriptionStore()

    # ------------------------------------------------------------------ with the meeting

    async def ensure(self, account: Account, meeting: Meeting) -> None:
        """See to it that Microsoft tells us who comes and goes in this meeting; asking again changes nothing. No transaction may be open.

        Args:
            account: the organisation's.
            meeting: its `visit` and `join_url` are what counts.

        Raises:
            VestibuleError: as every call of `Cloud`.
        """
        tenant = account.tenant
        key = await self._keys.ensure(self._db, tenant, KeyPurpose.NOTIFY)
        async with self._db.tenant(tenant) as tx:
            kept = await self._kept.get(tx, meeting.visit)
            row = await self._store.of_visit(tenant, tx, meeting.visit, lock=True)
            if row is not None and kept is not None and kept.join_url not in {"", meeting.join_url}:
                await self._store.over(tenant, tx, row.id)  # it speaks of another meeting
                row = None
            row = row or await self._wanted(tx, meeting.visit)
        if row.state != "live" or not row.expires_at or row.expires_at <= self._clock.now():
            await self._subscribe(account, row, meeting.join_url, key)

    async def over(self, account: Account, visit: VisitId) -> None:
        """Nothing more is to be told about this visit's meeting; fine where that was said before. No transaction may be open."""
        async with self._db.tenant(account.tenant) as tx:
            row = await self._store.of_visit(account.tenant, tx, visit)
        if row is None:
            return
        if row.graph_id:
            await self._cloud.unsubscribe(account, row.graph_id)
        async with self._db.tenant(account.tenant) as tx:
            await self._store.over(account.tenant, tx, row.id)

    # ------------------------------------------------------------------ what Microsoft says of them

    async def told(self, tx: Tx, row: SubscriptionRow, event: Lifecycle) -> None:
        """A lifecycle notification: it is looked at now. It carries no proof but `clientState`, so nothing else is believed."""
        if event is Lifecycle.MISSED:
            await self._delays.say(tx, row.visit, MISSED)
        await self._store.check(bound(tx), tx, row.id, event.value, self._clock.now())

    # ------------------------------------------------------------------ chores

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with subscriptions to be looked at."""
        return await self._store.whose_due(db, self._clock.now(), after, most)

    async def renew(self, db: Database, tenant: TenantId) -> int:
        """Look at one organisation's that are due: prolong them, or make them anew where they are gone. How many."""
        async with db.tenant(tenant) as tx:
            rows = await self._store.due(tenant, tx, self._clock.now(), _PORTION)
        for row in rows:
            try:
                await self._look_at(tenant, row)
            except VestibuleError as error:
                await self._failed(tenant, row, error)
        return len(rows)

    async def whose_keys_end(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations whose key for notifications is to be replaced, or with one that nothing needs."""
        return await self._keys.whose_ending(db, after, most)

    async def renew_keys(self, db: Database, tenant: TenantId, *, now: bool = False) -> None:
        """Replace the key for notifications where it ends soon, or at once, tell every subscription, and delete those nothing needs."""
        made = await self._keys.renew_notify(db, tenant, now=now)
        async with db.tenant(tenant) as tx:
            current = await self._keys.notify(tx)
            if made and current is not None:
                await self._store.check_other_keys(tenant, tx, current.id, self._clock.now())
            await self._keys.forget(tx, await self._store.keys_in_use(tenant, tx))

    # ------------------------------------------------------------------ inside

    async def _wanted(self, tx: Tx, visit: VisitId) -> SubscriptionRow:
        tenant = bound(tx)
        await self._store.add(tenant, tx, new_id(), visit)
        row = await self._store.of_visit(tenant, tx, visit, lock=True)
        if row is None:
            raise RuntimeError("a subscription that was just wanted is gone")
        return row

    async def _subscribe(self, account: Account, row: SubscriptionRow, join_url: str, key: KeyPair) -> None:
        hook = self._hook(account.tenant, row, key)
        found = await self._cloud.subscribe(account, join_url, hook, until=self._clock.now() + _LIFE)
        await self._is_live(account.tenant, row, found, key)

    async def _is_live(self, tenant: TenantId, row: SubscriptionRow, found: Subscribed, key: KeyPair) -> None:
        async with self._db.tenant(tenant) as tx:
            await self._store.live(
                tenant,
                tx,
                row.id,
                graph_id=found.id,
                key_id=key.id,
                expires_at=found.expires_at,
                check_at=_next_look(self._clock.now(), found.expires_at),
                now=self._clock.now(),
            )

    def _hook(self, tenant: TenantId, row: SubscriptionRow, key: KeyPair) -> Hook:
        state = client_state(self._box, tenant, row.id)
        return Hook(self._origin + NOTIFICATIONS, self._origin + LIFECYCLE, state, key)

    async def _look_at(self, tenant: TenantId, row: SubscriptionRow) -> None:
        async with self._db.tenant(tenant) as tx:
            meeting = await self._kept.get(tx, row.visit)
            if meeting is None or meeting.state in _PAST:
                await self._store.leave(tenant, tx, row.id)
                return
            account = await self._accounts.account(tx)
        key = await self._keys.ensure(self._db, tenant, KeyPurpose.NOTIFY)
        if row.state == "live" and row.graph_id and await self._prolonged(account, row, key):
            return
        await self._gone(tenant, row)
        if not meeting.join_url:  # it is being made, and whoever makes it subscribes
            async with self._db.tenant(tenant) as tx:
                await self._store.leave(tenant, tx, row.id)
            return
        await self._subscribe(account, row, meeting.join_url, key)

    async def _prolonged(self, account: Account, row: SubscriptionRow, key: KeyPair) -> bool:
        """False when Microsoft does not know it any more."""
        assert row.graph_id  # noqa: S101  the caller looked
        hook = self._hook(account.tenant, row, key) if row.key_id != key.id else None
        try:
            found = await self._cloud.renew(account, row.graph_id, until=self._clock.now() + _LIFE, hook=hook)
        except Gone:
            return False
        await self._is_live(account.tenant, row, found, key)
        return True

    async def _gone(self, tenant: TenantId, row: SubscriptionRow) -> None:
        """What happened since it went was told to nobody."""
        async with self._db.tenant(tenant) as tx:
            await self._delays.say(tx, row.visit, REMOVED)
            await self._store.removed(tenant, tx, row.id)

    async def _failed(self, tenant: TenantId, row: SubscriptionRow, error: VestibuleError) -> None:
        now = self._clock.now()
        wait = error.retry_after or backoff(row.tries + 1, base=_FIRST, ceiling=_LONGEST)
        log.warning("meeting-subscription-not-renewed", subscription=str(row.id), code=error.code)
        async with self._db.tenant(tenant) as tx:
            if row.expires_at is not None and row.expires_at <= now:
                await self._delays.say(tx, row.visit, REMOVED)
            await self._store.failed(tenant, tx, row.id, error.code, now + timedelta(seconds=wait))


def _next_look(now: datetime, expires_at: datetime) -> datetime:
    """In time before its end; where it was given little, at half of that."""
    return max(expires_at - _RENEWED_BEFORE, now + (expires_at - now) / 2)
