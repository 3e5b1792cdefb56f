"""The visit as a state machine: states, people, events, and the one table of allowed steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from vestibule.errors import Conflict
from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, TenantId, VisitId


class VisitState(StrEnum):
    """Where a visit stands."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    ENDED = "ended"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What became of it; decided at the end, and a person's mark is never overwritten."""

    COMPLETED = "completed"
    NO_SHOW = "no_show"
    UNDETERMINED = "undetermined"


class PersonRole(StrEnum):
    """What someone is in a visit."""

    PROVIDER = "provider"
    PATIENT = "patient"
    INTERPRETER = "interpreter"
    FAMILY = "family"
    GUEST = "guest"


class PersonState(StrEnum):
    """Where a person stands in a visit."""

    EXPECTED = "expected"
    TESTING = "testing"
    WAITING = "waiting"
    HELD = "held"
    ADMITTED = "admitted"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LEFT = "left"
    REMOVED = "removed"


class Place(StrEnum):
    """Where the patient is during the visit."""

    HOME = "home"
    CLINIC = "clinic"


class EventKind(StrEnum):
    """What can happen. Every row of the event list is one of these; each is documented in docs/reference/events.md."""

    SCHEDULED = "scheduled"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    PLACED = "placed"
    OPENED = "opened"
    ENDED = "ended"
    OUTCOME_MARKED = "outcome_marked"
    MERGED = "merged"
    MERGED_AWAY = "merged_away"
    EXPECTED = "expected"
    NAMED = "named"
    JOINED = "joined"
    TESTED = "tested"
    ARRIVED = "arrived"
    HELD = "held"
    ADMITTED = "admitted"
    PUT_BACK = "put_back"
    REMOVED = "removed"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LEFT = "left"
    MESSAGED = "messaged"
    LINK_MADE = "link_made"
    LINK_REVOKED = "link_revoked"
    CONTACT_NOTED = "contact_noted"
    CONTACT_ERASED = "contact_erased"
    PATIENT_TOLD = "patient_told"
    PATIENT_UNTOLD = "patient_untold"
    RECORD_TOLD = "record_told"
    RECORD_FAILED = "record_failed"
    MEETING_MADE = "meeting_made"
    MEETING_FAILED = "meeting_failed"
    IN_LOBBY = "in_lobby"
    LIVE_DELAYED = "live_delayed"
    LIVE_RESUMED = "live_resumed"
    CALL_ENDED = "call_ended"
    ATTENDED = "attended"
    SETTLED = "settled"


_P = PersonState
_E = EventKind

# person's event -> {state it may happen in: state it leads to}. What is not here is impossible, and an error with a code.
PERSON_STEPS: Mapping[EventKind, Mapping[PersonState, PersonState]] = {
    _E.NAMED: {s: s for s in _P if s is not _P.REMOVED},
    _E.JOINED: {_P.EXPECTED: _P.TESTING, _P.LEFT: _P.TESTING},
    _E.TESTED: {_P.TESTING: _P.TESTING, _P.WAITING: _P.WAITING, _P.HELD: _P.HELD},
    _E.ARRIVED: {_P.EXPECTED: _P.WAITING, _P.TESTING: _P.WAITING, _P.LEFT: _P.WAITING},
    _E.HELD: {_P.WAITING: _P.HELD},
    _E.ADMITTED: {_P.EXPECTED: _P.ADMITTED, _P.TESTING: _P.ADMITTED, _P.WAITING: _P.ADMITTED, _P.HELD: _P.ADMITTED, _P.LEFT: _P.ADMITTED},
    _E.PUT_BACK: {_P.ADMITTED: _P.WAITING, _P.DISCONNECTED: _P.WAITING},
    _E.REMOVED: {s: _P.REMOVED for s in _P if s not in {_P.REMOVED, _P.CONNECTED}},
    _E.IN_LOBBY: {_P.ADMITTED: _P.ADMITTED, _P.DISCONNECTED: _P.DISCONNECTED},
    _E.CONNECTED: {_P.ADMITTED: _P.CONNECTED, _P.DISCONNECTED: _P.CONNECTED},
    _E.DISCONNECTED: {_P.CONNECTED: _P.DISCONNECTED},
    _E.LEFT: {s: _P.LEFT for s in _P if s not in {_P.LEFT, _P.REMOVED, _P.EXPECTED, _P.CONNECTED}},
}

