"""One appointment as an iCalendar object that a mail program shows as an invitation, or takes out of the calendar again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

_LONGEST_LINE: Final = 75  # octets without the line break (RFC 5545 3.1)
_MARKS: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})  # RFC 5545 3.3.11
_UNQUOTABLE: Final = str.maketrans("", "", '"')  # a parameter's value in quotes has no way to hold one (3.2)


@dataclass(frozen=True, slots=True)
class Event:
    """An appointment in somebody's calendar.

    Attributes:
        uid: the same for every object about it.
        sequence: grows with every change (RFC 5546 2.1.4).
        made_at: when this object was made.
        starts_at, ends_at: aware; the end is not before the start.
        url: where it takes place.
        organizer, attendee: e-mail addresses; a request needs both (RFC 5546 3.2.2).
        cancelled: the object takes the appointment back.
    """

    uid: str
    sequence: int
    made_at: datetime
    starts_at: datetime
    ends_at: datetime
    summary: str
    url: str
    organizer: str
    attendee: str = field(repr=False)
    organizer_name: str = ""
    description: str = ""
    cancelled: bool = False

    @property
    def method(self) -> str:
        """REQUEST or CANCEL; the same word stands in the Content-Type of the part that carries it (RFC 6047 2.4)."""
        return "CANCEL" if self.cancelled else "REQUEST"


def invitation(event: Event) -> bytes:
    """The object in UTF-8, lines folded and ended by CRLF.

    Raises:
        ValueError: a time without zone, or an end before the start.
    """
    if event.ends_at < event.starts_at:
        raise ValueError("the end is before the start")
    return b"".join(piece + b"\r\n" for line in _lines(event) for piece in _folded(line))


def _lines(event: Event) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Vestibule//Messages//EN", "CALSCALE:GREGORIAN", f"METHOD:{event.method}")
    yield from ("BEGIN:VEVENT", f"UID:{_text(event.uid)}", f"SEQUENCE:{max(0, event.sequence)}")
    yield f"DTSTAMP:{_moment(event.made_at)}"
    yield f"DTSTART:{_moment(event.starts_at)}"
    yield f"DTEND:{_moment(event.ends_at)}"
    yield f"SUMMARY:{_text(event.summary)}"
    if event.description:
        yield f"DESCRIPTION:{_text(event.description)}"
    if event.url:
        yield f"LOCATION:{_text(event.url)}"
        yield f"URL:{_plain(event.url)}"
    name = f';CN="{_plain(event.organizer_name).translate(_UNQUOTABLE)}"' if event.organizer_name else ""
    yield f"ORGANIZER{name}:mailto:{_plain(event.organizer)}"
    yield f"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:mailto:{_plain(event.attendee)}"
    yield f"STATUS:{'CANCELLED' if event.cancelled else 'CONFIRMED'}"
    yield from ("TRANSP:OPAQUE", "CLASS:PRIVATE", "END:VEVENT", "END:VCALENDAR")


def _moment(at: datetime) -> str:
    """UTC (RFC 5545 3.3.5, form 2): every reader knows it, and no time zone has to be described."""
    if at.tzinfo is None:
        raise ValueError("a time without zone")
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """A TEXT value: what would end it is marked, control characters are gone."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c == "\n" or _sound(c)).translate(_MARKS)


def _plain(value: str) -> str:
    """A value that knows no marks (URI, a parameter): nothing in it can begin another line."""
    return "".join(c for c in value if _sound(c))


def _sound(character: str) -> bool:
    return character >= " " and character != "\x7f" and not "\x80" <= character <= "\x9f" and not "\ud800" <= character <= "\udfff"


def _folded(line: str) -> Iterator[bytes]:
    """Pieces of at most 75 octets, the later ones begun by a space; no character is cut in two."""
    piece = b""
    for character in line:
        encoded = character.encode()
        if len(piece) + len(encoded) > _LONGEST_LINE:
            yield piece
            piece = b" "
        piece += encoded
    yield piece
