"""What every page about messages shares: who may see it, its steps, and how far each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from litestar import Request
from litestar.response import Response

from vestibule.identity.members import Members
from vestibule.identity.model import StaffRole
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, MemberId
from vestibule.messages.carrying import Carrying
from vestibule.messages.desk import words
from vestibule.messages.judging import sentences
from vestibule.messages.kept import Consent, KeptAccount, KeptSender
from vestibule.messages.model import CarrierKind, Policy
from vestibule.messages.ordering import NumberOrders
from vestibule.messages.outcomes import Outcomes
from vestibule.messages.policies import Policies
from vestibule.messages.ports import Carrier, NumberShop
from vestibule.messages.report import Reporting
from vestibule.messages.service import Messages
from vestibule.messages.setting import MessageSettings
from vestibule.messages.trial import Trials
from vestibule.platform.db import Database, Tx
from vestibule.platform.web.access import Access
from vestibule.platform.web.desk import DeskPages
from vestibule.tenancy.service import Tenancy

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

ADMINISTRATORS: Final = Access.staff(StaffRole.ADMINISTRATOR)
READERS: Final = Access.staff(StaffRole.ADMINISTRATOR, StaffRole.AUDITOR, StaffRole.INTEGRATION_ENGINEER)
BAD: Final = 400
STALE: Final = 409


class Step(StrEnum):
    """The steps of setting messages up, in their order."""

    CONSENT = "consent"
    CARRIERS = "carriers"
    NUMBERS = "numbers"
    PLANS = "plans"
    TEXTS = "texts"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Overview:
    """How far messages are set up.

    Attributes:
        connections: those in force, by name.
    """

    brand: str
    consent: Consent
    accounts: list[KeptAccount]
    senders: list[KeptSender]
    policies: Mapping[ConnectionId, Policy]
    connections: list[tuple[ConnectionId, str]]

    @property
    def done(self) -> frozenset[Step]:
        """Steps that need nothing more for messages to go."""
        linked = any(one.connections for one in self.senders)
        found = {
            Step.CONSENT: self.consent.given,
            Step.CARRIERS: bool(self.accounts),
            Step.NUMBERS: linked,
            Step.PLANS: bool(self.policies),
            Step.TEXTS: bool(self.policies),
            Step.TRIAL: linked and bool(self.policies) and any(one.tested_at and not one.test_code for one in self.accounts),
        }
        return frozenset(step for step, is_done in found.items() if is_done)

    def name_of(self, connection: ConnectionId) -> str:
        """What a connection is called; empty for one that is not in force."""
        return next((name for one, name in self.connections if one == connection), "")


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that the pages work with."""

    db: Database
    clock: Clock
    tenancy: Tenancy
    members: Members
    settings: MessageSettings
    carrying: Carrying
    policies: Policies
    orders: NumberOrders
    trials: Trials
    messages: Messages
    outcomes: Outcomes
    reporting: Reporting
    carriers: Mapping[CarrierKind, Carrier]
    shops: Mapping[CarrierKind, NumberShop]
    origin: str
    loopback: bool = False
    plain_mail: bool = False

    async def overview(self, tx: Tx) -> Overview:
        """How far messages are set up."""
        return Overview(
            brand=(await self.tenancy.tenant(tx)).name,
            consent=await self.settings.consent(tx),
            accounts=await self.settings.accounts(tx),
            senders=await self.settings.senders(tx),
            policies=await self.settings.policies(tx),
            connections=await self.tenancy.connection_names(tx),
        )

    async def called(self, tx: Tx, *ids: str) -> dict[str, str]:
        """Members' ids as names, for who ticked what; whoever is unknown is left out."""
        known = [one for one in map(_member, ids) if one is not None]
        found = await self.members.several(tx, known)
        return {str(key): member.called for key, member in found.items()}


def _member(text: str) -> MemberId | None:

    try:
        return MemberId(UUID(text))
    except ValueError:
        return None


_PAGES: Final = DeskPages("desk", "messages", words, sentences, frozenset({"fails", "stale"}))
show, back = _PAGES.show, _PAGES.back
