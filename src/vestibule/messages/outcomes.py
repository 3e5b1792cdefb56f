"""What became of messages, written down: with the effect that sent them, by a receipt, by a person, or because a worker vanished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from vestibule.errors import Conflict, NotFound
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, VisitId
from vestibule.messages import planning
from vestibule.messages.forgetting import Forgetting
from vestibule.messages.model import Accepted, Account, Message, MessageState, Purpose, Receipt, Refused, Status
from vestibule.messages.optouts import OptOuts
from vestibule.messages.pending import Pending
from vestibule.messages.service import Messages
from vestibule.messages.store.messages import MessageStore, Settled
from vestibule.messages.store.replies import ReceiptStore
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Database, Tx
from vestibule.platform.effects import Effect, Effects
from vestibule.tenancy.service import bound
from vestibule.visits.model import EventKind, Visit
from vestibule.visits.service import Visits, Word

S = MessageState
_SETTLE: Final = "message.settle"
# What failed in a way that may pass is tried once more after so long.
_ONCE_MORE_AFTER: Final = timedelta(minutes=10)
_PORTION: Final = 200
# What a worker could not even begin with is tried again, though not at once: the reason may last.
_AGAIN_IN: Final = timedelta(seconds=10)
LOST: Final = "message-answer-lost"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a carrier answered.

    Attributes:
        link: that it carried, where this is known.
    """

    message: UUID
    state: MessageState
    status: Status | None = None
    code: str = ""
    carrier_id: str = ""
    account: UUID | None = None
    opted_out: bool = False
    permanent: bool = True
    link: UUID | None = None

    @classmethod
    def of(cls, message: UUID, account: Account, result: Accepted | Refused, link: UUID | None = None) -> Sent:
        """As the carrier's adapter says it."""
        if isinstance(result, Refused):
            return cls(message, S.FAILED, result.status, result.code, "", account.id, result.opted_out)
        state = S.DELIVERED if result.final else S.ACCEPTED
        return cls(message, state, Status.SENT, "", result.carrier_id, account.id, link=link)

    @classmethod
    def told(cls, message: UUID, receipt: Receipt) -> Sent:
        """As a receipt says it."""
        return cls(message, receipt.state, receipt.status, receipt.code, receipt.carrier_id, None, receipt.opted_out, receipt.permanent)


