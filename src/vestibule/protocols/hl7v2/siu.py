"""Reads a scheduling message into a notice as the v2-to-FHIR guide maps it (HL7 v2.9 chapter 10: SIU 10.4; SCH, AIS to AIP 10.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil

from vestibule.errors import BadInput
from vestibule.protocols.hl7v2.charset import PHASE
from vestibule.protocols.hl7v2.message import NULL, Message, plain_parts
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
_STATUS_OF_FILLER = {
    "pending": Status.PENDING,
    "waitlist": Status.PENDING,
    "cancelled": Status.CANCELLED,
    "dc": Status.CANCELLED,
    "deleted": Status.ENTERED_IN_ERROR,
    "noshow": Status.NO_SHOW,
}
_BOOKED = {"AIS": 4, "AIG": 8, "AIL": 6, "AIP": 6}  # where a resource says when it begins; its duration stands three fields on
# The last field of each that is looked at; none for those that may come often.
_LAST = {"MSH": 1, "SCH": 25, "TQ1": 8, "EVN": 2, "PID": 40, "PV1": 19, "RGS": 0, **dict.fromkeys(_BOOKED, 0)}
_NOTHING = [""] * 41  # so that it is there
_USUAL_EVENTS = {f"SIU^{event}{more}": event for event in STATUS_OF_EVENT for more in ("", "^SIU_S12", f"^SIU_{event}")}
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("", "min", "mins", "minute", "minutes", "m", "mn"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
_NO_CODE, _NO_NAME = Coded(), Named()
_MOST_MINUTES = 7 * 24 * 60
_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(minutes=_MOST_MINUTES)


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
    return start, min(start, _LATEST) + timedelta(minutes=notice.minutes) if notice.minutes else None


class _Reader:
    """One message on its way to a notice: one look at each line, and a split of those that count.

    Most fields hold no escapes, subcomponents, deletions or control characters, and most messages no such fields at all (`Message.plain`):
    what a split by the usual signs gives is what they say, and codes that return in message after message are made once.
    """

    __slots__ = ("_booked", "_coded", "_first", "_groups", "_message", "_once", "_parts", "_resource")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._once: dict[str, list[str]] = {}
        self._booked: list[str] = []
        self._groups: list[Coded] = []
        self._parts: Callable[[str], list[str]] = plain_parts
        self._first: Callable[[str], str] = _plain_first
        self._coded: Callable[[str], Coded] = _known_code
        self._resource: Callable[[str, str, str], Resource] = _known_resource
        if not message.plain:
            self._parts = message.parts
            self._first = lambda value: message.parts(value)[0]
            self._coded = lambda value: _known_code(value) if message.is_plain(value) else _code(message.parts(value))
            self._resource = self._odd_resource

    def _odd_resource(self, segment: str, one: str, kind: str) -> Resource:
        if self._message.is_plain(one) and self._message.is_plain(kind):
            return _known_resource(segment, one, kind)
        return _booked(segment, self._parts(one), self._parts(kind))

    def notice(self) -> Notice:
        """Everything."""
        head = self._message.lines[0].split(self._message.signs.field, 12)
        head += _NOTHING[: 12 - len(head)] if len(head) < 12 else []  # noqa: PLR2004 MSH-12 stands last
        event = _USUAL_EVENTS.get(head[8]) or self._event(head[8])
        self._look()
        once, parts, first, coded = self._once, self._parts, self._first, self._coded
        sch, pid, pv1 = once.get("SCH"), once.get("PID", _NOTHING), once.get("PV1", _NOTHING)
        if sch is None:
            raise BadInput("hl7-no-appointment", "The message has no SCH segment, so it is about no appointment.", phase=PHASE)
        starts, ends = self._when(sch)
        resources = self._resources()
        name = parts(pid[5])
        services = [one for one in resources if one.segment == "AIS"]
        return Notice(
            event,
            self._status(event, sch[25]),
            first(head[9]),
            first(head[2]),
            first(head[3]),
            first(head[11]),
            self._lenient(head[6]),
            self._lenient(once["EVN"][2]) if "EVN" in once else None,
            _entity(parts(sch[1])) if sch[1] else _NO_NAME,
            _entity(parts(sch[2])) if sch[2] else _NO_NAME,
            _identifier(parts(pv1[19])) if pv1[19] else _NO_NAME,
            starts,
            ends,
            self._lasting(sch),
            coded(sch[8]) if sch[8] else _NO_CODE,
            _code(parts(sch[7])) if sch[7] else _NO_CODE,  # perhaps a free text about somebody: not kept for the next message
            services[0].id if services else _NO_CODE,
            _place(parts(pv1[3])) if pv1[3] else _NO_CODE,
            first(pv1[2]),
            tuple(self._groups),
            resources,
            self._telecoms(pid),
            coded(pid[15]) if pid[15] else _NO_CODE,
            name[0].strip(),
            name[1].strip() if len(name) > 1 else "",
            () if self._message.plain else tuple(f"PID-{n}" for n in (5, 13, 14, 15, 40) if pid[n] == NULL),
        )

    def _event(self, value: str) -> str:
        """The trigger event."""
        kind = [part.strip() for part in self._parts(value)] + _NOTHING
        if kind[0] != "SIU":
            raise BadInput("hl7-type", "The message is no scheduling message (MSH-9 is not SIU).", phase=PHASE)
        event = kind[1] or kind[2][4:]
        if event not in STATUS_OF_EVENT:
            raise BadInput("hl7-event", "The message's event is none that says something of an appointment (S12 to S24, S26).", phase=PHASE)
        return event

    def _status(self, event: str, filler: str) -> Status:
        """What the event says; where that leaves the appointment standing, what SCH-25 (table 0278) says of it."""
        status = STATUS_OF_EVENT[event]
        if status is not Status.BOOKED or not filler:
            return status
        return _STATUS_OF_FILLER.get(self._first(filler).lower(), status)

    def _look(self) -> None:
        """Find the segments that count, and split those that come once."""
        once, sign = self._once, self._message.signs.field
        for line in self._message.lines[1:]:
            name = line[:3]
            last = _LAST.get(name)
            if last is None:
                continue
            if last:
                self._split_once(name, line.split(sign), last)
            elif name != "RGS":
                self._booked.append(line)
            else:
                group = line.split(sign, 4)
                if len(group) > 3 and group[3]:  # noqa: PLR2004 RGS-3
                    self._groups.append(self._coded(group[3]))
        if "MSH" in once:
            raise _several()

    def _split_once(self, name: str, fields: list[str], last: int) -> None:
        """Of a segment that comes once, the first counts; a second patient is no repetition."""
        if name in self._once:
            if name == "PID":
                raise _several()
            return
        if len(fields) <= last:
            fields += _NOTHING
        self._once[name] = fields

    def _resources(self) -> tuple[Resource, ...]:
        sign = self._message.signs.field
        found = []
        for line in self._booked:
            fields = line.split(sign, 5)
            if len(fields) < 5:  # noqa: PLR2004 its kind stands fifth
                fields += _NOTHING
            found.append(self._resource(fields[0], fields[3], fields[4]))
        return tuple(found)

    def _of_resources(self, behind: int) -> Iterator[tuple[str, str]]:
        """Two fields of each resource: so many behind the one in which it says when it begins."""
        for line in self._booked:
            number = _BOOKED[line[:3]] + behind
            fields = line.split(self._message.signs.field) + _NOTHING
            yield fields[number], fields[number + 1]

    def _when(self, sch: list[str]) -> tuple[Stamp | None, Stamp | None]:
        """Start and end from one place: TQ1, else SCH-11 (TQ, until 2.4), else the resource that begins first."""
        timing = self._once.get("TQ1")
        if timing and (start := self._first(timing[7])):
            return read_stamp(start), read_stamp(self._first(timing[8]))
        parts = self._parts(sch[11])
        if len(parts) > 3 and parts[3]:  # noqa: PLR2004 TQ-4 begins, TQ-5 ends
            return read_stamp(parts[3]), read_stamp(parts[4]) if len(parts) > 4 else None  # noqa: PLR2004
        begins = [read_stamp(self._first(begin)) for begin, _ in self._of_resources(0)]
        return min((one for one in begins if one is not None), key=_sooner, default=None), None

    def _lenient(self, value: str) -> Stamp | None:
        """A time that only helps to put messages in order: what is none says nothing."""
        try:
            return read_stamp(self._first(value))
        except BadInput:
            return None

    def _lasting(self, sch: list[str]) -> int | None:
        """How long: SCH-9 in SCH-10, SCH-11.3 (`M20`), TQ1-6 (CQ), or the first resource that says."""
        parts = self._parts
        said = _minutes(self._first(sch[9]), *parts(sch[10])[:2]) if sch[9] else None
        if said is None and len(timing := parts(sch[11])) > 2:  # noqa: PLR2004 TQ-3, e.g. M20
            said = _minutes(timing[2][1:], timing[2][:1] or "?")
        if said is None and "TQ1" in self._once:
            said = _minutes(*parts(self._once["TQ1"][6])[:3])
        if said is None:
            lasts = (_minutes(self._first(amount), *parts(unit)[:2]) for amount, unit in self._of_resources(3))
            said = next((one for one in lasts if one), None)
        return said

    def _telecoms(self, pid: list[str]) -> tuple[Telecom, ...]:
        """Every repetition of PID-13 (home), PID-14 (business) and PID-40, which stands for both since 2.8."""
        return (*self._numbers(pid[13], home=True), *self._numbers(pid[14], home=False), *self._numbers(pid[40], home=True))

    def _numbers(self, value: str, *, home: bool) -> list[Telecom]:
        if not value or value == NULL:
            return []
        repetition = self._message.signs.repetition
        found = [read_telecom(self._parts(one), home=home) for one in (value.split(repetition) if repetition else (value,))]
        return [one for one in found if one is not None]


@lru_cache(maxsize=4096)
def _known_code(value: str) -> Coded:
    """Codes of services, departments and groups return in message after message."""
    return _code(plain_parts(value))


@lru_cache(maxsize=4096)
def _known_resource(segment: str, one: str, kind: str) -> Resource:
    """So do resources."""
    return _booked(segment, plain_parts(one), plain_parts(kind))


def _plain_first(value: str) -> str:
    return plain_parts(value)[0].strip() if "^" in value or "~" in value else value.strip()


def _code(parts: list[str]) -> Coded:
    """CE, CWE: the sender's own code, else the alternate one."""
    if not (parts[0] or (len(parts) > 1 and parts[1])):
        parts = parts[3:6]
        if not any(parts):
            return _NO_CODE
    size = len(parts)
    return Coded(parts[0].strip(), parts[1].strip() if size > 1 else "", parts[2].strip() if size > 2 else "")  # noqa: PLR2004


