"""Messages to patients: who carries them."""

from __future__ import annotations

from vestibule.adapters.carriers.azure import Azure, AzureNumbers
from vestibule.adapters.carriers.console import Console
from vestibule.adapters.carriers.smtp import Smtp
from vestibule.adapters.carriers.twilio import Twilio, TwilioNumbers
from vestibule.messages.model import CarrierKind
from vestibule.messages.ports import Carrier, NumberShop
from vestibule.wiring.parts import Parts


def make_carriers(parts: Parts) -> dict[CarrierKind, Carrier]:
    """Every kind of carrier."""
    return {
        CarrierKind.TWILIO: Twilio(parts.http, parts.clock),
        CarrierKind.AZURE: Azure(parts.http, parts.clock),
        CarrierKind.SMTP: Smtp(parts.mail, parts.clock),
        CarrierKind.CONSOLE: Console(),
    }


def make_shops(parts: Parts) -> dict[CarrierKind, NumberShop]:
    """Where numbers are bought."""
    return {
        CarrierKind.TWILIO: TwilioNumbers(parts.http, parts.clock),
        CarrierKind.AZURE: AzureNumbers(parts.http, parts.clock),
    }
