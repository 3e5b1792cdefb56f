"""Retry-After in both of its forms, and in none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.retryafter import retry_after

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds", "remark"),
    [
        ("", None, "absent"),
        ("120", 120.0, "seconds"),
        (" 5 ", 5.0, "spaces around"),
        ("0", 0.0, "at once"),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0, "a date (RFC 9110 5.6.7)"),
        ("Saturday, 21-Nov-26 12:00:10 GMT", 10.0, "the obsolete RFC 850 form"),
        ("Sat Nov 21 12:00:20 2026", 20.0, "the obsolete asctime form, which means GMT"),
        ("Fri, 20 Nov 2026 12:00:00 GMT", 0.0, "a date in the past"),
        ("-3", None, "no number of seconds"),
        ("soon", None, "a word"),
        ("1e3", None, "not digits"),
        ("٣", None, "digits of another script"),
        ("9" * 400, 999_999_999_999.0, "absurd, and still a number; the effects' policy cuts it to a day"),
    ],
)
def test_it_is_read(text: str, seconds: float | None, remark: str) -> None:
    assert retry_after(text, NOW) == seconds, remark


@given(st.text(max_size=200))
def test_nonsense_is_never_an_error(text: str) -> None:
    seconds = retry_after(text, NOW)
    assert seconds is None or seconds >= 0
