"""A message as it may be looked at without knowing whom it is about: its segments and fields, and of these only the values of codes. Pure.

What is not named here is hidden: a field that a sender made up, a remark, everything of the patient and of those around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vestibule.protocols.hl7v2 import Message

# Fields whose values are codes, times and numbers of appointments: {segment: {field: (what it is called, components shown; () for all)}}.
_OPEN: Final[dict[str, dict[int, tuple[str, tuple[int, ...]]]]] = {
    "MSH": {
        3: ("Sending application", ()),
        4: ("Sending facility", ()),
        5: ("Receiving application", ()),
        6: ("Receiving facility", ()),
        7: ("Date/time of message", ()),
        9: ("Message type", ()),
        10: ("Control id", ()),
        11: ("Processing id", ()),
        12: ("Version", ()),
        15: ("Accept acknowledgement", ()),
        16: ("Application acknowledgement", ()),
        18: ("Character set", ()),
    },
    "EVN": {1: ("Event type", ()), 2: ("Recorded", ()), 6: ("Occurred", ())},
    "SCH": {
        1: ("Placer appointment id", ()),
        2: ("Filler appointment id", ()),
        6: ("Event reason", (1,)),
        7: ("Appointment reason", (1,)),
        8: ("Appointment type", (1, 2)),
        9: ("Duration", ()),
        10: ("Units of duration", ()),
        11: ("Appointment timing", ()),
        25: ("Filler status", ()),
    },
    "TQ1": {6: ("Service duration", ()), 7: ("Start", ()), 8: ("End", ())},
    "PID": {15: ("Language", (1,))},
    "PV1": {2: ("Patient class", ()), 3: ("Location", ()), 19: ("Visit number", (1, 4))},
    "RGS": {1: ("Set id", ()), 3: ("Resource group", (1, 2))},
    "AIS": {3: ("Service", (1, 2)), 4: ("Start", ()), 7: ("Duration", ()), 8: ("Units", ())},
    "AIG": {3: ("Resource", (1, 2)), 4: ("Resource type", (1, 2)), 8: ("Start", ()), 11: ("Duration", ()), 12: ("Units", ())},
    "AIL": {3: ("Location", ()), 4: ("Location type", (1, 2)), 6: ("Start", ()), 9: ("Duration", ()), 10: ("Units", ())},
    "AIP": {4: ("Role", (1, 2)), 6: ("Start", ()), 9: ("Duration", ()), 10: ("Units", ())},
}
_HIDDEN: Final = {
    "PID": {
        3: "Patient ids",
        5: "Name",
        7: "Date of birth",
        8: "Sex",
        11: "Address",
        13: "Home telephone",
        14: "Work telephone",
        19: "SSN",
    },
    "AIP": {3: "Person"},
    "SCH": {12: "Placer contact", 16: "Filler contact", 20: "Entered by"},
}
_MOST_SEGMENTS: Final = 200
_MOST_FIELDS: Final = 60
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Shown:
    """A field that says something.

    Attributes:
        place: e.g. `SCH-11`.
        name: what it is called in the standard; empty where we have no name for it.
        value: None when it is hidden.
    """

    place: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class ShownSegment:
    """A segment, and those of its fields that say something."""

    name: str
    fields: tuple[Shown, ...]


def mask(message: Message) -> list[ShownSegment]:
    """What of a message may be shown."""
    lines = [line for line in message.lines[:_MOST_SEGMENTS] if line.strip()]
    return [_segment(line, message.signs.field, message.signs.component) for line in lines]


def _segment(line: str, sign: str, component: str) -> ShownSegment:
    head, *fields = line.split(sign)
    name = head if len(head) == 3 and head.isascii() and head.isalnum() else "???"  # noqa: PLR2004  a segment's name has three characters
    first = 2 if name == "MSH" else 1
    numbered = [(n, text) for n, text in enumerate(fields[:_MOST_FIELDS], first) if text and not (name == "MSH" and n == first)]
    return ShownSegment(name, tuple(_field(name, n, text, component) for n, text in numbered))


def _field(segment: str, number: int, text: str, component: str) -> Shown:
    name, components = _OPEN.get(segment, {}).get(number, ("", None))
    place = f"{segment}-{number}"
    if components is None:
        return Shown(place, _HIDDEN.get(segment, {}).get(number, ""), None)
    parts = text.split(component) if component else [text]
    kept = [part if not components or n in components else "" for n, part in enumerate(parts, 1)]
    return Shown(place, name, (component or "^").join(kept).rstrip(component or "^")[:_LONGEST])
