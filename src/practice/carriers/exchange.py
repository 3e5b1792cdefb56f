"""The exchange: takes texts in, carries them to phones, and tells customers what became of them, in each vendor's way."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Protocol

from practice.beside import Beside
from practice.carriers.hooks import Hooks
from practice.carriers.journal import Journal, Limit
from practice.carriers.model import AzureResource, OwnedNumber, TwilioAccount
from practice.carriers.phones import Phone
from practice.carriers.texts import Text
from practice.times import stamp

_SECOND, _MINUTE, _DAY = 1.0, 60.0, 86_400.0


class Owned(Protocol):
    """What the exchange reads of the hospital's book."""

    twilio_accounts: list[TwilioAccount]
    azure_resources: list[AzureResource]
    numbers: list[OwnedNumber]


class Exchange:
    """Everything carriers keep while they run. A restart forgets the phones' troubles and what was still on its way."""

    def __init__(self, folder: Path, now: Callable[[], float], book: Callable[[], Owned]) -> None:
        self.now = now
        self._book = book
        self.journal = Journal(folder, now)
        self.hooks = Hooks()
        self.phones: dict[str, Phone] = {}
        self.a_second, self.a_minute, self.a_day = Limit(_SECOND), Limit(_MINUTE), Limit(_DAY)
        self._beside = Beside()

    @property
    def book(self) -> Owned:
        """The accounts and numbers as they stand."""
        return self._book()

    def phone(self, number: str) -> Phone:
        """A phone with its troubles; one without any when nobody gave it some."""
        return self.phones.get(number) or Phone(number=number)

    def trouble(self, phones: Iterable[Phone]) -> None:
        """Set the troubles of phones."""
        for phone in phones:
            self.phones[phone.number] = phone
        self.journal.tell()

    def owned(self, number: str) -> OwnedNumber | None:
        """A number that somebody owns here."""
        return next((one for one in self.book.numbers if one.number == number), None)

    def account(self, sid: str) -> TwilioAccount | None:
        """An account of the Twilio-like carrier."""
        return next((one for one in self.book.twilio_accounts if one.sid == sid), None)

    def resource(self, name: str) -> AzureResource | None:
        """A resource of the Azure-like carrier."""
        return next((one for one in self.book.azure_resources if one.name == name), None)

    def show(self, text: Text, **facts: Any) -> None:
        """The phone shows a text."""
        self.journal.change(text, shown=stamp(self.now()), **facts)

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside what is being answered."""
        self._beside.start(work)

    async def settled(self) -> None:
        """Return when nothing is on its way any more."""
        await self._beside.settled()

    async def close(self) -> None:
        """Drop what is on its way, and let go of files and connections."""
        await self._beside.drop()
        await self.hooks.close()
        self.journal.close()
