"""What the operator reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vestibule.kit.ids import ConnectionId, EffectId, ParticipantId, VisitId, new_id
from vestibule.platform.effects.model import Attempt, EffectRow, EffectState, Promise
from vestibule.visits.model import EventKind, PersonRole
from vestibule.writeback.model import KIND, Payload
from vestibule.writeback.words import ago, ahead, line

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def row(told: EventKind = EventKind.CONNECTED, role: PersonRole = PersonRole.PATIENT, **more: Any) -> EffectRow:
    visit = VisitId(new_id())
    payload = Payload(ConnectionId(new_id()), visit, ParticipantId(new_id()), 3, told, role).to_json()
    asked = NOW - timedelta(minutes=3)
    usual = EffectRow(
        EffectId(new_id()), visit, KIND, "ehr:1", Promise.STATUS, "k", payload, EffectState.READY, 0, "", asked, run_at=NOW, ended_at=None
    )
    return replace(usual, **more)


@pytest.mark.parametrize(
    ("told", "role", "words"),
    [
        (EventKind.CONNECTED, PersonRole.PATIENT, "Patient connected"),
        (EventKind.DISCONNECTED, PersonRole.PATIENT, "Patient disconnected"),
        (EventKind.CONNECTED, PersonRole.PROVIDER, "Clinician connected"),
        (EventKind.DISCONNECTED, PersonRole.PROVIDER, "Clinician disconnected"),
    ],
)
def test_it_says_what_the_record_is_told(told: EventKind, role: PersonRole, words: str) -> None:
    assert line(row(told, role), [], NOW).what == words


@pytest.mark.parametrize(
    ("more", "words", "tone", "again"),
    [
        ({}, "Waiting", "wait", False),
        ({"attempts": 2, "run_at": NOW + timedelta(minutes=4)}, "Will be tried again", "wait", False),
        ({"state": EffectState.RUNNING}, "Being sent", "wait", False),
        ({"state": EffectState.DONE}, "Record was told", "good", False),
        ({"state": EffectState.DEAD}, "Failed", "bad", True),
        ({"state": EffectState.DEAD, "overtaken": True}, "Failed; replaced since", "", False),
        ({"state": EffectState.UNKNOWN}, "Outcome unknown", "bad", True),
        ({"state": EffectState.CANCELLED}, "Given up", "", False),
    ],
)
def test_each_state_has_words_beside_its_colour(more: dict[str, Any], words: str, tone: str, again: bool) -> None:
    said = line(row(**more), [], NOW)
    assert (said.state, said.tone, said.redrivable) == (words, tone, again)


def test_it_says_when_the_next_try_is() -> None:
    assert line(row(attempts=2, run_at=NOW + timedelta(minutes=4)), [], NOW).next == "in 4 minutes"
    assert line(row(), [], NOW).next == ""


def test_the_story_is_in_words() -> None:
    log = [Attempt(1, "retry", "ehr-failed", NOW, NOW, "host:1"), Attempt(1, "redriven", "", NOW, NOW, "session")]
    assert [(s.words, s.code) for s in line(row(), log, NOW).log] == [
        ("Not accepted; tried again later", "ehr-failed"),
        ("Sent again by a person", ""),
    ]


@pytest.mark.parametrize(
    ("seconds", "past", "future"),
    [
        (-5, "just now", "in less than a minute"),
        (59, "just now", "in less than a minute"),
        (60, "1 minute ago", "in 1 minute"),
        (7_300, "2 hours ago", "in 2 hours"),
        (90_000, "1 day ago", "in 25 hours"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, past: str, future: str) -> None:
    assert (ago(seconds), ahead(seconds)) == (past, future)
