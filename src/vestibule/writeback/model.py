"""What the record is told about a visit, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from vestibule.kit.ids import ConnectionId, ParticipantId, VisitId
from vestibule.platform.effects.model import Effect, EffectRow
from vestibule.visits.model import EventKind, Identifier, PersonRole, VisitEvent

KIND = "ehr.status"
# What an EHR wants to hear, and about whom. Whoever leaves, is removed or put back, and everybody at a visit's end, goes through
# `disconnected` first (visits/model.py, NEEDS_DISCONNECT), so that these two events are all there is to tell.
TOLD = frozenset({EventKind.CONNECTED, EventKind.DISCONNECTED})
ABOUT = frozenset({PersonRole.PROVIDER, PersonRole.PATIENT})


@dataclass(frozen=True, slots=True)
class Payload:
    """What an effect carries: ids and codes. Who the person is to the record stays sealed in the visit until the call."""

    connection: ConnectionId
    visit: VisitId
    participant: ParticipantId
    seq: int
    told: EventKind
    role: PersonRole

    def to_json(self) -> dict[str, str | int]:
        """As it is stored."""
        return {
            "connection": str(self.connection),
            "visit": str(self.visit),
            "participant": str(self.participant),
            "seq": self.seq,
            "told": self.told.value,
            "role": self.role.value,
        }

    @classmethod
    def of(cls, effect: Effect | EffectRow) -> Payload:
        """As it was stored."""
        p = effect.payload
        return cls(
            ConnectionId(UUID(p["connection"])),
            VisitId(UUID(p["visit"])),
            ParticipantId(UUID(p["participant"])),
            int(p["seq"]),
            EventKind(p["told"]),
            PersonRole(p["role"]),
        )


@dataclass(frozen=True, slots=True)
class Status:
    """One thing to say to a record.

    Attributes:
        identifiers: every name this record has for the visit.
        person: who it is to the record.
        person_type: what kind of id that is: `user`, or a FHIR type.
        connected: True for a connect, False for a disconnect.
    """

    identifiers: tuple[Identifier, ...]
    person: str = field(repr=False)
    person_type: str
    role: PersonRole
    connected: bool


def key_of(event: VisitEvent) -> str:
    """One effect for each event."""
    return f"{event.visit}:{event.participant}:{event.seq}"


def destination_of(connection: ConnectionId) -> str:
    """The lane's other half: one EHR connection."""
    return f"ehr:{connection}"
