"""Identity and members on a clock that stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vestibule.identity.members import Members
from vestibule.identity.service import Identity
from vestibule.kit.clock import FrozenClock
from vestibule.platform.audit import Audit

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def identity(clock: FrozenClock) -> Identity:
    return Identity(clock)


@pytest.fixture
def members(clock: FrozenClock, identity: Identity) -> Members:
    return Members(clock=clock, identity=identity, audit=Audit())
