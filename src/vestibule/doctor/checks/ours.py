"""Our own side: the public address, the keys, and whether they can be fetched where the record would fetch them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

from vestibule.doctor.documents import host_of
from vestibule.doctor.model import Finding, good, look, shown, stops
from vestibule.doctor.ports import Outside
from vestibule.errors import VestibuleError
from vestibule.kit.exchange import Ask
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.kit.origins import is_loopback_host
from vestibule.protocols.jose import CERTIFICATE_DAYS
from vestibule.tenancy.model import ClientAuth, Connection
from vestibule.tenancy.service import ConnectionKey

PHASE = "doctor.jwks"
_SECONDS = 5.0
_SOON = timedelta(days=30)
_ACCEPTED_EVERYWHERE = ("ES384", "RS384")


async def public_address(outside: Outside, origin: str, iss: str = "") -> AsyncIterator[Finding]:
    """Can an EHR reach us where we say we are?"""
    near = is_loopback_host(host_of(iss)) if iss else False
    if is_loopback_host(host_of(origin)):
        what = f"The public address is {origin}: only this machine can reach it."
        remedy = "Set VESTIBULE_PUBLIC_URL to the https address that people and EHRs use."
        yield look("own-address-loopback", what, remedy) if near or not iss else stops("own-address-loopback", what, remedy)
        return
    if not origin.startswith("https://"):
        yield stops("own-address-plain", f"The public address is {origin}, without https.", "EHRs demand https: set VESTIBULE_PUBLIC_URL.")
    try:
        kinds = await outside.kinds(origin, PHASE, timeout=_SECONDS)
    except VestibuleError:
        what = f"The name of the public address {origin} is not known to DNS here."
        yield look("own-address-unknown", what, "Make sure that the record's network knows the name.")
        return
    if kinds == ("public",):
        yield good("own-address", f"People and EHRs reach this installation at {origin}.")
    else:
        what = f"Seen from here, the public address {origin} leads to a {' and '.join(kinds)} address."
        yield look("own-address-private", what, "A record outside your network cannot reach it, unless its DNS says otherwise.")


def keys(connection: Connection, found: tuple[ConnectionKey, ...], now: datetime) -> Iterator[Finding]:
    """Is there a key to sign with, and will there be one tomorrow?"""
    if connection.client_auth is not ClientAuth.PRIVATE_KEY_JWT:
        return
    remedy = "Make a new key on the connection's page; it is published for a day before it signs."
    active = [key for key in found if key.active_from <= now and (key.retires_at is None or key.retires_at > now)]
    if not active:
        yield stops("keys-missing", "This connection has no key to sign with.", remedy)
        return
    lasting = {key.key.alg for key in found if key.retires_at is None}
    ending = [key for key in active if key.retires_at is not None and key.retires_at - now < _SOON and key.key.alg not in lasting]
    for key in ending:
        yield look("keys-end", f"The {key.key.alg} key retires on {key.retires_at:%Y-%m-%d} and has no successor.", remedy)
    yield from _certificates(found, now)
    if not ending:
        yield good("keys", f"Keys to sign with: {', '.join(sorted({key.key.alg for key in active}))}.")


def _certificates(found: tuple[ConnectionKey, ...], now: datetime) -> Iterator[Finding]:
    """A record that was given a certificate looks at its end; the newest key of each kind has the last one."""
    newest: dict[str, datetime] = {}
    for key in found:
        newest[key.key.alg] = max(key.active_from, newest.get(key.key.alg, key.active_from))
    for alg, since in sorted(newest.items()):
        ends = since + CERTIFICATE_DAYS
        if ends - now < _SOON:
            what = f"The certificate of the {alg} key (.cer) ends on {ends.date()}."
            yield look(
                "key-certificate-ends", what, "If the record was given the file: make new keys, and hand over the new one within a day."
            )


async def published(outside: Outside, origin: str, connection: Connection, found: tuple[ConnectionKey, ...]) -> AsyncIterator[Finding]:
    """Fetch our own key set at its public address."""
    if connection.client_auth is not ClientAuth.PRIVATE_KEY_JWT or not found:
        return
    url = f"{origin}/connections/{connection.id}/jwks.json"
    try:
        answer = await outside.perform(Ask("GET", url, PHASE, {"Accept": "application/json"}), timeout=_SECONDS)
    except VestibuleError as error:
        what = f"Our own public keys could not be fetched at {url}: {error.sentence}"
        yield look(
            "jwks-unreached", what, "Is `vestibule serve` running, and does the proxy pass it on? From outside it may work all the same."
        )
        return
    try:
        listed = read_object(answer.body).get("keys")
    except JsonError:
        listed = None
    kids = {key.get("kid") for key in listed if isinstance(key, dict)} if isinstance(listed, list) else set()
    remedy = "The record would refuse our sign-in (invalid_client): make the proxy pass the address on to `vestibule serve`."
    if not answer.ok or not kids:
        yield stops("jwks-wrong", f"{shown(url, 200)} answers without keys (HTTP {answer.status}).", remedy)
    elif {key.key.kid for key in found} - kids:
        what = "The published keys are not this connection's present keys: something in between keeps an old copy."
        yield look("jwks-stale", what, "Wait a minute and look again; if it lasts, the proxy must not cache the address.")
    else:
        yield good("jwks", f"Our public keys are published at {url}.")
