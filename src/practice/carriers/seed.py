"""Accounts and numbers to start with, so that a demonstration has something to enter."""

from __future__ import annotations

import hashlib

from practice.carriers.model import APPROVED, AzureResource, OwnedNumber, TwilioAccount

SID = "AC5ca1ab1e0000000000000000000000a1"
TOKEN = "practice-auth-token"
SERVICE = "MG5ca1ab1e0000000000000000000000a1"
RESOURCE = "eastmere-texts"
KEY = "cHJhY3RpY2Utb25seS1hY2Nlc3Mta2V5LW9mLWVhc3RtZXJlLXRleHRz"
TOLL_FREE, LOCAL, AZURE_TOLL_FREE = "+18885550100", "+12065550190", "+18665550150"
_BOUGHT = "2026-01-12T09:00:00Z"


def number_id(number: str) -> str:
    """The SID under which the Twilio-like carrier keeps a number."""
    return "PN" + hashlib.sha256(number.encode()).hexdigest()[:32]


def accounts() -> list[TwilioAccount]:
    """One account at the Twilio-like carrier."""
    return [TwilioAccount(sid=SID, token=TOKEN, name="Eastmere texts", service=SERVICE)]


def resources() -> list[AzureResource]:
    """One resource at the Azure-like carrier."""
    return [AzureResource(name=RESOURCE, key=KEY)]


def numbers() -> list[OwnedNumber]:
    """A toll-free and a local number at the one, a toll-free at the other."""
    return [
        OwnedNumber(
            number=TOLL_FREE,
            carrier="twilio",
            owner=SID,
            kind="toll_free",
            id=number_id(TOLL_FREE),
            name="Toll-free",
            verification=APPROVED,
            verification_id="HH" + number_id(TOLL_FREE)[2:],
            bought=_BOUGHT,
        ),
        OwnedNumber(number=LOCAL, carrier="twilio", owner=SID, id=number_id(LOCAL), name="Seattle", bought=_BOUGHT),
        OwnedNumber(
            number=AZURE_TOLL_FREE,
            carrier="azure",
            owner=RESOURCE,
            kind="toll_free",
            id=AZURE_TOLL_FREE[1:],
            name="Toll-free",
            verification=APPROVED,
            bought=_BOUGHT,
        ),
    ]
