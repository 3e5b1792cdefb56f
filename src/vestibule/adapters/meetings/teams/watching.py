"""Subscriptions to `meetingCallEvents`: made, prolonged, found, ended. They exist in Graph's beta version only."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from vestibule.adapters.meetings.teams.asking import ALL_VALUES, Graph, Question
from vestibule.adapters.meetings.teams.pauses import Service
from vestibule.adapters.meetings.teams.reading import instant, text, written
from vestibule.adapters.meetings.teams.refusals import CONFLICT, NOT_FOUND, senseless, unavailable
from vestibule.errors import Gone
from vestibule.kit.clock import Clock
from vestibule.meetings.model import Account, Subscribed
from vestibule.meetings.ports import Hook

# The shorter of the two published lifetimes: one table says 4,320 minutes, another 4,230.
LONGEST: Final = timedelta(minutes=4_230)
# Microsoft asks both addresses for an answer, ten seconds each, before it answers us.
_HANDSHAKES: Final = 30.0
_SUBSCRIBE: Final = "meeting.subscribe"
_RENEW: Final = "meeting.subscription-renew"
_LOOK: Final = "meeting.subscription"
_END: Final = "meeting.unsubscribe"


class Watching:
    """Keeps Microsoft telling us who comes and goes."""

    def __init__(self, graph: Graph, clock: Clock) -> None:
        self._graph = graph
        self._clock = clock

    async def subscribe(self, account: Account, join_url: str, hook: Hook, *, until: datetime) -> Subscribed:
        """One subscription for an application and a meeting: where there is one already it makes room."""
        resource = resource_of(join_url)
        body = {
            "changeType": "updated",
            "notificationUrl": hook.url,
            "lifecycleNotificationUrl": hook.lifecycle_url,
            "resource": resource,
            "includeResourceData": True,
            "expirationDateTime": self._expiry(until),
            "clientState": hook.client_state,
            **_certificate(hook),
        }
        question = Question("POST", self._url(), _SUBSCRIBE, Service.SUBSCRIPTIONS, body, ALL_VALUES, fine=(CONFLICT,), timeout=_HANDSHAKES)
        told = await self._graph.ask(account, question)
        if told.status == CONFLICT:
            await self._make_room(account, resource)
            told = await self._graph.ask(account, replace(question, fine=()))
        return _subscribed(told.body, _SUBSCRIBE)

    async def renew(self, account: Account, subscription: str, *, until: datetime, hook: Hook | None = None) -> Subscribed:
        """Prolong it, which also reauthorises it; with a hook it gets that one's certificate."""
        body = {"expirationDateTime": self._expiry(until)} | (_certificate(hook) if hook else {})
        question = Question("PATCH", self._url(subscription), _RENEW, Service.SUBSCRIPTIONS, body, fine=(NOT_FOUND,))
        told = await self._graph.ask(account, question)
        if told.status == NOT_FOUND:
            raise Gone("teams-subscription-gone", "Microsoft has no such subscription any more.", phase=_RENEW)
        return _subscribed(told.body, _RENEW)

    async def find(self, account: Account, subscription: str) -> Subscribed | None:
        """Whether it is still there."""
        question = Question("GET", self._url(subscription), _LOOK, Service.SUBSCRIPTIONS, fine=(NOT_FOUND,))
        told = await self._graph.ask(account, question)
        return None if told.status == NOT_FOUND else _subscribed(told.body, _LOOK)

    async def end(self, account: Account, subscription: str) -> None:
        """No more."""
        await self._graph.ask(account, Question("DELETE", self._url(subscription), _END, Service.SUBSCRIPTIONS, fine=(NOT_FOUND,)))

    async def _make_room(self, account: Account, resource: str) -> None:
        """End what is subscribed to this meeting; transient trouble where nothing is found, for it may be about to end."""
        found = [
            text(one, "id")
            async for one in self._graph.pages(account, Question("GET", self._url(), _LOOK, Service.SUBSCRIPTIONS))
            if text(one, "resource", longest=8_000).strip("/").casefold() == resource.casefold() and text(one, "id")
        ]
        if not found:
            raise unavailable(None, _SUBSCRIBE)
        for one in found:
            await self.end(account, one)

    def _url(self, *subscription: str) -> str:
        return self._graph.places.beta("subscriptions", *subscription)

    def _expiry(self, until: datetime) -> str:
        """A minute within the longest, for their clock may be ahead of ours."""
        return written(min(until, self._clock.now() + LONGEST - timedelta(minutes=1)))


def resource_of(join_url: str) -> str:
    """The meeting's events, by its join link: the whole link is encoded, also what is encoded in it already."""
    return f"communications/onlineMeetings(joinWebUrl='{quote(join_url, safe='')}')/meetingCallEvents"


def _certificate(hook: Hook) -> dict[str, Any]:
    """For what Microsoft encrypts."""
    return {"encryptionCertificate": base64.b64encode(hook.key.certificate).decode(), "encryptionCertificateId": hook.key.id}


def _subscribed(said: Mapping[str, Any], phase: str) -> Subscribed:
    name, expires = text(said, "id"), instant(said, "expirationDateTime")
    if not name or expires is None:
        raise senseless(phase)
    return Subscribed(name, expires)
