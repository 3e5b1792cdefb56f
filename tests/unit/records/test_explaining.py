"""Addresses taken apart: each mistake in the form of one is named, and nothing hostile is more than text."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestibule.records.explaining import take_apart
from vestibule.records.model import Level

ORIGIN = "https://visits.alder.example"
ISS = "https://ehr.alder.example/api/FHIR/R4"
GOOD = f"{ORIGIN}/launch/provider?iss={quote(ISS, safe='')}&launch=abc123"
CODE = "A" * 24


def stops(address: str) -> list[str]:
    return [one.what for one in take_apart(address, ORIGIN).said if one.level is Level.STOPS]


@pytest.mark.parametrize("address", [GOOD, f" <{GOOD}> ", f'"{GOOD}"', GOOD.replace("provider", "patient"), f"{ORIGIN}/j/{CODE}"])
def test_a_good_address_has_nothing_against_it(address: str) -> None:
    assert stops(address) == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (f"{GOOD}&open=text", "texted the link"),
        (f"{GOOD}&open=sms", "means nothing"),
        (f"{GOOD}&open=text".replace("provider", "patient"), "does nothing here"),
    ],
)
def test_where_a_launch_ends_is_said(address: str, words: str) -> None:
    assert stops(address) == []
    assert any(words in one.what for one in take_apart(address, ORIGIN).said)


@pytest.mark.parametrize("iss", [ISS, quote(ISS), quote(ISS, safe="")])
def test_iss_is_read_however_it_is_encoded(iss: str) -> None:
    assert take_apart(f"{ORIGIN}/launch/provider?iss={iss}&launch=a", ORIGIN).iss == ISS


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "no web address"),
        ("hello", "no web address"),
        ("javascript:alert(1)", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("https://[::1", "no web address"),
        (GOOD.replace("https:", "http:", 1), "begins with http://"),
        (GOOD.replace("visits.alder.example", "visits.a1der.example"), "leads to visits.a1der.example"),
        (GOOD.replace("visits.alder.example", "visits.alder.example:8443"), "leads to visits.alder.example"),
        (GOOD.replace("https://", "https://visits.alder.example@evil.example/", 1), "user name before the host"),
        (GOOD.replace("/launch/provider", "/launch/provider/"), "not written exactly"),
        (GOOD.replace("/launch/provider", "/Launch/Provider"), "not written exactly"),
        (GOOD.replace("/launch/provider", "/launch/callback"), "redirect URI"),
        (GOOD.replace("/launch/provider", "/"), "neither a launch nor a short link"),
        (GOOD.replace("&launch=abc123", ""), "“launch” is missing"),
        (GOOD.replace("launch=abc123", "launch="), "“launch” is missing"),
        (GOOD.replace("iss=", "xss="), "“iss” is missing"),
        (GOOD.replace("iss=", "ISS="), "is written “ISS”"),
        (GOOD + "&launch=again", "“launch” stands there 2 times"),
        (GOOD + "&iss=https%3A%2F%2Fx.example", "“iss” stands there 2 times"),
        (GOOD.replace("abc123", "%CSN%"), "holds the token %CSN% itself"),
        (GOOD.replace("abc123", "%25CSN%25"), "holds the token %CSN% itself"),
        (GOOD + "&departmentId=%PERFDEPID;;; ; ;;NONE;%", "white space"),
        (GOOD.replace("abc123", "100%"), "followed by no two hexadecimal digits"),
        (GOOD.replace("%3A", "%253A"), "percent-encoded twice"),
        (quote(GOOD, safe=""), "percent-encoded as a whole"),
        (GOOD + "&connection=7", "not the id of a connection"),
        (GOOD + "&personPhone=5550134", "may tell who the patient is"),
        (GOOD[:40] + "\n" + GOOD[40:], "white space"),
        (GOOD[:40] + "\u200b" + GOOD[40:], "white space or an invisible character"),
        (f"{ORIGIN}/j/short", "no code of ours"),
        (f"{ORIGIN}/j/{CODE}!", "no code of ours"),
    ],
)
def test_each_mistake_is_named(address: str, words: str) -> None:
    assert any(words in one for one in stops(address)), stops(address)


def test_what_mail_programs_add_to_a_short_link_does_no_harm() -> None:
    apart = take_apart(f"{ORIGIN}/j/{CODE}?utm_source=mail#x", ORIGIN)
    assert apart.code == CODE
    assert not [one for one in apart.said if one.level is Level.STOPS]


def test_secrets_do_not_show_in_what_is_printed_of_an_address() -> None:
    assert CODE not in repr(take_apart(f"{ORIGIN}/j/{CODE}", ORIGIN))
    assert "abc123" not in repr(take_apart(GOOD, ORIGIN))


@settings(deadline=None)
@given(st.text(max_size=400))
def test_whatever_is_entered_something_is_said_and_nothing_breaks(text: str) -> None:
    for address in (text, GOOD + text, f"{ORIGIN}/{text}", f"{ORIGIN}/j/{text}", f"https://{text}", text + GOOD):
        for one in take_apart(address, ORIGIN).said:
            assert one.what
            assert len(one.what) < 1000
