"""What the screens show of a visit: its people, its time on the department's clock, its state in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from practice.hospital import Hospital
from practice.live import PATIENT, PROVIDER, Seen
from practice.model import VISIT_TYPES, Appointment, Department, Patient, Practitioner
from practice.times import local, seconds, zone

LABELS = {
    "both": ("live", "In visit"),
    "provider": ("part", "Clinician connected"),
    "patient": ("part", "Patient connected"),
    "left": ("gone", "All disconnected"),
    "": ("idle", "Not connected"),
}
STATES = {
    "booked": "Scheduled",
    "arrived": "Arrived",
    "fulfilled": "Completed",
    "cancelled": "Canceled",
    "noshow": "No show",
    "entered-in-error": "Entered in error",
}
_OVER = {"fulfilled", "cancelled", "noshow", "entered-in-error"}


@dataclass(frozen=True)
class Row:
    """One visit, ready to show."""

    visit: Appointment
    patient: Patient
    practitioner: Practitioner
    department: Department
    tone: str
    live: str
    people: list[tuple[str, str, Seen]]

    @property
    def kind(self) -> str:
        """What kind of visit it is, in words."""
        return VISIT_TYPES[self.visit.type].capitalize()

    @property
    def state(self) -> str:
        """The appointment's state in a word."""
        return STATES[self.visit.status]

    @property
    def over(self) -> bool:
        """Whether nobody will join any more."""
        return self.visit.status in _OVER


def row(house: Hospital, visit: Appointment) -> Row | None:
    """A visit with its people; None when one of them was removed."""
    patient, who = house.book.patient(visit.patient), house.book.practitioner(visit.practitioner)
    where = house.book.department(visit.department)
    if patient is None or who is None or where is None:
        return None
    tone, words = LABELS[house.live.summary(visit.id)]
    return Row(visit, patient, who, where, tone, words, [_named(house, seen) for seen in house.live.of(visit.id)])


def _named(house: Hospital, seen: Seen) -> tuple[str, str, Seen]:
    found: Any = house.book.practitioner(seen.person) if seen.type == PROVIDER else house.book.patient(seen.person)
    role = {PROVIDER: "Clinician", PATIENT: "Patient"}.get(seen.type, "Guest")
    return role, found.name if found else seen.person, seen


def rows(house: Hospital, visits: Iterable[Appointment]) -> list[Row]:
    """In the order of their times."""
    found = [row(house, visit) for visit in sorted(visits, key=lambda v: (v.start, v.csn))]
    return [one for one in found if one is not None]


def on_day(house: Hospital, day: date) -> list[Appointment]:
    """The visits of a day, each on the calendar of its own department."""
    zones = {d.id: d.zone for d in house.book.departments}
    return [v for v in house.book.appointments if local(v.start, zones.get(v.department, "UTC")).date() == day]


def today(house: Hospital) -> date:
    """The date where the first department is."""
    first = house.book.departments[0].zone if house.book.departments else "UTC"
    return datetime.fromtimestamp(house.now(), zone(first)).date()


def age(birth_date: str, on: date) -> int:
    """Whole years."""
    try:
        born = date.fromisoformat(birth_date)
    except ValueError:
        return 0
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def nearest(house: Hospital, visits: Iterable[Row]) -> Row | None:
    """The visit that somebody would begin now: not over, and nearest in time."""
    open_ones = [one for one in visits if not one.over]
    return min(open_ones, key=lambda one: abs(seconds(one.visit.start) - house.now()), default=None)
