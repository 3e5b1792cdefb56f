"""Appointments in mails (RFC 5545): as much of a calendar as a card on a page shows. Not a calendar program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

_ESCAPED = re.compile(r"\\([\\;,nN])")
_MOST_LINES = 5000


class Event(Struct, kw_only=True):
    """One appointment; times are instants, empty where the file's cannot be read."""

    method: str = ""
    uid: str = ""
    sequence: int = 0
    summary: str = ""
    starts: str = ""
    ends: str = ""
    url: str = ""
    location: str = ""
    status: str = ""

    @property
    def cancelled(self) -> bool:
        """Whether it is called off."""
        return "CANCEL" in {self.method.upper(), self.status.upper()[:6]}


def read_calendar(text: str) -> list[Event]:
    """Every VEVENT of a calendar, with the calendar's METHOD."""
    found: list[Event] = []
    within: list[str] = []
    method = ""
    for name, parameters, value in _lines(text):
        if name == "BEGIN":
            within.append(value.upper())
            if within[-1] == "VEVENT":
                found.append(Event())
        elif name == "END" and within:
            within.pop()
        elif name == "METHOD" and within == ["VCALENDAR"]:
            method = value.upper()
        elif within and within[-1] == "VEVENT":
            _take(found[-1], name, parameters, value)
    for event in found:
        event.method = method
    return found


def _lines(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Unfolded content lines: name, parameters, value."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    for line in unfolded.splitlines()[:_MOST_LINES]:
        head, mark, value = _split(line)
        if mark:
            name, *parameters = head.split(";")
            yield name.upper(), dict(_parameter(one) for one in parameters), value


def _split(line: str) -> tuple[str, str, str]:
    """Apart at the first colon that stands in no quotes."""
    quoted = False
    for place, sign in enumerate(line):
        quoted ^= sign == '"'
        if sign == ":" and not quoted:
            return line[:place], ":", line[place + 1 :]
    return line, "", ""


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.upper(), value.strip('"')


def _take(event: Event, name: str, parameters: dict[str, str], value: str) -> None:
    words = _ESCAPED.sub(lambda m: "\n" if m[1] in "nN" else m[1], value)
    if name in {"UID", "SUMMARY", "URL", "LOCATION", "STATUS"}:
        setattr(event, name.lower(), words.strip()[:500])
    elif name == "SEQUENCE" and value.isdecimal():
        event.sequence = int(value[:9])
    elif name == "DTSTART":
        event.starts = _instant(parameters, value)
    elif name == "DTEND":
        event.ends = _instant(parameters, value)


def _instant(parameters: dict[str, str], value: str) -> str:
    """A time with `Z`, or one on the wall of a named zone."""
    try:
        there = UTC if value.endswith("Z") else ZoneInfo(parameters["TZID"])
        at = datetime.strptime(value.removesuffix("Z"), "%Y%m%dT%H%M%S").replace(tzinfo=there)
    except (ValueError, KeyError, OSError):
        return ""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
