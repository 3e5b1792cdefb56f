"""The lobby's rules: when one can join, what a page is about, names and check results as browsers send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.visits.lobby import CANNED, NAME_LENGTH, Step, Window, WindowState, clean_checks, clean_name, join_window, lobby_step
from vestibule.visits.model import Participant, PersonRole, PersonState, Visit, VisitState
from vestibule.visits.words import messages

START = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
W, P = WindowState, PersonState


def visit(state: VisitState = VisitState.SCHEDULED, *, starts: datetime | None = START, hours: float = 0.5, inside: bool = False) -> Visit:
    people = (person(P.CONNECTED),) if inside else ()
    ends = starts + timedelta(hours=hours) if starts else None
    return Visit(VisitId(new_id()), TenantId(new_id()), None, None, state, 1, starts_at=starts, ends_at=ends, people=people)


def person(state: PersonState, name: str = "Amy") -> Participant:
    return Participant(ParticipantId(new_id()), PersonRole.PATIENT, state, START, name=name)


@pytest.mark.parametrize(
    ("minutes", "state", "why"),
    [
        (-31, W.TOO_EARLY, "31 minutes before"),
        (-30, W.OPEN, "30 minutes before, on the dot"),
        (0, W.OPEN, "at the start"),
        (239, W.OPEN, "just under four hours after"),
        (240, W.OVER, "four hours after"),
    ],
)
def test_the_window_opens_and_closes_as_the_connection_says(minutes: int, state: WindowState, why: str) -> None:
    window = join_window(visit(), START + timedelta(minutes=minutes), early_minutes=30, late_minutes=240)
    assert window.state is state, why
    assert window.opens_at == START - timedelta(minutes=30)


@pytest.mark.parametrize(
    ("one", "hours_after", "state", "why"),
    [
        (visit(starts=None), 0, W.OPEN, "without an appointment there is no window"),
        (visit(VisitState.ENDED), 0, W.ENDED, "an ended visit is ended, whatever the clock says"),
        (visit(VisitState.CANCELLED), -5, W.CANCELLED, "a cancelled one is cancelled even before its time"),
        (visit(hours=6), 5, W.OPEN, "a long appointment is open to its end"),
        (visit(VisitState.OPEN, inside=True), 9, W.OPEN, "nobody is locked out of a visit that people are in"),
        (visit(VisitState.OPEN, inside=True), -2, W.OPEN, "the clinician began early"),
        (visit(VisitState.OPEN), 9, W.OVER, "open on paper, but nobody is there"),
    ],
)
def test_the_window_knows_its_exceptions(one: Visit, hours_after: int, state: WindowState, why: str) -> None:
    assert join_window(one, START + timedelta(hours=hours_after), early_minutes=30, late_minutes=240).state is state, why


@pytest.mark.parametrize(
    ("who", "window", "step"),
    [
        (person(P.EXPECTED), W.OPEN, Step.NAME),
        (person(P.TESTING, name=""), W.OPEN, Step.NAME),
        (person(P.TESTING), W.OPEN, Step.CHECK),
        (person(P.WAITING), W.OPEN, Step.WAITING),
        (person(P.HELD), W.OPEN, Step.WAITING),  # nobody is told that they are kept out
        (person(P.ADMITTED), W.OPEN, Step.INSIDE),
        (person(P.DISCONNECTED), W.OPEN, Step.INSIDE),  # back after a drop
        (person(P.LEFT), W.OPEN, Step.LEFT),
        (person(P.EXPECTED), W.TOO_EARLY, Step.EARLY),
        (person(P.WAITING), W.TOO_EARLY, Step.WAITING),  # moved to a later time while they waited
        (person(P.EXPECTED), W.OVER, Step.OVER),
        (person(P.CONNECTED), W.OVER, Step.INSIDE),
        (person(P.REMOVED), W.OPEN, Step.REMOVED),
        (None, W.OPEN, Step.REMOVED),
        (person(P.REMOVED), W.ENDED, Step.ENDED),
        (None, W.CANCELLED, Step.CANCELLED),
    ],
)
def test_a_page_is_about_one_thing(who: Participant | None, window: WindowState, step: Step) -> None:
    assert lobby_step(who, Window(window)) is step


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Amy   Shaw ", "Amy Shaw"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # text; the templates escape it
        ("Amy\u202eevil", "Amyevil"),  # no direction tricks
        ("A\x00m\x1by", "Amy"),
        ("\u0627\u0645\u06cc\u200c\u062f", "\u0627\u0645\u06cc\u200c\u062f"),  # a joiner that Persian needs
        ("Zoe\u0308", "Zo\u00eb"),
        ("a" * 500, "a" * NAME_LENGTH),
        ("\n\t ", ""),
        ("\u200b\u2060", ""),
        ("", ""),
    ],
)
def test_a_name_is_kept_as_a_person_would_read_it(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@given(st.text(max_size=2000))
def test_whatever_is_typed_a_name_is_short_and_in_one_line(typed: str) -> None:
    name = clean_name(typed)
    assert len(name) <= NAME_LENGTH
    assert name == name.strip()
    assert name.isprintable() or any(c in "\u200c\u200d" for c in name)
    assert clean_name(name) == name


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=8))
def test_of_a_check_only_known_words_are_kept(said: dict[str, str]) -> None:
    known = {"camera": "works", "microphone": "denied", "speaker": "works"}
    assert {k: v for k, v in clean_checks({**said, **known}).items() if k in known} == known
    assert set(clean_checks(said)) <= {"camera", "microphone", "speaker", "connection", "device"}


def test_every_ready_made_sentence_has_words() -> None:
    assert set(messages()) == set(CANNED)
    assert all(messages().values())
