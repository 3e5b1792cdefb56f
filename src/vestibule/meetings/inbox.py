"""What Microsoft sent, between its coming and its being worked through: sealed, kept once, forgotten.

taken -> claimed by a worker -> done: what it carried is erased at once; that it came is remembered for two days, so that it is known
again when it comes again. Microsoft tries for four hours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.model import Lifecycle
from vestibule.meetings.store.inbox import CHANNEL, Arrived, Claimed, InboxStore
from vestibule.meetings.store.roster import Presence, RosterStore
from vestibule.meetings.store.subscriptions import SubscriptionStore
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound
from vestibule.visits.model import EventKind, Visit, VisitEvent

NOTIFICATION: Final = "notification"
LIFECYCLE: Final = "lifecycle"
LOOK: Final = "look"
_REMEMBERED: Final = timedelta(days=2)
_enc, _dec = msgspec.json.Encoder(order="sorted"), msgspec.json.Decoder()


class Inbox:
    """Takes in and opens. Methods taking `tx` act within its organisation."""

    def __init__(self, *, clock: Clock, box: SecretBox) -> None:
        self._clock = clock
        self._box = box
        self._store = InboxStore()
        self._roster = RosterStore()
        self._subscriptions = SubscriptionStore()

    async def take(self, tx: Tx, kind: str, items: Sequence[tuple[UUID, Mapping[str, Any]]], tokens: Sequence[str]) -> int:
        """Keep items, each with the subscription it is for, and wake the workers; how many were new.

        Args:
            tx: bound to the tenant.
            kind: NOTIFICATION or LIFECYCLE.
            items: of the batch's `value`, as they came.
            tokens: the batch's `validationTokens`.
        """
        rows = [self._row(bound(tx), kind, subscription, item, tokens) for subscription, item in items]
        return await self._put(tx, rows)

    async def on_event(self, tx: Tx, visit: Visit, event: VisitEvent) -> None:
        """A subscriber of visits. Who is let in again while they are still in the meeting comes without a word from Microsoft."""
        if event.kind is not EventKind.ADMITTED:
            return
        rows = await self._roster.of(bound(tx), tx, visit.id)
        who = visit.person(event.participant) if event.participant else None
        if who is None or not any(_is(visit, row.participant, who.id) for row in rows if row.state is Presence.IN):
            return
        subscription = await self._subscriptions.of_visit(bound(tx), tx, visit.id)
        if subscription is not None:
            name = new_id()
            await self._put(tx, [Arrived(name, subscription.id, LOOK, name.bytes, None, self._clock.now())])

    def opened(self, one: Claimed) -> tuple[Mapping[str, Any], list[str]]:
        """An item and the tokens that came with it.

        Raises:
            Unavailable: as `SecretBox.open`.
        """
        if one.sealed is None:
            return {}, []
        said = _dec.decode(self._box.open_bytes(one.sealed, about=_about(one.tenant, one.id)))
        return said["item"], said["tokens"]

    async def whose_old(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """The next organisations with something to forget."""
        return await self._store.whose_old(db, self._clock.now() - _REMEMBERED, after, most)

    async def forget(self, tx: Tx) -> None:
        """Forget what is old enough."""
        await self._store.forget(bound(tx), tx, self._clock.now() - _REMEMBERED)

    async def _put(self, tx: Tx, rows: Sequence[Arrived]) -> int:
        new = await self._store.add(bound(tx), tx, rows)
        if new:
            await tx.notify(CHANNEL, "")
        return new

    def _row(self, tenant: TenantId, kind: str, subscription: UUID, item: Mapping[str, Any], tokens: Sequence[str]) -> Arrived:
        name, now = new_id(), self._clock.now()
        sealed = self._box.seal_bytes(_enc.encode({"item": item, "tokens": list(tokens)}), about=_about(tenant, name))
        if kind == NOTIFICATION:
            again = _enc.encode(item.get("encryptedContent") or item)
        else:  # it carries nothing by which one is told from another: each word counts once a minute, whatever stands around it
            again = f"{lifecycle_of(item)} {now:%Y-%m-%d %H:%M}".encode()
        return Arrived(name, subscription, kind, hashlib.sha256(again).digest(), sealed, now)


def lifecycle_of(item: Mapping[str, Any]) -> Lifecycle | None:
    """What a lifecycle notification says; unknown words are to be passed over (Graph, "lifecycle notifications")."""
    return next((one for one in Lifecycle if one.value == item.get("lifecycleEvent")), None)


def _is(visit: Visit, participant: Any, who: Any) -> bool:
    return participant is not None and visit.aliases.get(participant, participant) == who


def _about(tenant: TenantId, name: UUID) -> str:
    return f"meeting.notice:{tenant}:{name}"
