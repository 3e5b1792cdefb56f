"""Who may hear what: the frames of staff and of the people of a visit."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.platform.db.tx import NOTIFY_LIMIT
from vestibule.visits.live import for_people, for_staff, note, read_note
from vestibule.visits.model import EventKind, Participant, PersonRole, PersonState, Visit, VisitEvent, VisitState

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
AMY = ParticipantId(new_id())
K = EventKind
BODY = {"by": str(new_id()), "outcome": "no_show", "people": [{"role": "patient"}], "message": "thank_you", "camera": "denied"}


@pytest.mark.parametrize("kind", list(K))
def test_people_hear_neither_who_did_it_nor_what_became_of_it(kind: EventKind) -> None:
    for who in (None, AMY):
        data = for_people(7, kind, NOW.isoformat(), who, BODY)
        if data is not None:
            said = json.loads(data)
            assert set(said) == {"seq", "kind", "at", "body"}
            assert set(said["body"]) <= {"message"}


def test_nobody_hears_of_others_or_of_being_held() -> None:
    silent = {k for k in K if for_people(1, k, "", None, BODY) is None}
    assert {K.EXPECTED, K.LINK_MADE, K.MERGED, K.OUTCOME_MARKED, K.OPENED, K.ADMITTED} <= silent
    assert for_people(1, K.HELD, "", AMY, BODY) is None
    assert for_people(1, K.ADMITTED, "", AMY, BODY) is not None


def test_staff_hear_everything() -> None:
    assert json.loads(for_staff(7, K.HELD, "t", AMY, BODY)) == {"seq": 7, "kind": "held", "at": "t", "who": str(AMY), "body": BODY}


def test_a_note_carries_states_and_ids_and_never_a_name() -> None:
    amy = Participant(AMY, PersonRole.PATIENT, PersonState.WAITING, NOW, name="Amy Shaw", person="Z123")
    visit = Visit(VisitId(new_id()), TenantId(new_id()), None, None, VisitState.OPEN, 3, people=(amy,))
    payload = note(visit, VisitEvent(visit.tenant, visit.id, 3, NOW, K.ARRIVED, AMY, {}))
    assert "Amy" not in payload
    assert "Z123" not in payload
    heard = read_note(payload)
    assert (heard.kind, heard.who, heard.now, heard.role, heard.state, heard.seq) == ("arrived", AMY, "waiting", "patient", "open", 3)


def test_a_note_always_fits_into_a_notification() -> None:
    visit = Visit(VisitId(new_id()), TenantId(new_id()), None, None, VisitState.OPEN, 3)
    crowd = {"people": [{"id": str(new_id()), "role": "guest", "state": "waiting", "since": NOW.isoformat()} for _ in range(200)]}
    assert len(note(visit, VisitEvent(visit.tenant, visit.id, 3, NOW, K.MERGED, None, crowd)).encode()) < NOTIFY_LIMIT
