"""A meeting in Teams as the pages of its visit show it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.meetings.choosing import goes_on, placed
from vestibule.meetings.model import Meeting, MeetingState, Settings
from vestibule.visits.model import MeetingKind, MeetingPlace, Opens, Participant, PersonRole, PersonState, Visit, VisitState

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DOCTOR, AMY = ParticipantId(new_id()), ParticipantId(new_id())
P, M = PersonState, MeetingState


def visit(amy: PersonState, *, state: VisitState = VisitState.OPEN) -> Visit:
    people = (Participant(DOCTOR, PersonRole.PROVIDER, P.CONNECTED, NOW), Participant(AMY, PersonRole.PATIENT, amy, NOW))
    return Visit(VisitId(new_id()), TenantId(new_id()), None, None, state, 7, people=people)


def meeting(
    state: MeetingState = M.MADE, *, code: str = "", delayed: bool = False, call: tuple[int | None, int | None] = (None, None)
) -> Meeting:
    started, ended = (None if minutes is None else NOW + timedelta(minutes=minutes) for minutes in call)
    late = NOW if delayed else None
    return Meeting(VisitId(new_id()), state, code=code, delayed_at=late, call_started_at=started, call_ended_at=ended)


def shown(
    amy: PersonState = P.CONNECTED,
    *present: tuple[ParticipantId | None, str],
    of: Meeting | None = None,
    state: VisitState = VisitState.OPEN,
    sign_in: bool = False,
) -> MeetingPlace:
    return placed(visit(amy, state=state), of or meeting(), Settings(opens=Opens.APP, teams_lobby=True), present, sign_in=sign_in)


def test_it_says_what_the_organisation_has_set() -> None:
    place = shown()
    assert (place.kind, place.opens, place.own_lobby) == (MeetingKind.TEAMS, Opens.APP, True)


@pytest.mark.parametrize(
    ("of", "state", "sign_in", "ready", "code"),
    [
        pytest.param(meeting(), VisitState.OPEN, False, True, "", id="made"),
        pytest.param(meeting(), VisitState.OPEN, True, False, "", id="not for who has to sign in first"),
        pytest.param(meeting(M.WANTED), VisitState.OPEN, False, False, "", id="being made"),
        pytest.param(meeting(M.WANTED, code="teams-throttled"), VisitState.OPEN, False, False, "teams-throttled", id="tried again"),
        pytest.param(meeting(M.FAILED, code="teams-policy-missing"), VisitState.OPEN, False, False, "teams-policy-missing", id="refused"),
        pytest.param(meeting(), VisitState.ENDED, False, False, "", id="over, and not shut yet"),
        pytest.param(meeting(M.SHUT), VisitState.ENDED, False, False, "", id="shut"),
        pytest.param(meeting(M.DELETED), VisitState.CANCELLED, False, False, "", id="deleted"),
    ],
)
def test_there_is_something_to_join_once_it_is_made_and_until_the_visit_is_over(
    of: Meeting, state: VisitState, *, sign_in: bool, ready: bool, code: str
) -> None:
    place = shown(of=of, state=state, sign_in=sign_in)
    assert (place.ready, place.code) == (ready, code)


@pytest.mark.parametrize(
    ("amy", "there", "knocking", "stuck"),
    [
        (P.ADMITTED, "lobby", True, False),
        (P.DISCONNECTED, "lobby", True, False),
        (P.CONNECTED, "in", False, False),
        (P.WAITING, "in", False, True),  # put back, and still there: the clinician removes them in Teams
        (P.HELD, "in", False, True),
        (P.REMOVED, "in", False, True),
        (P.LEFT, "in", False, True),
        (P.REMOVED, "lobby", False, False),  # nobody is asked to let them in
    ],
)
def test_who_knocks_and_who_is_stuck_follows_from_where_they_stand_here(
    amy: PersonState, there: str, *, knocking: bool, stuck: bool
) -> None:
    place = shown(amy, (AMY, there))
    assert (AMY in place.knocking, AMY in place.stuck) == (knocking, stuck)


def test_who_did_not_come_through_us_is_counted_once_they_are_in() -> None:
    assert shown(P.CONNECTED, (None, "in"), (None, "in"), (None, "lobby"), (AMY, "in")).strangers == 2


@pytest.mark.parametrize(
    ("call", "on"),
    [((None, None), False), ((0, None), True), ((0, 10), False), ((12, 10), True), ((None, 10), False)],
)
def test_a_call_goes_on_from_its_latest_beginning_to_an_end_after_it(call: tuple[int | None, int | None], *, on: bool) -> None:
    assert goes_on(meeting(call=call)) is on


def test_who_goes_on_talking_after_the_end_is_seen_though_no_beginning_was_told() -> None:
    assert shown(P.LEFT, (DOCTOR, "in"), of=meeting(M.SHUT), state=VisitState.ENDED).running
    assert not shown(P.LEFT, of=meeting(M.SHUT, call=(0, 10)), state=VisitState.ENDED).running


def test_late_news_are_said_to_be_late() -> None:
    assert shown(of=meeting(delayed=True)).delayed
