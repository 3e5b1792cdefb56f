"""One shape for everything that goes wrong: a calm page for people, RFC 9457 for programs, a reference for whoever helps.

What a person reads is the error's own public sentence and what to do next; a stack trace goes to the log under the same reference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.connection import Request
from litestar.exceptions import HTTPException
from litestar.response import Response

from vestibule.errors import (
    BadInput,
    Conflict,
    Gone,
    InvalidFields,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooLarge,
    TooMany,
    Unavailable,
    VestibuleError,
)
from vestibule.platform.telemetry.logs import log
from vestibule.platform.web import i18n
from vestibule.platform.web.i18n import gettext as _

_LAUNCH = "launch."
_SIGN_IN = "sign-in."
_SIGNED_OUT = "signed-out"
_STAFF_PAGE = re.compile(r"/s/[0-9a-f-]{36}/(?P<page>[a-z][a-z0-9-]{0,40}(/[a-z0-9-]{1,60}){0,4})")
_OVER = frozenset({"launch-visit-over", "launch-visit-cancelled"})
# An address that works once: loading it again cannot help, pressing the button again can.
_PASSING = frozenset({"launch.callback", "launch.authorize", "launch.token", "launch.jwks", "launch.id-token", "launch.context"})


class InternalError(VestibuleError):
    """A mistake of ours."""

    status = 500


class MethodNotAllowed(VestibuleError):
    """There is such a page, but not for this method."""

    status = 405


class Unprocessable(InvalidFields):
    """What a program sent was understood, and parts of it cannot be used (RFC 9110 15.5.21)."""

    status = 422


class Misdirected(VestibuleError):
    """What a program asks for lives elsewhere (RFC 9110 15.5.20)."""

    status = 421


def known(error: BaseException) -> VestibuleError:
    """The error as one of ours: Litestar's by their status, anything else is a mistake of ours."""
    while error.__class__.__name__ == "LitestarException" and error.__cause__:
        error = error.__cause__
    if isinstance(error, VestibuleError):
        return error
    if isinstance(error, HTTPException):
        return _from_litestar(error)
    if isinstance(error, RecursionError):  # what the JSON decoder says of a hundred thousand brackets; nothing of ours recurses
        return BadInput("request-invalid", "The request could not be understood.", phase="web")
    return InternalError("internal-error", "Something went wrong on our side.", phase="web")


def _from_litestar(error: HTTPException) -> VestibuleError:
    if isinstance(error.__cause__, VestibuleError):
        return error.__cause__
    if error.status_code == NotFound.status:
        return NotFound("no-such-page", "There is no such page.", phase="web")
    if error.status_code == MethodNotAllowed.status:
        return MethodNotAllowed("method-not-allowed", "This page cannot be used like that.", phase="web")
    if error.status_code == TooLarge.status:
        return TooLarge("body-too-large", "The request is too large.", phase="web")
    if error.status_code < InternalError.status:
        return BadInput("request-invalid", "The request could not be understood.", phase="web")
    return InternalError("internal-error", "Something went wrong on our side.", phase="web")


def wants_html(headers: Mapping[str, str]) -> bool:
    """True when a person is looking: a navigation, or an Accept header that names HTML."""
    if headers.get("sec-fetch-dest", "") in {"document", "iframe"}:
        return True
    return "text/html" in headers.get("accept", "")


def response(request: Any, error: BaseException) -> Response[Any]:
    """The answer to a request that failed; Litestar calls this as its exception handler."""
    problem, for_program = known(error), request.scope["path"].startswith("/api/")
    if for_program and isinstance(problem, InvalidFields):
        problem = Unprocessable(problem.fields, phase=problem.phase)
    reference: str = request.scope["state"]["reference"]
    _write_down(request, problem, error, reference)
    if isinstance(problem, NotSignedIn | NotAllowed):
        request.scope["state"]["refusal"] = problem
    headers = {} if problem.retry_after is None else {"retry-after": str(max(1, math.ceil(problem.retry_after)))}
    if isinstance(error, HTTPException) and "allow" in (error.headers or {}):
        headers["allow"] = str((error.headers or {})["allow"])  # RFC 9110 15.5.6
    if wants_html(request.headers) and not for_program:
        return _html(request, problem, reference, headers)
    return Response(as_json(problem, reference), status_code=problem.status, media_type="application/problem+json", headers=headers)


def as_json(problem: VestibuleError, reference: str) -> bytes:
    """RFC 9457, with our code, phase and reference as extension members."""
    fields = {"fields": problem.fields} if isinstance(problem, InvalidFields) else {}
    more = {"fields": problem.fields} if isinstance(problem, InvalidFields) else {}
    return msgspec.json.encode(
        {
            **fields,
            "type": f"urn:vestibule:problem:{problem.code}",
            "title": heading(problem),
            "status": problem.status,
            "detail": _(problem.sentence),
            "code": problem.code,
            "phase": problem.phase,
            "reference": reference,
            "permanent": problem.permanent,
            **more,
        }
    )


