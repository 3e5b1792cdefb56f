"""Times as the hospital writes them: instants in UTC, shown in a department's own zone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

NOON = 12
_ELSEWHERE = ("America/Los_Angeles", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney")


def instant(seconds: float) -> str:
    """`2026-11-21T10:30:00Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(seconds: float) -> str:
    """An instant to the millisecond, for the ledger."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(text: str) -> float:
    """Back from an instant; a ValueError when it is none."""
    return datetime.fromisoformat(text).timestamp()


def zone(name: str) -> tzinfo:
    """The named zone, or UTC where this machine has no such zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def local(text: str, zone_name: str) -> datetime:
    """An instant on the wall clock of a zone."""
    return datetime.fromisoformat(text).astimezone(zone(zone_name))


def from_local(text: str, zone_name: str) -> str:
    """What a `datetime-local` field says, as an instant; a ValueError when it says nothing sensible."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=zone(zone_name)).timestamp())


def machine_zone() -> str:
    """The zone of the machine we run on, by its IANA name, `UTC` when it does not say."""
    target = os.path.realpath("/etc/localtime")
    name = target.partition("zoneinfo/")[2]
    return name if name and Path(target).exists() and zone(name) is not UTC else "UTC"


def daytime_zone(now: float, besides: str) -> str:
    """A zone other than the given one where it is nearest to noon: the second site should not see patients at three at night."""

    def from_noon(name: str) -> float:
        there = datetime.fromtimestamp(now, zone(name))
        return abs(there.hour + there.minute / 60 - NOON)

    return min((name for name in _ELSEWHERE if name != besides), key=from_noon)