def _entity(parts: list[str]) -> Named:
    """EI: id, namespace or universal id, type of that."""
    size = len(parts)
    if size == 1:
        return Named(parts[0].strip()) if parts[0] else _NO_NAME
    return Named(parts[0].strip(), (parts[1] or (parts[2] if size > 2 else "")).strip(), parts[3].strip() if size > 3 else "")  # noqa: PLR2004


def _identifier(parts: list[str]) -> Named:
    """CX: id, ..., assigning authority, type."""
    size = len(parts)
    return Named(parts[0].strip(), parts[3].strip() if size > 3 else "", parts[4].strip() if size > 4 else "")  # noqa: PLR2004


def _place(parts: list[str]) -> Coded:
    """PL: point of care as code, facility as system."""
    return Coded(parts[0].strip(), "", parts[3].strip() if len(parts) > 3 else "")  # noqa: PLR2004


def _several() -> BadInput:
    return BadInput("hl7-several", "The message holds several messages, or several patients; each needs its own.", phase=PHASE)


def _booked(segment: str, parts: list[str], kind: list[str]) -> Resource:
    """AIS-3 (CE), AIG-3 (CE), AIL-3 (PL), AIP-3 (XCN), and what kind it is."""
    if segment == "AIS":
        return Resource(segment, _code(parts))
    if segment == "AIG":
        return Resource(segment, _code(parts), _code(kind))
    part = [one.strip() for one in parts] + _NOTHING
    if segment == "AIL":
        return Resource(segment, Coded(part[0], part[1], part[3]), _code(kind))
    return Resource(segment, Coded(part[0], f"{part[2]} {part[1]}".strip(), part[8]), _code(kind), part[1], part[2])


def _sooner(stamp: Stamp) -> datetime:
    """Times of one message, put in order; those with an offset by the instant."""
    try:
        return stamp.local - timedelta(minutes=stamp.offset_minutes or 0)
    except OverflowError:
        return stamp.local


@lru_cache(maxsize=1024)
def _minutes(amount: str, *units: str) -> int | None:
    """Whole minutes, begun ones counted; None for no amount, or a unit that is not known."""
    words = [unit.strip().lower() for unit in units if unit] or [""]
    try:
        seconds = float(amount) * next((_SECONDS[word] for word in words if word in _SECONDS), 0)
    except ValueError:
        return None
    return ceil(seconds / 60) if 0 < seconds <= _MOST_MINUTES * 60 else None