def _html(request: Any, problem: VestibuleError, reference: str, headers: dict[str, str]) -> Response[Any]:
    pages, who = request.app.state.pages, request.scope["state"].get("principal")
    home = f"/s/{who.session}/home" if getattr(who, "member", None) else ""
    content = pages.render(
        request,
        "error.html",
        heading=heading(problem),
        sentence=_(problem.sentence),
        advice=_staff_advice(problem) if home else advice(problem),
        home=home,
        again=not problem.permanent and problem.phase not in _PASSING and not problem.phase.startswith(_SIGN_IN),
        sign_in=_sign_in(request, problem),
        code=problem.code,
        reference=reference,
    )
    return Response(content, status_code=problem.status, media_type="text/html", headers={**headers, "content-language": i18n.language()})


def _sign_in(request: Any, problem: VestibuleError) -> str:
    """Where to sign in, for staff whom that helps; afterwards they are back on the page they asked for."""
    if problem.code == _SIGNED_OUT:
        match = _STAFF_PAGE.fullmatch(request.scope["path"]) if request.scope["method"] == "GET" else None
        return f"/sign-in?to={match['page']}" if match else "/sign-in"
    return "/sign-in" if problem.phase.startswith(_SIGN_IN) and not problem.phase.endswith("invitation") else ""


def _write_down(request: Any, problem: VestibuleError, error: BaseException, reference: str) -> None:
    facts: dict[str, Any] = {"code": problem.code, "phase": problem.phase, "status": problem.status, "reference": reference}
    facts["route"] = request.scope.get("path_template") or "(none)"
    if problem.status >= InternalError.status:
        log.error("problem", **facts, exc_info=error)
    else:
        log.info("problem", **facts)


async def answer(scope: Any, receive: Any, send: Any, error: BaseException) -> None:
    """Answer with a problem from plain ASGI, outside Litestar's own handling."""
    request: Request[Any, Any, Any] = Request(scope, receive)
    made = response(request, error)
    await made.to_asgi_response(app=None, request=request)(scope, receive, send)


def heading(problem: VestibuleError) -> str:
    """A calm title for the page."""
    if problem.phase.startswith(_LAUNCH):
        return _("This visit is over") if problem.code in _OVER else _("The visit could not be opened")
    if problem.code == _SIGNED_OUT:
        return _("You are signed out")
    if problem.phase.startswith(_SIGN_IN):
        return _("This invitation cannot be used") if problem.phase.endswith("invitation") else _("Signing in did not work")
    titles = {
        BadInput: _("That did not work"),
        NotSignedIn: _("Please open your visit again"),
        NotAllowed: _("This page is not for you"),
        NotFound: _("We cannot find that page"),
        Conflict: _("That is not possible right now"),
        Gone: _("This can no longer be opened"),
        TooLarge: _("That was too large"),
        TooMany: _("One moment, please"),
        Unavailable: _("We will be right back"),
        MethodNotAllowed: _("That did not work"),
        Misdirected: _("That did not work"),
    }
    return next((title for kind, title in titles.items() if isinstance(problem, kind)), _("Something went wrong"))


def advice(problem: VestibuleError) -> str:
    """What to do next."""
    if problem.phase.startswith(_LAUNCH):
        return _launch_advice(problem)
    if problem.code == _SIGNED_OUT or problem.phase.startswith(_SIGN_IN):
        return _sign_in_advice(problem)
    if isinstance(problem, NotSignedIn):
        return _("Go back to where you started the visit, the link in your message or the record, and open it once more.")
    if isinstance(problem, NotFound | Gone):
        return _("Check the link in your message, or call the clinic. They can send you a new one.")
    if not problem.permanent:
        return _("Nothing was lost. Wait a moment, then try again.")
    return _("If this keeps happening, call the clinic and tell them the reference below.")


def _staff_advice(problem: VestibuleError) -> str:
    """What to do next for somebody who works here; there is no clinic to call."""
    if isinstance(problem, NotFound | Gone):
        return _("It may have been removed meanwhile, or belong to another organisation than the one you are in.")
    if isinstance(problem, NotAllowed):
        return _("Nothing was changed. What you may do is decided by the administrators of your organisation.")
    if isinstance(problem, Conflict):
        return _("Nothing was changed. Go back, load the page again, and look at it as it is now.")
    if not problem.permanent:
        return _("Nothing was lost. Wait a moment, then try again.")
    return _("If this keeps happening, tell your support team the reference below.")


def _sign_in_advice(problem: VestibuleError) -> str:
    if problem.code == _SIGNED_OUT:
        return _(
            "You signed out in another window, nothing was done here for a while, or what you may do has changed. What was saved is kept."
        )
    if problem.code == "invitation-for-someone-else":
        return _("Open the invitation again and sign in with the account it was sent to, or ask for one to the account you use.")
    if problem.phase.endswith("invitation"):
        return _("Ask whoever invited you for a new link. If you have accepted it already, simply sign in.")
    if not problem.permanent:
        return _("Nothing was lost. Wait a moment, then start again.")
    return _("Start again. If it keeps happening, tell your support team the reference below.")


def _launch_advice(problem: VestibuleError) -> str:
    if problem.code in _OVER:
        return _("If you did not expect this, call the clinic.")
    if not problem.permanent:
        return _("Nothing was lost. Wait a moment, then press the button that brought you here once more.")
    return _(
        "Go back to where you pressed the button and press it once more. If that does not help, call for help with the reference below."
    )
