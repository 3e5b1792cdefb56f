"""Two visits that turned out to be one: which survives, and who of the people is the same person. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vestibule.kit.ids import ParticipantId
from vestibule.visits.model import Participant, PersonState, Visit

# Who has come further stays; whoever has not yet been let in can be taken for the other without cutting a call.
_ORDER = (
    PersonState.REMOVED,
    PersonState.EXPECTED,
    PersonState.LEFT,
    PersonState.TESTING,
    PersonState.HELD,
    PersonState.WAITING,
    PersonState.DISCONNECTED,
    PersonState.ADMITTED,
    PersonState.CONNECTED,
)


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What merging `loser` into `survivor` does.

    Attributes:
        same: people who are somebody else in the merged visit: {who goes: who stays}.
    """

    survivor: Visit
    loser: Visit
    same: Mapping[ParticipantId, ParticipantId]

    def merged_body(self) -> dict[str, Any]:
        """The body of the survivor's `merged` event."""
        body: dict[str, Any] = {"from": str(self.loser.id), "people": [_person(p) for p in self.loser.people]}
        if self.same:
            body["same"] = {str(a): str(b) for a, b in self.same.items()}
        if self.loser.met_at:
            body["met_at"] = self.loser.met_at.isoformat()
        return body


def plan(one: Visit, other: Visit, keys: Mapping[ParticipantId, bytes]) -> MergePlan:
    """How two visits become one: the older survives.

    Args:
        one: a visit that is not over.
        other: another one.
        keys: who people are to the record, hashed; two participants with one key are one person.
    """
    survivor, loser = sorted((one, other), key=lambda v: (v.created_at, v.id))
    known = {keys[p.id]: p for p in survivor.people if p.id in keys}
    same: dict[ParticipantId, ParticipantId] = {}
    for person in loser.people:
        twin = known.get(keys.get(person.id, b""))
        if twin is None or twin.role is not person.role:
            continue
        goes, stays = sorted((person, twin), key=_standing)
        if not goes.inside:
            same[goes.id] = stays.id
    return MergePlan(survivor, loser, same)


def survivors(visits: Sequence[Visit]) -> list[Visit]:
    """Those of several that may be merged: visits that are over stay as they ended."""
    return [v for v in visits if not v.over]


def _standing(person: Participant) -> int:
    return _ORDER.index(person.state)


def _person(person: Participant) -> dict[str, Any]:
    times = {"since": person.since, "arrived_at": person.arrived_at, "connected_at": person.connected_at}
    known = {k: t.isoformat() for k, t in times.items() if t} | ({"leads": True} if person.leads else {})
    return {"id": str(person.id), "role": person.role, "state": person.state} | known
