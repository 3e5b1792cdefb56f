"""Telephone numbers: one way to write them, and how much of one is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.phone import e164, mask


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("(608) 555-0134", "US", "+16085550134"),
        ("608.555.0134", "us", "+16085550134"),
        ("1-608-555-0134", "US", "+16085550134"),
        ("+1 608 555 0134", "DE", "+16085550134"),
        ("001 608 555 0134", "DE", "+16085550134"),
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("+16085550134", "", "+16085550134"),
        ("(608) 555-0134 ext. 12", "US", "+16085550134"),
        ("555-0134", "US", ""),
        ("608 555 0134", "", ""),
        ("608 555 0134", "XX", ""),
        ("12", "US", ""),
        ("", "US", ""),
        ("none", "US", ""),
        ("+", "US", ""),
        ("9" * 41, "US", ""),
    ],
)
def test_a_number_is_written_as_the_network_dials_it(text: str, region: str, number: str) -> None:
    assert e164(text, region) == number


@given(st.text(max_size=60), st.sampled_from(["US", "GB", "TW", "", "ZZ"]))
def test_whatever_is_written_comes_out_as_a_number_or_not_at_all(text: str, region: str) -> None:
    number = e164(text, region)
    assert number == "" or (number[0] == "+" and number[1:].isascii() and number[1:].isdigit() and len(number) <= 17)
    assert e164(number, region) == number


@pytest.mark.parametrize(("number", "shown"), [("+16085550134", "••• 0134"), ("", "•••"), ("0134", "•••"), ("+1608555", "•••")])
def test_a_mask_shows_four_digits_of_a_long_number(number: str, shown: str) -> None:
    assert mask(number) == shown
