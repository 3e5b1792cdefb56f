"""Two regions side by side: two databases, two web applications on sockets, a practice hospital."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from practice.seed import PATIENT_CLIENT, PROVIDER_CLIENT
from practice.server import Running
from support.launching import Browser, Page
from support.ports import free_port
from support.serving import serving
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.settings import load
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.wiring import Parts, live, open_parts

TOKEN = "between-cells-" + "t" * 24


@dataclass
class Cell:
    """A region's deployment."""

    region: str
    origin: str
    parts: Parts

    async def organisation(self, name: str, iss: str, *, support_phone: str = "555-0134") -> Connection:
        """An organisation that lives here, with a connection in force."""
        tenant = TenantId(new_id())
        clients = {"provider_client_id": PROVIDER_CLIENT, "patient_client_id": PATIENT_CLIENT}
        connection = Connection(ConnectionId(new_id()), tenant, f"{name} test", Vendor.EPIC, Environment.TEST, iss, **clients)
        async with self.parts.db.tenant(tenant) as tx:
            await self.parts.tenancy.add_tenant(tx, name=name, support_phone=support_phone)
            await self.parts.tenancy.add_department(tx, name="Cardiology", zone="America/Chicago", external="10501101")
            await self.parts.tenancy.add_connection(tx, connection)
            await self.parts.tenancy.rotate_keys(tx, connection.id)
        return connection


def addresses(*regions: str) -> dict[str, str]:
    """A free address for each."""
    return {region: f"http://127.0.0.1:{free_port()}" for region in regions}


@asynccontextmanager
async def running(region: str, origins: Mapping[str, str], url: str, data: Path) -> AsyncIterator[Cell]:
    """One cell, served at its address."""
    port = urlsplit(origins[region]).port or 0
    settings = load(
        {
            "DATABASE_URL": url,
            "VESTIBULE_DATA": str(data / region),
            "VESTIBULE_PORT": str(port),
            "VESTIBULE_ALLOW_LOOPBACK_HTTP": "yes",
            "VESTIBULE_POOL_SIZE": "4",
            "VESTIBULE_REGION": region,
            "VESTIBULE_CELLS": ",".join(f"{name}={origin}" for name, origin in origins.items()),
            "VESTIBULE_CELLS_TOKEN": TOKEN,
        }
    )
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, url))
        feed = await stack.enter_async_context(live(parts))
        await stack.enter_async_context(serving(parts, feed, port=port))
        yield Cell(region, origins[region], parts)


def introduce(hospital: Running, cell: Cell, connection: Connection, *, buttons: str) -> None:
    """The record knows the organisation's cell; its buttons lead to `buttons`."""
    jwks, back = f"{cell.origin}/connections/{connection.id}/jwks.json", [f"{cell.origin}/launch/callback"]
    app = {"auth": "private_key_jwt", "jwks_url": jwks, "redirect_uris": back}
    hospital.setup(
        apps=[{"client_id": client, **app} for client in (PROVIDER_CLIENT, PATIENT_CLIENT)],
        launches=[{"key": kind, "url": f"{buttons}/launch/{kind}"} for kind in ("provider", "patient")],
    )


async def travel(session: aiohttp.ClientSession, home: str, url: str) -> tuple[Page, list[str]]:
    """Where a browser ends up, and every address it came by; it keeps cookies of `home`."""
    browser, seen = Browser(session, home), []
    for _ in range(10):
        seen.append(url)
        page = await browser.ask(url)
        if page.status not in {302, 303, 307}:
            return page, seen
        url = page.location
    raise AssertionError("redirects without end")
