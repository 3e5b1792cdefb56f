"""Sending what is due. No transaction is open while a carrier is called.

    planned --looked at again, link made, marked--> sending --carrier took it--> accepted
                |                                      |-- surely not sent ----> planned (another sender, or later)
                +-- no longer wanted --> withdrawn     |-- refused ------------> failed
                                                       +-- answer lost --------> unknown

The mark is committed before the call: whoever finds a message marked, and no answer, cannot say whether it was sent, and nobody sends it
again. What is looked up and written is looked up and written for many at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from vestibule.errors import TooMany, Unavailable, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.messages.model import Accepted, Account, CarrierKind, Channel, MessageState, Outgoing, Refused, Sender
from vestibule.messages.outcomes import LOST, Outcomes, Sent
from vestibule.messages.pacing import Pacing
from vestibule.messages.portions import Portions
from vestibule.messages.ports import Carrier
from vestibule.messages.preparing import NO_SENDER, Judged, Letter, NotNow, Order, Preparing
from vestibule.messages.routing import Routes
from vestibule.platform.effects import Done, Effect, Outcome, Retry, Together, Unknown
from vestibule.platform.telemetry.logs import log

T = TypeVar("T")
_PHASE: Final = "message.prepare"
WAITS: Final = "message-waits-for-its-turn"
# A message whose turn is further away than this many seconds makes room for others.
_NEAR: Final = 1.0
# It comes back so long before it, which is time enough to be claimed and looked at.
_AHEAD: Final = 0.5
# So long before its turn a message is looked at once more.
_LEAD: Final = 0.2
# Those that come within so many seconds are looked at together.
_GATHER: Final = 0.04


@dataclass(frozen=True, slots=True)
class Payload:
    """What an effect carries."""

    message: UUID
    connection: ConnectionId | None
    channel: Channel

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Payload:
        """As it was stored."""
        connection = payload["connection"]
        return cls(UUID(payload["message"]), ConnectionId(UUID(connection)) if connection else None, Channel(payload["channel"]))


class Sending:
    """Handles effects of kind `message.send`."""

    def __init__(
        self,
        *,
        clock: Clock,
        pacing: Pacing,
        routes: Routes,
        preparing: Preparing,
        outcomes: Outcomes,
        carriers: Mapping[CarrierKind, Carrier],
        hook_url: Callable[[Account], str],
    ) -> None:
        self._clock, self._pacing, self._routes = clock, pacing, routes
        self._preparing, self._outcomes, self._carriers, self._hook_url = preparing, outcomes, carriers, hook_url
        self._orders: Portions[Order, Judged] = Portions(preparing.prepare, most=100, at_once=2, gather=_GATHER)

    async def handle(self, effect: Effect) -> Outcome:
        """Send one message; what becomes of it is recorded with the effect's completion."""
        payload = Payload.of(effect.payload)
        link, problem = None, Retry(NO_SENDER)
        senders: list[Sender | None] = [*await _harmless(self._routes.of(effect.tenant, payload.connection, payload.channel))]
        for number, sender in enumerate(senders or [None]):
            if sender is not None:
                waited = effect.late if number == 0 and effect.code == WAITS else None
                moment = await _harmless(self._moment(effect.tenant, sender, waited))
                wait = moment - self._clock.monotonic()
                if wait > _NEAR:
                    return Retry(WAITS, wait - _AHEAD)
                if wait > _LEAD:
                    await asyncio.sleep(wait - _LEAD)
            letter = await _harmless(self._orders.ask(effect.tenant, Order(payload.message, sender, link)))
            if not isinstance(letter, Letter) or sender is None:
                return self._ended(letter)
            link = letter.link
            result = await self._give(effect.tenant, letter, sender, moment)
            if isinstance(result, Retry):
                return result
            if isinstance(result, VestibuleError):
                problem = Retry(result.code, result.retry_after)
            elif isinstance(result, Refused) and result.elsewhere and number + 1 < len(senders):
                await self._outcomes.unmark(effect.tenant, payload.message)
            else:
                return self._done(letter, sender, result)
        if link is not None:
            await self._outcomes.unlink(effect.tenant, payload.message, link.id)
        return problem

    async def _moment(self, tenant: TenantId, sender: Sender, waited: float | None) -> float:
        """The moment that was waited for, or a new one."""
        if waited is not None:
            moment = self._pacing.moment_ago(waited - _AHEAD)
            if not self._pacing.missed(sender, moment):
                return moment
        return await self._pacing.moment(tenant, sender)

    async def _give(
        self, tenant: TenantId, letter: Letter, sender: Sender, moment: float
    ) -> Accepted | Refused | Retry | VestibuleError | None:
        """Call the carrier in its turn. An error, or another turn, says that it was surely not sent; None that nobody knows."""
        if letter.test:
            return Accepted("", final=True)
        outgoing = Outgoing(
            letter.message, sender, letter.to, letter.text, letter.subject, letter.calendar, hook_url=self._hook_url(sender.account)
        )
        while (sent := await self._pacing.turn(sender, moment)) is None:
            moment = await self._pacing.moment(tenant, sender)
            wait = moment - self._clock.monotonic()
            if wait > _NEAR:
                await self._outcomes.unmark(tenant, letter.message)
                return Retry(WAITS, wait - _AHEAD)
        try:
            result = await self._carriers[sender.account.kind].send(sender.account, outgoing)
        except (TooMany, Unavailable) as error:
            await self._not_sent(tenant, letter, sender, error)
            return error
        except VestibuleError:
            self._routes.went(sender.account, well=False)
            return None
        finally:
            self._pacing.answered(sender, sent)
        self._routes.went(sender.account, well=not (isinstance(result, Refused) and result.elsewhere))
        return result

    async def _not_sent(self, tenant: TenantId, letter: Letter, sender: Sender, error: VestibuleError) -> None:
        await self._outcomes.unmark(tenant, letter.message)
        if isinstance(error, TooMany):
            await self._pacing.slow_down(tenant, sender, error.retry_after or 1.0)
        else:
            self._routes.went(sender.account, well=False)

    def _ended(self, letter: Judged) -> Outcome:
        """It is not sent, or not now; the row says so already, unless it failed."""
        if isinstance(letter, NotNow):
            return Retry(letter.code, max(0.0, (letter.until - self._clock.now()).total_seconds()))
        if isinstance(letter, Letter) or letter.lost:
            return Unknown(LOST)
        if letter.refused is None:
            return Done()
        failed = Sent(letter.message, MessageState.FAILED, letter.refused.status, letter.refused.code)
        return Done(together=Together(self._outcomes.write, failed))

    def _done(self, letter: Letter, sender: Sender, result: Accepted | Refused | None) -> Outcome:
        if result is None:
            return Unknown(LOST)
        link = letter.link.id if letter.link else None
        return Done(together=Together(self._outcomes.write, Sent.of(letter.message, sender.account, result, link)))


async def _harmless(work: Awaitable[T]) -> T:
    """Nothing is sent by it: whatever goes wrong, the message may be tried again."""
    try:
        return await work
    except VestibuleError as error:
        raise Unavailable(error.code, "It could not be prepared.", phase=_PHASE, retry_after=error.retry_after) from error
    except Exception as error:
        log.error("message-not-prepared", exc_info=error)
        raise Unavailable("message-not-prepared", "It could not be prepared.", phase=_PHASE) from error
