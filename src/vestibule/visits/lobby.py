"""The rules of the lobby: when a visit can be joined, what people may call themselves, what the clinic can say to who waits. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vestibule.visits.model import Participant, PersonState, Visit, VisitState

NAME_LENGTH = 60
# The clinic's ready-made sentences; their words stand in the pages' catalogue under these codes.
CANNED = ("almost_ready", "running_late_5", "running_late_15", "call_us", "check_camera", "thank_you")

_CHECKS: Mapping[str, frozenset[str]] = {
    "camera": frozenset({"works", "denied", "missing", "busy", "skipped", "failed"}),
    "microphone": frozenset({"works", "denied", "missing", "busy", "silent", "skipped", "failed"}),
    "speaker": frozenset({"works", "failed", "skipped"}),
    "connection": frozenset({"good", "fair", "poor", "failed", "skipped"}),
    "device": frozenset({"phone", "tablet", "computer"}),
}
# Letters, marks, numbers, punctuation, symbols and spaces make a name; controls, formats (bidi overrides), and private use do not.
_NO_NAME = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic names need them


class WindowState(StrEnum):
    """Where the clock stands for somebody who wants to join."""

    TOO_EARLY = "too_early"
    OPEN = "open"
    OVER = "over"
    CANCELLED = "cancelled"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Window:
    """When a visit can be joined; None where it has no appointment."""

    state: WindowState
    opens_at: datetime | None = None
    closes_at: datetime | None = None


def join_window(visit: Visit, now: datetime, *, early_minutes: int, late_minutes: int) -> Window:
    """Whether somebody can join now.

    The window opens `early_minutes` before the start and closes `late_minutes` after it, though never before the planned end.
    A visit without an appointment is open until it ends; so is one that a clinician has opened and that people are in.
    """
    if visit.state is VisitState.CANCELLED:
        return Window(WindowState.CANCELLED)
    if visit.state is VisitState.ENDED:
        return Window(WindowState.ENDED)
    if visit.starts_at is None:
        return Window(WindowState.OPEN)
    opens = visit.starts_at - timedelta(minutes=early_minutes)
    closes = max(visit.starts_at + timedelta(minutes=late_minutes), visit.ends_at or visit.starts_at)
    if now < opens:
        return Window(WindowState.OPEN if _somebody_is_inside(visit) else WindowState.TOO_EARLY, opens, closes)
    if now >= closes and not _somebody_is_inside(visit):
        return Window(WindowState.OVER, opens, closes)
    return Window(WindowState.OPEN, opens, closes)


def _somebody_is_inside(visit: Visit) -> bool:
    return any(p.state is PersonState.CONNECTED for p in visit.people)


def clean_name(text: str) -> str:
    """A name as it may be shown: no controls, no direction tricks, single spaces, at most 60 characters.

    Markup is left as it is: the templates escape it.
    """
    text = unicodedata.normalize("NFC", text[: NAME_LENGTH * 8])
    kept = "".join(c for c in text if c in _JOINERS or unicodedata.category(c) not in _NO_NAME or c in "\t\n\r")
    return " ".join(kept.split())[:NAME_LENGTH].strip()


def clean_checks(checks: Mapping[str, str]) -> dict[str, str]:
    """The results we know by name; anything else a browser sends is dropped."""
    return {k: v for k, v in checks.items() if isinstance(v, str) and v in _CHECKS.get(k, frozenset())}


class Step(StrEnum):
    """The one thing a person's page is about at the moment."""

    EARLY = "early"
    NAME = "name"
    CHECK = "check"
    WAITING = "waiting"
    INSIDE = "inside"
    LEFT = "left"
    OVER = "over"
    REMOVED = "removed"
    CANCELLED = "cancelled"
    ENDED = "ended"


_CLOSED: Mapping[WindowState, Step] = {WindowState.CANCELLED: Step.CANCELLED, WindowState.ENDED: Step.ENDED}
_AT: Mapping[PersonState, Step] = {
    PersonState.REMOVED: Step.REMOVED,
    PersonState.ADMITTED: Step.INSIDE,
    PersonState.CONNECTED: Step.INSIDE,
    PersonState.DISCONNECTED: Step.INSIDE,
    PersonState.WAITING: Step.WAITING,
    PersonState.HELD: Step.WAITING,
}


def lobby_step(who: Participant | None, window: Window) -> Step:
    """What a person's page shows. Being held looks like waiting; nobody is told that they are kept out."""
    if window.state in _CLOSED:
        return _CLOSED[window.state]
    if who is None:
        return Step.REMOVED
    if who.state in _AT:
        return _AT[who.state]
    if window.state is WindowState.TOO_EARLY:
        return Step.EARLY
    if window.state is WindowState.OVER:
        return Step.OVER
    if who.state is PersonState.LEFT:
        return Step.LEFT
    return Step.NAME if who.state is PersonState.EXPECTED or not who.name else Step.CHECK
