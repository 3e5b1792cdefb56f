"""A planned message and the effect that sends it, kept in step: planned, meant for another time, withdrawn, planned again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock
from vestibule.messages.model import KIND, Message
from vestibule.messages.store.messages import MessageStore
from vestibule.platform.db import Tx
from vestibule.platform.effects import Effects, Promise
from vestibule.tenancy.service import bound

_ORGANISATION: Final = "-"


class Pending:
    """Every method works within the caller's transaction."""

    def __init__(self, *, clock: Clock, effects: Effects) -> None:
        self._clock = clock
        self._effects = effects
        self._store = MessageStore()

    async def add(self, tx: Tx, message: Message, *, to_sealed: bytes | None = None) -> bool:
        """Plan a new one; False when there is one of its key already."""
        if not await self._store.add(bound(tx), tx, message, to_sealed):
            return False
        await self._enqueue(tx, message, message.due_at, message.round)
        return True

    async def again(self, tx: Tx, message: Message, due_at: datetime, *, tries: int) -> None:
        """One that was withdrawn, or failed in a way that may pass, is to be sent after all."""
        await self._store.plan_again(bound(tx), tx, message.id, due_at=due_at, round_=message.round + 1, tries=tries)
        await self._enqueue(tx, message, due_at, message.round + 1)

    async def postpone(self, tx: Tx, message: Message, due_at: datetime) -> None:
        """Mean it for another time; one that is being sent just now is too late for that, and looks again itself."""
        await self._store.postpone(bound(tx), tx, message.id, due_at)
        if message.effect is not None:
            await self._effects.postpone(tx, message.effect, due_at)

    async def withdraw(self, tx: Tx, messages: Mapping[Message, str]) -> None:
        """Do not send these, each for its reason. One that a worker holds just now finds itself withdrawn before it calls the carrier."""
        reasons = {message.id: why for message, why in messages.items()}
        await self._store.withdraw(bound(tx), tx, reasons, self._clock.now())
        for message, why in messages.items():
            if message.effect is not None:
                try:
                    await self._effects.withdraw(tx, message.effect, why=why)
                except NotFound:
                    continue  # swept long ago

    async def _enqueue(self, tx: Tx, message: Message, due_at: datetime, round_: int) -> None:
        """No lane: a reminder of next week must hold up no confirmation. One connection's messages share the places of one destination."""
        effect = await self._effects.enqueue(
            tx,
            kind=KIND,
            destination=f"messages:{message.connection or _ORGANISATION}",
            promise=Promise.TEXT,
            key=f"message:{message.id}:{round_}",
            payload={"message": str(message.id), "connection": str(message.connection or ""), "channel": message.channel.value},
            run_at=due_at,
        )
        await self._store.wait_for(bound(tx), tx, message.id, effect)
