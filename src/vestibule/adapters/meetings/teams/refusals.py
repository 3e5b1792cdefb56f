"""What Microsoft means by saying no: Graph's answers and the sign-in's, as errors of ours with a remedy. Pure.

Its own sentences name people (object ids, addresses), so they are read here and never repeated. Graph's codes and sentences are not a
published contract; what is recognised by its sentence falls back to what the status says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from vestibule.adapters.meetings.teams.reading import member, text
from vestibule.errors import Gone, NotAllowed, OutsideFailed, TooMany, VestibuleError
from vestibule.kit.exchange import Answer
from vestibule.kit.jsontext import JsonError, read_object
from vestibule.kit.retryafter import retry_after

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
TOO_MANY: Final = 429
_LATER: Final = frozenset({408, 409, 412, 423, 425})
_FAULT: Final = 500
MAX_BODY: Final = 8_000_000
_PLAIN = re.compile(r"[A-Za-z]{1,60}")
_POLICY = re.compile(
    r"application access policy|not authorized to .{1,80} on behalf of|not allowed to perform operations on the user", re.IGNORECASE
)
_LICENCE = re.compile(r"licen[cs]e", re.IGNORECASE)
_USER = re.compile(r"\buser\b", re.IGNORECASE)

# The sign-in's numbers (AADSTS...), and what an administrator does about them.
_SIGN_IN: Final[tuple[tuple[frozenset[int], Callable[[str], NotAllowed]], ...]] = (
    (
        frozenset({50034, 90002, 900023}),
        lambda phase: NotAllowed("teams-not-signed-in", "Microsoft knows no directory of this id.", phase=phase),
    ),
    (
        frozenset({700016}),
        lambda phase: NotAllowed("teams-not-signed-in", "The Microsoft 365 directory has no application of this id.", phase=phase),
    ),
    (
        frozenset({7000112}),
        lambda phase: NotAllowed("teams-not-signed-in", "The application is switched off in the Microsoft 365 directory.", phase=phase),
    ),
    (
        frozenset({7000215}),
        lambda phase: NotAllowed(
            "teams-not-signed-in", "Microsoft does not accept the client secret. Enter its value, not its id.", phase=phase
        ),
    ),
    (
        frozenset({7000222}),
        lambda phase: NotAllowed("teams-not-signed-in", "The client secret has expired. Make a new one and enter it here.", phase=phase),
    ),
    (
        frozenset({700027}),
        lambda phase: NotAllowed(
            "teams-not-signed-in",
            "Microsoft does not know the certificate by which we prove ourselves. Upload it to the application.",
            phase=phase,
        ),
    ),
    (
        frozenset({700024}),
        lambda phase: NotAllowed(
            "teams-not-signed-in", "Microsoft's clock and ours differ too much for the certificate to prove us.", phase=phase
        ),
    ),
)


def document(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; empty where it is none."""
    try:
        return read_object(answer.body, max_bytes=MAX_BODY)
    except JsonError:
        return {}


def refusal(answer: Answer, phase: str, now: datetime) -> VestibuleError:
    """Graph's no, as an error."""
    error = member(document(answer), "error")
    code, said = text(error, "code", longest=100), text(error, "message", longest=2_000)
    wait = retry_after(answer.headers.get("retry-after", ""), now)
    if answer.status == TOO_MANY:
        return throttled(wait, phase)
    if answer.status >= _FAULT or answer.status in _LATER:
        return unavailable(wait, phase)
    if answer.status in {UNAUTHORIZED, FORBIDDEN}:
        return _forbidden(answer.status, code, said, phase)
    if answer.status == NOT_FOUND:
        return _missing(code, said, phase)
    named = f", {code}" if _PLAIN.fullmatch(code) else ""
    return OutsideFailed("teams-refused", f"Microsoft refused it (HTTP {answer.status}{named}).", phase=phase, permanent=True)


def _forbidden(status: int, code: str, said: str, phase: str) -> VestibuleError:
    if _POLICY.search(said):
        return NotAllowed(
            "teams-policy-missing",
            "No application access policy lets us make meetings for this clinician. Grant it to them in Teams, and give it half an hour.",
            phase=phase,
        )
    if _LICENCE.search(f"{code} {said}"):
        return NotAllowed("teams-licence-missing", "This clinician has no licence for Microsoft Teams.", phase=phase)
    if status == UNAUTHORIZED:
        return NotAllowed("teams-not-signed-in", "Microsoft does not accept our token.", phase=phase)
    return NotAllowed(
        "teams-permission-missing",
        "Our application lacks a permission in the Microsoft 365 directory, or no administrator has consented to it.",
        phase=phase,
    )


def _missing(code: str, said: str, phase: str) -> VestibuleError:
    if "user" in code.casefold() or _USER.search(said) or code == "Request_ResourceNotFound":
        return NotAllowed("teams-user-unknown", "The Microsoft 365 directory has nobody of this id any more.", phase=phase)
    return Gone("teams-meeting-gone", "Microsoft has no such meeting any more.", phase=phase)


def throttled(wait: float | None, phase: str) -> TooMany:
    """Slower."""
    return TooMany("teams-throttled", "Microsoft asks us to wait before asking again.", phase=phase, retry_after=wait)


def unavailable(wait: float | None, phase: str) -> OutsideFailed:
    """A fault of theirs; the same may succeed later."""
    return OutsideFailed("teams-unavailable", "Microsoft Graph does not answer at the moment.", phase=phase, retry_after=wait)


def senseless(phase: str) -> OutsideFailed:
    """It said yes, and what it said cannot be read."""
    return OutsideFailed("teams-answer-senseless", "Microsoft's answer makes no sense.", phase=phase, permanent=True)


def sign_in_refusal(answer: Answer, phase: str, now: datetime) -> VestibuleError:
    """The token endpoint's no, as an error."""
    wait = retry_after(answer.headers.get("retry-after", ""), now)
    if answer.status == TOO_MANY:
        return throttled(wait, phase)
    if answer.status >= _FAULT:
        return unavailable(wait, phase)
    numbers = member(document(answer), "error_codes")
    said = {one for one in numbers if isinstance(one, int)} if isinstance(numbers, list) else set()
    for known, made in _SIGN_IN:
        if said & known:
            return made(phase)
    return NotAllowed("teams-not-signed-in", "Microsoft does not let our application sign in.", phase=phase)
