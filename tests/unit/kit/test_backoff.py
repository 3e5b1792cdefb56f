"""Waiting longer after each failure, never in step with others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.backoff import backoff


@pytest.mark.parametrize(
    ("attempt", "draw", "seconds", "remark"),
    [
        (1, 0.0, 0.5, "half is certain"),
        (1, 1.0, 1.0, "the whole at most"),
        (2, 1.0, 2.0, "doubled"),
        (4, 0.5, 6.0, "the middle of 4 to 8"),
        (10, 1.0, 60.0, "the ceiling"),
        (10**9, 1.0, 60.0, "no overflow, ever"),
    ],
)
def test_the_wait(attempt: int, draw: float, seconds: float, remark: str) -> None:
    assert backoff(attempt, base=1, ceiling=60, draw=lambda: draw) == seconds


@given(st.integers(1, 10_000), st.floats(0.001, 100), st.floats(0.001, 10_000))
def test_never_above_the_ceiling_and_never_nothing(attempt: int, base: float, ceiling: float) -> None:
    wait = backoff(attempt, base=base, ceiling=ceiling)
    assert min(base, ceiling) / 2 <= wait <= ceiling


def test_two_clients_do_not_return_together() -> None:
    assert len({backoff(5) for _ in range(50)}) == 50


def test_there_is_no_attempt_zero() -> None:
    with pytest.raises(ValueError, match="attempt 1"):
        backoff(0)
