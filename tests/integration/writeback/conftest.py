"""The usual world of a write-back test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.recorded import Recorded, recorded
from vestibule.platform.db import Database


@pytest.fixture
async def r(db: Database) -> AsyncIterator[Recorded]:
    async with recorded(db) as made:
        yield made
