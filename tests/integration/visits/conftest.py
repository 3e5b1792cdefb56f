"""The service, with a clock that stands."""

from __future__ import annotations

import pytest

from support.met import NOW
from vestibule.kit.clock import FrozenClock
from vestibule.kit.secretbox import SecretBox
from vestibule.visits.service import Visits


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def visits(clock: FrozenClock) -> Visits:
    return Visits(clock, SecretBox([("test", b"k" * 32)]))
