"""How many pieces a text is sent in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.smstext import Encoding, Segments, forcing, plain, segments, suggestion

_GSM, _UCS = Encoding.GSM7, Encoding.UCS2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments(1, _GSM, 0, 160)),
        ("a" * 160, Segments(1, _GSM, 160, 0)),
        ("a" * 161, Segments(2, _GSM, 161, 145)),
        ("a" * 306, Segments(2, _GSM, 306, 0)),
        ("a" * 307, Segments(3, _GSM, 307, 152)),
        ("€" * 80, Segments(1, _GSM, 160, 0)),
        ("€" * 81, Segments(2, _GSM, 162, 143)),
        ("a" * 152 + "€" + "b" * 10, Segments(2, _GSM, 164, 141)),  # the escape would be the 153rd: the whole sign goes on
        ("\u4e2d" * 70, Segments(1, _UCS, 70, 0)),
        ("\u4e2d" * 71, Segments(2, _UCS, 71, 63)),
        ("\u4e2d" * 134, Segments(2, _UCS, 134, 0)),
        ("\U0001f600" * 35, Segments(1, _UCS, 70, 0)),
        ("\U0001f600" * 36, Segments(2, _UCS, 72, 61)),  # 33 faces in the first piece: 67 is odd, and none is cut
        ("a" * 69 + "\u00e1", Segments(1, _UCS, 70, 0)),
    ],
)
def test_pieces_are_counted_with_their_headers(text: str, expected: Segments) -> None:
    assert segments(text) == expected


@pytest.mark.parametrize(
    ("text", "characters", "better"),
    [
        ("Your visit is at 2:30 PM", (), ""),
        ("Your visit\u2019s at 2:30\u202fPM", ("\u2019", "\u202f"), "Your visit's at 2:30 PM"),
        ("ma\u00f1ana \u00e9l", (), ""),
        ("cl\u00ednica \u00e1rea", ("\u00ed", "\u00e1"), "clinica area"),
        ("\u2026 \u2014", ("\u2026", "\u2014"), "... -"),
        ("\uc9c4\ub8cc \u2019", ("\uc9c4", "\ub8cc", "\u2019"), ""),
    ],
)
def test_what_forces_the_wide_alphabet_is_named_and_a_way_out_of_it(text: str, characters: tuple[str, ...], better: str) -> None:
    assert forcing(text) == characters
    assert suggestion(text) == better


@given(st.text(max_size=400))
def test_the_count_always_holds_the_text_and_no_piece_more_than_it_must(text: str) -> None:
    found = segments(text)
    single, each = (160, 153) if found.encoding is _GSM else (70, 67)
    assert (found.count == 1) == (found.units <= single)
    if found.count > 1:
        assert each * (found.count - 1) - (found.count - 1) < found.units <= each * found.count
    assert 0 <= found.left <= single


@given(st.text(max_size=100))
def test_a_suggestion_is_always_in_the_small_alphabet_and_plain_text_stays(text: str) -> None:
    assert not forcing(suggestion(text))
    if not forcing(text):
        assert plain(text) == text