# person's event -> the states in which it has happened already, so that asking again changes nothing and says nothing.
ALREADY: Mapping[EventKind, frozenset[PersonState]] = {
    _E.JOINED: frozenset({_P.TESTING, _P.WAITING, _P.HELD, _P.ADMITTED, _P.CONNECTED, _P.DISCONNECTED}),
    _E.TESTED: frozenset({_P.ADMITTED, _P.CONNECTED, _P.DISCONNECTED}),
    _E.ARRIVED: frozenset({_P.WAITING, _P.HELD, _P.ADMITTED, _P.CONNECTED, _P.DISCONNECTED}),
    _E.HELD: frozenset({_P.HELD}),
    _E.ADMITTED: frozenset({_P.ADMITTED, _P.CONNECTED, _P.DISCONNECTED}),
    _E.PUT_BACK: frozenset({_P.WAITING, _P.HELD}),
    _E.REMOVED: frozenset({_P.REMOVED}),
    _E.IN_LOBBY: frozenset(),
    _E.CONNECTED: frozenset({_P.CONNECTED}),
    _E.DISCONNECTED: frozenset(_P) - {_P.CONNECTED},
    _E.LEFT: frozenset({_P.LEFT, _P.REMOVED, _P.EXPECTED}),
}

# Whoever is connected goes through `disconnected` before one of these, so that the record hears every final disconnect, once.
NEEDS_DISCONNECT = frozenset({_E.PUT_BACK, _E.REMOVED, _E.LEFT})

_V = VisitState
OVER = frozenset({_V.ENDED, _V.CANCELLED})

VISIT_STEPS: Mapping[EventKind, Mapping[VisitState, VisitState]] = {
    _E.RESCHEDULED: {_V.SCHEDULED: _V.SCHEDULED, _V.OPEN: _V.OPEN},
    _E.OPENED: {_V.SCHEDULED: _V.OPEN},
    _E.ENDED: {_V.OPEN: _V.ENDED, _V.SCHEDULED: _V.ENDED},
    _E.CANCELLED: {_V.SCHEDULED: _V.CANCELLED, _V.OPEN: _V.CANCELLED},
}

# Somebody in one of these states may receive what belongs to the room: media, keys, SDP, names of the others.
INSIDE = frozenset({_P.ADMITTED, _P.CONNECTED, _P.DISCONNECTED})


