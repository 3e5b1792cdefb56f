"""Twilio: texts and numbers by its REST API of 2010, receipts and incoming texts by signed requests."""

from vestibule.adapters.carriers.twilio.carrier import Twilio
from vestibule.adapters.carriers.twilio.numbers import TwilioNumbers

__all__ = ["Twilio", "TwilioNumbers"]
