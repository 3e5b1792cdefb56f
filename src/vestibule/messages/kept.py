"""What is set about messages, as an administrator sees it: with its revision, and with who did what when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from vestibule.kit.ids import ConnectionId
from vestibule.messages.model import Account, Channel, Sender
from vestibule.messages.ports import NumberOffer, NumberWish


@dataclass(frozen=True, slots=True)
class Consent:
    """The two boxes: may this installation text on the organisation's behalf, and have its patients agreed?

    Attributes:
        behalf_by, patients_by: who ticked it, as the audit names them; empty while it is not ticked.
    """

    behalf_by: str = ""
    behalf_at: datetime | None = None
    patients_by: str = ""
    patients_at: datetime | None = None
    revision: int = 0

    @property
    def given(self) -> bool:
        """Both are ticked."""
        return self.behalf_at is not None and self.patients_at is not None


@dataclass(frozen=True, slots=True)
class KeptAccount:
    """An account at a carrier.

    Attributes:
        tested_at: when somebody last sent a test through it.
        test_code: what was wrong then; empty when nothing was.
    """

    account: Account
    revision: int
    tested_at: datetime | None = None
    test_code: str = ""


@dataclass(frozen=True, slots=True)
class KeptSender:
    """A sender, and the connections it writes for."""

    sender: Sender
    revision: int
    connections: frozenset[ConnectionId] = frozenset()


@dataclass(frozen=True, slots=True)
class TestRecipient:
    """A number or address that no carrier is ever given; what is meant for it counts as delivered, and is marked as a test."""

    __test__ = False  # pytest: not a test case

    id: UUID
    channel: Channel
    address: str = field(repr=False)
    label: str = ""


class OrderState(StrEnum):
    """How far the order of a number has come."""

    WANTED = "wanted"
    SEARCHING = "searching"
    OFFERED = "offered"
    CHOSEN = "chosen"
    BUYING = "buying"
    BOUGHT = "bought"
    FAILED = "failed"
    GIVEN_UP = "given_up"

    @property
    def moving(self) -> bool:
        """The worker has to do something."""
        return self in {OrderState.WANTED, OrderState.SEARCHING, OrderState.CHOSEN, OrderState.BUYING}


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a number.

    Attributes:
        search, purchase: what the shop calls the step that is under way.
        sender: what it became.
        code: why it failed.
        tries: how often the present step was asked for.
        gives_up_at: until when the present step is asked for.
    """

    id: UUID
    account: UUID
    wish: NumberWish
    state: OrderState
    ordered_at: datetime
    changed_at: datetime
    run_at: datetime
    gives_up_at: datetime
    ordered_by: str = ""
    search: str = ""
    offers: Sequence[NumberOffer] = ()
    chosen: NumberOffer | None = None
    purchase: str = ""
    sender: UUID | None = None
    code: str = ""
    tries: int = 0
