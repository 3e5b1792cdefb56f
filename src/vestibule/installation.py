"""`vestibule doctor`: look at an installation and its connections the way a launch would, and say cause and remedy in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from vestibule.doctor.model import Finding, good, look, stops
from vestibule.errors import VestibuleError
from vestibule.platform.db import pending
from vestibule.run import opened
from vestibule.settings import Settings
from vestibule.tenancy.model import Connection
from vestibule.wiring import Parts

_AT_ONCE = 8


@dataclass(slots=True)
class Group:
    """Findings about one thing: the installation, or a connection."""

    title: str
    findings: list[Finding] = field(default_factory=list)


async def examine(settings: Settings, wanted: str = "") -> list[Group]:
    """Look at everything; never raises for what it finds, only reports it.

    Args:
        settings: the installation's.
        wanted: look only at connections with this text in the name of their organisation, in their own, or in their address.
    """
    own = Group("This installation", [_address(settings), _keys(settings), _relay(settings)])
    groups = [own]
    try:
        async with opened(settings) as parts:
            own.findings += [finding async for finding in _database(parts)]
            groups += await _side_by_side(parts, await _connections(parts, wanted.lower()))
    except VestibuleError as error:
        remedy = "Check DATABASE_URL, then `vestibule migrate`."
        own.findings.append(stops("database-unusable", f"The database cannot be used: {error.sentence}", remedy))
    return groups


def _address(settings: Settings) -> Finding:
    if settings.public_url.startswith("https://"):
        return good("public-url", f"People reach this installation at {settings.origin}.")
    remedy = "EHRs outside this machine need https: set VESTIBULE_PUBLIC_URL."
    return look("public-url-plain", f"The public address is {settings.origin}.", remedy)


def _keys(settings: Settings) -> Finding:
    if settings.keys:
        return good("key-ring", f"The key ring has {len(settings.keys)} key(s).")
    remedy = "In production give VESTIBULE_KEYS_FILE, and back it up apart from the database."
    return look("key-ring-local", f"Keys are kept in {settings.data}.", remedy)


def _relay(settings: Settings) -> Finding:
    if settings.turn_urls and settings.turn_secret:
        return good("relay", "A relay (TURN) is set for people behind strict networks.")
    return look("relay-missing", "No relay (TURN) is set.", "Some people will not see each other: docs/howto/run-a-relay.md.")


async def _database(parts: Parts) -> AsyncIterator[Finding]:
    await parts.db.ping()
    yield good("database", "The database answers.")
    waiting = await pending(parts.db.url)
    if waiting:
        yield stops("migrations-wait", f"{len(waiting)} migration(s) wait.", "Run `vestibule migrate`.")
    else:
        yield good("migrations", "The database has this version's shape.")


async def _side_by_side(parts: Parts, connections: list[tuple[str, Connection]]) -> list[Group]:
    """Some at a time: each waits for others' systems most of the time."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(title: str, connection: Connection) -> Group:
        async with places:
            return Group(title, await parts.doctor.examine(connection))

    return list(await asyncio.gather(*(one(title, connection) for title, connection in connections)))


async def _connections(parts: Parts, wanted: str) -> list[tuple[str, Connection]]:
    """Every connection that serves, with what to call it."""
    found: list[tuple[str, Connection]] = []
    for tenant in await parts.tenancy.tenants(parts.db):
        async with parts.db.tenant(tenant) as tx:
            name = (await parts.tenancy.tenant(tx)).name
            for one in await parts.tenancy.connections(tx):
                title = f"{name}, {one.name} ({one.environment}): {one.iss}"
                if one.serving and wanted in title.lower():
                    found.append((title, one))
    return found
