"""Invitations: what RFC 5545 and 5546 want, and nothing that a text can smuggle in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.protocols.icalendar import Event, invitation

AT = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)
EVENT = Event(
    uid="visit-1@alder.test",
    sequence=2,
    made_at=AT - timedelta(days=1),
    starts_at=AT,
    ends_at=AT + timedelta(minutes=30),
    summary="Video visit",
    url="https://visits.alder.test/j/abc",
    organizer="visits@alder.test",
    organizer_name="Alder Health",
    attendee="pat@example.org",
)


def unfolded(made: bytes) -> list[str]:
    """The lines as a reader puts them together (RFC 5545 3.1)."""
    return made.decode().replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def values(made: bytes, name: str) -> list[str]:
    return [line.partition(":")[2] for line in unfolded(made) if line.partition(":")[0].partition(";")[0] == name]


def unmarked(text: str) -> str:
    """TEXT as a reader understands it (RFC 5545 3.3.11)."""
    out, rest = "", iter(text)
    for c in rest:
        following = next(rest, "") if c == "\\" else c
        out += "\n" if c == "\\" and following in "nN" else following
    return out


def test_a_request_holds_what_a_calendar_needs() -> None:
    lines = unfolded(invitation(EVENT))
    assert lines[:5] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Vestibule//Messages//EN", "CALSCALE:GREGORIAN", "METHOD:REQUEST"]
    for line in (
        "UID:visit-1@alder.test",
        "SEQUENCE:2",
        "DTSTAMP:20261120T153000Z",
        "DTSTART:20261121T153000Z",
        "DTEND:20261121T160000Z",
        "SUMMARY:Video visit",
        "STATUS:CONFIRMED",
        'ORGANIZER;CN="Alder Health":mailto:visits@alder.test',
        "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:mailto:pat@example.org",
    ):
        assert line in lines
    assert lines[-2:] == ["END:VEVENT", "END:VCALENDAR"]


def test_a_cancellation_names_the_same_event() -> None:
    made = invitation(replace(EVENT, sequence=3, cancelled=True))
    assert values(made, "METHOD") == ["CANCEL"]
    assert values(made, "STATUS") == ["CANCELLED"]
    assert values(made, "UID") == values(invitation(EVENT), "UID")
    assert values(made, "SEQUENCE") == ["3"]


@pytest.mark.parametrize(
    ("zone", "told"), [("America/Chicago", "20261121T153000Z"), ("Asia/Seoul", "20261121T153000Z"), ("UTC", "20261121T153000Z")]
)
def test_times_are_told_in_utc_wherever_they_come_from(zone: str, told: str) -> None:
    assert values(invitation(replace(EVENT, starts_at=AT.astimezone(ZoneInfo(zone)))), "DTSTART") == [told]


def test_a_night_when_the_clocks_change_has_no_hour_too_many() -> None:
    zone = ZoneInfo("America/Chicago")
    twice = datetime(2026, 11, 1, 1, 30, tzinfo=zone, fold=1)
    made = invitation(replace(EVENT, starts_at=twice, ends_at=twice.astimezone(UTC) + timedelta(minutes=30)))
    assert (values(made, "DTSTART"), values(made, "DTEND")) == (["20261101T073000Z"], ["20261101T080000Z"])


@pytest.mark.parametrize(
    "change", [{"starts_at": AT.replace(tzinfo=None), "ends_at": AT.replace(tzinfo=None)}, {"ends_at": AT - timedelta(seconds=1)}]
)
def test_times_that_make_no_sense_are_refused(change: dict[str, datetime]) -> None:
    with pytest.raises(ValueError, match=r"zone|before"):
        invitation(replace(EVENT, **change))


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=100), st.text(max_size=100))
def test_no_text_becomes_a_line_of_its_own(summary: str, description: str, name: str, url: str) -> None:
    made = invitation(replace(EVENT, summary=summary, description=description or "x", organizer_name=name or "x", url=url or "x"))
    assert all(len(line) <= 75 for line in made.split(b"\r\n"))
    assert b"\n" not in made.replace(b"\r\n", b"")
    assert b"\r" not in made.replace(b"\r\n", b"")
    lines = unfolded(made)
    names = [line.partition(":")[0].partition(";")[0] for line in lines]
    assert names == [
        *("BEGIN", "VERSION", "PRODID", "CALSCALE", "METHOD", "BEGIN", "UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"),
        *("DESCRIPTION", "LOCATION", "URL", "ORGANIZER", "ATTENDEE", "STATUS", "TRANSP", "CLASS", "END", "END"),
    ]


@given(st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs"]), max_size=200))
def test_what_is_written_is_what_is_read(text: str) -> None:
    (read,) = values(invitation(replace(EVENT, summary=text)), "SUMMARY")
    assert unmarked(read) == text
