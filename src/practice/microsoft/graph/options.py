"""The options of a meeting as a body asks for them: each known, each of its kind, and what the organisation's own policy keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practice.hospital import Hospital
from practice.microsoft.graph.answers import bad, only, said
from practice.microsoft.graph.model import OPTIONS, SCOPE, Attendee, OnlineMeeting, Option
from practice.microsoft.graph.people import account_at
from practice.microsoft.graph.shelf import invited

_LOBBY = "lobbyBypassSettings"
_ROLES = ("attendee", "presenter", "coorganizer", "producer")
_LOBBY_NAMES = frozenset({"scope", "isDialInBypassEnabled"})
NAMES = frozenset({*OPTIONS, _LOBBY})


def apply(house: Hospital, meeting: OnlineMeeting, body: Mapping[str, Any]) -> None:
    """Set the options that a body names, all or none; then those that the organisation keeps."""
    wanted = {name: _value(name, OPTIONS[name], body[name]) for name in OPTIONS if body.get(name) is not None}
    lobby = _lobby(body) if body.get(_LOBBY) is not None else None
    presents = wanted.get("allowedPresenters", meeting.option("allowedPresenters"))
    if presents == "roleIsPresenter" and not any(one.role in {"presenter", "coorganizer"} for one in meeting.attendees):
        raise bad("allowedPresenters 'roleIsPresenter' needs attendees with the role of presenter.")
    meeting.options.update(wanted)
    if lobby is not None:
        meeting.lobby, meeting.dial_in_bypass = lobby
    kept(house, meeting)


def kept(house: Hospital, meeting: OnlineMeeting) -> None:
    """What the organisation's policy keeps stays as the policy has it."""
    keeps = house.book.cloud.keeps
    meeting.options.update({name: value for name, value in keeps.items() if name in OPTIONS})
    if isinstance(keeps.get(_LOBBY), dict):
        meeting.lobby = keeps[_LOBBY].get("scope", meeting.lobby)


def _value(name: str, option: Option, value: Any) -> Any:
    good = isinstance(value, bool) if option.values is None else value in option.values
    if not good:
        raise bad(f"Invalid value for property '{name}'.")
    return value


def _lobby(body: Mapping[str, Any]) -> tuple[str, bool]:
    settings = {name: value for name, value in said(body, _LOBBY, dict).items() if "@odata." not in name}
    only(settings, _LOBBY_NAMES, "microsoft.graph.lobbyBypassSettings")
    scope = said(settings, "scope", str)
    return _value("scope", SCOPE, scope or SCOPE.first), bool(said(settings, "isDialInBypassEnabled", bool))


def attendees(house: Hospital, tid: str, body: Mapping[str, Any]) -> list[Attendee] | None:
    """Everybody a body invites, None when it does not say. Presenters and co-organizers must be known to the directory."""
    people = said(body, "participants", dict)
    if people is None:
        return None
    rows = said(people, "attendees", list) or []
    return invited(_attendee(house, tid, row) for row in rows)


def _attendee(house: Hospital, tid: str, row: Any) -> Attendee:
    if not isinstance(row, dict):
        raise bad("Invalid value for property 'attendees'.")
    identity = said(row, "identity", dict) or {}
    user = said(identity, "user", dict) or {}
    made = Attendee(upn=said(row, "upn", str) or "", oid=said(user, "id", str) or "", role=said(row, "role", str) or "attendee")
    if made.role not in _ROLES or not (made.upn or made.oid):
        raise bad("Invalid value for property 'attendees'.")
    account = account_at(house.book, tid, made.oid or made.upn)
    if account is None and made.role != "attendee":
        raise bad(f"The role '{made.role}' needs somebody whom the directory knows.")
    if account is not None:
        made.oid, made.upn = made.oid or account.oid, made.upn or account.user_name
    return made
