"""A node, a visit with a clinician and a patient, and the run's Chromium to open it in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from support.room_pages import Crowd
from support.rooms import Node, Scene, Sessions
from vestibule.kit.ids import TenantId
from vestibule.visits.model import PersonRole


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest_asyncio.fixture(loop_scope="session")
async def node(db_url: str, sessions: Sessions) -> AsyncIterator[Node]:
    started = await Node(db_url, sessions, grace=60).start()  # who comes back does so within it, however slow the machine
    yield started
    await started.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def scene(node: Node, tenant: TenantId, sessions: Sessions) -> Scene:
    made = Scene(node, tenant, sessions)
    await made.person("Dr. Okafor", PersonRole.PROVIDER)
    await made.person("Amy Shaw")
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(browser: Browser, node: Node) -> AsyncIterator[Crowd]:
    async with AsyncExitStack() as stack:
        yield Crowd(browser, node, stack)
