"""Messages to patients: who carries them, who sends them, and who hears what became of them."""

from __future__ import annotations

from collections.abc import Mapping

from vestibule.kit.ids import new_id
from vestibule.messages.hooks import Hooks
from vestibule.messages.model import KIND as MESSAGE
from vestibule.messages.model import Account, CarrierKind
from vestibule.messages.optouts import OptOuts
from vestibule.messages.outcomes import Outcomes
from vestibule.messages.outlook import Outlook
from vestibule.messages.pacing import Pacing
from vestibule.messages.pending import Pending
from vestibule.messages.ports import Carrier, NumberShop
from vestibule.messages.preparing import Preparing
from vestibule.messages.receipts import Receipts
from vestibule.messages.routing import Routes
from vestibule.messages.sending import Sending
from vestibule.messages.setting import MessageSettings
from vestibule.platform.effects import Worker
from vestibule.platform.telemetry.metrics import EFFECTS
from vestibule.wiring.carriers import carriers_on, shops_on
from vestibule.wiring.parts import Parts

# Messages under way at once: most of them wait for their sender's next moment, which is what they have places of their own for.
_AT_ONCE = 10


def make_carriers(parts: Parts) -> dict[CarrierKind, Carrier]:
    """Every kind of carrier."""
    return carriers_on(parts.texts, parts.mail, parts.clock)


def make_shops(parts: Parts) -> dict[CarrierKind, NumberShop]:
    """Where numbers are bought."""
    return shops_on(parts.texts, parts.clock)


def make_outcomes(parts: Parts) -> Outcomes:
    """Writes down what became of messages."""
    return Outcomes(
        db=parts.db,
        clock=parts.clock,
        visits=parts.visits,
        effects=parts.effects,
        messages=parts.messages,
        pending=Pending(clock=parts.clock, effects=parts.effects),
        optouts=OptOuts(clock=parts.clock, box=parts.box),
        audit=parts.audit,
    )


def make_receipts(parts: Parts, carriers: Mapping[CarrierKind, Carrier]) -> Receipts:
    """Takes what carriers say."""
    return Receipts(
        clock=parts.clock,
        outcomes=make_outcomes(parts),
        messages=parts.messages,
        optouts=OptOuts(clock=parts.clock, box=parts.box),
        settings=MessageSettings(parts.box),
        tenancy=parts.tenancy,
        carriers=carriers,
        audit=parts.audit,
    )


def make_hooks(parts: Parts) -> Hooks:
    """Where carriers tell us how messages fare, and what patients answer."""
    carriers = make_carriers(parts)
    return Hooks(
        db=parts.db,
        clock=parts.clock,
        audit=parts.audit,
        accounts=MessageSettings(parts.box),
        carriers=carriers,
        receipts=make_receipts(parts, carriers),
        origin=parts.settings.origin,
    )


def make_sending(parts: Parts, carriers: Mapping[CarrierKind, Carrier]) -> Sending:
    """Gives messages to carriers."""
    settings, optouts = MessageSettings(parts.box), OptOuts(clock=parts.clock, box=parts.box)
    preparing = Preparing(
        db=parts.db,
        clock=parts.clock,
        box=parts.box,
        visits=parts.visits,
        tenancy=parts.tenancy,
        outlook=Outlook(visits=parts.visits, tenancy=parts.tenancy, optouts=optouts),
        optouts=optouts,
        settings=settings,
        messages=parts.messages,
        origin=parts.settings.origin,
    )
    return Sending(
        clock=parts.clock,
        pacing=Pacing(db=parts.db, clock=parts.clock, holder=str(new_id())),
        routes=Routes(db=parts.db, clock=parts.clock, settings=settings),
        preparing=preparing,
        outcomes=make_outcomes(parts),
        carriers=carriers,
        hook_url=lambda account: _hook_url(parts, account),
    )


def message_worker(parts: Parts, carriers: Mapping[CarrierKind, Carrier] | None = None) -> Worker:
    """What sends messages. They have places of their own, so that a thousand reminders keep no record waiting."""
    sending = make_sending(parts, carriers or make_carriers(parts))
    at_once = parts.settings.worker_concurrency * _AT_ONCE
    return Worker(
        parts.db,
        {MESSAGE: sending.handle},
        parts.clock,
        mourners={MESSAGE: make_outcomes(parts).mourn},
        listener=parts.listener,
        concurrency=at_once,
        per_destination=max(1, at_once * 3 // 4),
        gather=0.02,
        meter=lambda event, kind, _: EFFECTS.labels(kind, event).inc(),
    )


def _hook_url(parts: Parts, account: Account) -> str:
    """Where an account's carrier tells us how messages fare."""
    return f"{parts.settings.origin}/hooks/{account.id}"
