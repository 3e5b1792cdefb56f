"""What the commands do: each opens the parts it needs, works, and closes them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

import uvloop

from vestibule.errors import BadInput, Conflict, NotFound
from vestibule.identity.model import Principal, Role
from vestibule.kit.ids import SessionId, TenantId, VisitId, new_id
from vestibule.platform.db import EmbeddedPostgres, Tx, migrate
from vestibule.platform.telemetry.logs import configure
from vestibule.settings import Settings
from vestibule.visits.model import Identifier, PersonRole
from vestibule.wiring import Parts, open_parts, run_worker, serve_web


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The address of the database: the one set, or the embedded one, started if no other process of ours has it running."""
    if settings.database_url:
        yield settings.database_url
        return
    embedded = EmbeddedPostgres(settings.data / "postgres")
    try:
        url = await embedded.start()
    except Conflict:  # another process of this installation keeps it
        url = await embedded.shared()
        await migrate(url)  # or wait until that process has done it
        yield url
        return
    try:
        await migrate(url)
        yield url
    finally:
        await embedded.stop()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """The parts of a process on the database the settings name."""
    async with database(settings) as url, open_parts(settings, url) as parts:
        yield parts


async def migrate_database(settings: Settings) -> list[str]:
    """Apply what is missing; the names of what was applied."""
    async with database(settings) as url:
        return await migrate(url)


def stop_event() -> asyncio.Event:
    """Set when we are asked to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


async def make_link(settings: Settings, visit: str, role: str, hours: int) -> str:
    """A join link for one visit, named by its id or by its contact serial number.

    Raises:
        BadInput: `link-role-unknown`.
        NotFound: `visit-not-found`: no such visit in any organisation.
    """
    if role not in {PersonRole.PATIENT, PersonRole.INTERPRETER, PersonRole.FAMILY, PersonRole.GUEST}:
        raise BadInput("link-role-unknown", "A link is for a patient, interpreter, family member or guest.", phase="link.make")
    async with opened(settings) as parts:
        for tenant in await parts.tenancy.tenants(parts.db):
            async with parts.db.tenant(tenant) as tx:
                found = await _named(parts, tx, visit)
                if found is not None:
                    expires = parts.clock.now() + timedelta(hours=hours)
                    code = await parts.visits.make_link(tx, found, role=PersonRole(role), expires_at=expires)
                    return f"{settings.origin}/j/{code}"
    raise NotFound("visit-not-found", "No organisation here has such a visit.", phase="link.make")


async def _named(parts: Parts, tx: Tx, name: str) -> VisitId | None:
    """The visit of this id, or of this contact serial number at any of the organisation's connections."""
    with suppress(ValueError, NotFound):
        return (await parts.visits.get(tx, VisitId(UUID(name)))).id
    connections = await parts.tenancy.connections(tx)
    return await parts.visits.find(tx, [Identifier(one.id, "csn", name) for one in connections])


async def operator_ticket(parts: Parts, tenant: TenantId, seconds: float) -> str:
    """The path of a one-time address that opens the operator pages of one organisation."""
    like = Principal(SessionId(new_id()), tenant, Role.OPERATOR)
    async with parts.db.tenant(tenant) as tx:
        code = await parts.identity.issue_ticket(tx, session_like=like, ttl_seconds=seconds, purpose="operator", to="effects")
    return f"/h/{code}"


async def make_operator_link(settings: Settings, minutes: int) -> list[tuple[str, str]]:
    """(organisation, one-time address) for each organisation."""
    links = []
    async with opened(settings) as parts:
        for tenant in await parts.tenancy.tenants(parts.db):
            async with parts.db.tenant(tenant) as tx:
                name = (await parts.tenancy.tenant(tx)).name
            links.append((name, settings.origin + await operator_ticket(parts, tenant, minutes * 60)))
    return links


def serve_here(settings: Settings) -> None:
    """`vestibule serve`."""
    configure(settings.log_level, as_json=settings.log_format == "json")

    async def main() -> None:
        async with database(settings) as url:
            await serve_web(settings, url)

    uvloop.run(main())


async def work_here(settings: Settings) -> None:
    """`vestibule worker`."""
    configure(settings.log_level, as_json=settings.log_format == "json")
    stop = stop_event()
    async with database(settings) as url:
        await run_worker(settings, url, stop)
