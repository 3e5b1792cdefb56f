"""Where Microsoft tells us who comes and goes in meetings: two public addresses, for notifications and for what concerns subscriptions.

Graph wants an answer within three seconds and asks again for four hours when it gets none, so nothing is judged here but whose an item is:
`clientState` proves that we asked for it. What is ours is committed, sealed, and then worked through. The answer is the same 202 whatever
was sent and by whomever; only when the database cannot take what is ours is it 503, so that Graph says it again.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from litestar import Request, post
from litestar.response import Response

from vestibule.kit.ids import TenantId
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.client_state import read_client_state
from vestibule.meetings.inbox import LIFECYCLE, NOTIFICATION, Inbox
from vestibule.meetings.subscriptions import LIFECYCLE as LIFECYCLE_PATH
from vestibule.meetings.subscriptions import NOTIFICATIONS as NOTIFICATIONS_PATH
from vestibule.platform.db import Database
from vestibule.platform.telemetry.metrics import MEETING_NOTICES
from vestibule.platform.web.access import Access

_LONGEST_TOKEN: Final = 4_096
_MOST_ITEMS: Final = 1_000
_MOST_TOKENS: Final = 20
_LONGEST_PROOF: Final = 8_192

Items = dict[TenantId, list[tuple[UUID, Mapping[str, Any]]]]


class NoticeHooks:
    """Takes what is ours of what anybody sends."""

    def __init__(self, *, db: Database, box: SecretBox, inbox: Inbox) -> None:
        self._db = db
        self._box = box
        self._inbox = inbox

    async def take(self, kind: str, body: bytes) -> None:
        """Keep what is ours; of all else nothing is kept, and nobody is told.

        Args:
            kind: NOTIFICATION or LIFECYCLE.
            body: all of the request's.

        Raises:
            Unavailable: it could not be kept; Graph is to say it again.
        """
        try:
            said = read_object(body)
        except JsonError:
            MEETING_NOTICES.labels(kind, "unreadable").inc()
            return
        for tenant, items in self._ours(kind, said.get("value")).items():
            async with self._db.tenant(tenant) as tx:
                new = await self._inbox.take(tx, kind, items, _tokens(said.get("validationTokens")))
            MEETING_NOTICES.labels(kind, "taken").inc(new)
            MEETING_NOTICES.labels(kind, "again").inc(len(items) - new)

    def _ours(self, kind: str, value: object) -> Items:
        found: Items = {}
        for item in value[:_MOST_ITEMS] if isinstance(value, list) else ():
            owner = read_client_state(self._box, item.get("clientState")) if isinstance(item, dict) else None
            if owner is None:
                MEETING_NOTICES.labels(kind, "unknown").inc()
                continue
            tenant, subscription = owner
            kept = {name: one for name, one in item.items() if name != "clientState"}  # a secret of ours; the row knows whose it is
            found.setdefault(tenant, []).append((subscription, kept))
        return found


def _tokens(said: object) -> Sequence[str]:
    found = said if isinstance(said, list) else ()
    return [one for one in found[:_MOST_TOKENS] if isinstance(one, str) and len(one) <= _LONGEST_PROOF]


async def _answer(request: Request[Any, Any, Any], hooks: NoticeHooks, kind: str) -> Response[str]:
    """Graph asks whether we are there with `validationToken`, and wants to read it in the answer, as text and within ten seconds."""
    body = await request.body()  # first, so that too large a one looks the same whoever sends it
    token = request.query_params.get("validationToken")
    if token is not None and len(token) <= _LONGEST_TOKEN:
        return Response(html.escape(token, quote=False), status_code=200, media_type="text/plain")
    await hooks.take(kind, body)
    return Response("", status_code=202, media_type="text/plain")


@post(NOTIFICATIONS_PATH, access=Access.PUBLIC, status_code=202)
async def notified(request: Request[Any, Any, Any], notice_hooks: NoticeHooks) -> Response[str]:
    """What happened in meetings."""
    return await _answer(request, notice_hooks, NOTIFICATION)


@post(LIFECYCLE_PATH, access=Access.PUBLIC, status_code=202)
async def lifecycle(request: Request[Any, Any, Any], notice_hooks: NoticeHooks) -> Response[str]:
    """What becomes of our subscriptions."""
    return await _answer(request, notice_hooks, LIFECYCLE)


ROUTES = [notified, lifecycle]
