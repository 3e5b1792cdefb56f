"""A text from a phone, to whichever carrier the number belongs."""

from __future__ import annotations

from practice.carriers.azure import texts as azure
from practice.carriers.texts import Text
from practice.carriers.twilio import carrying as twilio
from practice.hospital import Hospital


def receive(house: Hospital, phone: str, number: str, words: str) -> Text:
    """Take a phone's text; webhooks and events follow beside.

    Raises:
        LookupError: when nobody owns the number.
    """
    owned = house.exchange.owned(number)
    if owned is None:
        raise LookupError(f"nobody owns {number}")
    if owned.carrier == "azure":
        return azure.receive(house.exchange, house.grid, owned, phone, words)
    return twilio.receive(house.exchange, owned, phone, words)
