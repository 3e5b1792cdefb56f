"""The port `Cloud`: Microsoft Graph, as far as visits need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from vestibule.adapters.meetings.teams.asking import ALL_VALUES, Graph, Question
from vestibule.adapters.meetings.teams.attendance import Attendance
from vestibule.adapters.meetings.teams.looking import Looking
from vestibule.adapters.meetings.teams.options import differences, identity_of, options_of, shut_options
from vestibule.adapters.meetings.teams.pauses import Service
from vestibule.adapters.meetings.teams.places import Places
from vestibule.adapters.meetings.teams.reading import text, written
from vestibule.adapters.meetings.teams.records import Records
from vestibule.adapters.meetings.teams.refusals import NOT_FOUND, senseless
from vestibule.adapters.meetings.teams.watching import Watching
from vestibule.errors import Conflict
from vestibule.kit.clock import Clock
from vestibule.meetings.model import Account, CallRecord, CloudSeen, Made, Report, Subscribed, Wish
from vestibule.meetings.ports import Hook
from vestibule.platform.http import Http
from vestibule.protocols.oauth2 import acceptable

_CREATE: Final = "meeting.create"
_OPTIONS: Final = "meeting.options"
_COMPARE: Final = "meeting.compare"
_VISITOR: Final = "meeting.visitor-link"
_MOVE: Final = "meeting.move"
_SHUT: Final = "meeting.shut"
_DELETE: Final = "meeting.delete"
_CREATED: Final = 201
_LONGEST_URL: Final = 4_000
# A cloud or a licence without the browser join: the meeting's own link takes visitors in too, less comfortably.
_NO_VISITOR_LINK: Final = frozenset({400, 403, 404, 405, 501})


class GraphCloud:
    """Each call may be repeated. Tokens and pauses are one organisation's, and every caller's."""

    def __init__(self, *, http: Http, clock: Clock, places: Places, loopback_http: bool = False) -> None:
        """Say where and through what.

        Args:
            http: the outbound door.
            clock: the time.
            places: where Microsoft answers.
            loopback_http: links into a meeting may be plain http on this machine.
        """
        self._graph = Graph(http=http, clock=clock, places=places)
        self._watching = Watching(self._graph, clock)
        self._loopback = loopback_http

    async def make(self, account: Account, wish: Wish) -> Made:
        """Make the meeting or find it, set its options, read them back and compare.

        Raises:
            Conflict: `teams-settings-differ`.
        """
        url = self._meetings(wish.organizer, "createOrGet")
        told = await self._graph.ask(account, Question("POST", url, _CREATE, Service.MEETINGS, identity_of(wish)))
        name, join = text(told.body, "id", longest=1_000), text(told.body, "joinWebUrl", longest=_LONGEST_URL)
        if not name or not acceptable(join, loopback_http=self._loopback):
            raise senseless(_CREATE)
        await self._set(account, wish, name)
        return Made(name, join, await self._visitor_url(account, wish.organizer, name) or join, new=told.status == _CREATED)

    async def _set(self, account: Account, wish: Wish, meeting: str) -> None:
        """What is set is not believed before it was read: a policy of the organisation's Teams may overrule it in silence."""
        url, wanted = self._meetings(wish.organizer, meeting), options_of(wish)
        await self._graph.ask(account, Question("PATCH", url, _OPTIONS, Service.MEETINGS, wanted, ALL_VALUES))
        kept = await self._graph.ask(account, Question("GET", url, _COMPARE, Service.MEETINGS, headers=ALL_VALUES))
        different = list(differences(wanted, kept.body))
        if different:
            raise Conflict(
                "teams-settings-differ", f"Teams keeps other settings than those asked for: {', '.join(different)}.", phase=_COMPARE
            )

    async def _visitor_url(self, account: Account, organizer: str, meeting: str) -> str:
        """The way in by the browser; empty where there is none to be had."""
        url = self._meetings(organizer, meeting, "getVirtualAppointmentJoinWebUrl")
        told = await self._graph.ask(account, Question("GET", url, _VISITOR, Service.MEETINGS, fine=_NO_VISITOR_LINK))
        found = text(told.body, "value", longest=_LONGEST_URL)
        return found if told.status not in _NO_VISITOR_LINK and acceptable(found, loopback_http=self._loopback) else ""

    async def move(self, account: Account, organizer: str, meeting: str, starts_at: datetime, ends_at: datetime) -> None:
        """The appointment has another time; Graph takes both ends together.

        Raises:
            Gone: `teams-meeting-gone`.
        """
        body = {"startDateTime": written(starts_at), "endDateTime": written(ends_at)}
        await self._change(account, organizer, meeting, body, _MOVE)

    async def shut(self, account: Account, organizer: str, meeting: str) -> None:
        """Nobody comes in past the lobby any more, and nobody can write in its chat; fine when it is gone already."""
        await self._change(account, organizer, meeting, shut_options(), _SHUT, fine=(NOT_FOUND,))

    async def delete(self, account: Account, organizer: str, meeting: str) -> None:
        """It does not take place; fine when it is gone already."""
        url = self._meetings(organizer, meeting)
        await self._graph.ask(account, Question("DELETE", url, _DELETE, Service.MEETINGS, fine=(NOT_FOUND,)))

    async def subscribe(self, account: Account, join_url: str, hook: Hook, *, until: datetime) -> Subscribed:
        """Have Microsoft tell us who comes and goes."""
        return await self._watching.subscribe(account, join_url, hook, until=until)

    async def renew(self, account: Account, subscription: str, *, until: datetime, hook: Hook | None = None) -> Subscribed:
        """Prolong it.

        Raises:
            Gone: `teams-subscription-gone`.
        """
        return await self._watching.renew(account, subscription, until=until, hook=hook)

    async def subscription(self, account: Account, subscription: str) -> Subscribed | None:
        """Whether it is still there."""
        return await self._watching.find(account, subscription)

    async def unsubscribe(self, account: Account, subscription: str) -> None:
        """No more; fine when it is gone already."""
        await self._watching.end(account, subscription)

    async def reports(self, account: Account, organizer: str, meeting: str, *, known: Sequence[str] = ()) -> list[Report]:
        """The attendance reports there are, oldest first, with their records; those of a known id are left out."""
        return await Attendance(self._graph).reports(account, organizer, meeting, known)

    async def call_records(self, account: Account, join_url: str, *, since: datetime, until: datetime) -> list[CallRecord]:
        """The call records of one meeting, found among all of the directory that began between the two times."""
        return await Records(self._graph).of_meeting(account, join_url, since=since, until=until)

    async def look(self, account: Account, organizers: Sequence[str]) -> CloudSeen:
        """Ask what can be asked without changing anything. Raises nothing of what it finds."""
        return await Looking(self._graph).look(account, organizers)

    async def _change(
        self, account: Account, organizer: str, meeting: str, body: Mapping[str, Any], phase: str, *, fine: Sequence[int] = ()
    ) -> None:
        url = self._meetings(organizer, meeting)
        await self._graph.ask(account, Question("PATCH", url, phase, Service.MEETINGS, body, ALL_VALUES, fine=fine))

    def _meetings(self, organizer: str, *steps: str) -> str:
        return self._graph.places.v1("users", organizer, "onlineMeetings", *steps)
