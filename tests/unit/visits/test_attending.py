"""What a meeting elsewhere tells of who is in it: when it happened there, and what its report makes of the visit. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.visits.attending import first_meeting
from vestibule.visits.fold import apply, happened, replay
from vestibule.visits.model import EventKind, Interval, Outcome, PersonRole, PersonState, Visit, VisitEvent, VisitState

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
TENANT, VISIT = TenantId(new_id()), VisitId(new_id())
DOCTOR, PATIENT, GUEST, OTHER_DOCTOR = (ParticipantId(new_id()) for _ in range(4))
ROLES = {DOCTOR: PersonRole.PROVIDER, PATIENT: PersonRole.PATIENT, GUEST: PersonRole.FAMILY, OTHER_DOCTOR: PersonRole.PROVIDER}
K = EventKind


def event(seq: int, kind: EventKind, who: ParticipantId | None = None, **body: object) -> VisitEvent:
    return VisitEvent(TENANT, VISIT, seq, NOW + timedelta(seconds=seq), kind, who, body)


def admitted(*people: ParticipantId) -> Visit:
    """A visit in which these people have been let in."""
    events = [event(n, K.EXPECTED, who, role=ROLES[who].value) for n, who in enumerate(people, 1)]
    events.append(event(len(events) + 1, K.OPENED))
    events += [event(len(events) + n, K.ADMITTED, who) for n, who in enumerate(people, 1)]
    return replay(Visit(VISIT, TENANT, None, None, VisitState.SCHEDULED, 0), events)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def there(who: ParticipantId | None, began: float, over: float) -> Interval:
    return Interval(who, at(began), at(over))


# ---------------------------------------------------------------------- when it happened


def test_what_a_meeting_tells_happened_when_it_says() -> None:
    told = event(90, K.CONNECTED, DOCTOR, at=at(-3).isoformat())
    assert happened(told) == at(-3)
    after = apply(replace(admitted(DOCTOR), seq=89), told)
    assert after.people[0].connected_at == at(-3)


def test_nothing_happened_after_we_heard_of_it_whatever_their_clock_says() -> None:
    told = event(90, K.CONNECTED, DOCTOR, at=at(60).isoformat())
    assert happened(told) == told.at


def test_people_met_when_the_second_of_them_came_there_not_when_we_heard_of_it() -> None:
    visit = admitted(DOCTOR, PATIENT)
    visit = apply(visit, event(80, K.CONNECTED, DOCTOR, at=at(0.5).isoformat()))
    visit = apply(visit, event(90, K.CONNECTED, PATIENT, at=at(1).isoformat()))
    assert visit.met_at == at(1)


def test_knocking_at_the_meetings_own_lobby_changes_nothing_but_is_written_down() -> None:
    before = admitted(PATIENT)
    after = apply(before, event(80, K.IN_LOBBY, PATIENT, at=at(1).isoformat()))
    assert after.people == before.people
    assert after.seq == 80


@pytest.mark.parametrize("kind", [K.MEETING_MADE, K.MEETING_FAILED, K.LIVE_DELAYED, K.LIVE_RESUMED, K.CALL_ENDED])
def test_what_is_said_of_the_meeting_itself_moves_nobody(kind: EventKind) -> None:
    before = admitted(DOCTOR, PATIENT)
    assert apply(before, event(80, kind, code="x")) == replace(before, seq=80)


# ---------------------------------------------------------------------- the report


@pytest.mark.parametrize(
    ("intervals", "met"),
    [
        pytest.param([there(DOCTOR, 0, 30), there(PATIENT, 5, 30)], 5, id="the patient came later"),
        pytest.param([there(DOCTOR, 9, 30), there(PATIENT, 5, 30)], 9, id="the clinician came later"),
        pytest.param([there(DOCTOR, 0, 5), there(PATIENT, 5, 30)], None, id="one went as the other came"),
        pytest.param([there(DOCTOR, 0, 30)], None, id="the patient never came"),
        pytest.param([there(DOCTOR, 0, 30), there(None, 5, 30)], None, id="a stranger is no patient"),
        pytest.param([there(DOCTOR, 0, 30), there(GUEST, 5, 30)], None, id="nor is family"),
        pytest.param([there(DOCTOR, 0, 9), there(PATIENT, 2, 4), there(PATIENT, 6, 8)], 2, id="the first time counts"),
        pytest.param([there(DOCTOR, 0, 3), there(OTHER_DOCTOR, 10, 20), there(PATIENT, 5, 30)], 10, id="any clinician counts"),
        pytest.param([], None, id="nobody was there"),
    ],
)
def test_when_people_first_met_is_when_a_clinician_and_the_patient_were_there_at_once(intervals: list[Interval], met: float | None) -> None:
    visit = admitted(DOCTOR, PATIENT, GUEST, OTHER_DOCTOR)
    assert first_meeting(visit, intervals) == (None if met is None else at(met))


def test_somebody_who_turned_out_to_be_another_is_that_other_in_a_report_too() -> None:
    alias = ParticipantId(new_id())
    visit = replace(admitted(DOCTOR, PATIENT), aliases={alias: PATIENT})
    assert first_meeting(visit, [there(DOCTOR, 0, 9), there(alias, 3, 9)]) == at(3)


_stays = st.tuples(st.sampled_from([DOCTOR, PATIENT, GUEST, None]), st.integers(0, 50), st.integers(1, 20))


@given(st.lists(_stays, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_a_reports_lines_means_nothing_and_the_meeting_was_while_both_were_there(
    stays: list[tuple[ParticipantId | None, int, int]],
    chance: object,
) -> None:
    intervals = [there(who, began, began + long) for who, began, long in stays]
    visit = admitted(DOCTOR, PATIENT, GUEST)
    met = first_meeting(visit, intervals)
    chance.shuffle(intervals)  # type: ignore[attr-defined]
    assert first_meeting(visit, intervals) == met
    both = [{one.participant for one in intervals if one.began <= at(minute) < one.over} for minute in range(71)]
    expected = next((at(minute) for minute, who in enumerate(both) if {DOCTOR, PATIENT} <= who), None)
    assert met == expected


def ended(visit: Visit, outcome: Outcome) -> Visit:
    return apply(visit, event(100, K.ENDED, outcome=outcome.value))


def test_a_report_says_of_a_visit_that_is_over_that_people_were_there() -> None:
    visit = ended(admitted(DOCTOR, PATIENT), Outcome.UNDETERMINED)
    visit = apply(visit, event(101, K.ATTENDED, PATIENT, **{"from": at(1).isoformat(), "to": at(9).isoformat()}))
    patient = visit.person(PATIENT)
    assert patient is not None
    assert (patient.connected_at, patient.arrived_at) == (at(1), at(1))
    assert patient.state is PersonState.LEFT


def test_a_report_makes_a_time_that_was_known_only_earlier() -> None:
    visit = apply(admitted(PATIENT), event(80, K.CONNECTED, PATIENT, at=at(1).isoformat()))
    later = apply(visit, event(81, K.ATTENDED, PATIENT, **{"from": at(1.2).isoformat(), "to": at(9).isoformat()}))
    earlier = apply(visit, event(82, K.ATTENDED, PATIENT, **{"from": at(0.5).isoformat(), "to": at(9).isoformat()}))
    assert [one.people[0].connected_at for one in (later, earlier)] == [at(1), at(0.5)]


def test_a_stranger_in_a_report_is_counted_among_nobody() -> None:
    before = admitted(PATIENT)
    assert apply(before, event(80, K.ATTENDED, None, **{"from": at(1).isoformat(), "to": at(2).isoformat()})).people == before.people


def test_a_report_decides_the_outcome_anew_and_says_when_people_met() -> None:
    visit = ended(admitted(DOCTOR, PATIENT), Outcome.UNDETERMINED)
    visit = apply(visit, event(101, K.SETTLED, met_at=at(2).isoformat(), outcome="completed"))
    assert (visit.met_at, visit.outcome) == (at(2), Outcome.COMPLETED)


def test_what_a_person_said_of_the_outcome_stays() -> None:
    visit = apply(ended(admitted(DOCTOR, PATIENT), Outcome.UNDETERMINED), event(101, K.OUTCOME_MARKED, outcome="no_show"))
    visit = apply(visit, event(102, K.SETTLED, met_at=at(2).isoformat(), outcome="completed"))
    assert (visit.outcome, visit.outcome_by_person) == (Outcome.NO_SHOW, True)


def test_a_report_in_which_nobody_met_takes_nothing_back() -> None:
    visit = apply(replace(admitted(DOCTOR, PATIENT), met_at=at(3)), event(101, K.SETTLED))
    assert visit.met_at == at(3)
