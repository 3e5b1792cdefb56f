"""What reports and records share: the calls that are over, and who somebody was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from practice.hospital import Hospital
from practice.microsoft.graph.model import OnlineMeeting
from practice.teams.model import Call, Presence
from practice.times import seconds

_DAY = 86_400


def over(house: Hospital, meeting: OnlineMeeting, *, after: float) -> list[Call]:
    """The calls of a meeting that ended so many seconds ago or more, oldest first."""
    until = house.now() - after
    return [call for call in house.calls.history(meeting.id) if call.ended and seconds(call.ended) <= until and call.attended]


def recorded(house: Hospital, tid: str) -> Iterator[tuple[OnlineMeeting, Call]]:
    """Every call of a directory of which there is a record still."""
    manners = house.book.cloud
    for meeting in house.graph.meetings.values():
        for call in over(house, meeting, after=manners.record_seconds) if meeting.tid == tid else ():
            if seconds(call.ended) > house.now() - manners.days * _DAY:
                yield meeting, call


def identity(house: Hospital, one: Presence) -> dict[str, Any]:
    """Who somebody was: with an account by its object id, without one as the manners have it."""
    if one.who == "user":
        return {"id": one.person, "displayName": one.name, "tenantId": one.tid}
    how = house.book.cloud.guest_ids
    other = f"8:teamsvisitor:{uuid5(NAMESPACE_URL, one.person).hex}"
    return {"id": {"same": one.person, "other": other, "none": None}[how], "displayName": one.name, "tenantId": None}
