"""Reads a scheduling message into a notice as the v2-to-FHIR guide maps it (HL7 v2.9 chapter 10: SIU 10.4; SCH, AIS to AIP 10.6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from vestibule.errors import BadInput
from vestibule.protocols.hl7v2.charset import PHASE
from vestibule.protocols.hl7v2.message import NULL, Message, clean
from vestibule.protocols.hl7v2.notice import Coded, Named, Notice, Resource, Stamp, Status, Telecom
from vestibule.protocols.hl7v2.stamps import read_stamp, resolve
from vestibule.protocols.hl7v2.telecoms import read_telecom

STATUS_OF_EVENT = {
    **dict.fromkeys(("S12", "S13", "S14", "S18", "S19", "S20", "S21", "S22", "S23", "S24"), Status.BOOKED),
    "S15": Status.CANCELLED,
    "S16": Status.CANCELLED,
    "S17": Status.ENTERED_IN_ERROR,
    "S26": Status.NO_SHOW,
}
_ONCE = frozenset({"SCH", "TQ1", "EVN", "PV1"})
_ALONE = frozenset({"MSH", "PID"})
_BOOKED = {"AIS": 4, "AIG": 8, "AIL": 6, "AIP": 6}  # where a resource says when it begins; its duration stands three fields on
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("", "min", "mins", "minute", "minutes", "m", "mn"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
_NO_CODE, _NO_NAME = Coded(), Named()
_MOST_MINUTES = 7 * 24 * 60


def read_notice(message: Message) -> Notice:
    """What a scheduling message says of its appointment.

    Raises:
        BadInput: `hl7-type` for what is no SIU, `hl7-event` for an event that says nothing of an appointment, `hl7-no-appointment`
            without SCH, `hl7-several` for several messages or several patients in one, `hl7-time` for a start or an end that is no time.
    """
    return _Reader(message).notice()


def interval(notice: Notice, zone: str) -> tuple[datetime | None, datetime | None]:
    """From when to when, in UTC: the end as written, else as long after the start as the appointment takes.

    Raises:
        BadInput: as `resolve`.
    """
    if notice.starts is None:
        return None, None
    start = resolve(notice.starts, zone)
    if notice.ends is not None:
        end = resolve(notice.ends, zone)
        return start, end if end > start else None
    return start, start + timedelta(minutes=notice.minutes) if notice.minutes else None


class _Reader:
    """One message on its way to a notice: one look at each line, and a split of those that count."""

    def __init__(self, message: Message) -> None:
        signs = message.signs
        self._lines, self._codec = message.lines, message.codec
        self._unescape = signs.unescape
        self._field = signs.field
        # A sign that is not in use is stood for by one that no line can hold.
        self._component, self._repetition = signs.component or "\r", signs.repetition or "\r"
        self._sub, self._escape = signs.subcomponent or "\r", signs.escape or "\r"
        self._once: dict[str, list[str]] = {}
        self._booked: list[list[str]] = []
        self._groups: list[Coded] = []

    def notice(self) -> Notice:
        """Everything."""
        event, head = self._event()
        self._look()
        sch, pid, pv1 = self._once.get("SCH"), self._once.get("PID", []), self._once.get("PV1", [])
        if sch is None:
            raise BadInput("hl7-no-appointment", "The message has no SCH segment, so it is about no appointment.", phase=PHASE)
        starts, ends = self._when(sch)
        resources = tuple(self._resource(fields) for fields in self._booked)
        place = self._parts(_at(pv1, 3))
        name = self._parts(_at(pid, 5))
        return Notice(
            event=event,
            status=STATUS_OF_EVENT[event],
            control_id=self._leaf(_at(head, 9)),
            sender=self._first(_at(head, 2)),
            facility=self._first(_at(head, 3)),
            version=self._first(_at(head, 11)),
            sent_at=self._lenient(_at(head, 6)),
            happened_at=self._lenient(_at(self._once.get("EVN", []), 2)),
            placer=self._entity(sch[1]) if len(sch) > 1 else _NO_NAME,
            filler=self._entity(_at(sch, 2)),
            visit_number=self._identifier(_at(pv1, 19)),
            starts=starts,
            ends=ends,
            minutes=self._minutes(sch),
            appointment_reason=self._coded(_at(sch, 7)),
            appointment_type=self._coded(_at(sch, 8)),
            visit_type=next((one.id for one in resources if one.segment == "AIS"), _NO_CODE),
            department=Coded(place[0], "", _at(place, 3)) if place else _NO_CODE,
            patient_class=self._first(_at(pv1, 2)),
            groups=tuple(self._groups),
            resources=resources,
            telecoms=self._telecoms(pid),
            language=self._coded(_at(pid, 15)),
            family=_at(name, 0),
            given=_at(name, 1),
            deleted=tuple(f"PID-{n}" for n in (5, 13, 14, 15, 40) if _at(pid, n) == NULL) if NULL in pid else (),
        )

    def _event(self) -> tuple[str, list[str]]:
        """The trigger event, and MSH; MSH-1 is the sign between fields, so MSH-n stands at n - 1."""
        head = self._lines[0].split(self._field, 12)
        kind = self._parts(_at(head, 8))
        if _at(kind, 0) != "SIU":
            raise BadInput("hl7-type", "The message is no scheduling message (MSH-9 is not SIU).", phase=PHASE)
        event = _at(kind, 1) or _at(kind, 2)[4:]
        if event not in STATUS_OF_EVENT:
            raise BadInput("hl7-event", "The message's event is none that says something of an appointment (S12 to S24, S26).", phase=PHASE)
        return event, head

    def _look(self) -> None:
        """Split the segments that count."""
        once, sign = self._once, self._field
        for line in self._lines:
            name = line[:3]
            if name in _ONCE:
                if name not in once:
                    once[name] = line.split(sign)
            elif name in _BOOKED:
                self._booked.append(line.split(sign))
            elif name == "RGS":
                group = self._coded(_at(line.split(sign), 3))
                if group is not _NO_CODE:
                    self._groups.append(group)
            elif name in _ALONE:
                if name in once:
                    raise BadInput(
                        "hl7-several", "The message holds several messages, or several patients. Each needs one of its own.", phase=PHASE
                    )
                once[name] = line.split(sign)

    def _leaf(self, value: str) -> str:
        """A value without parts, as plain text."""
        if self._sub in value:
            value = value.split(self._sub, 1)[0]
        if value == NULL:
            return ""
        if self._escape in value:
            value = self._unescape(value, self._codec)
        if not value.isprintable():
            value = clean(value)
        return value.strip()

    def _parts(self, value: str) -> list[str]:
        """Components of a field's first repetition; none for an empty field."""
        if not value:
            return []
        if self._repetition in value:
            value = value.split(self._repetition, 1)[0]
        leaf = self._leaf
        return [leaf(part) if part else "" for part in value.split(self._component)]

    def _first(self, value: str) -> str:
        return self._parts(value)[0] if value else ""

    def _coded(self, value: str) -> Coded:
        """CE, CWE: the sender's own code, else the alternate one."""
        parts = self._parts(value)
        if not any(parts):
            return _NO_CODE
        if not (parts[0] or _at(parts, 1)):
            parts = parts[3:]
        return Coded(_at(parts, 0), _at(parts, 1), _at(parts, 2))

    def _entity(self, value: str) -> Named:
        """EI: id, namespace or universal id, type of that."""
        parts = self._parts(value)
        return Named(parts[0], _at(parts, 1) or _at(parts, 2), _at(parts, 3)) if parts else _NO_NAME

    def _identifier(self, value: str) -> Named:
        """CX: id, ..., assigning authority, type."""
        parts = self._parts(value)
        return Named(parts[0], _at(parts, 3), _at(parts, 4)) if parts else _NO_NAME

    def _when(self, sch: list[str]) -> tuple[Stamp | None, Stamp | None]:
        """Start and end from one place: TQ1, else SCH-11 (TQ, until 2.4), else the resource that begins first."""
        timing = self._once.get("TQ1", [])
        start = self._first(_at(timing, 7))
        if start:
            return read_stamp(start), read_stamp(self._first(_at(timing, 8)))
        parts = self._parts(_at(sch, 11))
        start = _at(parts, 3)
        if start:
            return read_stamp(start), read_stamp(_at(parts, 4))
        begins = [read_stamp(self._first(_at(fields, _BOOKED[fields[0]]))) for fields in self._booked]
        return min((one for one in begins if one is not None), key=_sooner, default=None), None

    def _lenient(self, value: str) -> Stamp | None:
        """A time that only helps to put messages in order: what is none says nothing."""
        try:
            return read_stamp(self._first(value))
        except BadInput:
            return None

    def _minutes(self, sch: list[str]) -> int | None:
        """How long: SCH-9 in SCH-10, SCH-11.3 (`M20`), TQ1-6 (CQ), or the first resource that says."""
        said = _minutes(self._first(_at(sch, 9)), self._parts(_at(sch, 10)))
        if said is not None:
            return said
        timing = _at(self._parts(_at(sch, 11)), 2)
        quantity = self._parts(_at(self._once.get("TQ1", []), 6))
        said = _minutes(timing[1:], [timing[:1]]) or _minutes(_at(quantity, 0), quantity[1:])
        if said is not None:
            return said
        lasts = ((fields, _BOOKED[fields[0]] + 3) for fields in self._booked)
        found = (_minutes(self._first(_at(fields, n)), self._parts(_at(fields, n + 1))) for fields, n in lasts)
        return next((one for one in found if one), None)

    def _resource(self, fields: list[str]) -> Resource:
        """AIS-3 (CE), AIG-3 (CE), AIL-3 (PL), AIP-3 (XCN)."""
        segment = fields[0]
        kind = self._coded(_at(fields, 4)) if segment != "AIS" else _NO_CODE
        if segment in {"AIS", "AIG"}:
            return Resource(segment, self._coded(_at(fields, 3)), kind)
        parts = self._parts(_at(fields, 3))
        if segment == "AIL":
            return Resource(segment, Coded(_at(parts, 0), _at(parts, 1), _at(parts, 3)), kind)
        family, given = _at(parts, 1), _at(parts, 2)
        return Resource(segment, Coded(_at(parts, 0), f"{given} {family}".strip(), _at(parts, 8)), kind, family, given)

    def _telecoms(self, pid: list[str]) -> tuple[Telecom, ...]:
        """Every repetition of PID-13 (home), PID-14 (business) and PID-40, which stands for both since 2.8."""
        found = []
        for number in (13, 14, 40):
            value = _at(pid, number)
            for one in value.split(self._repetition) if value and value != NULL else ():
                parts = self._parts(one)
                telecom = read_telecom(parts, home=number != 14 and _at(parts, 1) != "WPN") if parts else None  # noqa: PLR2004 PID-14
                if telecom is not None:
                    found.append(telecom)
        return tuple(found)


def _at(parts: Sequence[str], number: int) -> str:
    return parts[number] if number < len(parts) else ""


def _sooner(stamp: Stamp) -> datetime:
    """Times of one message, put in order; those with an offset by the instant."""
    return stamp.local - timedelta(minutes=stamp.offset_minutes or 0)


def _minutes(amount: str, unit: Sequence[str]) -> int | None:
    """Whole minutes, begun ones counted; None for no amount, or a unit that is not known."""
    try:
        seconds = float(amount) * next((_SECONDS[word] for word in (one.lower() for one in unit or [""]) if word in _SECONDS), 0)
    except ValueError:
        return None
    minutes = ceil(seconds / 60) if 0 < seconds <= _MOST_MINUTES * 60 else 0
    return minutes or None
