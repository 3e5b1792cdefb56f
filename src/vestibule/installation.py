"""`vestibule doctor`: look at an installation and its connections the way a launch would, and say cause and remedy in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from vestibule.doctor.model import Finding, good, look, stops
from vestibule.errors import VestibuleError
from vestibule.platform.db import pending
from vestibule.run import opened
from vestibule.settings import Settings
from vestibule.tenancy.model import Connection
from vestibule.wiring import Parts


@dataclass(slots=True)
class Group:
    """Findings about one thing: the installation, or a connection."""

    title: str
    findings: list[Finding] = field(default_factory=list)


async def examine(settings: Settings) -> list[Group]:
    """Look at everything; never raises for what it finds, only reports it."""
    own = Group("This installation", [_address(settings), _keys(settings), _relay(settings)])
    groups = [own]
    try:
        async with opened(settings) as parts:
            own.findings += [finding async for finding in _database(parts)]
            for organisation, connection in await _connections(parts):
                title = f"{organisation}, {connection.name} ({connection.environment}): {connection.iss}"
                groups.append(Group(title, await parts.doctor.examine(connection)))
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


async def _connections(parts: Parts) -> list[tuple[str, Connection]]:
    """Every connection with the name of its organisation."""
    found: list[tuple[str, Connection]] = []
    for tenant in await parts.tenancy.tenants(parts.db):
        async with parts.db.tenant(tenant) as tx:
            name = (await parts.tenancy.tenant(tx)).name
            found += [(name, connection) for connection in await parts.tenancy.connections(tx)]
    return found
