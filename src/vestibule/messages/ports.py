"""What messages need from outside: somebody who carries them, and somebody who sells numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from vestibule.messages.model import Accepted, Account, Incoming, Outgoing, Receipt, Refused, Verification


@dataclass(frozen=True, slots=True)
class Hook:
    """A request that claims to come from a carrier.

    Attributes:
        url: the address as the carrier knows it (our public origin, path and query), which some sign.
        headers: names in lower case.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What a proved request says, and what the carrier wants to hear."""

    receipts: Sequence[Receipt] = ()
    incoming: Sequence[Incoming] = ()
    status: int = 200
    content_type: str = "text/plain"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Carrier(Protocol):
    """One kind of carrier."""

    @property
    def answers_keywords(self) -> bool:
        """Whether the carrier itself answers STOP, START and HELP to the patient."""
        ...

    async def send(self, account: Account, message: Outgoing) -> Accepted | Refused:
        """Give it a message.

        Raises:
            TooMany: it wants us slower; surely not sent.
            Unavailable: surely not sent; try again, or elsewhere.
            OutsideFailed: the answer was lost or made no sense: nobody knows whether it was sent.
        """
        ...

    def read_hook(self, account: Account, hook: Hook) -> HookAnswer:
        """What a request says, once it is proved.

        Raises:
            NotAllowed: `carrier-hook-forged`: whoever sent it does not hold the account's key.
            BadInput: `carrier-hook-unreadable`.
        """
        ...

    async def check(self, account: Account) -> None:
        """Ask something that changes nothing, to see whether the account works.

        Raises:
            NotAllowed: `carrier-not-signed-in` or `carrier-account-suspended`: the account is not one that may send.
            Unavailable: it could not be asked, or has a fault just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class NumberWish:
    """Which number is wanted: ISO country, `toll_free` or `local`, and where, if it matters."""

    country: str = "US"
    kind: str = "toll_free"
    area_code: str = ""


@dataclass(frozen=True, slots=True)
class NumberOffer:
    """A number one can buy.

    Attributes:
        offer: what the shop calls it; given back when buying.
        until: when the offer ends, where it does.
    """

    offer: str
    number: str
    monthly: str
    currency: str
    until: datetime | None = None


class NumberShop(Protocol):
    """Where an account gets numbers. Steps are asked for until they are done, so that a restart in between loses nothing."""

    async def search(self, account: Account, wish: NumberWish, *, key: UUID) -> str:
        """Begin a search; the name under which to ask for its result."""
        ...

    async def offers(self, account: Account, search: str) -> Sequence[NumberOffer] | None:
        """What was found; None while it is still searching.

        Raises:
            OutsideFailed: `carrier-no-number` (permanent) when there is none.
        """
        ...

    async def buy(self, account: Account, offer: NumberOffer, *, hook_url: str) -> str:
        """Begin to buy; the name under which to ask whether it is done."""
        ...

    async def bought(self, account: Account, purchase: str) -> str | None:
        """The number, once it is ours; None while it is under way."""
        ...

    async def verification(self, account: Account, number: str) -> Verification | None:
        """How far the verification of a number of ours has come; None where this carrier tells it only on its own pages."""
        ...