class Outcomes:
    """Writes them down, each once, whatever comes first. Visits are locked before messages, in the order of their ids."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        visits: Visits,
        effects: Effects,
        messages: Messages,
        pending: Pending,
        optouts: OptOuts,
        audit: Audit,
    ) -> None:
        self._db, self._clock, self._visits, self._effects = db, clock, visits, effects
        self._messages, self._pending, self._optouts, self._audit = messages, pending, optouts, audit
        self._forgetting: Forgetting = messages.forgetting
        self._store, self._receipts = MessageStore(), ReceiptStore()

    # ------------------------------------------------------------------ what carriers answered

    async def write(self, tx: Tx, items: Sequence[Any]) -> None:
        """Of many messages, in the transaction that completes their effects; and what receipts said of them that came before."""
        sent: list[Sent] = list(items)
        named = [one for one in sent if one.carrier_id and one.account]
        by_name = {(one.account, one.carrier_id): one.message for one in named if one.account}
        early = await self._receipts.take(bound(tx), tx, sorted(by_name))
        await self.settle(tx, sent)
        for account, receipt in early:
            await self.settle(tx, [Sent.told(by_name[account, receipt.carrier_id], receipt)])

    async def settle(self, tx: Tx, sent: Sequence[Sent]) -> None:
        """Whatever was said of these; what is said again, or too late to matter, changes nothing."""
        visits, messages = await self._locked(tx, [one.message for one in sent])
        rows: list[Settled] = []
        words: list[Word] = []
        over: dict[VisitId, Visit] = {}
        for one in sent:
            message = messages.get(one.message)
            if message is None or not _further(message.state, one.state):
                continue
            visit = visits[message.visit]
            if one.opted_out:
                await self._stop(tx, message)
            if await self._once_more(tx, message, visit, one):
                continue
            await self._settle_effect(tx, message)
            rows.append(Settled(message.id, one.state, one.status, one.code, one.carrier_id))
            words += _words(message, visit, one)
            if message.purpose is Purpose.CANCELLED and one.state in {S.DELIVERED, S.FAILED}:
                over[visit.id] = visit
        if rows:
            await self._store.settle(bound(tx), tx, rows, self._clock.now())
        if words:
            await self._visits.telling.say(tx, visits, words)
        for visit in over.values():
            await self._forgetting.told(tx, visit)

    async def unmark(self, tenant: TenantId, message: UUID) -> None:
        """It was surely not sent."""
        async with self._db.tenant(tenant) as tx:
            await self._store.unmark(tenant, tx, [message])

    async def unlink(self, tenant: TenantId, message: UUID, link: UUID) -> None:
        """Nobody was given this link, and the next attempt makes one of its own."""
        async with self._db.tenant(tenant) as tx:
            for visit in await self._store.visits_of(tenant, tx, [message]):
                await self._visits.telling.close_link(tx, visit, link)

    async def _locked(self, tx: Tx, ids: Sequence[UUID]) -> tuple[dict[VisitId, Visit], dict[UUID, Message]]:
        visits = await self._visits.telling.visits(tx, await self._store.visits_of(bound(tx), tx, ids), lock=True)
        return visits, {one.id: one for one in await self._store.find(bound(tx), tx, ids, lock=True) if one.visit in visits}

    async def _stop(self, tx: Tx, message: Message) -> None:
        """The carrier says that this person wants no texts."""
        reach = await self._visits.contacts.of(tx, message.participant)
        if reach is not None and reach.contact.phone and await self._optouts.add(tx, reach.contact.phone, by="carrier"):
            await self._messages.plan_for(tx, reach.contact.phone)

    async def _once_more(self, tx: Tx, message: Message, visit: Visit, one: Sent) -> bool:
        """A failure that may pass is tried once more, if it would still be of use."""
        due = self._clock.now() + _ONCE_MORE_AFTER
        useless = message.about is not None and message.about <= due + planning.NEAR
        over = visit.over and message.purpose is not Purpose.CANCELLED
        if one.state is not S.FAILED or one.permanent or message.state is S.PLANNED or message.tries or useless or over:
            return False
        await self._pending.again(tx, message, due, tries=1)
        return True

    async def _settle_effect(self, tx: Tx, message: Message) -> None:
        """Its effect is of unknown outcome no longer."""
        if message.state is not S.UNKNOWN or message.effect is None:
            return
        try:
            await self._effects.settle(bound(tx), tx, message.effect, "receipt")
        except (Conflict, NotFound):
            return  # somebody has dealt with it

    # ------------------------------------------------------------------ workers that did not come back

    async def mourn(self, tx: Tx, effect: Effect, code: str) -> None:
        """Its effect ended unknown or dead."""
        ids = [UUID(effect.payload["message"])]
        _, messages = await self._locked(tx, ids)
        for message in messages.values():
            if message.effect == effect.id:
                await self._lost(tx, message, code, again_in=_AGAIN_IN)

    async def whose_lost(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` with messages whose worker vanished."""
        return await self._store.whose_lost(db, after, most)

    async def find_lost(self, db: Database, tenant: TenantId) -> int:
        """Say of an organisation's messages whose worker vanished what that means; of how many."""
        async with db.tenant(tenant) as tx:
            lost = await self._store.lost(tenant, tx, _PORTION)
            _, messages = await self._locked(tx, [one.id for one in lost])
            for message in messages.values():
                await self._lost(tx, message, LOST)
        return len(lost)

    async def _lost(self, tx: Tx, message: Message, code: str, *, again_in: timedelta = timedelta(0)) -> None:
        """Not marked: surely not sent, and it is sent now. Marked: nobody knows."""
        if message.effect is None:
            return
        state = (await self._effects.get(bound(tx), tx, message.effect)).state
        if message.state is S.PLANNED and state == "unknown":
            await self._effects.redrive(bound(tx), tx, message.effect, "system")
            if again_in:
                await self._effects.postpone(tx, message.effect, self._clock.now() + again_in)
        elif message.state is S.PLANNED and state == "dead":
            await self.settle(tx, [Sent(message.id, S.FAILED, Status.OTHER, code)])
        elif message.state is S.SENDING:
            await self._store.settle(bound(tx), tx, [Settled(message.id, S.UNKNOWN, None, LOST)], self._clock.now())

    # ------------------------------------------------------------------ a person decides

    async def open(self, tx: Tx, limit: int = 100) -> list[Message]:
        """Messages that failed or whose outcome is open, and that nobody has dealt with, the newest first."""
        return await self._store.for_a_person(bound(tx), tx, limit)

    async def waiting(self, tx: Tx, limit: int = 100) -> list[Message]:
        """Messages that are planned, the next one first."""
        return await self._store.waiting(bound(tx), tx, limit)

    async def newest(self, tx: Tx, limit: int = 100) -> list[Message]:
        """The newest, whatever became of them."""
        return await self._store.newest(bound(tx), tx, limit)

    async def numbers(self, tx: Tx) -> tuple[int, int]:
        """How many wait for a person, and how many are planned."""
        return await self._store.numbers(bound(tx), tx)

    async def arrived(self, tx: Tx, message: UUID, *, by: Actor) -> None:
        """A person knows that a message of unknown outcome did arrive.

        Raises:
            NotFound: `message-not-found`.
            Conflict: `message-not-open` when its outcome is known.
        """
        found = await self._one(tx, message)
        if found.state is not S.UNKNOWN:
            raise Conflict("message-not-open", "What became of this message is known.", phase=_SETTLE)
        await self.settle(tx, [Sent(message, S.DELIVERED, Status.SENT)])
        self._audit.note(tx, "message.settled", by=by, about=("message", message), detail={"outcome": "arrived"})

    async def give_up(self, tx: Tx, message: UUID, *, by: Actor) -> None:
        """A person has seen that it failed, withdraws one that is planned, or leaves an unknown one at that.

        Raises:
            NotFound: `message-not-found`.
            Conflict: `message-not-open` when there is nothing to give up.
        """
        found = await self._one(tx, message)
        if found.state is S.PLANNED:
            await self._pending.withdraw(tx, {found: "message-given-up"})
        elif found.state is S.UNKNOWN:
            await self.settle(tx, [Sent(message, S.FAILED, Status.OTHER, "message-given-up")])
        elif found.state is not S.FAILED:
            raise Conflict("message-not-open", "What became of this message is known.", phase=_SETTLE)
        await self._store.dealt_with(bound(tx), tx, message, self._clock.now())
        self._audit.note(tx, "message.settled", by=by, about=("message", message), detail={"outcome": "given-up"})

    async def _one(self, tx: Tx, message: UUID) -> Message:
        _, found = await self._locked(tx, [message])
        if message not in found:
            raise NotFound("message-not-found", "There is no such message.", phase=_SETTLE)
        return found[message]


