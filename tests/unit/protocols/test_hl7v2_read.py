"""Reading scheduling messages: the shapes that senders give them."""

from __future__ import annotations

from datetime import UTC, datetime

from support.siu import EPIC_LIKE
from vestibule.protocols.hl7v2 import choose_phone, interval, parse, read_notice


def test_a_message_of_the_shape_that_epic_publishes_is_understood() -> None:
    notice = read_notice(parse(EPIC_LIKE))
    assert (notice.event, notice.status, notice.control_id, notice.version) == ("S12", "booked", "2001", "2.3")
    assert (notice.placer.id, notice.filler.id, notice.visit_number.id) == ("1", "700123", "5001")
    assert interval(notice, "America/Chicago") == (datetime(2026, 3, 5, 20, 30, tzinfo=UTC), datetime(2026, 3, 5, 20, 50, tzinfo=UTC))
    assert (notice.department.code, notice.visit_type.text, notice.patient_class) == ("CARD", "FOLLOW UP", "O")
    assert [(one.segment, one.id.code) for one in notice.resources] == [("AIS", "001"), ("AIG", "399"), ("AIP", "400")]
    assert (notice.family, notice.given, choose_phone(notice.telecoms)) == ("CANARY", "MIRA", "5550134")
