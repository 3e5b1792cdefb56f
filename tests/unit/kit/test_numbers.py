"""Whole numbers are ASCII digits, few enough, and nothing else."""

from __future__ import annotations

import pytest

from vestibule.kit.numbers import digits


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9999", 9999),
        ("", None),
        ("10000", None),
        ("-1", None),
        ("+1", None),
        ("1 ", None),
        ("1_0", None),
        ("²", None),
        ("٣", None),
    ],
)
def test_a_number_is_a_few_ascii_digits_and_nothing_else(text: str, number: int | None) -> None:
    assert digits(text, most=4) == number
