"""Who carries messages: does the account work, may its senders send, and can its receipts reach us?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from vestibule.doctor.documents import host_of
from vestibule.doctor.model import Finding, good, look, shown
from vestibule.doctor.ports import Around, CarrierSeen
from vestibule.errors import NotAllowed, VestibuleError
from vestibule.kit.origins import is_loopback_host

_SECONDS = 8.0
_BLOCKED = {
    "unverified": "is not verified: carriers block what it sends.",
    "pending": "waits for its verification: until then carriers block what it sends.",
    "rejected": "was not verified: carriers block what it sends.",
}


async def messages(around: Around, origin: str) -> AsyncIterator[Finding]:
    """Everything about the messages of a connection."""
    if around.sends and not any(carrier.senders for carrier in around.carriers):
        what = "Messages are to be sent for this connection, and no sender is linked to it."
        yield look("messages-no-sender", what, "Link a number or an e-mail address on the page of messages.")
    answers = await asyncio.gather(*(_asked(carrier) for carrier in around.carriers))
    for carrier, answer in zip(around.carriers, answers, strict=True):
        yield answer
        for finding in (*_receipts(carrier, origin), *_senders(carrier)):
            yield finding


async def _asked(carrier: CarrierSeen) -> Finding:
    name = shown(carrier.name)
    try:
        async with asyncio.timeout(_SECONDS):
            await carrier.check()
    except NotAllowed as error:
        what = f"The carrier does not let the account {name} in: {error.sentence}"
        return look("carrier-account-refused", what, "Enter its name and secret again, as the carrier shows them now.")
    except (VestibuleError, TimeoutError) as error:
        why = error.sentence if isinstance(error, VestibuleError) else "it did not answer in time."
        what = f"The account {name} could not be looked at: {why}"
        return look("carrier-account-unreached", what, "Look at the account's address and the firewall; if both are right, wait.")
    return good("carrier-account", f"The account {name} works.")


def _receipts(carrier: CarrierSeen, origin: str) -> Iterator[Finding]:
    if not carrier.tells:
        return
    if not carrier.near and (is_loopback_host(host_of(origin)) or not origin.startswith("https://")):
        what = f"The carrier of {shown(carrier.name)} cannot reach {origin}: no receipt arrives, and no STOP."
        yield look(
            "carrier-receipts-unreachable", what, "Set VESTIBULE_PUBLIC_URL to a public https address, and let the carrier's through."
        )
    if carrier.unproved:
        what = f"Nothing is entered for {shown(carrier.name)} by which its receipts could be proved: all of them are refused."
        yield look("carrier-receipts-unproved", what, "Enter the secret that the carrier sends with its receipts, or signs them with.")


def _senders(carrier: CarrierSeen) -> Iterator[Finding]:
    for address, verification in carrier.senders:
        if verification in _BLOCKED:
            remedy = "Finish its verification at the carrier; it may take weeks. Until then use another sender."
            yield look("sender-unverified", f"The number {shown(address)} {_BLOCKED[verification]}", remedy)
