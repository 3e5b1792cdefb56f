"""The state machine: the tables themselves, and that no order of events can break what they promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import Conflict
from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.visits.fold import apply, replay
from vestibule.visits.model import (
    ALREADY,
    NEEDS_DISCONNECT,
    PERSON_STEPS,
    EventKind,
    Outcome,
    Participant,
    PersonRole,
    PersonState,
    Visit,
    VisitEvent,
    VisitState,
    decide_outcome,
    next_person_state,
    next_visit_state,
)

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
TENANT, VISIT = TenantId(new_id()), VisitId(new_id())
DOCTOR, PATIENT, GUEST = (ParticipantId(new_id()) for _ in range(3))
K, P, V = EventKind, PersonState, VisitState
EMPTY = Visit(VISIT, TENANT, None, None, V.SCHEDULED, 0)


def event(seq: int, kind: EventKind, who: ParticipantId | None = None, **body: object) -> VisitEvent:
    return VisitEvent(TENANT, VISIT, seq, NOW + timedelta(seconds=seq), kind, who, body)


def begun() -> Visit:
    """A visit in which three people are expected."""
    roles = {DOCTOR: PersonRole.PROVIDER, PATIENT: PersonRole.PATIENT, GUEST: PersonRole.INTERPRETER}
    return replay(EMPTY, [event(n, K.EXPECTED, who, role=role.value) for n, (who, role) in enumerate(roles.items(), 1)])


@pytest.mark.parametrize(
    ("kind", "now", "then"),
    [
        (K.JOINED, P.EXPECTED, P.TESTING),
        (K.JOINED, P.LEFT, P.TESTING),  # they come again, and are let in again
        (K.ARRIVED, P.TESTING, P.WAITING),
        (K.HELD, P.WAITING, P.HELD),
        (K.ADMITTED, P.HELD, P.ADMITTED),
        (K.ADMITTED, P.EXPECTED, P.ADMITTED),  # a provider
        (K.CONNECTED, P.ADMITTED, P.CONNECTED),
        (K.DISCONNECTED, P.CONNECTED, P.DISCONNECTED),
        (K.CONNECTED, P.DISCONNECTED, P.CONNECTED),  # back after a drop, without the lobby
        (K.PUT_BACK, P.DISCONNECTED, P.WAITING),
        (K.REMOVED, P.WAITING, P.REMOVED),
        (K.LEFT, P.WAITING, P.LEFT),
    ],
)
def test_a_step_leads_where_the_table_says(kind: EventKind, now: PersonState, then: PersonState) -> None:
    assert next_person_state(kind, now) is then


@pytest.mark.parametrize(
    ("kind", "now"),
    [
        (K.CONNECTED, P.WAITING),  # nobody connects without having been let in
        (K.CONNECTED, P.TESTING),
        (K.CONNECTED, P.LEFT),
        (K.ADMITTED, P.REMOVED),  # out is out
        (K.JOINED, P.REMOVED),
        (K.HELD, P.CONNECTED),
        (K.PUT_BACK, P.CONNECTED),  # through disconnected, so that the record hears it
        (K.REMOVED, P.CONNECTED),
        (K.LEFT, P.CONNECTED),
        (K.SCHEDULED, P.WAITING),  # not a person's step at all
    ],
)
def test_an_impossible_step_is_an_error_with_a_code(kind: EventKind, now: PersonState) -> None:
    with pytest.raises(Conflict, match="visit-step-impossible"):
        next_person_state(kind, now)


@pytest.mark.parametrize("over", [V.ENDED, V.CANCELLED])
@pytest.mark.parametrize("kind", [K.OPENED, K.ENDED, K.CANCELLED, K.RESCHEDULED])
def test_a_visit_that_is_over_stays_over(over: VisitState, kind: EventKind) -> None:
    with pytest.raises(Conflict, match="visit-step-impossible"):
        next_visit_state(kind, over)


def test_every_step_of_a_person_says_when_it_has_happened_already() -> None:
    assert set(ALREADY) == set(PERSON_STEPS) - {K.NAMED}
    for kind, states in ALREADY.items():
        assert not states & set(PERSON_STEPS[kind]), f"{kind} is both a step and none"


def test_every_final_step_of_the_connected_goes_through_disconnected() -> None:
    for kind in PERSON_STEPS:
        moves_on = PERSON_STEPS[kind].get(P.CONNECTED, P.CONNECTED) is not P.CONNECTED
        assert not moves_on or kind is K.DISCONNECTED
    assert {k for k in PERSON_STEPS if P.DISCONNECTED in PERSON_STEPS[k] and P.CONNECTED in ALREADY.get(k, ())} <= {K.ADMITTED, K.CONNECTED}
    assert {K.PUT_BACK, K.REMOVED, K.LEFT} == NEEDS_DISCONNECT


_steps = st.tuples(st.sampled_from(sorted(PERSON_STEPS)), st.sampled_from([DOCTOR, PATIENT, GUEST]))
_ends = st.tuples(st.sampled_from([K.OPENED, K.ENDED, K.CANCELLED]), st.none())


@given(st.lists(st.one_of(_steps, _steps, _steps, _ends), max_size=80))
def test_no_order_of_events_breaks_what_the_tables_promise(story: list[tuple[EventKind, ParticipantId | None]]) -> None:
    visit, told = begun(), []
    for kind, who in story:
        try:
            after = apply(visit, event(visit.seq + 1, kind, who))
        except Conflict:
            continue
        told.append((kind, who))
        _promises(visit, after, kind, who)
        visit = after
    for who in (DOCTOR, PATIENT, GUEST):
        mine = [kind for kind, one in told if one == who and kind in {K.CONNECTED, K.DISCONNECTED}]
        assert mine == [K.CONNECTED, K.DISCONNECTED] * (len(mine) // 2) + [K.CONNECTED] * (len(mine) % 2)


def _promises(before: Visit, after: Visit, kind: EventKind, who: ParticipantId | None) -> None:
    assert after.seq == before.seq + 1
    assert {p.id for p in after.people} == {DOCTOR, PATIENT, GUEST}
    assert not (before.over and after.state is not before.state)
    for old, new in zip(before.people, after.people, strict=True):
        if new.id != who and kind not in {K.ENDED, K.CANCELLED}:
            assert new == old, "a step moves one person only"
        if new.state is P.CONNECTED:
            assert old.inside, "nobody connects who was not let in"
        if old.state is P.REMOVED:
            assert new.state is P.REMOVED
        assert new.since >= old.since
    if after.over:
        assert not any(p.inside or p.name for p in after.people)


def person(role: PersonRole, *, came: bool = False, connected: bool = False) -> Participant:
    return Participant(
        ParticipantId(new_id()), role, P.LEFT, NOW, arrived_at=NOW if came else None, connected_at=NOW if connected else None
    )


@pytest.mark.parametrize(
    ("met", "provider", "patient", "outcome"),
    [
        (True, True, True, Outcome.COMPLETED),
        (False, True, False, Outcome.NO_SHOW),
        (False, True, True, Outcome.UNDETERMINED),  # the patient waited and was never let in
        (False, False, True, Outcome.UNDETERMINED),  # the patient waited for nobody
        (False, False, False, Outcome.UNDETERMINED),  # nobody came: that says nothing about the patient
    ],
)
def test_the_end_says_what_became_of_a_visit(met: bool, provider: bool, patient: bool, outcome: Outcome) -> None:
    people = (person(PersonRole.PROVIDER, came=provider, connected=provider), person(PersonRole.PATIENT, came=patient))
    assert decide_outcome(Visit(VISIT, TENANT, None, None, V.OPEN, 9, met_at=NOW if met else None, people=people)) is outcome


def test_they_met_when_both_were_connected_at_once_and_not_one_after_the_other() -> None:
    def told(*story: tuple[EventKind, ParticipantId]) -> Visit:
        visit = begun()
        return replay(visit, [event(visit.seq + n, kind, who) for n, (kind, who) in enumerate(story, 1)])

    apart = told((K.ADMITTED, DOCTOR), (K.CONNECTED, DOCTOR), (K.DISCONNECTED, DOCTOR), (K.ADMITTED, PATIENT), (K.CONNECTED, PATIENT))
    assert apart.met_at is None
    guest = told((K.ADMITTED, DOCTOR), (K.CONNECTED, DOCTOR), (K.ADMITTED, GUEST), (K.CONNECTED, GUEST))
    assert guest.met_at is None, "an interpreter is not the patient"
    together = told((K.ADMITTED, DOCTOR), (K.CONNECTED, DOCTOR), (K.ADMITTED, PATIENT), (K.CONNECTED, PATIENT), (K.DISCONNECTED, DOCTOR))
    assert together.met_at == NOW + timedelta(seconds=7)


def test_a_persons_mark_survives_the_end() -> None:
    visit = apply(begun(), event(4, K.OUTCOME_MARKED, outcome="no_show", by=str(DOCTOR)))
    ended = apply(visit, event(5, K.ENDED, outcome="completed"))
    assert (ended.outcome, ended.outcome_by_person) == (Outcome.NO_SHOW, True)
