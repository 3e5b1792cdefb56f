"""Wall clocks: what the clock on a clinic's wall says, and which moment that is. Pure.

A wall clock leaps over an hour in spring (a *gap*: that time never comes) and shows one twice in autumn (a *fold*: that time comes twice).
A time in a gap means the first moment after it; a time in a fold means the first of the two.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY = timedelta(days=1)
# No zone's rules have ever moved its clock by more at once than a day (Samoa left out a whole one in 2011).
_WIDEST = timedelta(days=2)


@lru_cache(256)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; UTC for none and for a name nobody knows."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def instant(local: datetime, zone: str) -> datetime:
    """The moment, in UTC, at which the wall clock of `zone` shows a naive time; see the module for gaps and folds."""
    if local.tzinfo is not None:
        raise ValueError("a wall clock's time has no offset")
    place = zone_of(zone)
    moment = local.replace(tzinfo=place, fold=0).astimezone(UTC)
    if moment.astimezone(place).replace(tzinfo=None) == local:
        return moment
    return _after_gap(moment, local, place)


def wall(moment: datetime, zone: str) -> datetime:
    """What the wall clock of `zone` shows at a moment: a naive time."""
    return moment.astimezone(zone_of(zone)).replace(tzinfo=None)


def quiet(moment: datetime, zone: str, begin: time, end: time) -> bool:
    """Whether a moment lies in the hours from `begin` to before `end` of the wall clock; over midnight where `end` is earlier."""
    return _between(wall(moment, zone).time(), begin, end)


def next_loud(moment: datetime, zone: str, begin: time, end: time) -> datetime:
    """The first moment, from this one on, that is outside quiet hours."""
    local = wall(moment, zone)
    if not _between(local.time(), begin, end):
        return moment
    day = local.date() if local.time() < end else local.date() + _DAY
    found = _at(day, end, zone)
    if found < moment:  # the clock was put back across the end of the quiet hours: it comes twice, and the first is behind us
        found = moment + (datetime.combine(day, end) - local)
    # In a gap the end is later than it says, perhaps within the next quiet hours.
    return next_loud(found, zone, begin, end) if quiet(found, zone, begin, end) else found


def last_loud(moment: datetime, zone: str, begin: time, end: time) -> datetime:
    """The beginning of the quiet hours that a moment lies in; the moment itself outside of them."""
    local = wall(moment, zone)
    if not _between(local.time(), begin, end):
        return moment
    day = local.date() if local.time() >= begin else local.date() - _DAY
    return min(moment, _at(day, begin, zone))


def _between(clock: time, begin: time, end: time) -> bool:
    if begin == end:
        return False
    if begin < end:
        return begin <= clock < end
    return clock >= begin or clock < end


def _at(day: date, clock: time, zone: str) -> datetime:
    return instant(datetime.combine(day, clock), zone)


def _after_gap(moment: datetime, local: datetime, place: ZoneInfo) -> datetime:
    """The first moment after the gap that a wall clock's time falls into, to the second: found by halving."""
    low, high = moment - _WIDEST, moment + _WIDEST
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(place).replace(tzinfo=None) >= local:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)
