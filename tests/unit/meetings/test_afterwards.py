"""When somebody looks again what is left to do after a meeting: soon, then slower, and not for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.kit.ids import TenantId, VisitId, new_id
from vestibule.meetings.afterwards import Left, next_look, pause
from vestibule.meetings.model import Account, Meeting, MeetingState, ProofKind
from vestibule.meetings.store.reports import Merged
from vestibule.visits.model import Visit, VisitState

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
S, M, H, D = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
REPORT = Merged("r1", NOON - 30 * M, NOON)


def left(**changes: Any) -> Left:
    """A visit that ended at noon, as its call did."""
    fields = {"call_started_at": NOON - 30 * M, "call_ended_at": NOON, "made_at": NOON - H, "looks": 1}
    own = {name: changes.pop(name) for name in list(changes) if name in Left.__dataclass_fields__}
    visit = Visit(VisitId(new_id()), TenantId(new_id()), None, None, VisitState.ENDED, 1, ended_at=changes.pop("visit_ended_at", NOON))
    meeting = Meeting(visit.id, changes.pop("state", MeetingState.SHUT), **{**fields, **changes})
    found = Left(Account(visit.tenant, "d", "c", ProofKind.SECRET), visit, meeting, ways=True)
    return replace(found, **own)


@pytest.mark.parametrize(
    ("looks", "age", "wait"),
    [
        (0, S, 10 * S),
        (1, 20 * S, 20 * S),
        (2, 40 * S, 40 * S),
        (4, 5 * M, 2 * M),
        (50, 9 * M, 2 * M),
        (9, 11 * M, 4 * M),
        (99, 2 * D, 6 * H),
    ],
)
def test_looks_are_close_together_first(looks: int, age: timedelta, wait: timedelta) -> None:
    assert pause(age, looks) == wait


@given(st.integers(0, 10_000), st.timedeltas(timedelta(0), D - S))
def test_a_report_that_is_there_within_a_day_is_found_within_five_minutes(looks: int, age: timedelta) -> None:
    assert timedelta(0) < pause(age, looks) < 5 * M


@pytest.mark.parametrize(
    ("changes", "age", "wait"),
    [
        pytest.param({}, 30 * S, 20 * S, id="a report is awaited"),
        pytest.param({"looks": 900}, 3 * D, 6 * H, id="also one that is late"),
        pytest.param({}, 31 * D, None, id="but not longer than Microsoft keeps any"),
        pytest.param(
            {"call_started_at": None, "call_ended_at": None, "ways": False}, M, None, id="nobody was shown the way: no report comes"
        ),
        pytest.param({"call_started_at": None, "call_ended_at": None}, M, 20 * S, id="somebody was, and nothing was told: one may come"),
        pytest.param({"state": MeetingState.DELETED}, M, None, id="with a meeting that was deleted its report is gone"),
        pytest.param({"reports": (REPORT,)}, M, 20 * S, id="the report is merged, the record not yet there"),
        pytest.param({"reports": (REPORT,)}, H, 15 * M, id="it is looked for less often than the report"),
        pytest.param({"reports": (REPORT,)}, 5 * H, 2 * H, id="and less and less"),
        pytest.param({"reports": (REPORT,), "measurable": False}, M, None, id="records may not be read"),
        pytest.param({"reports": (REPORT,)}, 25 * H, None, id="records are tried for a day"),
        pytest.param({"reports": (REPORT,), "quality_at": NOON + M}, 2 * M, 29 * M, id="a record is read once more"),
        pytest.param({"reports": (REPORT,), "quality_at": NOON + M}, 40 * M, None, id="then all is done"),
        pytest.param(
            {"reports": (replace(REPORT, ended_at=NOON - 20 * M),)}, 30 * S, 20 * S, id="an earlier report is not that of the last call"
        ),
        pytest.param({"call_started_at": NOON + M, "reports": (REPORT,)}, 5 * M, 4 * M, id="a call still goes on though the visit is over"),
        pytest.param({"call_started_at": NOON + M, "reports": (REPORT,)}, 26 * H, None, id="one that goes on for a day was forgotten"),
    ],
)
def test_when_to_look_again(changes: dict[str, Any], age: timedelta, wait: timedelta | None) -> None:
    found = next_look(left(**changes), NOON + age)
    assert found == (None if wait is None else NOON + age + wait)
