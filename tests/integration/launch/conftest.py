"""The usual world of a launch test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.launching import World, world
from vestibule.platform.db import Database


@pytest.fixture
async def here(db: Database) -> AsyncIterator[World]:
    async with world(db) as made:
        yield made
