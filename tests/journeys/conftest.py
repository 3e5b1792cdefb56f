"""What journeys share: one Chromium per test process, and people with profiles of their own.

The browser lives in an event loop that lasts the whole session, so journeys run in it too: every test in this folder is marked
`journey` and put on the session's loop here, and the database fixtures are opened on that loop too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from support.chromium import chromium, person
from vestibule.kit.ids import TenantId, new_id
from vestibule.platform.db import Database

HERE = __file__.rsplit("/", 1)[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark journeys, and run them on the loop in which the browser lives."""
    for item in items:
        if str(item.path).startswith(HERE):
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the whole run."""
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Somebody at a desk."""
    async with person(browser) as somebody:
        yield somebody


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser: Browser) -> AsyncIterator[Page]:
    """Somebody with a telephone in the hand."""
    async with person(browser, phone=True) as somebody:
        yield somebody


@pytest_asyncio.fixture(loop_scope="session")
async def db_url(postgres: Any) -> AsyncIterator[str]:
    """The address of a migrated database fresh for this test."""
    url = await postgres.fresh()
    yield url
    await postgres.drop(url)


@pytest_asyncio.fixture(loop_scope="session")
async def db(db_url: str) -> AsyncIterator[Database]:
    """A pool on it."""
    database = await Database.open(db_url, min_size=1, max_size=10)
    yield database
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def owner(db_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The schema's owner, whom row-level security does not bind."""
    connection = await asyncpg.connect(db_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(owner: asyncpg.Connection) -> TenantId:
    """An organisation."""
    made = TenantId(new_id())
    await owner.execute("insert into tenants (id, name) values ($1, $2)", made, "Northfield Clinic")
    return made
