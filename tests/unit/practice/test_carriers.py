"""What the carriers count, split, sign and read, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from practice.carriers.journal import Journal, Limit
from practice.carriers.mail.calendar import read_calendar
from practice.carriers.model import OwnedNumber
from practice.carriers.phones import TROUBLES, PhoneTrouble
from practice.carriers.shelf import offered
from practice.carriers.texts import Text, keyword, phone_of, possible, segments, toll_free
from practice.carriers.twilio.callbacks import Insistence, read_twiml, sign
from practice.screens.handset import linked


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("예" * 70, 1),
        ("예" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("ñ" * 160, 1),
        ("ç" * 71, 2),
    ],
)
def test_a_text_takes_as_many_segments_as_on_the_air(text: str, count: int) -> None:
    assert segments(text) == count


@pytest.mark.parametrize(
    ("text", "word"),
    [("stop", "STOP"), (" Quit\n", "STOP"), ("yes", "START"), ("info", "HELP"), ("please stop", ""), ("STOP.", ""), ("", "")],
)
def test_only_a_text_that_is_a_keyword_is_one(text: str, word: str) -> None:
    assert keyword(text) == word


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("(608) 555-0142", "+16085550142"),
        ("1-608-555-0142", "+16085550142"),
        ("+49 151 12345678", "+4915112345678"),
        ("555-0142", ""),
        ("", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_a_phone_is_read_as_people_write_it(said: str, number: str) -> None:
    assert phone_of(said) == number


@pytest.mark.parametrize(
    ("number", "may"),
    [("+16085550142", True), ("+1608555014", False), ("+160855501422", False), ("+491511234567", True), ("16085550142", False)],
)
def test_a_number_is_possible_or_not(number: str, may: bool) -> None:
    assert possible(number) is may


def test_toll_free_numbers_are_known_by_their_code() -> None:
    assert [toll_free(n) for n in ("+18885550100", "+12065550190", "+18005550100", "+1888555010")] == [True, False, True, False]


@given(st.dictionaries(st.text(min_size=1), st.text()), st.sampled_from(["http://127.0.0.1:8080/hooks/1", "https://a.example/h?x=1&y=%20"]))
def test_the_vendors_validator_agrees_with_our_signature(params: dict[str, str], url: str) -> None:
    assert RequestValidator("token").validate(url, params, sign("token", url, params))


@pytest.mark.parametrize(
    ("fragment", "again", "after"),
    [("", 1, {"ct"}), ("rc=3&rp=ct,5xx", 3, {"ct", "5xx"}), ("rc=9", 5, {"ct"}), ("rc=x&rp=all", 1, {"all"})],
)
def test_a_fragment_says_how_often(fragment: str, again: int, after: set[str]) -> None:
    assert (Insistence.read(fragment).again, Insistence.read(fragment).after) == (again, after)


@given(st.binary())
def test_no_answer_breaks_the_reader_of_twiml(body: bytes) -> None:
    assert read_twiml(body) is None or isinstance(read_twiml(body), list)


@given(st.text())
def test_no_calendar_breaks_its_reader(text: str) -> None:
    assert read_calendar("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + text) is not None


@given(st.text())
def test_a_shown_text_has_no_markup_but_its_links(text: str) -> None:
    shown = str(linked(text))
    assert shown.count("<") == 2 * shown.count('<a href="http')
    assert "<a" in shown or "<" not in shown


def test_a_limit_holds_in_every_window() -> None:
    limit = Limit(1.0)
    assert [limit.admit("a", now, 2) > 0 for now in (0, 0.5, 0.9, 1.1, 1.2, 1.6)] == [False, False, True, False, True, False]
    assert limit.admit("b", 0.5, 2) == 0
    assert limit.admit("a", 9, 0) == 0
    assert limit.admit("c", 0, 2, 3) == 1.0


def test_rates_are_the_most_in_any_window(tmp_path: Path) -> None:
    clock = [0.0]
    journal = Journal(tmp_path, lambda: clock[0])
    for clock[0] in (0.0, 0.2, 0.9, 1.0, 1.1, 30.0, 59.9, 60.0):
        journal.accept(Text(id=str(clock[0]), carrier="twilio", account="a", sender="+18885550100", to="+16085550142", text="x"))
    journal.refuse("+18885550100")
    assert journal.rates() == {"+18885550100": {"texts": 8, "most_in_a_second": 4, "most_in_a_minute": 7, "too_many": 1}}
    journal.close()


def test_numbers_that_are_owned_are_not_on_the_shelf() -> None:
    first = next(offered([], "local", "617"))
    assert first.startswith("+1617")
    assert next(offered([OwnedNumber(number=first, carrier="twilio", owner="x")], "local", "617")) != first
    assert next(offered([], "toll_free", "206"), None) is None


def test_every_trouble_of_a_phone_stands_in_the_table() -> None:
    assert set(TROUBLES) == set(get_args(PhoneTrouble))
