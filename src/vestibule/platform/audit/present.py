"""Who acts just now: what the request (or socket) being answered is known by, for services whose callers do not say.

The web's front opens it for each request; outside of one, in the worker and at the command line, it is the system.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from vestibule.platform.audit.model import SYSTEM, Actor, actor_from, named

_REQUEST: ContextVar[dict[str, Any] | None] = ContextVar("request", default=None)


def answer_for(state: dict[str, Any]) -> None:
    """From here on this task acts for a request with this state, which the guard may still add a principal to."""
    _REQUEST.set(state)


def acting() -> Actor:
    """Who acts."""
    state = _REQUEST.get()
    return SYSTEM if state is None else actor_from(state)


def acting_as(who: Any) -> Actor:
    """The same, once they have become somebody: the session that has just been opened."""
    now = acting()
    known = named(who)
    return replace(known, address=now.address, reference=now.reference)


def proved_to_be(actor: Actor) -> None:
    """Whoever asks has no session and has proved who they are in the request itself, as a carrier does by its signature."""
    state = _REQUEST.get()
    if state is not None:
        state["proved"] = actor


def refer_to(reference: str) -> None:
    """The request turns out to belong to something that began under another reference."""
    state = _REQUEST.get()
    if state is not None:
        state["reference"] = reference
