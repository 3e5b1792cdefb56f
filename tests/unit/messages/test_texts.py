"""The ready-made texts, and filling them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from vestibule.kit.smstext import Encoding, segments
from vestibule.messages.judging import judge_wording, needs_link
from vestibule.messages.model import Channel, Purpose, Wording
from vestibule.messages.readymade import LANGUAGES, nearest, ready_made
from vestibule.messages.rendering import Facts, render, subject
from vestibule.visits.model import Place

ALL = list(itertools.product(LANGUAGES, Channel, Purpose, Place))
# A Saturday in Spanish has an accent, and an afternoon in English a narrow space: both are smoothed.
FACTS = Facts(
    "Alder Clinic",
    datetime(2026, 12, 5, 19, 30, tzinfo=UTC),
    "America/New_York",
    "https://visit.alder.example/j/ABCDEFGHJKMNPQRSTVWXYZab",
    "+1 608 555 0100",
)


@pytest.mark.parametrize(("language", "channel", "purpose", "place"), ALL)
def test_every_ready_made_text_would_be_taken_from_an_administrator(
    language: str, channel: Channel, purpose: Purpose, place: Place
) -> None:
    one = ready_made(language, channel, purpose, place)
    assert judge_wording(one) == {}
    assert "{" not in render(one, FACTS) + subject(one, FACTS)
    assert ("{link}" in one.text) == needs_link(purpose, place)
    if channel is Channel.SMS:
        assert "STOP" in one.text


@pytest.mark.parametrize(("purpose", "place"), list(itertools.product(Purpose, Place)))
def test_a_text_message_is_one_segment_in_english_and_spanish_and_two_at_most_in_the_others(purpose: Purpose, place: Place) -> None:
    for language in LANGUAGES:
        found = segments(render(ready_made(language, Channel.SMS, purpose, place), FACTS))
        if language in {"en", "es"}:
            assert (found.count, found.encoding) == (1, Encoding.GSM7)
        else:
            assert found.count <= 2


@pytest.mark.parametrize(
    ("language", "day", "time"),
    [
        ("en", "Sat, Dec 5", "2:30 PM"),
        ("es", "sab, 5 dic", "2:30 p.m."),
        ("ko", "12월 5일 (토)", "오후 2:30"),
        ("zh-TW", "12月5日 週六", "下午2:30"),
    ],
)
def test_day_and_time_are_those_of_the_place_in_the_words_of_the_language(language: str, day: str, time: str) -> None:
    one = Wording(Purpose.REMINDER, Channel.SMS, language, Place.HOME, "{day}|{time}|{zone}|{phone}")
    assert render(one, FACTS) == f"{day}|{time}|EST|+1 608 555 0100"


def test_home_and_clinic_are_told_apart() -> None:
    home, clinic = (render(ready_made("en", Channel.SMS, Purpose.SCHEDULED, place), FACTS) for place in Place)
    assert "Join from home: https://" in home
    assert "come to the clinic" in clinic
    assert "https://" not in clinic


@pytest.mark.parametrize(
    ("asked", "otherwise", "found"),
    [
        ("es-MX", "en", "es"),
        ("zh", "en", "zh-TW"),
        ("zh-Hant-HK", "en", "zh-TW"),
        ("KO", "en", "ko"),
        ("en_GB", "es", "en"),
        ("fr", "es", "es"),
        ("", "ko", "ko"),
        ("", "fr", "en"),
        ("", "", "en"),
    ],
)
def test_everybody_is_written_to_in_the_nearest_language(asked: str, otherwise: str, found: str) -> None:
    assert nearest(asked, otherwise) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "field-required"),
        ("{organisation}: come.", "wording-link-missing"),
        ("Come: {link}", "wording-organisation-missing"),
        ("{organisation} {patient} {link}", "wording-placeholder"),
        ("{organisation} {0.__class__} {link}", "wording-placeholder"),
        ("{organisation} {{link}}", "wording-placeholder"),
        ("{organisation} {link} or https://bit.ly/abc", "wording-shortener"),
        ("{organisation} {link} \u202eolleh", "text-characters"),
        ("{organisation} {link} " + "a" * 950, "wording-too-long"),
        ("{organisation} {link} " + "a" * 5000, "field-too-long"),
    ],
)
def test_a_text_that_cannot_be_sent_is_refused(text: str, code: str) -> None:
    assert judge_wording(Wording(Purpose.REMINDER, Channel.SMS, "en", Place.HOME, text)) == {"text": code}


@pytest.mark.parametrize(
    ("title", "code"), [("", "field-required"), ("Join {link}", "wording-link-in-subject"), ("a\nb", "text-characters")]
)
def test_the_subject_of_a_mail_is_one_line_without_the_link(title: str, code: str) -> None:
    one = Wording(Purpose.REMINDER, Channel.EMAIL, "en", Place.HOME, "{organisation} {link}", title)
    assert judge_wording(one) == {"subject": code}
