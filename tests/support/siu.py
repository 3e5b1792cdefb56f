"""Scheduling messages with made-up people, in the shapes that senders give them."""

from __future__ import annotations

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


def as_bytes(text: str, codec: str = "utf-8") -> bytes:
    """A message written here in lines, as it travels: segments that end with CR."""
    return text.strip("\n").replace("\n", "\r").encode(codec)


EPIC_LIKE = as_bytes(_EPIC_LIKE)
