"""A whole house, and somebody who may read its audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.house import House, Staff, house
from vestibule.identity.model import StaffRole


@pytest.fixture
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path, zone="Europe/Berlin") as running:
        yield running


@pytest.fixture
async def auditor(here: House) -> Staff:
    return await here.staff([StaffRole.AUDITOR], name="Robin Ash")
