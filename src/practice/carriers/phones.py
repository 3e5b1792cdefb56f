"""The phones at the other end, and what goes wrong on the way to them, one set of switches for each number."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from practice.carriers.model import APPROVED, Number, OwnedNumber
from practice.carriers.texts import Text, toll_free

PhoneTrouble = Literal[
    "never", "unknown", "landline", "not_mobile", "blocked", "filtered", "failing", "slow", "lost", "duplicate", "disorder", "forged"
]
TROUBLES: dict[PhoneTrouble, tuple[str, str]] = {
    "never": ("Switched off", "never delivered: 30003, 4006"),
    "unknown": ("No such number", "30005, 4004"),
    "landline": ("Landline", "30006, 4003"),
    "not_mobile": ("Not a mobile", "refused at once: 21614; 4003"),
    "blocked": ("Blocked by the network", "30004, 4005"),
    "filtered": ("Taken for spam", "30007, 4000"),
    "failing": ("Fails for no known reason", "30008, 9999"),
    "slow": ("Receipts come late", "by the seconds below"),
    "lost": ("Receipts are lost", "nobody says that it arrived"),
    "duplicate": ("Receipts come three times", "and what is answered, too"),
    "disorder": ("Receipts come in the wrong order", ""),
    "forged": ("Forgeries come as well", "it failed; STOP, or START after a STOP"),
}
# The vendors' codes for what becomes of a text; 0 is delivered.
_TWILIO: dict[str, int] = {"never": 30003, "unknown": 30005, "landline": 30006, "blocked": 30004, "filtered": 30007, "failing": 30008}
_AZURE: dict[str, int] = {
    "never": 4006,
    "unknown": 4004,
    "landline": 4003,
    "not_mobile": 4003,
    "blocked": 4005,
    "filtered": 4000,
    "failing": 9999,
}
UNVERIFIED, UNREGISTERED = 30032, 30034
NOT_VERIFIED, OPTED_OUT = 4010, 4007


class Phone(Struct, kw_only=True):
    """A phone's troubles; `seconds` is how late its receipts come when they are slow."""

    number: Number
    trouble: list[PhoneTrouble] = field(default_factory=list)
    seconds: Annotated[float, Meta(ge=0, le=86_400)] = 20

    def has(self, trouble: PhoneTrouble) -> bool:
        """Whether it has this trouble."""
        return trouble in self.trouble


def fate(text: Text, phone: Phone, sender: OwnedNumber | None, *, verify: bool) -> int:
    """The vendor's code of what becomes of a text on its way; 0 when the phone shows it."""
    table = _TWILIO if text.carrier == "twilio" else _AZURE
    found = next((table[trouble] for trouble in phone.trouble if trouble in table), 0)
    if found or sender is None or text.carrier != "twilio":
        return found
    if verify and toll_free(sender.number) and sender.verification != APPROVED:
        return UNVERIFIED
    return UNREGISTERED if sender.kind == "local" and not sender.registered else 0
