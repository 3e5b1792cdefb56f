"""What happened on the schedule between two states of the book, as the trigger events of HL7 v2 chapter 10."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from practice.model import Appointment, AppointmentStatus, Book, Patient

_STANDS = {"booked", "arrived"}
_ENDS: dict[AppointmentStatus, str] = {"cancelled": "S15", "noshow": "S26", "entered-in-error": "S17"}
_MOVED = ("start", "minutes")
_CHANGED = ("patient", "department", "reason", "type", "place", "group")


class Happening(NamedTuple):
    """One thing to tell of one appointment, as the book has it (`old` where it was taken out of the book)."""

    event: str
    visit: Appointment
    book: Book


def happened(old: Book, new: Book) -> Iterator[Happening]:
    """In the order of the book; one happening for each appointment at most."""
    before = {visit.id: visit for visit in old.appointments}
    touched = _patients_touched(old, new)
    for visit in new.appointments:
        event = _of(before.get(visit.id), visit, touched=visit.patient in touched)
        if event:
            yield Happening(event, visit, new)
    there = {visit.id for visit in new.appointments}
    yield from (Happening("S17", visit, old) for visit in old.appointments if visit.id not in there and visit.status in _STANDS)


def _of(old: Appointment | None, new: Appointment, *, touched: bool) -> str:
    """The event, or nothing."""
    if old is None:
        return "S12" if new.status in _STANDS else ""
    if old.status != new.status and new.status in _ENDS:
        return _ENDS[new.status]
    if new.status not in _STANDS:
        return ""
    if _differ(old, new, _MOVED):
        return "S13"
    return _resources(old, new) or ("S14" if touched or old.status not in _STANDS or _differ(old, new, _CHANGED) else "")


def _resources(old: Appointment, new: Appointment) -> str:
    """Somebody more (S18), somebody else (S19), somebody fewer (S20)."""
    if set(new.others) - set(old.others):
        return "S18"
    if old.practitioner != new.practitioner:
        return "S19"
    return "S20" if set(old.others) - set(new.others) else ""


def _differ(old: Appointment, new: Appointment, names: tuple[str, ...]) -> bool:
    return any(getattr(old, name) != getattr(new, name) for name in names)


def _patients_touched(old: Book, new: Book) -> set[str]:
    """Those whose name, phone, e-mail or language is another one now."""

    def told(one: Patient) -> tuple[str, ...]:
        return (one.family, one.given, one.phone, one.email, one.language)

    before = {one.id: told(one) for one in old.patients}
    return {one.id for one in new.patients if one.id in before and before[one.id] != told(one)}