# The identifier system of visits that no patient is in: rehearsals and test links. Reports leave them out.
SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name the outside world has for a visit: (connection, system, value), e.g. (c, "csn", "1853")."""

    connection: ConnectionId
    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in a visit. The display name is decrypted for those who may see it and empty once it has been erased.

    Attributes:
        person: who they are to the EHR (user or patient id), decrypted; empty for guests and once erased.
        since: when they came into their present state.
        checks: what their device test said: {"camera": "works", ...}; codes, never device names.
        leads: the record's encounter names them as its provider.
    """

    id: ParticipantId
    role: PersonRole
    state: PersonState
    since: datetime
    name: str = field(default="", repr=False)
    person: str = field(default="", repr=False)
    person_type: str = ""
    arrived_at: datetime | None = None
    connected_at: datetime | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    leads: bool = False

    @property
    def inside(self) -> bool:
        """True once they may receive what belongs to the room."""
        return self.state in INSIDE


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as its events add up to it.

    Attributes:
        seq: the number of its latest event.
        met_at: when a provider and the patient were first connected at the same time.
        merged_into: the older visit this one turned out to be; whoever asks for this one is given that one.
        aliases: participants who turned out to be somebody else in this visit, after a merge.
    """

    id: VisitId
    tenant: TenantId
    connection: ConnectionId | None
    department: DepartmentId | None
    state: VisitState
    seq: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    opened_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    outcome_by_person: bool = False
    created_at: datetime | None = None
    met_at: datetime | None = None
    merged_into: VisitId | None = None
    people: tuple[Participant, ...] = ()
    aliases: Mapping[ParticipantId, ParticipantId] = field(default_factory=dict)
    place: Place = Place.HOME

    @property
    def over(self) -> bool:
        """True once nobody can join any more."""
        return self.state in OVER

    def person(self, participant: ParticipantId) -> Participant | None:
        """The participant of that id, if any."""
        participant = self.aliases.get(participant, participant)
        return next((p for p in self.people if p.id == participant), None)


class MeetingKind(StrEnum):
    """Where people see each other."""

    ROOM = "room"
    TEAMS = "teams"


class Opens(StrEnum):
    """How a clinician's meeting opens beside the console."""

    WINDOW = "window"
    APP = "app"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class MeetingPlace:
    """What the pages of a visit know of its meeting.

    Attributes:
        ready: there is something to join.
        code: why there is nothing, where that is known; a stable error code.
        sign_in: the clinician who looks must first say, once, who they are in the meeting's own directory.
        opens: how the meeting opens for the clinician.
        own_lobby: the meeting has a lobby of its own, from which its organizer admits.
        delayed: who is connected is known late at the moment.
        knocking: who waits in the meeting's own lobby.
        stuck: who is in the meeting though nobody admits them any more: the clinician must remove them there.
        strangers: how many are in the meeting who did not come through us.
        running: a call goes on in the meeting as far as we know, so that after the end somebody must end it there.
    """

    kind: MeetingKind = MeetingKind.ROOM
    ready: bool = True
    code: str = ""
    sign_in: bool = False
    opens: Opens = Opens.HERE
    own_lobby: bool = False
    delayed: bool = False
    knocking: frozenset[ParticipantId] = frozenset()
    stuck: frozenset[ParticipantId] = frozenset()
    strangers: int = 0
    running: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """Somebody was in the meeting from a time to another, as its report says.

    Attributes:
        participant: whom we take them for; None for somebody who did not come through us.
    """

    participant: ParticipantId | None
    began: datetime
    over: datetime


@dataclass(frozen=True, slots=True)
class VisitEvent:
    """One row of the append-only list.

    Attributes:
        seq: 1, 2, 3 ... within the visit, without gaps.
        participant: whom it is about, if anyone.
        body: small facts, never patient data: codes, roles, counts, effect ids.
    """

    tenant: TenantId
    visit: VisitId
    seq: int
    at: datetime
    kind: EventKind
    participant: ParticipantId | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


def next_person_state(kind: EventKind, now: PersonState) -> PersonState:
    """The state a person's event leads to; raises Conflict `visit-step-impossible` when it cannot happen now."""
    to = PERSON_STEPS.get(kind, {}).get(now)
    if to is None:
        raise Conflict("visit-step-impossible", f"A person who is {now} cannot be {kind}.", phase="visit.step")
    return to


def next_visit_state(kind: EventKind, now: VisitState) -> VisitState:
    """The state a visit's event leads to; raises Conflict `visit-step-impossible` when it cannot happen now."""
    to = VISIT_STEPS.get(kind, {}).get(now)
    if to is None:
        raise Conflict("visit-step-impossible", f"A visit that is {now} cannot be {kind}.", phase="visit.step")
    return to


def decide_outcome(visit: Visit) -> Outcome:
    """What the visit's end says about it, unless a person has said otherwise.

    Completed when a provider and the patient met. No-show when a provider came and the patient never did.
    Everything else (nobody came; the patient waited for nobody) is for a person to judge.
    """
    if visit.met_at is not None:
        return Outcome.COMPLETED
    came = any(p.role is PersonRole.PROVIDER and p.connected_at for p in visit.people)
    arrived = any(p.role is PersonRole.PATIENT and p.arrived_at for p in visit.people)
    return Outcome.NO_SHOW if came and not arrived else Outcome.UNDETERMINED
