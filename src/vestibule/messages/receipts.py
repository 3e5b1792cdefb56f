"""What comes back: receipts, which settle messages in whatever order they arrive, and the answers of patients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId, new_id
from vestibule.messages.keywords import ANSWERS, Keyword, read
from vestibule.messages.model import Account, CarrierKind, Channel, Incoming, Message, MessageState, Outgoing, Receipt, Sender
from vestibule.messages.optouts import OptOuts
from vestibule.messages.outcomes import Outcomes, Sent
from vestibule.messages.ports import Carrier, HookAnswer
from vestibule.messages.service import Messages
from vestibule.messages.setting import MessageSettings
from vestibule.messages.store.messages import MessageStore
from vestibule.messages.store.replies import ReceiptStore
from vestibule.platform.audit import Audit, acting
from vestibule.platform.db import Database, Tx
from vestibule.platform.telemetry.logs import log
from vestibule.tenancy.service import Tenancy, bound

_NAME: Final = 200  # letters of a carrier's name for a message
# A receipt for a message that nobody has ever heard of is kept so long.
_KEPT: Final = timedelta(days=2)


class Receipts:
    """Takes what carriers say, once it is proved to be theirs."""

    def __init__(
        self,
        *,
        clock: Clock,
        outcomes: Outcomes,
        messages: Messages,
        optouts: OptOuts,
        settings: MessageSettings,
        tenancy: Tenancy,
        carriers: Mapping[CarrierKind, Carrier],
        audit: Audit,
    ) -> None:
        self._audit = audit
        self._clock, self._outcomes, self._messages, self._optouts = clock, outcomes, messages, optouts
        self._settings, self._tenancy, self._carriers = settings, tenancy, carriers
        self._store, self._receipts = MessageStore(), ReceiptStore()

    async def take(self, db: Database, account: Account, answer: HookAnswer) -> None:
        """Write it down; a repeat changes nothing. Who said STOP comes first."""
        for incoming in answer.incoming:
            await self._heard(db, account, incoming)
        for receipt in answer.receipts:
            if 0 < len(receipt.carrier_id) <= _NAME:
                async with db.tenant(account.tenant) as tx:
                    await self._settle(tx, account, receipt)

    # ------------------------------------------------------------------ receipts

    async def _settle(self, tx: Tx, account: Account, receipt: Receipt) -> None:
        await self._receipts.hold(bound(tx), tx, [(account.id, receipt.carrier_id)])
        found = await self._meant(tx, account, receipt)
        if found is None:  # nobody knows of it yet: its answer has not been written down
            await self._receipts.keep(bound(tx), tx, account.id, receipt, self._clock.now())
            return
        await self._outcomes.settle(tx, [Sent.told(found.id, receipt)])

    async def _meant(self, tx: Tx, account: Account, receipt: Receipt) -> Message | None:
        """The message it is about: by the carrier's name for it, or by ours where that is all there is."""
        named = await self._store.by_carrier(bound(tx), tx, account.id, [receipt.carrier_id])
        if named:
            return named[0]
        if receipt.message is None:
            return None
        found = await self._store.find(bound(tx), tx, [receipt.message])
        if not found or found[0].account != account.id or found[0].carrier_id or found[0].tries:
            return None
        return found[0] if found[0].state in {MessageState.SENDING, MessageState.UNKNOWN} else None

    async def due(self, db: Database, after: TenantId, most: int) -> list[TenantId]:
        """Organisations behind `after` with receipts that nobody will ask for any more."""
        return await self._receipts.whose_old(db, self._clock.now() - _KEPT, after, most)

    async def sweep(self, tx: Tx) -> None:
        """Forget those."""
        await self._receipts.sweep(bound(tx), tx, self._clock.now() - _KEPT)

    # ------------------------------------------------------------------ answers of patients

    async def _heard(self, db: Database, account: Account, incoming: Incoming) -> None:
        """A keyword is acted on in one transaction; anything else is nobody's to read here."""
        found = read(incoming.text)
        if found is None or not incoming.phone:
            return
        keyword, language = found
        async with db.tenant(account.tenant) as tx:
            name = incoming.carrier_id[:_NAME]
            again = bool(name) and not await self._receipts.first_time(bound(tx), tx, account.id, name, self._clock.now())
            changed = await self._act(tx, keyword, incoming.phone, account.id)
            reply = None if again or self._answered_for_us(account) else await self._reply(tx, account, incoming, keyword, language)
        if reply is not None and (changed or keyword is not Keyword.START):
            await self._send(account, reply)

    async def _act(self, tx: Tx, keyword: Keyword, phone: str, account: UUID) -> bool:
        """Whether anything changed. `Yes` from somebody who never said STOP is an answer to something else."""
        if keyword is Keyword.STOP:
            changed = await self._optouts.add(tx, phone, by="patient")
        elif keyword is Keyword.START:
            changed = await self._optouts.remove(tx, phone)
        else:
            return False
        if changed:
            # Whose number it is, nobody can say from it.
            about = ("message-account", account)
            self._audit.note(tx, "patient.opted-out" if keyword is Keyword.STOP else "patient.opted-in", by=acting(), about=about)
            await self._messages.plan_for(tx, phone)
        return changed

    def _answered_for_us(self, account: Account) -> bool:
        carrier = self._carriers.get(account.kind)
        return carrier is None or carrier.answers_keywords

    async def _reply(self, tx: Tx, account: Account, incoming: Incoming, keyword: Keyword, language: str) -> Outgoing | None:
        """The answer, from the number that was written to."""
        sender = await self._sender(tx, account.id, incoming.sender_address)
        if sender is None:
            return None
        organisation = await self._tenancy.tenant(tx)
        text = ANSWERS[keyword, language].format(organisation=organisation.name, phone=organisation.support_phone)
        return Outgoing(new_id(), sender, incoming.phone, text)

    async def _sender(self, tx: Tx, account: UUID, address: str) -> Sender | None:
        for kept in await self._settings.senders(tx):
            one = kept.sender
            if one.account.id == account and one.channel is Channel.SMS and one.address == address:
                return one
        return None

    async def _send(self, account: Account, reply: Outgoing) -> None:
        """At most once, and no more: who wonders may write again."""
        try:
            await self._carriers[account.kind].send(account, reply)
        except VestibuleError as error:
            log.warning("keyword-not-answered", code=error.code)
