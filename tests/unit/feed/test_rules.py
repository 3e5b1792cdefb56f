"""Which appointments are virtual: first match first, whole codes and texts, in any case."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.feed.model import Rule, RuleField
from vestibule.feed.rules import Ruling, fits, rule_on
from vestibule.protocols.hl7v2.notice import Coded, Notice, Resource, Status
from vestibule.visits.model import Place

F = RuleField
NOTICE = Notice(
    event="S12",
    status=Status.BOOKED,
    control_id="2001",
    sender="SCHED",
    facility="ALDER",
    version="2.3",
    appointment_type=Coded("FU", "Follow up by video"),
    visit_type=Coded("2290"),
    appointment_reason=Coded("", "Sore throat"),
    department=Coded("CARD", "", "ALDER"),
    groups=(Coded("1", "CARDIOLOGY"),),
    resources=(Resource("AIS", Coded("001", "FOLLOW UP")), Resource("AIG", Coded("399", "VIDEO ROOM"), Coded("2", "RESOURCE"))),
)


@pytest.mark.parametrize(
    ("field", "matches", "fit"),
    [
        (F.APPOINTMENT_TYPE, "FU", True),
        (F.APPOINTMENT_TYPE, "fu", True),
        (F.APPOINTMENT_TYPE, "F", False),
        (F.APPOINTMENT_TYPE, "*video*", True),
        (F.APPOINTMENT_TYPE, "  follow   up by video ", True),
        (F.APPOINTMENT_TYPE, "*video", True),
        (F.APPOINTMENT_TYPE, "video*", False),
        (F.VISIT_TYPE, "2290", True),
        (F.VISIT_TYPE, "22*", True),
        (F.REASON, "sore*", True),
        (F.DEPARTMENT, "card", True),
        (F.DEPARTMENT, "Cardiology", True),
        (F.RESOURCE, "video room", True),
        (F.RESOURCE, "399", True),
        (F.RESOURCE, "RESOURCE", True),
        (F.RESOURCE, "400", False),
        (F.RESOURCE, ".*", False),
        (F.RESOURCE, "*", True),
        (F.ANY, "", True),
        (F.ANY, "whatever", True),
    ],
)
def test_a_rule_fits_the_whole_code_or_the_whole_text(field: RuleField, matches: str, fit: bool) -> None:
    assert fits(Rule(field, matches), NOTICE) is fit


def test_what_the_appointment_does_not_say_fits_no_star() -> None:
    silent = Notice("S12", Status.BOOKED, "1", "", "", "2.3")
    assert [field for field in F if field is not F.ANY and fits(Rule(field, "*"), silent)] == []


def test_the_first_rule_that_fits_decides_and_none_is_no() -> None:
    clinic = Rule(F.RESOURCE, "VIDEO ROOM", place=Place.CLINIC)
    never = Rule(F.DEPARTMENT, "CARD", virtual=False)
    assert rule_on([Rule(F.VISIT_TYPE, "9"), clinic, never], NOTICE) == Ruling(True, Place.CLINIC, 2)
    assert rule_on([never, clinic], NOTICE) == Ruling(False, Place.HOME, 1)
    assert rule_on([Rule(F.VISIT_TYPE, "9")], NOTICE) == rule_on([], NOTICE) == Ruling(False, Place.HOME, 0)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_stars_mean_what_a_regular_expression_would(matches: str, text: str) -> None:
    notice = Notice("S12", Status.BOOKED, "1", "", "", "2.3", appointment_type=Coded("", text))
    expected = bool(text) and re.fullmatch(matches.replace("*", ".*"), text) is not None
    assert fits(Rule(F.APPOINTMENT_TYPE, matches), notice) is expected


@given(st.text(max_size=60), st.sampled_from([f for f in F if f is not F.ANY]))
def test_no_pattern_falls_over_or_takes_long(matches: str, field: RuleField) -> None:
    fits(Rule(field, matches), NOTICE)


def test_many_stars_do_not_take_for_ever() -> None:
    long = Notice("S12", Status.BOOKED, "1", "", "", "2.3", appointment_type=Coded("a" * 5_000))
    began = time.process_time()
    assert not fits(Rule(F.APPOINTMENT_TYPE, "*a" * 100 + "b"), long)
    assert time.process_time() - began < 1, "of this process alone"
