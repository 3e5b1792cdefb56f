"""What follows an attempt, decided without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput, OutsideFailed, TooMany, Unavailable, VestibuleError
from vestibule.platform.effects.model import (
    BROKE,
    Dead,
    Done,
    EffectState,
    Outcome,
    Policy,
    Promise,
    Retry,
    Unknown,
    ambiguous,
    judge,
    outcome_of,
)

POLICY = Policy(tries=5, first=1.0, cap=32.0)

codes = st.sampled_from(["ehr-refused", "outside-timeout"])
outcomes = st.one_of(
    st.just(Done()),
    st.builds(Retry, codes, st.one_of(st.none(), st.floats(-10, 1e9))),
    st.builds(Dead, codes),
    st.builds(Unknown, codes),
)


@pytest.mark.parametrize(
    ("promise", "outcome", "attempts", "state", "remark"),
    [
        (Promise.STATUS, Done(), 1, EffectState.DONE, "it happened"),
        (Promise.STATUS, Retry("x"), 1, EffectState.READY, "not yet"),
        (Promise.STATUS, Retry("x"), 5, EffectState.DEAD, "tries used up"),
        (Promise.STATUS, Dead("x"), 1, EffectState.DEAD, "cannot help"),
        (Promise.STATUS, Unknown("x"), 1, EffectState.READY, "a status may be repeated, so nothing is unknown about it"),
        (Promise.CREATE, Unknown("x"), 1, EffectState.UNKNOWN, "the handler says that a repeat could do harm"),
        (Promise.TEXT, Unknown("x"), 1, EffectState.UNKNOWN, "never a blind retry"),
        (Promise.TEXT, Retry("x"), 1, EffectState.READY, "the handler knows that it did not go out"),
    ],
)
def test_an_outcome_leads_to_its_state(promise: Promise, outcome: Outcome, attempts: int, state: EffectState, remark: str) -> None:
    assert judge(promise, attempts, outcome, POLICY, 0.5).state is state, remark


@pytest.mark.parametrize(
    ("error", "promise", "expected", "remark"),
    [
        (BadInput("b", "", phase="p"), Promise.STATUS, Dead("b"), "permanent"),
        (BadInput("b", "", phase="p"), Promise.TEXT, Dead("b"), "refused, so it did not go out"),
        (OutsideFailed("o", "", phase="p"), Promise.STATUS, Retry("o"), "may be repeated"),
        (OutsideFailed("o", "", phase="p", retry_after=7), Promise.CREATE, Retry("o", 7), "carries a key"),
        (OutsideFailed("o", "", phase="p"), Promise.TEXT, Unknown("o"), "the answer may have been lost after it went out"),
        (OutsideFailed("o", "", phase="p", permanent=True), Promise.TEXT, Dead("o"), "a definite no"),
        (TooMany("t", "", phase="p", retry_after=3), Promise.TEXT, Retry("t", 3), "a 429 says that nothing was done"),
        (Unavailable("u", "", phase="p"), Promise.TEXT, Retry("u"), "we did not even ask"),
        (ValueError("bug"), Promise.STATUS, Retry(BROKE), "a bug of ours"),
        (ValueError("bug"), Promise.TEXT, Unknown(BROKE), "a bug of ours, before or after the call: nobody knows"),
    ],
)
def test_an_exception_is_understood(error: Exception, promise: Promise, expected: Outcome, remark: str) -> None:
    assert outcome_of(error, promise) == expected, remark


@given(st.sampled_from(Promise), outcomes, st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_a_text_is_never_repeated_unless_its_handler_says_it_did_not_go_out(
    promise: Promise, outcome: Outcome, attempts: int, jitter: float
) -> None:
    verdict = judge(promise, attempts, outcome, POLICY, jitter)
    if verdict.state is EffectState.READY:
        assert isinstance(outcome, Retry) or promise is Promise.STATUS
    if isinstance(outcome, Done):
        assert verdict.state is EffectState.DONE


@given(outcomes, st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_an_attempt_ends_in_a_state_that_shows_why(outcome: Outcome, attempts: int, jitter: float) -> None:
    verdict = judge(Promise.STATUS, attempts, outcome, POLICY, jitter)
    assert verdict.state in {EffectState.DONE, EffectState.READY, EffectState.DEAD}
    assert (verdict.code == "") == isinstance(outcome, Done)
    assert verdict.delay >= 0


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_back_off_doubles_up_to_its_cap_and_keeps_at_least_half(attempts: int, jitter: float) -> None:
    step = min(POLICY.cap, POLICY.first * 2 ** min(attempts - 1, 50))
    assert step / 2 <= POLICY.delay(attempts, jitter) <= step


@pytest.mark.parametrize(
    ("told", "waited", "remark"),
    [(0.0, 0.0, "at once"), (7.25, 7.25, "exactly, without jitter"), (-3.0, 0.0, "in the past"), (10**12, 86_400.0, "absurd: one day")],
)
def test_retry_after_is_obeyed_exactly(told: float, waited: float, remark: str) -> None:
    assert judge(Promise.STATUS, 1, Retry("slow", told), POLICY, 0.9).delay == waited, remark


def test_the_default_patience_outlasts_a_nights_maintenance() -> None:
    policy = Policy()
    shortest = sum(policy.delay(n, 0.0) for n in range(1, policy.tries))
    assert 3 * 3600 < shortest < 8 * 3600


def test_a_lost_answer_is_open_for_a_text_only() -> None:
    assert {p: type(ambiguous(p, "x")) for p in Promise} == {Promise.STATUS: Retry, Promise.CREATE: Retry, Promise.TEXT: Unknown}


def test_the_tree_of_errors_has_no_member_without_an_answer() -> None:
    for kind in (kind for kind in VestibuleError.__subclasses__() if kind.__module__ == "vestibule.errors"):
        for promise in Promise:
            assert isinstance(outcome_of(kind("c", "", phase="p"), promise), Retry | Dead | Unknown)
