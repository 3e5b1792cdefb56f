"""Effects on the outside world as plain data, and the one place that decides what follows an attempt. Pure.

    ready --claim--> running --Done-----> done
      ^                |------Retry----> ready   (later: jittered back-off, or exactly when the other side said)
      |                |                 dead    (tries used up)
      |                |------Dead-----> dead
      |                |------Unknown--> unknown (its answer was lost; a person or a receipt decides)
      |                +------Cancel---> cancelled (also from ready, dead, unknown)
      +--re-drive by a person-- dead, unknown

A worker that vanishes leaves `running` behind with a lease; when that has run out, a status or a create becomes ready
again and a text becomes unknown, because nobody can say whether it went out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from vestibule.errors import TooMany, Unavailable, VestibuleError
from vestibule.kit.backoff import backoff
from vestibule.kit.ids import EffectId, TenantId, VisitId

if TYPE_CHECKING:
    from vestibule.platform.db import Tx


class Promise(StrEnum):
    """What an effect promises. It decides what a lost answer means.

    STATUS may be repeated and is judged by its final state. CREATE carries a key the other side honours, so that a
    repeat finds the first. TEXT goes at most once.
    """

    STATUS = "status"
    CREATE = "create"
    TEXT = "text"


class EffectState(StrEnum):
    """Where an effect stands."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OPEN_STATES = frozenset({EffectState.READY, EffectState.RUNNING})
REDRIVABLE = frozenset({EffectState.DEAD, EffectState.UNKNOWN})
CANCELLABLE = frozenset({EffectState.READY, EffectState.DEAD, EffectState.UNKNOWN})

LEASE_LOST = "effect-worker-lost"
TIMED_OUT = "effect-handler-timeout"
BROKE = "effect-handler-broke"
STOPPED = "effect-worker-stopped"
NOT_RECORDED = "effect-answer-not-recorded"


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing to be done outside, as its handler sees it.

    Attributes:
        kind: picks the handler, e.g. `ehr.status`.
        destination: where it goes, e.g. `ehr:<connection>`; with `visit` it names the lane whose order is kept.
        key: unique in the tenant, and the idempotency key to show to the other side.
        payload: ids and codes only, never patient data.
        attempts: this one included, since it was enqueued or last re-driven.
        fence: grows with every claim of this effect; what completes it must name it.
        late: how many seconds after it could be tried it was claimed.
        code: why the attempt before this one came to nothing; empty for the first.
    """

    id: EffectId
    tenant: TenantId
    visit: VisitId | None
    kind: str
    destination: str
    promise: Promise
    key: str
    payload: Mapping[str, Any]
    attempts: int
    created_at: datetime
    state: EffectState = EffectState.RUNNING
    fence: int = 0
    late: float = 0.0
    code: str = ""


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect as a person sees it in a list.

    Attributes:
        overtaken: True for a failed status when something newer about the same subject exists; telling it now would be wrong.
    """

    id: EffectId
    visit: VisitId | None
    kind: str
    destination: str
    promise: Promise
    key: str
    payload: Mapping[str, Any]
    state: EffectState
    attempts: int
    code: str
    created_at: datetime
    run_at: datetime
    ended_at: datetime | None
    overtaken: bool = False

    @property
    def redrivable(self) -> bool:
        """Whether a person may start it again."""
        return self.state in REDRIVABLE and not self.overtaken


# Classes with a method `list` cannot spell list[...] in their annotations.
EffectRows = list[EffectRow]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of an effect's log: a try by a worker, or what a person did."""

    number: int
    outcome: str
    code: str
    started_at: datetime
    ended_at: datetime
    by: str


Attempts = list[Attempt]
Logs = dict[EffectId, list[Attempt]]


Then = Callable[["Tx"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Together:
    """Recorded for many at once: `write` is given the items of those effects that are completed in one transaction."""

    write: Callable[[Tx, Sequence[Any]], Awaitable[None]]
    item: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """It happened. What is to be recorded with that is recorded in the transaction that completes the effect, bound to its tenant.

    Attributes:
        then: what to do there, for this effect alone.
        together: what to write there, together with others of its kind: for what comes by the hundred.
    """

    then: Then | None = None
    together: Together | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """It surely or harmlessly did not happen; try again after `after` seconds exactly, or after the usual back-off."""

    code: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """Trying again cannot help."""

    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have happened, and a repeat could do harm."""

    code: str


Outcome = Done | Retry | Dead | Unknown
Handler = Callable[[Effect], Awaitable[Outcome]]
# Records, in the completing transaction, that an effect ended dead or unknown, with its code.
Mourner = Callable[["Tx", Effect, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient we are.

    The defaults wait 1 s, 2 s, 4 s ... up to ten minutes, and give up after about five hours: longer than an EHR's monthly
    maintenance, so that a night's work needs nobody to press a button in the morning.

    Attributes:
        longest: how far we follow a Retry-After; more than this is taken for the other side's mistake.
    """

    tries: int = 48
    first: float = 1.0
    cap: float = 600.0
    longest: float = 86_400.0

    def delay(self, attempts: int, jitter: float) -> float:
        """Seconds to wait after attempt number `attempts`; `jitter` in [0, 1) spreads it over the upper half of the step."""
        return backoff(attempts, base=self.first, ceiling=self.cap, draw=lambda: jitter)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an effect after an attempt: its next state, the code to show, and when it may run again."""

    state: EffectState
    code: str = ""
    delay: float = 0.0


def judge(promise: Promise, attempts: int, outcome: Outcome, policy: Policy, jitter: float) -> Verdict:
    """Decide what follows an attempt. `attempts` counts this one."""
    match outcome:
        case Done():
            return Verdict(EffectState.DONE)
        case Dead(code):
            return Verdict(EffectState.DEAD, code)
        case Unknown(code):
            return Verdict(EffectState.UNKNOWN, code) if promise is not Promise.STATUS else _again(attempts, code, None, policy, jitter)
        case Retry(code, after):
            return _again(attempts, code, after, policy, jitter)


def _again(attempts: int, code: str, after: float | None, policy: Policy, jitter: float) -> Verdict:
    if attempts >= policy.tries:
        return Verdict(EffectState.DEAD, code)
    told = None if after is None else min(max(0.0, after), policy.longest)
    return Verdict(EffectState.READY, code, policy.delay(attempts, jitter) if told is None else told)


def ambiguous(promise: Promise, code: str) -> Outcome:
    """The outcome when nobody can say whether it happened: harmless to repeat for a status or a create, never for a text."""
    return Unknown(code) if promise is Promise.TEXT else Retry(code)


def outcome_of(error: Exception, promise: Promise, never_sent: Container[str] = frozenset()) -> Outcome:
    """What a handler's exception means.

    `TooMany`, `Unavailable` and the codes in `never_sent` say that nothing happened, so that even a text may be tried again. Any
    other failure that is not permanent leaves a text's outcome open. A handler that knows better returns `Retry` itself.
    """
    if not isinstance(error, VestibuleError):
        return ambiguous(promise, BROKE)
    if error.permanent:
        return Dead(error.code)
    if isinstance(error, (TooMany, Unavailable)) or error.code in never_sent or promise is not Promise.TEXT:
        return Retry(error.code, error.retry_after)
    return Unknown(error.code)


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that is over and waits to be written down."""

    effect: Effect
    verdict: Verdict
    then: Then | None = field(default=None, repr=False)
    together: Together | None = field(default=None, repr=False)
