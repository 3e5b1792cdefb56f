"""The pages of a clinician's one-time sign-in at Microsoft, and the address to which Microsoft sends them back.

In an EHR's frame the page opens a window of its own first: Microsoft's pages refuse frames.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, get
from litestar.response import Response
from litestar.types import ControllerRouterHandler

from vestibule.errors import BadInput, VestibuleError
from vestibule.identity.model import Principal, Role
from vestibule.meetings.calming import problem
from vestibule.meetings.proving import CALLBACK, PATH, MicrosoftSignIns, browser_cookie
from vestibule.platform.audit import Actor
from vestibule.platform.web.access import Access
from vestibule.platform.web.cookies import Cookie, parse, set_cookie
from vestibule.platform.web.pages import see_other, staff_page
from vestibule.protocols.oauth2 import Returned, read_callback

_CLINICIAN = Access.session(Role.CLINICIAN)
_MAX_FIELDS = 40


@get("/s/{sid:uuid}/microsoft", access=_CLINICIAN)
async def microsoft(
    request: Request[Any, Any, Any], principal: Principal, microsoft_sign_ins: MicrosoftSignIns, why: str = ""
) -> Response[Any]:
    """Why to sign in, and afterwards whether all is well: whoever has signed in is told at once what else would stand in the way."""
    standing = await microsoft_sign_ins.look(principal)
    bound = bool(standing.connected and standing.object_id)
    code = await microsoft_sign_ins.probe(principal, standing.object_id) if bound and not problem(why) else why
    if not standing.connected:
        code = "teams-not-set-up"
    elif not standing.known:
        code = "binding-nobody"
    return staff_page(
        request,
        principal,
        "meetings/microsoft.html",
        brand=standing.organisation.name,
        framed=principal.framed,
        bound=bound,
        object_id=standing.object_id if bound else "",
        open=standing.connected and standing.known,
        problem=problem(code),
        code=code,
    )


@get("/s/{sid:uuid}/microsoft/start", access=_CLINICIAN)
async def start(request: Request[Any, Any, Any], principal: Principal, microsoft_sign_ins: MicrosoftSignIns) -> Response[Any]:
    """Away to Microsoft; back to the page where there is no way there."""
    try:
        departure = await microsoft_sign_ins.begin(principal)
    except VestibuleError as error:
        if problem(error.code) is None:
            raise
        return see_other(f"/s/{principal.session}/microsoft?why={error.code}")
    set_cookie(request, departure.cookie)
    return see_other(departure.url)


@get(CALLBACK, access=Access.PUBLIC)
async def callback(request: Request[Any, Any, Any], microsoft_sign_ins: MicrosoftSignIns, actor: Actor) -> Response[Any]:
    """Back from Microsoft."""
    returned = returned_by(request.scope["query_string"])
    set_cookie(request, Cookie(browser_cookie(returned.state), "", PATH, 0, top_level=True))
    arrival = await microsoft_sign_ins.finish(returned, parse(request.headers.get("cookie", "")), actor)
    return see_other(f"/s/{arrival.session}/microsoft" + (f"?why={arrival.code}" if arrival.code else ""))


def returned_by(query: bytes) -> Returned:
    """What Microsoft's answer says, from the address of the callback. Pure.

    Raises:
        BadInput: `sign-in-unknown`, for whatever is no answer.
    """
    try:
        return read_callback(parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except (ValueError, BadInput):
        raise BadInput("sign-in-unknown", "We do not know this sign-in. Please start again.", phase="meeting.sign-in") from None


ROUTES: list[ControllerRouterHandler] = [microsoft, start, callback]
