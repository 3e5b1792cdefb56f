"""Scheduling messages as a record's interface engine writes them, about made-up people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_SHAPE = """MSH|^~\\&|SCHED|ALDER|VESTIBULE|ALDER|{sent}||SIU^{event}|{control}|P|2.3||
SCH|1|{csn}|||||{reason}|{kind}|{minutes}|MIN|^^^{starts}|77^RIVERS^ANA^^^^|(555)555-0101|1 EXAMPLE RD^^^|||||||||||1^SCH
PID|||Z100200||{name}||19800101|F|||2 SAMPLE ST^^OTHERTOWN^MN^55555||{phone}||{language}||||000-00-0000
PV1||O|{department}||||||||||||||||5001|
RGS|1||1^CARDIOLOGY
AIS|1||001^FOLLOW UP
AIG|1||399^{room}|2^RESOURCE||||{starts}|20|MIN|20|MIN
AIP|1||400^OKAFOR^REMI|1^MD||{starts}|0|MIN|20|MIN
"""


def stamp(at: datetime) -> str:
    """A time in UTC that says so."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def siu(
    event: str = "S12",
    *,
    control: str = "2001",
    sent: datetime | str | None = None,
    starts: datetime | str | None = None,
    csn: str = "700123",
    name: str = "CANARY^MIRA^^^^",
    phone: str = "^PRN^CP^^^608^5550134",
    language: str = "es",
    department: str = "CARD",
    room: str = "VIDEO ROOM",
    reason: str = "",
    kind: str = "",
    minutes: int | str = 20,
) -> bytes:
    """One message; times as they should be written, or as moments. Without `starts` it is in two days, without `sent` it was sent now."""
    now = datetime.now(UTC).replace(microsecond=0)
    sent, starts = now if sent is None else sent, now + timedelta(days=2) if starts is None else starts
    text = _SHAPE.format(
        event=event,
        control=control,
        sent=sent if isinstance(sent, str) else stamp(sent),
        starts=starts if isinstance(starts, str) else stamp(starts),
        csn=csn,
        name=name,
        phone=phone,
        language=language,
        department=department,
        room=room,
        reason=reason,
        kind=kind,
        minutes=minutes,
    )
    return text.replace("\n", "\r").encode()
