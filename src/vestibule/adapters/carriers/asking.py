"""Asking a carrier over HTTP, with its failures sorted by the one thing that matters for a text: may it have been sent?"""

from __future__ import annotations

from typing import Any, Final, Protocol

from vestibule.adapters.carriers.meaning import busy, lost, unavailable, unreachable
from vestibule.errors import NotAllowed, OutsideFailed, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.jsontext import JsonError, read_json
from vestibule.kit.retryafter import retry_after
from vestibule.platform.http import NEVER_SENT, Credentials

TIMEOUT: Final = 15.0
TOO_MANY: Final = 429
_MOST_BYTES: Final = 500_000
_AWAY: Final = frozenset({425, 503})  # it says itself that it did nothing
_UNSURE: Final = frozenset({408, 500, 502, 504})
_FAULT: Final = 500


class Outside(Protocol):
    """The outbound door, as an adapter needs it."""

    async def perform(self, ask: Ask, *, timeout: float = ..., max_bytes: int = ..., bearer: Credentials | None = ...) -> Answer:
        """Make one request."""
        ...


class Misconfigured(Exception):
    """The account's address is none that may be called; asking again cannot help."""


async def ask_once(outside: Outside, ask: Ask, clock: Clock, *, bearer: Credentials | None = None) -> Answer:
    """The carrier's answer, when it is one that says yes or no.

    Raises:
        TooMany: it wants us slower.
        Unavailable: nothing was done; it may be asked again.
        OutsideFailed: nobody knows whether it was done.
        Misconfigured: this address must not be called.
    """
    try:
        answer = await outside.perform(ask, timeout=TIMEOUT, max_bytes=_MOST_BYTES, bearer=bearer)
    except VestibuleError as error:
        raise _sorted(error, ask.phase) from error
    wait = retry_after(answer.headers.get("retry-after", ""), clock.now())
    if answer.status == TOO_MANY:
        raise busy(wait, ask.phase)
    if answer.status in _AWAY:
        raise unavailable(wait, ask.phase)
    if answer.status in _UNSURE or answer.status >= _FAULT:
        raise lost(ask.phase)
    return answer


def _sorted(error: VestibuleError, phase: str) -> Exception:
    if isinstance(error, NotAllowed):
        return Misconfigured(error.code)
    if error.code in NEVER_SENT:
        return unreachable(error.retry_after, phase)
    return lost(phase)


def member(value: Any, name: str) -> Any:
    """A member of a JSON object; None when it is none, or has none of this name."""
    return value.get(name) if isinstance(value, dict) else None


def text_of(value: Any, name: str, longest: int = 200) -> str:
    """A member that is a short text or whole number; empty when it is anything else."""
    found = member(value, name)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    return str(found) if len(str(found)) <= longest else ""


def body_of(answer: Answer) -> Any:
    """The answer as JSON; None when it is none."""
    try:
        return read_json(answer.body)
    except JsonError:
        return None


def told(answer: Answer, phase: str) -> Any:
    """The answer to a question that changed nothing, as JSON.

    Raises:
        OutsideFailed: `carrier-refused`, `carrier-answer-senseless`.
    """
    if not answer.success:
        raise OutsideFailed("carrier-refused", f"The carrier refused it (HTTP {answer.status}).", phase=phase, permanent=True)
    found = body_of(answer)
    if found is None:
        raise OutsideFailed("carrier-answer-senseless", "The carrier's answer makes no sense.", phase=phase)
    return found