_LADDER: Final = {
    S.SENDING: frozenset({S.ACCEPTED, S.DELIVERED, S.FAILED}),
    S.UNKNOWN: frozenset({S.ACCEPTED, S.DELIVERED, S.FAILED}),
    S.ACCEPTED: frozenset({S.DELIVERED, S.FAILED}),
    S.FAILED: frozenset({S.DELIVERED}),  # a receipt that was overtaken: it did arrive
    S.PLANNED: frozenset({S.FAILED}),  # it could not even be given to a carrier
}


def _further(now: MessageState, said: MessageState) -> bool:
    """Whether what is said leads further than what is known."""
    return said in _LADDER.get(now, frozenset())


def _words(message: Message, visit: Visit, one: Sent) -> list[Word]:
    """What the visit's list says of it: once when they were told, and once when that turned out not to be so."""
    told_before = message.state is S.ACCEPTED
    body = {"message": str(message.id), "purpose": message.purpose.value, "channel": message.channel.value}
    person = visit.person(message.participant)
    who = message.participant if person is None else person.id
    if one.state is S.FAILED:
        return [Word(visit.id, EventKind.PATIENT_UNTOLD, who, {**body, "code": one.code})]
    if told_before:
        return []
    return [Word(visit.id, EventKind.PATIENT_TOLD, who, body if one.link is None else {**body, "link": str(one.link)})]
