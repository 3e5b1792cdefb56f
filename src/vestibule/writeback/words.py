"""What the operator page says about an effect, in words a person uses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.platform.effects.model import CANCELLABLE, Attempt, EffectRow, EffectState
from vestibule.platform.web.i18n import gettext as _
from vestibule.platform.web.i18n import ngettext
from vestibule.visits.model import EventKind, PersonRole
from vestibule.writeback.model import KIND, Payload

_S = EffectState
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the page.

    Attributes:
        tone: the colour beside the words: `good`, `wait`, `bad`, or none.
        code: of the last failure; documented in docs/reference/errors.md.
    """

    id: UUID
    what: str
    state: str
    tone: str
    attempts: int
    code: str
    visit: str
    at: datetime
    ago: str
    next: str
    redrivable: bool
    dismissible: bool
    log: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One row of an effect's story."""

    at: datetime
    words: str
    code: str


def line(row: EffectRow, log: Sequence[Attempt], now: datetime) -> Line:
    """An effect in words."""
    return Line(
        id=row.id,
        what=what(row),
        state=_state(row),
        tone="" if row.overtaken else _TONES.get(row.state, ""),
        attempts=row.attempts,
        code=row.code,
        visit=str(row.visit)[-8:] if row.visit else "",
        at=row.created_at,
        ago=ago((now - row.created_at).total_seconds()),
        next=ahead((row.run_at - now).total_seconds()) if row.state is _S.READY and row.attempts else "",
        redrivable=row.redrivable,
        dismissible=row.state in CANCELLABLE and row.state is not _S.READY,
        log=tuple(Step(a.ended_at, _step(a), a.code) for a in log),
    )


_TONES = {_S.DONE: "good", _S.READY: "wait", _S.RUNNING: "wait", _S.DEAD: "bad", _S.UNKNOWN: "bad"}


def what(row: EffectRow) -> str:
    """What the record is told."""
    if row.kind != KIND:
        return row.kind
    payload = Payload.of(row)
    connected = payload.told is EventKind.CONNECTED
    if payload.role is PersonRole.PROVIDER:
        return _("Clinician connected") if connected else _("Clinician disconnected")
    return _("Patient connected") if connected else _("Patient disconnected")


def _state(row: EffectRow) -> str:
    words = {
        _S.READY: _("Will be tried again") if row.attempts else _("Waiting"),
        _S.RUNNING: _("Being sent"),
        _S.DONE: _("Record was told"),
        _S.DEAD: _("Failed; replaced since") if row.overtaken else _("Failed"),
        _S.UNKNOWN: _("Outcome unknown"),
        _S.CANCELLED: _("Given up"),
    }
    return words[row.state]


def _step(attempt: Attempt) -> str:
    words = {
        "done": _("The record accepted it"),
        "retry": _("Not accepted; tried again later"),
        "dead": _("Not accepted; no further tries"),
        "unknown": _("No answer came back"),
        "lost": _("The program was interrupted"),
        "redriven": _("Sent again by a person"),
        "cancelled": _("Given up by a person"),
        "settled": _("Confirmed by a person"),
    }
    return words.get(attempt.outcome, attempt.outcome)


def ago(seconds: float) -> str:
    """How long ago, in the largest fitting unit."""
    if seconds < _MINUTE:
        return _("just now")
    number, unit = _largest(seconds)
    if unit == "day":
        return ngettext("%(n)s day ago", "%(n)s days ago", number) % {"n": number}
    if unit == "hour":
        return ngettext("%(n)s hour ago", "%(n)s hours ago", number) % {"n": number}
    return ngettext("%(n)s minute ago", "%(n)s minutes ago", number) % {"n": number}


def ahead(seconds: float) -> str:
    """How soon."""
    if seconds < _MINUTE:
        return _("in less than a minute")
    number, unit = _largest(seconds)
    if unit == "minute":
        return ngettext("in %(n)s minute", "in %(n)s minutes", number) % {"n": number}
    return ngettext("in %(n)s hour", "in %(n)s hours", int(seconds // _HOUR)) % {"n": int(seconds // _HOUR)}


def _largest(seconds: float) -> tuple[int, str]:
    if seconds >= _DAY:
        return int(seconds // _DAY), "day"
    if seconds >= _HOUR:
        return int(seconds // _HOUR), "hour"
    return int(seconds // _MINUTE), "minute"
