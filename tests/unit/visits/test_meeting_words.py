"""What a meeting elsewhere tells, as the console's story says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.visits.live import for_people
from vestibule.visits.model import EventKind, Participant, PersonRole, PersonState, Visit, VisitEvent, VisitState
from vestibule.visits.words import story

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
AMY, ROSA = ParticipantId(new_id()), ParticipantId(new_id())
K = EventKind


def clock(moment: datetime) -> str:
    return f"{moment:%H:%M}"


def visit() -> Visit:
    people = (
        Participant(AMY, PersonRole.PATIENT, PersonState.CONNECTED, NOW, name="Amy"),
        Participant(ROSA, PersonRole.PROVIDER, PersonState.CONNECTED, NOW, name="Dr. Okafor"),
    )
    return Visit(VisitId(new_id()), TenantId(new_id()), None, None, VisitState.OPEN, 9, people=people)


def told(kind: EventKind, who: ParticipantId | None, body: dict[str, Any], me: ParticipantId = ROSA) -> list[tuple[datetime, str]]:
    here = visit()
    return [(line.at, line.text) for line in story(here, [VisitEvent(here.tenant, here.id, 9, NOW, kind, who, body)], me=me, clock=clock)]


@pytest.mark.parametrize(
    ("kind", "who", "body", "text"),
    [
        (K.MEETING_MADE, None, {"organizer": "provider"}, "The meeting is ready"),
        (K.MEETING_FAILED, None, {"code": "teams-policy-missing"}, "The meeting could not be made"),
        (K.IN_LOBBY, AMY, {}, "Amy waits in the meeting's own lobby"),
        (K.IN_LOBBY, ROSA, {}, "You wait in the meeting's own lobby"),
        (K.LIVE_DELAYED, None, {"code": "silent"}, "Who is connected is known late from here on"),
        (K.LIVE_RESUMED, None, {}, "Who is connected is known at once again"),
        (K.CALL_ENDED, None, {}, "The call in the meeting ended"),
        (K.SETTLED, None, {"report": "r"}, "The meeting's report settled who was there"),
        (
            K.ATTENDED,
            AMY,
            {"from": "2026-05-04T09:02:00+00:00", "to": "2026-05-04T09:21:00+00:00"},
            "Report: Amy was in the meeting from 09:02 to 09:21",
        ),
        (
            K.ATTENDED,
            None,
            {"from": "2026-05-04T09:02:00+00:00", "to": "2026-05-04T09:21:00+00:00"},
            "Report: Somebody who did not come through the waiting room was in the meeting from 09:02 to 09:21",
        ),
    ],
)
def test_each_event_of_a_meeting_is_a_sentence(kind: EventKind, who: ParticipantId | None, body: dict[str, Any], text: str) -> None:
    assert told(kind, who, body) == [(NOW, text)]


def test_a_line_carries_the_time_at_which_it_happened_there() -> None:
    before = NOW - timedelta(minutes=3)
    assert told(K.CONNECTED, AMY, {"at": before.isoformat()}) == [(before, "Amy connected")]


def test_who_was_let_in_hears_that_the_meeting_is_there_and_nothing_else_of_it() -> None:
    heard = {kind for kind in K if for_people(1, kind, "", None, {"organizer": "provider", "message": "m"}) is not None}
    assert K.MEETING_MADE in heard
    assert not heard & {K.MEETING_FAILED, K.LIVE_DELAYED, K.LIVE_RESUMED, K.CALL_ENDED, K.ATTENDED, K.SETTLED}
    assert b"provider" not in (for_people(1, K.MEETING_MADE, "", None, {"organizer": "provider"}) or b"")
