"""SIU messages: as Epic's outgoing scheduling interface is published (version 2.3), or as version 2.5.1 has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from practice.interface.happenings import Happening
from practice.interface.model import Interface
from practice.interface.people import contact_points, language
from practice.model import VISIT_TYPES, Department, Patient, Practitioner
from practice.times import local, seconds, zone

_STATUS = {
    "booked": ("1^SCH", "Booked"),
    "arrived": ("1^SCH", "Arrived"),
    "cancelled": ("3^CAN", "Cancelled"),
    "noshow": ("4^NOS", "Noshow"),
    "entered-in-error": ("3^CAN", "Deleted"),
    "fulfilled": ("2^COM", "Complete"),
}
_REASONS = {"S12": "BOOKED", "S13": "RESCHEDULED", "S15": "CANCELLED", "S17": "ENTERED IN ERROR", "S26": "NO SHOW"}
_ROOMS = {"home": "398^PATIENT HOME", "clinic": "399^VIDEO ROOM"}


def escape(text: str) -> str:
    """Text inside a field: delimiters by their escapes, line ends as breaks (chapter 2.7)."""
    out = text.replace("\\", "\\E\\")
    for sign, name in (("|", "F"), ("^", "S"), ("~", "R"), ("&", "T")):
        out = out.replace(sign, f"\\{name}\\")
    return out.replace("\r\n", "\\.br\\").replace("\n", "\\.br\\").replace("\r", "\\.br\\")


def segment(name: str, fields: Mapping[int, str]) -> str:
    """`SCH|1|700123`: fields by their numbers, those in between empty."""
    return "|".join([name, *(fields.get(place, "") for place in range(1, max(fields) + 1))])


@dataclass(frozen=True)
class Told:
    """Everything one message speaks of.

    Attributes:
        others: further clinicians.
        clinic_zone: of the house, which dates messages.
    """

    happening: Happening
    patient: Patient
    who: Practitioner
    where: Department
    others: list[Practitioner]
    control: str
    at: float
    interface: Interface
    clinic_zone: str

    @property
    def modern(self) -> bool:
        """Version 2.5.1."""
        return self.interface.shape == "2.5.1"

    def start(self) -> str:
        """When it begins: to the minute on the department's clock, or with seconds and the zone."""
        return self._time(local(self.happening.visit.start, self.where.zone))

    def end(self) -> str:
        """When it ends."""
        over = seconds(self.happening.visit.start) + self.happening.visit.minutes * 60
        return self._time(datetime.fromtimestamp(over, zone(self.where.zone)))

    def _time(self, at: datetime) -> str:
        return at.strftime("%Y%m%d%H%M%S%z" if self.modern else "%Y%m%d%H%M")


def told(happening: Happening, interface: Interface, control: str, at: float) -> Told:
    """The people and the place of a happening. All of them are in its book: that was checked before it was kept."""
    book, visit = happening.book, happening.visit
    patient, who, where = book.patient(visit.patient), book.practitioner(visit.practitioner), book.department(visit.department)
    if patient is None or who is None or where is None:
        raise LookupError(f"appointment {visit.csn} names somebody who is not in the book")
    others = [found for found in map(book.practitioner, visit.others) if found is not None]
    return Told(happening, patient, who, where, others, control, at, interface, book.departments[0].zone)


def message(one: Told) -> str:
    """The whole message, with CR after each segment."""
    parts = [_msh(one), _sch(one)]
    if one.modern:
        visit = one.happening.visit
        parts.append(segment("TQ1", {1: "1", 6: f"{visit.minutes}^min&minute&UCUM", 7: one.start(), 8: one.end()}))
    parts += [f"NTE|1||{escape(VISIT_TYPES[one.happening.visit.type])}", _pid(one), _pv1(one), *_resources(one)]
    if not one.modern:
        parts.append(segment("ZCH", {1: "1", 2: _type(one), 3: one.happening.visit.place.upper()}))
    return "".join(f"{part}\r" for part in parts)


