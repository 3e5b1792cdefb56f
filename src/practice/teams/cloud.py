"""What the practice Microsoft cloud keeps of meetings, to look at: settings, who is there, who was, and who is told."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from practice.hospital import Hospital, hospital
from practice.microsoft.graph.model import OnlineMeeting, Subscription
from practice.screens.pages import filters, page
from practice.teams.model import Call, Presence, Rules
from practice.teams.rules import rules_of

_SHOWN = 50
_SCOPES = {
    "organizer": "the organizer alone",
    "organization": "people of the organisation",
    "organizationExcludingGuests": "people of the organisation without its guests",
    "organizationAndFederated": "people of this and other organisations",
    "everyone": "everybody",
    "invited": "whoever is invited",
}
filters["gone"] = {
    "left": "left",
    "removed": "was removed",
    "denied": "was not let in",
    "ended": "the end for all",
    "noResponse": "connection lost",
}.get
_CHATS = {"enabled": "open", "limited": "open while it runs", "disabled": "off"}


@dataclass(frozen=True)
class Shown:
    """A meeting, ready to show."""

    meeting: OnlineMeeting
    organizer: str
    scope: str
    chat: str
    rules: Rules | None
    present: list[Presence]
    calls: list[Call]
    told: list[Subscription]


def shown(house: Hospital, meeting: OnlineMeeting) -> Shown:
    """One meeting with everything about it."""
    who = house.book.account(meeting.organizer)
    return Shown(
        meeting=meeting,
        organizer=who.name if who else meeting.organizer,
        scope=_SCOPES.get(meeting.lobby, meeting.lobby),
        chat=_CHATS.get(meeting.chat, meeting.chat),
        rules=rules_of(meeting),
        present=house.calls.present(meeting.id),
        calls=list(reversed(house.calls.history(meeting.id))),
        told=house.graph.subscribed(meeting.thread),
    )


async def cloud(request: web.Request) -> web.Response:
    """The newest meetings first."""
    house = hospital(request)
    meetings = sorted(house.graph.meetings.values(), key=lambda one: one.created, reverse=True)
    total = len(house.ledger.entries())
    zone = house.book.departments[0].zone if house.book.departments else "UTC"
    return page(request, "teams_cloud.html", meetings=[shown(house, one) for one in meetings[:_SHOWN]], total=total, zone=zone)


ROUTES = [web.get("/teams", cloud)]
