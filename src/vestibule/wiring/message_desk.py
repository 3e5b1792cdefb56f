"""The pages on which messages to patients are set up and reported, and the orders of numbers, on a process's parts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from vestibule.messages.carrying import Carrying, Replan
from vestibule.messages.desk.frame import Desk
from vestibule.messages.optouts import OptOuts
from vestibule.messages.ordering import NumberOrders
from vestibule.messages.policies import Policies
from vestibule.messages.report import Reporting
from vestibule.messages.setting import MessageSettings
from vestibule.messages.trial import Trials
from vestibule.wiring.messaging import make_carriers, make_outcomes, make_shops
from vestibule.wiring.parts import Parts


def make_carrying(parts: Parts, replan: Replan) -> Carrying:
    """Who changes accounts and senders."""
    return Carrying(
        clock=parts.clock,
        box=parts.box,
        audit=parts.audit,
        tenancy=parts.tenancy,
        settings=MessageSettings(parts.box),
        replan=replan,
        loopback=parts.settings.allow_loopback_http,
        plain_mail=bool(parts.settings.allow_networks),
    )


def make_orders(parts: Parts, carrying: Carrying) -> NumberOrders:
    """Who generates numbers."""
    origin = parts.settings.origin

    def hook_url(account: UUID) -> str:
        return f"{origin}/hooks/{account}"

    return NumberOrders(
        clock=parts.clock,
        audit=parts.audit,
        settings=MessageSettings(parts.box),
        carrying=carrying,
        shops=make_shops(parts),
        hook_url=hook_url,
    )


def make_desk(parts: Parts, replan: Replan) -> Desk:
    """What the pages about messages work with."""
    settings, carrying, carriers = MessageSettings(parts.box), make_carrying(parts, replan), make_carriers(parts)
    optouts = OptOuts(clock=parts.clock, box=parts.box)
    common: dict[str, Any] = {"clock": parts.clock, "audit": parts.audit, "tenancy": parts.tenancy, "settings": settings}
    return Desk(
        db=parts.db,
        clock=parts.clock,
        tenancy=parts.tenancy,
        members=parts.members,
        settings=settings,
        carrying=carrying,
        policies=Policies(**common, box=parts.box, replan=replan),
        orders=make_orders(parts, carrying),
        trials=Trials(**common, db=parts.db, carriers=carriers, optouts=optouts, origin=parts.settings.origin),
        messages=parts.messages,
        outcomes=make_outcomes(parts),
        reporting=Reporting(db=parts.db, clock=parts.clock, audit=parts.audit),
        carriers=carriers,
        shops=make_shops(parts),
        origin=parts.settings.origin,
        loopback=parts.settings.allow_loopback_http,
        plain_mail=bool(parts.settings.allow_networks) or parts.settings.allow_loopback_http,
    )
