"""Where a visit takes place, decided for each visit once: what visits ask of their meeting goes to the built-in room or to Teams.

A visit that was opened while its organisation met in Teams has a row in `meetings` and stays there; before it is opened, what the
organisation has chosen is what its pages say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from vestibule.errors import Conflict, Gone, NotAllowed
from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.meetings.bindings import Bindings
from vestibule.meetings.kept import MeetingsKept
from vestibule.meetings.making import Making
from vestibule.meetings.model import Meeting, MeetingState, Settings
from vestibule.meetings.setting import MeetingSettings
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import MeetingKind, MeetingPlace, Participant, PersonRole, Visit
from vestibule.visits.ports import Meetings

_PHASE: Final = "meeting.join"


class MeetingChoice:
    """The `Meetings` of the visits: each question goes to the room or to Teams."""

    def __init__(
        self, *, db: Database, room: Meetings, kept: MeetingsKept, settings: MeetingSettings, bindings: Bindings, making: Making
    ) -> None:
        self._db = db
        self._room = room
        self._kept = kept
        self._settings = settings
        self._bindings = bindings
        self._making = making

    # ------------------------------------------------------------------ what visits ask

    async def ensure(self, visit: Visit) -> None:
        """The room needs no making; a meeting in Teams that could not be made is tried once more."""
        async with self._db.tenant(visit.tenant) as tx:
            await self._making.again(tx, visit)

    async def place(self, tx: Tx, visit: Visit, me: ParticipantId | None) -> MeetingPlace:
        """What the pages show of it to one of its people."""
        meeting, settings = await self._kept.get(tx, visit.id), await self._settings.get(tx)
        if meeting is None and await self._to_come(tx, visit, settings) is MeetingKind.ROOM:
            return await self._room.place(tx, visit, me)
        who = visit.person(me) if me else None
        sign_in = await self._must_sign_in(tx, visit, who)
        if meeting is None:
            return MeetingPlace(MeetingKind.TEAMS, ready=False, sign_in=sign_in, opens=settings.opens, own_lobby=settings.teams_lobby)
        return placed(visit, meeting, settings, await self._kept.present(tx, visit.id), sign_in=sign_in)

    async def places(self, tx: Tx, visits: Collection[Visit]) -> Mapping[VisitId, MeetingPlace]:
        """What the board shows of those that have a meeting in Teams."""
        meetings = await self._kept.of(tx, [visit.id for visit in visits]) if visits else {}
        if not meetings:
            return {}
        settings, present = await self._settings.get(tx), await self._kept.present_of(tx, meetings)
        return {
            visit.id: placed(visit, meetings[visit.id], settings, present.get(visit.id, []), sign_in=False)
            for visit in visits
            if visit.id in meetings
        }

    async def expel(self, visit: Visit, participant: ParticipantId) -> None:
        """Cut somebody off. Nobody but a person in it can put somebody out of a meeting in Teams: `place` says who is `stuck` there."""
        if not await self._elsewhere(visit):
            await self._room.expel(visit, participant)

    async def close(self, visit: Visit) -> None:
        """Cut everybody off. What is to be done in Teams was promised with the visit's end; who goes on talking there, `place` says."""
        if not await self._elsewhere(visit):
            await self._room.close(visit)

    # ------------------------------------------------------------------ the way in

    async def way(self, tx: Tx, visit: Visit, participant: ParticipantId) -> str:
        """The address at which somebody comes into the meeting; it is written down to whom it was given.

        Raises:
            Gone: `meeting-over`.
            NotAllowed: `meeting-not-admitted`; `teams-sign-in-needed`, a clinician who has not signed in with Microsoft.
            Conflict: `meeting-not-ready`; `meeting-in-room`, this visit takes place here.
        """
        who, meeting = visit.person(participant), await self._kept.get(tx, visit.id)
        if visit.over:
            raise Gone("meeting-over", "This visit is over.", phase=_PHASE)
        if who is None or not who.inside:
            raise NotAllowed("meeting-not-admitted", "You have not been let in yet.", phase=_PHASE)
        if meeting is None:
            raise Conflict("meeting-in-room", "This visit takes place on this page.", phase=_PHASE)
        if await self._must_sign_in(tx, visit, who):
            raise NotAllowed("teams-sign-in-needed", "Sign in with Microsoft once, then the meeting opens.", phase=_PHASE)
        if meeting.state is not MeetingState.MADE:
            raise Conflict("meeting-not-ready", "The meeting is being prepared. Try again in a moment.", phase=_PHASE, permanent=False)
        if who.role is not PersonRole.PROVIDER:
            await self._kept.give_way(tx, visit.id, who.id)
            return meeting.visitor_url or meeting.join_url
        account = await self._bindings.object_id(tx, visit.connection, who)
        await self._kept.give_way(tx, visit.id, who.id, account=account)
        await self._bindings.used(tx, visit.connection, who)
        return meeting.join_url

    # ------------------------------------------------------------------ inside

    async def _to_come(self, tx: Tx, visit: Visit, settings: Settings) -> MeetingKind:
        """Where a visit without a meeting of its own takes place: one that was opened before the switch stays in the room."""
        if settings.kind is MeetingKind.ROOM or visit.over or visit.opened_at or await self._making.synthetic(tx, visit):
            return MeetingKind.ROOM
        return MeetingKind.TEAMS

    async def _must_sign_in(self, tx: Tx, visit: Visit, who: Participant | None) -> bool:
        """Whether this clinician has still to say who they are at Microsoft."""
        if who is None or who.role is not PersonRole.PROVIDER or visit.over or not who.person:
            return False
        return not await self._bindings.object_id(tx, visit.connection, who)

    async def _elsewhere(self, visit: Visit) -> bool:
        async with self._db.tenant(visit.tenant) as tx:
            return await self._kept.get(tx, visit.id) is not None


def placed(
    visit: Visit, meeting: Meeting, settings: Settings, present: Sequence[tuple[ParticipantId | None, str]], *, sign_in: bool
) -> MeetingPlace:
    """A meeting in Teams as the pages show it. Pure.

    Args:
        visit: whose it is.
        meeting: as it is kept.
        settings: of its organisation.
        present: who is in the meeting (`in`) or knocks there (`lobby`); None for somebody who did not come through us.
        sign_in: who looks must first sign in.
    """
    people = [(visit.person(one) if one else None, state) for one, state in present]
    made = meeting.state is MeetingState.MADE
    return MeetingPlace(
        MeetingKind.TEAMS,
        ready=made and not sign_in and not visit.over,
        code="" if made else meeting.code,
        sign_in=sign_in,
        opens=settings.opens,
        own_lobby=settings.teams_lobby,
        delayed=meeting.delayed_at is not None,
        knocking=frozenset(who.id for who, state in people if who and state == "lobby" and who.inside),
        stuck=frozenset(who.id for who, state in people if who and state == "in" and not who.inside),
        strangers=sum(1 for who, state in people if who is None and state == "in"),
        running=goes_on(meeting) or any(state == "in" for _, state in people),
    )


def goes_on(meeting: Meeting) -> bool:
    """Whether a call goes on in it, as far as we were told."""
    started, ended = meeting.call_started_at, meeting.call_ended_at
    return started is not None and (ended is None or ended < started)
