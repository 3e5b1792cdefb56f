"""A clinic that texts, for every test of sending."""

from __future__ import annotations

import pytest

from support.messaging import Post, post
from vestibule.kit.ids import TenantId
from vestibule.platform.db import Database


@pytest.fixture
async def p(db: Database, tenant: TenantId) -> Post:
    return await post(db, tenant)
