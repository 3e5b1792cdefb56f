"""What a meeting's notification says, once it is opened: tolerant to three generations of names. Pure.

Now: `eventType` (or `callEventType`) `callStarted`, `callEnded`, `rosterUpdated`, with `participants@delta`. Before that `Microsoft.
Communication.CallStarted`, `...CallEnded`, `...CallRosterUpdate`, with `activeParticipants@joined` and `@exited`; still older `@delta` and
`@remove`. Names of members and kinds of identity come in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vestibule.adapters.meetings.teams.people import of_set
from vestibule.adapters.meetings.teams.reading import each, instant, member, number, text
from vestibule.adapters.meetings.teams.sealed import unreadable
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.meetings.model import CallEvent, CallEventKind, Identity, Seen

_MOST_PEOPLE: Final = 2_000
_KINDS: Final = {
    "callstarted": CallEventKind.STARTED,
    "callended": CallEventKind.ENDED,
    "rosterupdated": CallEventKind.ROSTER,
    "callrosterupdate": CallEventKind.ROSTER,
    "callrosterupdated": CallEventKind.ROSTER,
}
# Lists of people in a notification, and whether those in it are gone.
_LISTS: Final = (
    ("participants@delta", False),
    ("activeParticipants@joined", False),
    ("activeParticipants@delta", False),
    ("participants", False),
    ("activeParticipants@exited", True),
    ("activeParticipants@remove", True),
    ("participants@remove", True),
)


def read_event(raw: bytes) -> CallEvent:
    """The event.

    Raises:
        BadInput: `teams-notice-unreadable`: it is no JSON object.
    """
    try:
        said = read_object(raw)
    except JsonError:
        unreadable()
    people = tuple(_people(said))[:_MOST_PEOPLE]
    # The older generations put the meeting's own name there, the same in all its notifications.
    own = "" if "." in text(said, "eventType") else text(said, "id")
    return CallEvent(_kind(said, people), own, instant(said, "eventDateTime"), people)


def _kind(said: Mapping[str, Any], people: tuple[Seen, ...]) -> CallEventKind:
    name = text(said, "eventType", "callEventType").casefold().rpartition(".")[2]
    if name in _KINDS:
        return _KINDS[name]
    if people:  # newer names of the same news
        return CallEventKind.ROSTER
    return CallEventKind.ENDED if not name and text(said, "state").casefold() == "inactive" else CallEventKind.OTHER


def _people(said: Mapping[str, Any]) -> Iterator[Seen]:
    for name, gone in _LISTS:
        for one in each(said, name):
            seen = _seen(one, gone=gone)
            if seen.id:
                yield seen


def _seen(said: Mapping[str, Any], *, gone: bool) -> Seen:
    """One person. The oldest form gives nobody an id of their presence; who they are stands in for it."""
    identity = _identity(said)
    sequence = number(said, "rosterSequenceNumber")
    return Seen(
        id=text(said, "id") or identity.id,
        identity=identity,
        in_lobby=member(said, "isInLobby") is True,
        gone=gone or member(said, "removedState") is not None,
        sequence=int(sequence) if sequence is not None and sequence >= 0 else None,
    )


def _identity(said: Mapping[str, Any]) -> Identity:
    return of_set(member(member(said, "info"), "identity") or member(said, "identity"))
