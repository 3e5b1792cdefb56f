"""The house, a practice hospital beside it, an administrator and an approver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from practice.server import Running
from practice.server import start as start_hospital
from support.house import House, Staff, house
from support.setting_up import Setup
from vestibule.identity.model import StaffRole

ADMIN, APPROVER = StaffRole.ADMINISTRATOR, StaffRole.APPROVER


@pytest.fixture
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


@pytest.fixture
async def hospital() -> AsyncIterator[Running]:
    made = await start_hospital()
    yield made
    await made.stop()


@pytest.fixture
async def admin(h: House) -> Staff:
    return await h.staff({ADMIN}, name="Robin Ash")


@pytest.fixture
async def approver(h: House) -> Staff:
    return await h.staff({APPROVER}, name="Noor Approver")


@pytest.fixture
async def setup(h: House, hospital: Running, admin: Staff, approver: Staff) -> Setup:
    return Setup(h, hospital, admin, approver)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session
