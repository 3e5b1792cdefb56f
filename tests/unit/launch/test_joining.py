"""What a link's page says, apart from where it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vestibule.kit.ids import TenantId, VisitId, new_id
from vestibule.launch.joining import moved_since
from vestibule.visits.model import EventKind, PersonRole, VisitEvent
from vestibule.visits.service import Link

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
TENANT, VISIT, LINK = TenantId(new_id()), VisitId(new_id()), new_id()
MADE, MOVED = EventKind.LINK_MADE, EventKind.RESCHEDULED


def link() -> Link:
    return Link(LINK, VISIT, PersonRole.PATIENT, NOW, NOW + timedelta(days=1))


def event(seq: int, kind: EventKind, minutes: int, **body: str) -> VisitEvent:
    return VisitEvent(TENANT, VISIT, seq, NOW + timedelta(minutes=minutes), kind, None, body)


@pytest.mark.parametrize(
    ("events", "moved"),
    [
        ([], False),
        ([event(1, MADE, 0, link=str(LINK))], False),
        ([event(1, MOVED, -5), event(2, MADE, 0, link=str(LINK))], False),
        ([event(1, MADE, 0, link=str(LINK)), event(2, MOVED, 5)], True),
        ([event(1, MADE, 0, link=str(LINK)), event(2, MOVED, -5)], True),  # a clock was put back; the list's order counts
        ([event(1, MOVED, -5)], False),  # a link that came with a message has no event
        ([event(1, MOVED, -5), event(2, MOVED, 5)], True),
        ([event(1, MADE, 0, link=str(new_id())), event(2, MOVED, 5)], True),
    ],
)
def test_a_link_knows_whether_the_visit_was_moved_after_it_was_made(events: list[VisitEvent], moved: bool) -> None:
    assert moved_since(link(), events) is moved
