"""The live streams of pages: plain ASGI, so that a watcher costs little. See platform/web/live.py."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from litestar import asgi
from litestar.types import Receive, Scope, Send

from vestibule.identity.model import Principal, Role
from vestibule.kit.numbers import digits
from vestibule.platform.web.access import Access, principal_of
from vestibule.platform.web.app import service
from vestibule.visits.feed import Feed, context_of
from vestibule.visits.live import board_topic, lobby_topic, visit_topic
from vestibule.visits.scene import visit_of

_DIGITS = 15  # of an event's number; what is longer is nonsense


@asgi("/s/{sid:uuid}/live", access=Access.session(Role.CLINICIAN, Role.PATIENT, Role.GUEST), copy_scope=False)
async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """Every event of the session's visit that it may hear, from the number it has."""
    feed: Feed = service(scope, "feed")
    principal: Principal = principal_of(scope)
    visit, participant = await feed.place(principal.tenant, visit_of(principal), principal.participant)
    staff = principal.role is Role.CLINICIAN
    await feed.hub.serve(
        receive,
        send,
        topic=visit_topic(visit) if staff else lobby_topic(visit),
        group=str(participant),
        after=_last_id(scope),
        context=context_of(principal.tenant, visit),
        session=principal.session,
        wire=scope["state"]["wire"],
    )


@asgi("/s/{sid:uuid}/board/live", access=Access.session(Role.CLINICIAN), copy_scope=False)
async def board_live(scope: Scope, receive: Receive, send: Send) -> None:
    """That something changed on the department's board. Its numbers are this node's own, so everybody begins anew."""
    feed: Feed = service(scope, "feed")
    principal: Principal = principal_of(scope)
    topic = board_topic(principal.tenant, principal.department)
    await feed.hub.serve(receive, send, topic=topic, session=principal.session, wire=scope["state"]["wire"])


def _last_id(scope: Any) -> int:
    """The number of the last event the page has: what the browser repeats, else what the page was rendered with."""
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            return _number(value.decode("latin-1"))
    asked = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=8).get("after", ["0"])
    return _number(asked[0])


def _number(text: str) -> int:
    return digits(text, most=_DIGITS) or 0


ROUTES = [live, board_live]
