"""What the forms ask of the Microsoft-like cloud: application access policies, and its manners."""

from __future__ import annotations

from typing import get_args

from practice.microsoft.graph.model import NoticeFault
from practice.screens.fields import Field, fixed

_NAMES = {
    "event": "today's: rosterUpdated, participants@delta",
    "roster": "before: activeParticipants@joined, @exited",
    "delta": "first of all: activeParticipants@delta, @remove",
}
_WORDS = {"forbidden": "as documented today", "general": "as SDKs report it", "unauthorized": "as documented before"}
_GUESTS = {"other": "another than in notifications", "same": "the same as in notifications", "none": "missing"}
_TRICKS = {"": "as they should", "duplicate": "each twice", "reorder": "the next one first", "drop": "never"}

CLOUD_FORMS: dict[str, tuple[str, list[Field]]] = {
    "access_policies": (
        "Application access policy",
        [
            Field("name", "Name", fixed=True, hint="Letters, digits, dots, dashes"),
            Field("tid", "Directory", "choice", options=lambda book: [("", "every one"), *((d.tid, d.name) for d in book.directories)]),
            Field("app_ids", "Apps", "lines", hint="Client ids, one on each line"),
            Field("granted_to", "Granted to", "lines", hint="Object ids of organizers, one on each line"),
            Field("everyone", "Granted to the whole directory", "tick", off=True),
        ],
    ),
    "cloud": (
        "The Microsoft-like cloud",
        [
            Field("monthly", "Meetings of an organizer in a month", "number", hint="Above it 429"),
            Field("per_second", "Calls of an app in a second", "number", hint="Above it 429; 0 for no limit"),
            Field("generation", "Names in notifications", "choice", options=fixed(*_NAMES.items())),
            Field("trick", "Notifications arrive", "choice", options=fixed(*_TRICKS.items())),
            Field("notice_fault", "Fault in notifications", "choice", options=fixed(*((word, word) for word in get_args(NoticeFault)))),
            Field("batch", "Items in one delivery, at most", "number"),
            Field("retry_seconds", "A delivery is tried again after (s)", "number", hint="Doubled each time"),
            Field("report_seconds", "An attendance report is there after (s)", "number"),
            Field("record_seconds", "A call record is there after (s)", "number"),
            Field("days", "Call records are kept for (days)", "number"),
            Field("policy_words", "A missing policy is said", "choice", options=fixed(*_WORDS.items())),
            Field("guest_ids", "A guest's id afterwards", "choice", options=fixed(*_GUESTS.items())),
        ],
    ),
}
