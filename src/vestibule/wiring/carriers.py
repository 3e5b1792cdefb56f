"""Every kind of carrier, and every shop for numbers, on a pair of outbound doors."""

from __future__ import annotations

from vestibule.adapters.carriers.azure import Azure, AzureNumbers
from vestibule.adapters.carriers.console import Console
from vestibule.adapters.carriers.smtp import Smtp
from vestibule.adapters.carriers.twilio import Twilio, TwilioNumbers
from vestibule.kit.clock import Clock
from vestibule.messages.model import CarrierKind
from vestibule.messages.ports import Carrier, NumberShop
from vestibule.platform.http import Http
from vestibule.platform.mail import Mail


def carriers_on(http: Http, mail: Mail, clock: Clock) -> dict[CarrierKind, Carrier]:
    """Who carries messages."""
    return {
        CarrierKind.TWILIO: Twilio(http, clock),
        CarrierKind.AZURE: Azure(http, clock),
        CarrierKind.SMTP: Smtp(mail, clock),
        CarrierKind.CONSOLE: Console(),
    }


def shops_on(http: Http, clock: Clock) -> dict[CarrierKind, NumberShop]:
    """Where numbers are bought."""
    return {CarrierKind.TWILIO: TwilioNumbers(http, clock), CarrierKind.AZURE: AzureNumbers(http, clock)}
