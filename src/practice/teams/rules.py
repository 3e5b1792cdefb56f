"""What a meeting's settings at Graph mean for who may come in and who leads."""

from __future__ import annotations

from practice.microsoft.graph.model import OnlineMeeting
from practice.teams.model import Rules

_LEADING = {"presenter", "coorganizer"}


def rules_of(meeting: OnlineMeeting | None) -> Rules | None:
    """The rules of a meeting; None for none."""
    if meeting is None or meeting.deleted:
        return None
    return Rules(
        organizer=meeting.organizer,
        tid=meeting.tid,
        subject=meeting.subject,
        scope=meeting.lobby,
        presenters=frozenset(one.oid for one in meeting.attendees if one.oid and one.role in _LEADING),
        presenting=str(meeting.option("allowedPresenters")),
        chat=meeting.chat,
        announced=bool(meeting.option("isEntryExitAnnounced")),
        recorded=bool(meeting.option("recordAutomatically")),
    )
