"""Under whose name a meeting is made. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.meetings.model import MONTHLY_LIMIT
from vestibule.meetings.organizers import choose, month_of
from vestibule.visits.model import Participant, PersonRole, PersonState, Visit, VisitState

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
FIRST, SECOND, AMY = (ParticipantId(new_id()) for _ in range(3))
ONE, TWO, HOST = "oid-one", "oid-two", "oid-host"
FULL = MONTHLY_LIMIT


def visit(second: PersonState = PersonState.ADMITTED) -> Visit:
    """The clinician of the appointment, one who came later, and the patient; in no order."""
    people = (
        Participant(SECOND, PersonRole.PROVIDER, second, NOW),
        Participant(AMY, PersonRole.PATIENT, PersonState.WAITING, NOW),
        Participant(FIRST, PersonRole.PROVIDER, PersonState.EXPECTED, NOW),
    )
    return Visit(VisitId(new_id()), TenantId(new_id()), None, None, VisitState.OPEN, 7, people=people)


@pytest.mark.parametrize(
    ("bound", "used", "host", "organizer", "presenters"),
    [
        pytest.param({ONE: FIRST, TWO: SECOND}, {}, "", ONE, (TWO,), id="the first, and the other presents"),
        pytest.param({TWO: SECOND}, {}, HOST, TWO, (), id="whoever is known, before the default host"),
        pytest.param({}, {}, HOST, HOST, (), id="the default host, where nobody is known"),
        pytest.param({}, {}, "", "", (), id="nobody"),
        pytest.param({"oid-amy": AMY}, {}, "", "", (), id="never the patient"),
        pytest.param({ONE: FIRST, TWO: SECOND}, {ONE: FULL}, "", TWO, (ONE,), id="not who has used up the month"),
        pytest.param({ONE: FIRST}, {ONE: FULL}, HOST, HOST, (ONE,), id="then the default host"),
        pytest.param({ONE: FIRST}, {ONE: FULL, HOST: FULL}, HOST, ONE, (), id="all have: the first, and Microsoft decides"),
        pytest.param({ONE: FIRST}, {ONE: FULL - 1}, HOST, ONE, (), id="the last of the month is still theirs"),
    ],
)
def test_the_organizer_is_the_first_clinician_who_is_known_and_may(
    bound: dict[str, ParticipantId], used: dict[str, int], host: str, organizer: str, presenters: tuple[str, ...]
) -> None:
    assert choose(visit(), bound, used, host) == (organizer, presenters)


def test_whom_the_encounter_names_goes_before_who_came_first() -> None:
    people = tuple(replace(person, leads=person.id == SECOND) for person in visit().people)
    assert choose(replace(visit(), people=people), {ONE: FIRST, TWO: SECOND}, {}, HOST) == (TWO, (ONE,))


def test_who_was_removed_from_the_visit_does_not_organise_it() -> None:
    assert choose(visit(PersonState.REMOVED), {TWO: SECOND}, {}, "") == ("", ())


def test_a_month_is_its_first_day() -> None:
    assert month_of(NOW) == date(2026, 11, 1)
