"""A meeting as we want it, in Graph's words; and whether it is so. Pure.

Resource `onlineMeeting` of Graph v1.0. What takes effect while a meeting runs: the lobby, presenters, chat, announcements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vestibule.adapters.meetings.teams.reading import member, written
from vestibule.meetings.model import Wish


def identity_of(wish: Wish) -> dict[str, Any]:
    """What `createOrGet` takes: by tenant, organizer and `externalId` it finds the one that was made before."""
    body: dict[str, Any] = {"externalId": wish.external_id, "subject": wish.subject}
    return body | _time(wish)


def options_of(wish: Wish) -> dict[str, Any]:
    """What is set once the meeting is there, for `createOrGet` takes no options.

    The lobby: people of the organisation come straight in; whoever has no account there was admitted by us already, and comes in
    too unless the organisation wants Teams to hold them once more. Nobody calls in unseen. Who may show slides is said by name:
    nobody who came by a link can.
    """
    options: dict[str, Any] = {
        "lobbyBypassSettings": {"scope": "organization" if wish.teams_lobby else "everyone", "isDialInBypassEnabled": False},
        "allowedPresenters": "roleIsPresenter" if wish.presenters else "organizer",
        "allowMeetingChat": "limited",
        "isEntryExitAnnounced": wish.announce,
        "recordAutomatically": wish.recording,
    }
    if wish.presenters:  # `roleIsPresenter` wants the whole list of attendees
        options["participants"] = {"attendees": [{"identity": {"user": {"id": one}}, "role": "presenter"} for one in wish.presenters]}
    return options


def shut_options() -> dict[str, Any]:
    """Nobody but the organizer comes in past the lobby, and nobody writes in the chat."""
    return {"lobbyBypassSettings": {"scope": "organizer", "isDialInBypassEnabled": False}, "allowMeetingChat": "disabled"}


def differences(wanted: Mapping[str, Any], kept: Mapping[str, Any], *, above: str = "") -> Iterator[str]:
    """The names of settings that Microsoft keeps otherwise than we want them: `lobbyBypassSettings.scope`.

    Attendees are compared by nobody: Graph names them in its own way, and what a role allows follows from `allowedPresenters`.
    """
    for name, value in wanted.items():
        if name == "participants":
            continue
        found = member(kept, name)
        if isinstance(value, Mapping):
            yield from differences(value, found if isinstance(found, Mapping) else {}, above=f"{above}{name}.")
        elif not _same(value, found):
            yield f"{above}{name}"


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, str):
        return isinstance(found, str) and found.casefold() == wanted.casefold()
    return found is wanted


def _time(wish: Wish) -> dict[str, str]:
    """When it is; an end without a start, or before it, Graph refuses."""
    if wish.starts_at is None:
        return {}
    said = {"startDateTime": written(wish.starts_at)}
    if wish.ends_at is not None and wish.ends_at > wish.starts_at:
        said["endDateTime"] = written(wish.ends_at)
    return said
