"""A house whose organisation meets in Teams, with the meeting written down as the worker would; nobody outside is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from support.house import Guest, House
from vestibule.meetings.model import MeetingState, ProofKind
from vestibule.meetings.store.roster import Presence, Present, RosterStore
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Tx
from vestibule.visits.model import EventKind, MeetingKind

DIRECTORY: Final = "0d5f0f9e-8f5c-4d4b-9a3c-6a2f7f6d1e01"
CLIENT: Final = "6e2f0c11-5a77-4b0e-9f5e-2f1f6a7c9d02"
# Words that stand in the meeting's addresses and nowhere else.
JOIN_WORD: Final = "19meetingM2JjNzQ5"
VISITOR_WORD: Final = "convIdZ7YtQ0"
JOIN: Final = f"https://teams.example.test/l/meetup-join/19%3a{JOIN_WORD}%40thread.v2/0?context=%7b%22Tid%22%3a%22x%22%7d"
VISITOR: Final = f"https://visit.teams.example.test/webrtc-svc/api/route?tid=x&convId={VISITOR_WORD}"


async def meet_in_teams(house: House, **options: Any) -> None:
    """The organisation's administrator chose Teams; `options` are fields of the settings."""
    async with house.parts.db.tenant(house.tenant) as tx:
        settings = house.parts.meetings.settings
        connected = {"directory": DIRECTORY, "client_id": CLIENT, "proof": ProofKind.SECRET, "secret": "a secret"}
        revision = (await settings.get(tx)).revision
        await settings.save(tx, {**connected, "kind": MeetingKind.TEAMS, **options}, revision=revision, by=SYSTEM)


async def sign_in(guest: Guest, object_id: str = "5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03") -> None:
    """A clinician has said who they are at Microsoft."""
    parts = guest.house.parts
    async with parts.db.tenant(guest.house.tenant) as tx:
        visit = await parts.visits.get(tx, guest.visit)
        person = visit.person(guest.participant.id)
        assert person is not None
        await parts.meetings.bindings.bind(tx, visit, person, object_id, by=SYSTEM)


async def made(guest: Guest, *, join: str = JOIN, visitor: str = VISITOR) -> None:
    """The meeting of somebody's visit is there: the row and the event, as the worker leaves them."""
    async with guest.house.parts.db.tenant(guest.house.tenant) as tx:
        facts = {"state": MeetingState.MADE, "code": "", "meeting_id": "m", "organizer": "o", "made_at": datetime.now(UTC)}
        await guest.house.parts.meetings.kept.change(tx, guest.visit, **facts, join_url=join, visitor_url=visitor)
        await guest.house.parts.visits.attending.note(tx, guest.visit, EventKind.MEETING_MADE, {"organizer": "provider"})


async def failed(guest: Guest, code: str) -> None:
    """It could not be made."""
    async with guest.house.parts.db.tenant(guest.house.tenant) as tx:
        await guest.house.parts.meetings.kept.change(tx, guest.visit, state=MeetingState.FAILED, code=code)
        await guest.house.parts.visits.attending.note(tx, guest.visit, EventKind.MEETING_FAILED, {"code": code})


async def seen(guest: Guest | None, where: Presence, *, of: Guest) -> None:
    """Microsoft told that somebody is there, waits there, or went; None is somebody who did not come through us. `of`: whose visit."""
    async with of.house.parts.db.tenant(of.house.tenant) as tx:
        now, who = datetime.now(UTC), guest.participant.id if guest else None
        await RosterStore().put(of.house.tenant, tx, of.visit, [Present(str(who), None, who, where, now)])
        if guest is not None:
            await _told(tx, guest, where, now)


async def _told(tx: Tx, guest: Guest, where: Presence, now: datetime) -> None:
    attending = guest.house.parts.visits.attending
    step = {Presence.IN: attending.came, Presence.LOBBY: attending.knocked, Presence.GONE: attending.went}[where]
    await step(tx, guest.visit, guest.participant.id, now)
