"""Times: `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]` (HL7 v2.9 2A.3.21 DTM; TS before 2.6), and what instant one means.

Seen in the wild and read: digits behind the seconds without a point (`2026030509071500`, hundredths), a degree of precision behind `^`.
A time without a zone is one on the wall of the place it is about.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from vestibule.errors import BadInput
from vestibule.protocols.hl7v2.notice import Stamp

PHASE = "hl7.time"
_ODD = re.compile(r"(\d{4,14})(\d{0,2})(?:\.(\d{1,9}))?\Z", re.ASCII)
_DAYS = {4: "0101T00", 6: "01T00", 8: "T00"}  # what a time that is not that precise begins with
_MOST_HOURS = 14
_SIGNS = frozenset({"+", "-"})
_USUAL = frozenset({12, 14, 16})


def read_stamp(value: str) -> Stamp | None:
    """A time as written; None for an empty one.

    Raises:
        BadInput: `hl7-time`, for what is no time, or none that exists.
    """
    if not value:
        return None
    zone = None
    if value[-5:-4] in _SIGNS:
        value, zone = value[:-5], value[-5:]
    size = len(value)
    if size not in _USUAL or not (value.isdigit() and value.isascii()):
        return _read_odd(value, zone)
    try:
        local = datetime.fromisoformat(f"{value[:8]}T{value[8:14]}.{value[14:]}" if size > 14 else f"{value[:8]}T{value[8:]}")  # noqa: PLR2004
    except ValueError:
        raise _wrong() from None
    return Stamp(local, None if zone is None else _offset(zone), min(size, 14))


def _read_odd(value: str, zone: str | None) -> Stamp:
    """Less, or more, than minutes and seconds."""
    match = _ODD.match(value.partition("^")[0].strip())
    if match is None:
        raise _wrong()
    digits, fraction = match.group(1), match.group(2) or match.group(3)
    size = len(digits)
    if size % 2 or (fraction and size != 14):  # noqa: PLR2004 down to the second
        raise _wrong()
    try:
        local = datetime.fromisoformat(f"{digits[:8]}{_DAYS.get(size) or 'T' + digits[8:]}{'.' + fraction if fraction else ''}")
    except ValueError:
        raise _wrong() from None
    return Stamp(local, None if zone is None else _offset(zone), size)


@lru_cache(maxsize=64)
def _offset(zone: str) -> int:
    """Minutes from UTC."""
    if not zone[1:].isdecimal() or not zone.isascii():
        raise _wrong()
    hours, minutes = int(zone[1:3]), int(zone[3:])
    if hours > _MOST_HOURS or minutes > 59:  # noqa: PLR2004 an hour has sixty
        raise _wrong()
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)


def _wrong() -> BadInput:
    return BadInput("hl7-time", "A time in the message is not one: it should look like 202603051430 or 20260305143000-0600.", phase=PHASE)


def resolve(stamp: Stamp, zone: str) -> datetime:
    """The instant a time means, in UTC.

    The message's own offset decides. Without one it is the wall clock of `zone`: a time that the clocks skip when they go forward means the
    first instant behind the gap, and one that comes twice when they go back means the first of the two.

    Args:
        stamp: as written.
        zone: IANA name of the place's zone; empty where nobody said.

    Raises:
        BadInput: `hl7-zone-missing` where neither the message nor the place says, `hl7-zone-unknown`, `hl7-time` at the ends of time.
    """
    try:
        return _instant(stamp, zone)
    except OverflowError:  # the years 1 and 9999, which no calendar needs
        raise _wrong() from None


def _instant(stamp: Stamp, zone: str) -> datetime:
    if stamp.offset_minutes is not None:
        return stamp.local.replace(tzinfo=timezone(timedelta(minutes=stamp.offset_minutes))).astimezone(UTC)
    place = _zone(zone)
    first = stamp.local.replace(tzinfo=place, fold=0)
    instant = first.astimezone(UTC)
    if instant.astimezone(place).replace(tzinfo=None) == stamp.local:
        return instant
    return _behind_gap(place, first.replace(fold=1).astimezone(UTC), instant)


def _behind_gap(place: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant at which the offset changes, between two instants on either side of it, to the second."""
    old = before.astimezone(place).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, place).utcoffset() == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def _zone(name: str) -> ZoneInfo:
    if not name:
        raise BadInput("hl7-zone-missing", "A time in the message has no zone, and none is known for the place it is about.", phase=PHASE)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # as ZoneInfo says of names that are none, or that are folders
        raise BadInput("hl7-zone-unknown", "The time zone that is set for this place does not exist.", phase=PHASE) from None
