"""Microsoft Graph on a process's outbound door: one for all who ask, so that tokens and pauses are known to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from vestibule.adapters.meetings.teams import GraphCloud, GraphNotices, Places
from vestibule.kit.clock import Clock
from vestibule.platform.http import Http
from vestibule.settings import Settings

if TYPE_CHECKING:  # the parts may be made with it
    from vestibule.wiring.parts import Parts

_MADE: WeakKeyDictionary[Http, tuple[GraphCloud, GraphNotices]] = WeakKeyDictionary()


def make_cloud(parts: Parts) -> GraphCloud:
    """Where meetings are made."""
    return _on(parts.http, parts.settings, parts.clock)[0]


def make_notices(parts: Parts) -> GraphNotices:
    """What proves and opens notifications."""
    return _on(parts.http, parts.settings, parts.clock)[1]


def cloud_on(http: Http, settings: Settings, clock: Clock) -> GraphCloud:
    """Where meetings are made, asked through a door of somebody's own: what the doctor tries out trips nobody's breaker."""
    return _on(http, settings, clock)[0]


def _on(http: Http, settings: Settings, clock: Clock) -> tuple[GraphCloud, GraphNotices]:
    if http not in _MADE:
        places, loopback = Places.of(settings.graph_url, settings.entra_authority), settings.allow_loopback_http
        _MADE[http] = (
            GraphCloud(http=http, clock=clock, places=places, loopback_http=loopback),
            GraphNotices(http=http, clock=clock, places=places, loopback_http=loopback),
        )
    return _MADE[http]
