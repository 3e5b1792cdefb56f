"""Messages to patients: who carries them."""

from __future__ import annotations

from vestibule.messages.model import CarrierKind
from vestibule.messages.ports import Carrier, NumberShop
from vestibule.wiring.carriers import carriers_on, shops_on
from vestibule.wiring.parts import Parts


def make_carriers(parts: Parts) -> dict[CarrierKind, Carrier]:
    """Every kind of carrier."""
    return carriers_on(parts.http, parts.mail, parts.clock)


def make_shops(parts: Parts) -> dict[CarrierKind, NumberShop]:
    """Where numbers are bought."""
    return shops_on(parts.http, parts.clock)
