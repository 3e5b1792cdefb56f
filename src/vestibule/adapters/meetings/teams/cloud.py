"""The port `Cloud`: Microsoft Graph, as far as visits need it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vestibule.adapters.meetings.teams.places import Places
from vestibule.kit.clock import Clock
from vestibule.meetings.model import Account, CallRecord, CloudSeen, Made, Report, Subscribed, Wish
from vestibule.meetings.ports import Hook
from vestibule.platform.http import Http


class GraphCloud:
    """Each call may be repeated."""

    def __init__(self, *, http: Http, clock: Clock, places: Places, loopback_http: bool = False) -> None:
        self._http = http
        self._clock = clock
        self._places = places
        self._loopback = loopback_http

    async def make(self, account: Account, wish: Wish) -> Made:
        """Make the meeting or find it, set its options, read them back and compare."""
        raise NotImplementedError

    async def move(self, account: Account, organizer: str, meeting: str, starts_at: datetime, ends_at: datetime) -> None:
        """The appointment has another time."""
        raise NotImplementedError

    async def shut(self, account: Account, organizer: str, meeting: str) -> None:
        """Nobody comes in past the lobby any more, and nobody can write in its chat."""
        raise NotImplementedError

    async def delete(self, account: Account, organizer: str, meeting: str) -> None:
        """It does not take place."""
        raise NotImplementedError

    async def subscribe(self, account: Account, join_url: str, hook: Hook, *, until: datetime) -> Subscribed:
        """Have Microsoft tell us who comes and goes."""
        raise NotImplementedError

    async def renew(self, account: Account, subscription: str, *, until: datetime, hook: Hook | None = None) -> Subscribed:
        """Prolong it."""
        raise NotImplementedError

    async def subscription(self, account: Account, subscription: str) -> Subscribed | None:
        """Whether it is still there."""
        raise NotImplementedError

    async def unsubscribe(self, account: Account, subscription: str) -> None:
        """No more."""
        raise NotImplementedError

    async def reports(self, account: Account, organizer: str, meeting: str, *, known: Sequence[str] = ()) -> list[Report]:
        """The attendance reports there are."""
        raise NotImplementedError

    async def call_records(self, account: Account, join_url: str, *, since: datetime, until: datetime) -> list[CallRecord]:
        """The call records of one meeting."""
        raise NotImplementedError

    async def look(self, account: Account, organizers: Sequence[str]) -> CloudSeen:
        """Ask what can be asked without changing anything."""
        raise NotImplementedError
