"""A place where it is broad day, at whatever hour the tests run: what is planned for "in two hours" is then still today."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

# One for every second hour, so that it is between eleven and two somewhere.
_PLACES = (
    "Pacific/Auckland",
    "Pacific/Noumea",
    "Asia/Tokyo",
    "Asia/Bangkok",
    "Asia/Karachi",
    "Asia/Riyadh",
    "Europe/Berlin",
    "Atlantic/Azores",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Denver",
    "America/Anchorage",
    "Pacific/Honolulu",
)


def daytime(now: datetime | None = None) -> str:
    """The IANA zone whose clocks are nearest to noon."""
    moment = now or datetime.now(UTC)

    def from_noon(zone: str) -> float:
        there = moment.astimezone(ZoneInfo(zone))
        return abs(there.hour + there.minute / 60 - 12)

    return min(_PLACES, key=from_noon)
