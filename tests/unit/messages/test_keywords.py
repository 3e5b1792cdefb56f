"""What patients text back, as they type it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.messages.keywords import ANSWERS, Keyword, read


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("STOP", (Keyword.STOP, "en")),
        (" stop.\n", (Keyword.STOP, "en")),
        ("Stop All!!", (Keyword.STOP, "en")),
        ("UNSUBSCRIBE", (Keyword.STOP, "en")),
        ("Cancel", (Keyword.STOP, "en")),
        ("end", (Keyword.STOP, "en")),
        ("QUIT", (Keyword.STOP, "en")),
        ("\u200bSTOP\u200b", (Keyword.STOP, "en")),
        ("\uff33\uff34\uff2f\uff30", (Keyword.STOP, "en")),  # full width
        ("parar", (Keyword.STOP, "es")),
        ("¡ALTO!", (Keyword.STOP, "es")),
        ("start", (Keyword.START, "en")),
        ("Yes", (Keyword.START, "en")),
        ("UNSTOP", (Keyword.START, "en")),
        ("¡Sí!", (Keyword.START, "es")),
        ("HELP", (Keyword.HELP, "en")),
        ("info?", (Keyword.HELP, "en")),
        ("ayuda", (Keyword.HELP, "es")),
        ("Información", (Keyword.HELP, "es")),
        ("수신거부", (Keyword.STOP, "ko")),
        ("도움말", (Keyword.HELP, "ko")),
        ("退訂", (Keyword.STOP, "zh-TW")),
        ("開始", (Keyword.START, "zh-TW")),
    ],
)
def test_a_keyword_alone_is_understood_however_it_is_typed(text: str, means: tuple[Keyword, str]) -> None:
    assert read(text) == means


@pytest.mark.parametrize("text", ["", "   ", "please stop by at noon", "don't stop", "I will be late", "stop" * 50, "\x00", "1"])
def test_anything_else_is_nobodys_to_read(text: str) -> None:
    assert read(text) is None


@given(st.text(max_size=2000))
def test_whatever_comes_is_read_without_a_stumble(text: str) -> None:
    read(text)


def test_every_keyword_has_an_answer_in_every_language_with_nothing_left_open() -> None:
    assert {key for key, _ in ANSWERS} == set(Keyword)
    assert len(ANSWERS) == 12
    for text in ANSWERS.values():
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert fields <= {"organisation", "phone"}
        assert "organisation" in fields
