"""`vestibule doctor`: look at an installation the way a launch would, and say cause and remedy in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

from vestibule.errors import VestibuleError
from vestibule.kit.exchange import Ask
from vestibule.platform.db import pending
from vestibule.protocols.smart import discover
from vestibule.run import opened
from vestibule.settings import Settings
from vestibule.tenancy.model import Connection
from vestibule.wiring import Parts

Level = Literal["good", "look", "stops"]
_SKEW_LOOK = 20  # seconds; launches work up to 60
_SKEW_STOPS = 60
_OK = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    remedy: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; never raises for what it finds, only reports it."""
    findings = [_address(settings), _keys(settings), _relay(settings)]
    try:
        async with opened(settings) as parts:
            findings += [finding async for finding in _database(parts)]
            for connection in await _connections(parts):
                findings += [finding async for finding in _connection(parts, settings, connection)]
    except VestibuleError as error:
        findings.append(Finding("stops", f"The database cannot be used: {error.sentence}", "Check DATABASE_URL, then `vestibule migrate`."))
    return findings


def _address(settings: Settings) -> Finding:
    if settings.public_url.startswith("https://"):
        return Finding("good", f"People reach this installation at {settings.origin}.")
    remedy = "EHRs outside this machine need https: set VESTIBULE_PUBLIC_URL."
    return Finding("look", f"The public address is {settings.origin}.", remedy)


def _keys(settings: Settings) -> Finding:
    if settings.keys:
        return Finding("good", f"The key ring has {len(settings.keys)} key(s).")
    remedy = "In production give VESTIBULE_KEYS_FILE, and back it up apart from the database."
    return Finding("look", f"Keys are kept in {settings.data}.", remedy)


def _relay(settings: Settings) -> Finding:
    if settings.turn_urls and settings.turn_secret:
        return Finding("good", "A relay (TURN) is set for people behind strict networks.")
    return Finding("look", "No relay (TURN) is set.", "Some people will not see each other: docs/howto/run-a-relay.md.")


async def _database(parts: Parts) -> AsyncIterator[Finding]:
    await parts.db.ping()
    yield Finding("good", "The database answers.")
    waiting = await pending(parts.db.url)
    if waiting:
        yield Finding("stops", f"{len(waiting)} migration(s) wait.", "Run `vestibule migrate`.")
    else:
        yield Finding("good", "The database has this version's shape.")


async def _connections(parts: Parts) -> list[Connection]:
    found: list[Connection] = []
    for tenant in await parts.tenancy.tenants(parts.db):
        async with parts.db.tenant(tenant) as tx:
            found += await parts.tenancy.connections(tx)
    return found


async def _connection(parts: Parts, settings: Settings, connection: Connection) -> AsyncIterator[Finding]:
    name = f"{connection.name} ({connection.environment})"
    steps = discover(
        connection.iss,
        client_id=connection.provider_client_id,
        manual_authorize=connection.authorize_url,
        manual_token=connection.token_url,
        loopback_http=settings.allow_loopback_http,
    )
    try:
        server = await parts.http.drive(steps, max_bytes=10_000_000)
    except VestibuleError as error:
        what = f"{name}: the record's sign-in addresses were not found: {error.sentence}"
        yield Finding("stops", what, "Check the FHIR base URL, its version suffix, and the network.")
        return
    yield Finding("good", f"{name}: sign-in addresses found by {server.source}.")
    yield await _clock(parts, name, connection)
    yield await _jwks(parts, settings, name, connection)


async def _clock(parts: Parts, name: str, connection: Connection) -> Finding:
    ask = Ask("GET", f"{connection.iss}/metadata", "doctor.clock", {"Accept": "application/fhir+json"})
    answer = await parts.http.perform(ask, max_bytes=10_000_000)
    told = answer.headers.get("date", "")
    if not told:
        return Finding("look", f"{name}: the record does not tell its time.", "Make sure both clocks follow NTP.")
    skew = abs((parsedate_to_datetime(told).astimezone(UTC) - parts.clock.now()).total_seconds())
    if skew >= _SKEW_STOPS:
        return Finding("stops", f"{name}: clocks differ by {skew:.0f} seconds.", "Launches work up to 60: set both clocks by NTP.")
    return Finding("look" if skew >= _SKEW_LOOK else "good", f"{name}: clocks differ by {skew:.0f} seconds.")


async def _jwks(parts: Parts, settings: Settings, name: str, connection: Connection) -> Finding:
    url = f"{settings.origin}/connections/{connection.id}/jwks.json"
    try:
        answer = await parts.http.perform(Ask("GET", url, "doctor.jwks"))
    except VestibuleError as error:
        what = f"{name}: our own public keys could not be fetched at {url}: {error.sentence}"
        return Finding("look", what, "Is `vestibule serve` running, and does the proxy pass it on?")
    if answer.status != _OK or not answer.json().get("keys"):
        return Finding(
            "stops", f"{name}: {url} answers {answer.status} without keys.", "The record will refuse our sign-in: invalid_client."
        )
    return Finding("good", f"{name}: our public keys are published at {url}.")
