"""Identifiers are ordered by their making, whatever the clock does."""

from __future__ import annotations

import time

import pytest

from vestibule.kit import ids


def test_ids_of_one_process_are_in_the_order_of_their_making() -> None:
    made = [ids.new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_stay_in_order_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids.new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000_000)
    assert first < ids.new_id() < ids.new_id()


def test_an_id_is_a_version_7_uuid_that_says_when_it_was_made() -> None:
    made = ids.new_id()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert abs((made.int >> 80) - time.time_ns() // 1_000_000) < 5_000
