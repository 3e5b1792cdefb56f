"""Scheduling messages with made-up people, in the shapes that senders give them."""

from __future__ import annotations

from collections.abc import Mapping

_EPIC_LIKE = r"""
MSH|^~\&|SCHED|ALDER|VESTIBULE|ALDER|2026030509071500||SIU^S12|2001|P|2.3||
SCH|1|700123|||||||20|MIN|^^^202603051430|77^RIVERS^ANA^^^^|(555)555-0101|1 EXAMPLE RD^^^|||||||||||1^SCH
NTE|1||VIDEO
PID|||Z100200||CANARY^MIRA^^^^||19800101|F|||2 SAMPLE ST^^OTHERTOWN^MN^55555||555-0134||||||000-00-0000|||||||||||N
PV1||O|CARD||||||||||||||||5001|
RGS|1||1^CARDIOLOGY
AIS|1||001^FOLLOW UP
AIG|1||399^VIDEO ROOM|2^RESOURCE||||202603051430|20|MIN|20|MIN
AIP|1||400^OKAFOR^REMI|1^MD||202603051430|0|MIN|20|MIN
"""
# Version 2.5.1 with what later versions brought: TQ1, telephone numbers in parts, a language, a zone in every time.
_LATER = r"""
MSH|^~\&|SCHED^1.2.3^ISO|ALDER^1.2.4^ISO|VESTIBULE|ALDER|20260305090715-0600||SIU^S12^SIU_S12|3001|P|2.5.1|||||USA|UNICODE UTF-8
SCH|4001^SCHED|700124^SCHED|||||FOLLOWUP^Follow-up^HL70276|VIDEO^Video visit^L|30|min^minute^UCUM|^^^20260101000000-0600|||||||||||||BOOKED
TQ1|1||||||20260305143000-0600|20260305150000-0600
PID|1||Z100201^^^ALDER^MR||CANARY^JOAN||19800101|F|||||^PRN^PH^^1^612^5550100~^PRN^CP^^1^612^5550101~^NET^Internet^joan@example.org||spa^Spanish
PV1|1|O|CARD^ROOM 1^^ALDER||||||||||||||||5002^^^ALDER^VN
RGS|1|A|1^CARDIOLOGY^L
AIS|1|A|001^FOLLOW UP^L|20260305143000-0600|||30|min
AIL|1|A|CARD^ROOM 1^^ALDER|C^Clinic^L||20260305143000-0600
AIP|1|A|400^OKAFOR^REMI^^^^^^ALDER|1^MD^L||20260305143000-0600
"""


def as_bytes(text: str, codec: str = "utf-8") -> bytes:
    """A message written here in lines, as it travels: segments that end with CR."""
    return text.strip("\n").replace("\n", "\r").encode(codec)


EPIC_LIKE = as_bytes(_EPIC_LIKE)
LATER = as_bytes(_LATER)


def changed(message: bytes, fields: Mapping[str, str], *, without: tuple[str, ...] = ()) -> bytes:
    """A message in which fields say something else: `{"SCH-11": "^^^202603051430"}`; whole segments can be left out."""
    lines = [line for line in message.decode().split("\r") if line and line[:3] not in without]
    for path, value in fields.items():
        name, _, number = path.partition("-")
        at = next(n for n, line in enumerate(lines) if line.startswith(name))
        place = int(number) - (name == "MSH")
        parts = lines[at].split("|")
        parts += [""] * (place + 1 - len(parts))
        parts[place] = value
        lines[at] = "|".join(parts)
    return "\r".join([*lines, ""]).encode()
