"""A visit's time in words, in the clinic's zone and the reader's language. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_gmt, get_timezone_name


@dataclass(frozen=True, slots=True)
class When:
    """A moment for a page.

    Attributes:
        moment: for `<time datetime>` and the script, which adds the reader's own time where it differs.
        day: `Monday, March 2`; empty when it is today there.
        clock: `10:30 AM`.
        zone: `CST`; empty when the clinic's zone is not known and the script has to say it.
    """

    moment: datetime
    day: str
    clock: str
    zone: str

    @property
    def iso(self) -> str:
        """For machines."""
        return self.moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(moment: datetime, *, zone: str, language: str, now: datetime) -> When:
    """The moment as people at the clinic say it."""
    place = _zone(zone)
    there, locale = moment.astimezone(place or UTC), _locale(language)
    today = there.date() == now.astimezone(place or UTC).date()
    return When(
        moment,
        "" if today else _day(there, locale),
        format_time(there, "short", tzinfo=place or UTC, locale=locale).replace("\u202f", "\u00a0"),
        _zone_name(there, locale) if place else "",
    )


@lru_cache(64)
def _locale(language: str) -> Locale:
    return Locale.parse(language)


def _day(there: datetime, locale: Locale) -> str:
    date = format_skeleton("MMMMd", there, tzinfo=there.tzinfo, locale=locale)
    return f"{format_date(there.date(), 'EEEE', locale=locale)}, {date}"


def _zone_name(there: datetime, locale: Locale) -> str:
    name = get_timezone_name(there, "short", locale=locale)
    return get_timezone_gmt(there, "long", locale=locale) if name.startswith(("+", "-")) else name  # `+0900` reads like a sum


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
