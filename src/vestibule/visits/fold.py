"""What each event does to a visit: the visit of today is this function folded over its list. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from vestibule.errors import Conflict
from vestibule.kit.ids import ParticipantId, VisitId
from vestibule.visits.model import (
    PERSON_STEPS,
    VISIT_STEPS,
    EventKind,
    Outcome,
    Participant,
    PersonRole,
    PersonState,
    Place,
    Visit,
    VisitEvent,
    next_person_state,
    next_visit_state,
)

_STAYS = frozenset({PersonState.EXPECTED, PersonState.LEFT, PersonState.REMOVED})


def apply(visit: Visit, event: VisitEvent) -> Visit:
    """The visit after one more event; raises Conflict `visit-step-impossible` or `visit-over` when that cannot happen now."""
    visit = replace(visit, seq=event.seq)
    if event.kind in PERSON_STEPS:
        return _person_steps(visit, event)
    if event.kind in VISIT_STEPS:
        visit = replace(visit, state=next_visit_state(event.kind, visit.state))
    change = _CHANGES.get(event.kind)
    return change(visit, event) if change else visit


def replay(empty: Visit, events: Iterable[VisitEvent]) -> Visit:
    """The visit all these events add up to."""
    for event in events:
        empty = apply(empty, event)
    return empty


def met(people: Iterable[Participant]) -> bool:
    """Whether a provider and a patient are connected at the same time."""
    here = {p.role for p in people if p.state is PersonState.CONNECTED}
    return {PersonRole.PROVIDER, PersonRole.PATIENT} <= here


def _person_steps(visit: Visit, event: VisitEvent) -> Visit:
    if visit.over:
        raise Conflict("visit-over", "This visit is over.", phase="visit.step")
    people = tuple(_step(p, event) if p.id == event.participant else p for p in visit.people)
    first = visit.met_at is None and event.kind is EventKind.CONNECTED and met(people)
    return replace(visit, people=people, met_at=happened(event) if first else visit.met_at)


def _step(person: Participant, event: VisitEvent) -> Participant:
    state = next_person_state(event.kind, person.state)
    at = happened(event)
    moved = replace(person, state=state, since=person.since if state is person.state else at)
    if event.kind is EventKind.TESTED:
        return replace(moved, checks={str(k): str(v) for k, v in event.body.items()})
    if event.kind is EventKind.ARRIVED:
        return replace(moved, arrived_at=moved.arrived_at or at)
    if event.kind is EventKind.CONNECTED:
        return replace(moved, connected_at=moved.connected_at or at, arrived_at=moved.arrived_at or at)
    return moved


def happened(event: VisitEvent) -> datetime:
    """When it happened: a meeting elsewhere tells us later, and says when; never after we heard of it."""
    said = _time(event.body.get("at"))
    return min(said, event.at) if said else event.at


def _times(visit: Visit, event: VisitEvent) -> Visit:
    return replace(visit, starts_at=_time(event.body.get("starts_at")), ends_at=_time(event.body.get("ends_at")))


def _placed(visit: Visit, event: VisitEvent) -> Visit:
    return replace(visit, place=Place(event.body["place"]))


def _opened(visit: Visit, event: VisitEvent) -> Visit:
    return replace(visit, opened_at=event.at)


def _closed(visit: Visit, event: VisitEvent) -> Visit:
    """Ended or cancelled: whoever was there has left, and names are erased."""
    people = tuple(_left(p, event.at) for p in visit.people)
    said = event.body.get("outcome")
    outcome = visit.outcome if visit.outcome_by_person or said is None else Outcome(said)
    return replace(visit, ended_at=event.at, people=people, outcome=outcome)


def _left(person: Participant, at: datetime) -> Participant:
    if person.state in _STAYS:
        return replace(person, name="")
    return replace(person, name="", state=PersonState.LEFT, since=at)


def _marked(visit: Visit, event: VisitEvent) -> Visit:
    said = event.body["outcome"]  # nothing: the mark is taken away again
    return replace(visit, outcome=Outcome(said) if said else None, outcome_by_person=bool(said))


def _attended(visit: Visit, event: VisitEvent) -> Visit:
    """The meeting's own report says that somebody was there; the visit may be over by now."""
    began = _time(event.body.get("from"))
    if event.participant is None or began is None:
        return visit
    people = tuple(_was_there(p, began) if p.id == event.participant else p for p in visit.people)
    return replace(visit, people=people)


def _was_there(person: Participant, began: datetime) -> Participant:
    first = min(began, person.connected_at or began)
    return replace(person, connected_at=first, arrived_at=person.arrived_at or first)


def _settled(visit: Visit, event: VisitEvent) -> Visit:
    """What the report adds up to. What a person said of the outcome stays."""
    said = event.body.get("outcome")
    outcome = visit.outcome if visit.outcome_by_person or not said else Outcome(said)
    return replace(visit, met_at=_time(event.body.get("met_at")) or visit.met_at, outcome=outcome)


def _expected(visit: Visit, event: VisitEvent) -> Visit:
    assert event.participant is not None  # noqa: S101  the service writes it so
    leads = bool(event.body.get("leads"))
    newcomer = Participant(event.participant, PersonRole(event.body["role"]), PersonState.EXPECTED, event.at, leads=leads)
    return replace(visit, people=(*visit.people, newcomer))


def _merged(visit: Visit, event: VisitEvent) -> Visit:
    """The other's people come in, each in the state they were in; who turned out to be here already is known by an alias."""
    same = {_person(a): _person(b) for a, b in event.body.get("same", {}).items()}
    met_at = min((t for t in (visit.met_at, _time(event.body.get("met_at"))) if t), default=None)
    newcomers = tuple(_newcomer(one) for one in event.body.get("people", ()))
    people = tuple(p for p in (*visit.people, *newcomers) if p.id not in same)
    return replace(visit, people=people, aliases={**visit.aliases, **same}, met_at=met_at)


def _newcomer(one: Mapping[str, str]) -> Participant:
    since = _time(one["since"])
    assert since is not None  # noqa: S101  the service writes it so
    return Participant(
        _person(one["id"]),
        PersonRole(one["role"]),
        PersonState(one["state"]),
        since,
        arrived_at=_time(one.get("arrived_at")),
        connected_at=_time(one.get("connected_at")),
        leads=bool(one.get("leads")),
    )


def _merged_away(visit: Visit, event: VisitEvent) -> Visit:
    return replace(visit, people=(), aliases={}, merged_into=VisitId(UUID(event.body["into"])))


def _person(text: str) -> ParticipantId:
    return ParticipantId(UUID(text))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_CHANGES: Mapping[EventKind, Callable[[Visit, VisitEvent], Visit]] = {
    EventKind.SCHEDULED: _times,
    EventKind.RESCHEDULED: _times,
    EventKind.PLACED: _placed,
    EventKind.OPENED: _opened,
    EventKind.ENDED: _closed,
    EventKind.CANCELLED: _closed,
    EventKind.OUTCOME_MARKED: _marked,
    EventKind.EXPECTED: _expected,
    EventKind.ATTENDED: _attended,
    EventKind.SETTLED: _settled,
    EventKind.MERGED: _merged,
    EventKind.MERGED_AWAY: _merged_away,
}
