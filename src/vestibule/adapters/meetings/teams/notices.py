"""The port `Notices`: what Microsoft sends, proved and opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vestibule.adapters.meetings.teams.places import Places
from vestibule.kit.clock import Clock
from vestibule.meetings.model import Account, CallEvent, KeyPair
from vestibule.platform.http import Http


class GraphNotices:
    """Knows Microsoft's signing keys for a while."""

    def __init__(self, *, http: Http, clock: Clock, places: Places, loopback_http: bool = False) -> None:
        self._http = http
        self._clock = clock
        self._places = places
        self._loopback = loopback_http

    async def open(
        self, account: Account, item: Mapping[str, Any], tokens: Sequence[str], keys: Mapping[str, KeyPair], *, now: datetime
    ) -> CallEvent:
        """Prove and decrypt one item of a notification."""
        raise NotImplementedError