def _msh(one: Told) -> str:
    at = datetime.fromtimestamp(one.at, zone(one.clinic_zone))
    when = at.strftime("%Y%m%d%H%M%S%z") if one.modern else f"{at:%Y%m%d%H%M%S}{at.microsecond // 10_000:02}"
    event = one.happening.event
    fields = {
        2: "^~\\&",
        3: escape(one.interface.application),
        4: escape(one.interface.facility),
        5: escape(one.interface.receiver),
        6: escape(one.interface.facility),
        7: when,
        9: f"SIU^{event}^SIU_S12" if one.modern else f"SIU^{event}",
        10: one.control,
        11: "P",
        12: "2.5.1" if one.modern else "2.3",
        14: "",
    }
    if one.interface.mode == "enhanced":
        fields |= {15: "AL", 16: "NE"}
    charset = {"latin-1": "8859/1", "utf-16": "UNICODE UTF-16"}.get(one.interface.charset)
    if charset:
        fields[18] = charset
    del_first = {place - 1: value for place, value in fields.items()}  # MSH-1 is the delimiter itself
    return segment("MSH", del_first)


def _sch(one: Told) -> str:
    visit = one.happening.visit
    old, new = _STATUS[visit.status]
    fields = {
        1: visit.conference if one.modern else "1",
        2: visit.csn,
        6: _REASONS.get(one.happening.event, "") if one.modern else "",
        7: escape(visit.reason) if one.modern else "",
        8: _type(one) if one.modern else "",
        9: str(visit.minutes),
        10: "min^minute^UCUM" if one.modern else "MIN",
        11: "" if one.modern else f"^^^{one.start()}",
        12: _person(one.who),
        13: escape(one.where.phone),
        25: new if one.modern else old,
    }
    return segment("SCH", fields)


def _type(one: Told) -> str:
    visit = one.happening.visit
    return f"{visit.type}^{escape(VISIT_TYPES[visit.type])}"


def _person(who: Practitioner) -> str:
    return f"{who.emp}^{escape(who.family.upper())}^{escape(who.given.upper())}"


def _pid(one: Told) -> str:
    who = one.patient
    fields = {
        1: "1" if one.modern else "",
        3: f"{who.ept}^^^{escape(one.interface.facility)}^MR" if one.modern else who.ept,
        5: f"{escape(who.family)}^{escape(who.given)}",
        7: who.birth_date.replace("-", ""),
        8: {"female": "F", "male": "M", "other": "O"}.get(who.gender, "U"),
        11: "2 SAMPLE ST^^OTHERTOWN^MN^55555",
        13: contact_points(who, modern=one.modern),
        15: language(who.language),
        19: "000-00-0000",
        30: "N",
    }
    return segment("PID", fields)


def _pv1(one: Told) -> str:
    place = f"{one.where.id}^^^{escape(one.interface.facility)}"
    return segment("PV1", {1: "1" if one.modern else "", 2: "O", 3: place, 19: f"5{one.happening.visit.csn}", 20: ""})


def _resources(one: Told) -> Iterable[str]:
    """What is booked: the visit type as a service, the room, the place, the people."""
    visit, action = one.happening.visit, {"S18": "A", "S19": "U", "S20": "D"}.get(one.happening.event, "")
    start, long = one.start(), str(visit.minutes)
    yield segment("RGS", {1: "1", 2: action, 3: f"{one.where.id}^{escape(one.where.name)}"})
    yield segment("AIS", {1: "1", 3: _type(one), 4: start, 7: long, 8: "MIN"})
    yield segment("AIG", {1: "1", 3: _ROOMS[visit.place], 4: "2^RESOURCE", 8: start, 9: "0", 10: "MIN", 11: long, 12: "MIN"})
    yield segment("AIL", {1: "1", 3: f"{one.where.id}^^^{escape(one.interface.facility)}", 6: start, 9: long, 10: "MIN"})
    for place, who in enumerate([one.who, *one.others], 1):
        fields = {1: str(place), 3: _person(who), 4: f"1^{escape(who.title)}", 6: start, 7: "0", 8: "MIN", 9: long, 10: "MIN"}
        yield segment("AIP", fields)
