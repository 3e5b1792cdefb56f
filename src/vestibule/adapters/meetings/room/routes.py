"""The room's doors: its page in a window of its own, the pass with relay credentials, and the signalling socket."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.connection import WebSocket
from litestar.handlers import websocket
from litestar.response import Response
from litestar.types import ControllerRouterHandler

from vestibule.adapters.meetings.room.service import RoomService
from vestibule.adapters.meetings.room.socket import Conversation
from vestibule.errors import Gone, NotAllowed
from vestibule.identity.model import Principal, Role
from vestibule.platform.web.access import Access
from vestibule.platform.web.pages import page

_PEOPLE = Access.session(Role.CLINICIAN, Role.PATIENT, Role.GUEST)


@get("/s/{sid:uuid}/room", access=_PEOPLE)
async def own_window(request: Request[Any, Any, Any], principal: Principal, room: RoomService) -> Response[Any]:
    """The stage alone, for a window outside the EHR's frame. Who has not been let in sees that, and nothing of the room."""
    state = "in"
    try:
        await room.admit(principal)
    except NotAllowed:
        state = "waiting"
    except Gone:
        state = "ended"
    return page(request, "room/room.html", state=state, base=f"/s/{principal.session}", staff=principal.role == Role.CLINICIAN)


@get("/s/{sid:uuid}/relay", access=_PEOPLE)
async def relay(principal: Principal, room: RoomService) -> Response[Any]:
    """A pass for one socket and relay credentials for ten minutes, for who has been let in."""
    given = await room.admit(principal)
    policy = "relay" if given.relay_only else "all"
    content = {"token": given.token, "iceServers": given.ice, "iceTransportPolicy": policy, "seconds": given.seconds}
    return Response(content, media_type="application/json", headers={"cache-control": "no-store"})


@websocket("/s/{sid:uuid}/signal", access=_PEOPLE)
async def signal(socket: WebSocket[Any, Any, Any], room: RoomService) -> None:
    """Signalling. Origin and session were judged before this runs; the pass comes in the first message."""
    await socket.accept()
    await Conversation(socket, room, socket.scope["state"]["principal"]).hold()


ROUTES: list[ControllerRouterHandler] = [own_window, relay, signal]
