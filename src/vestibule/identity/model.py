"""Who is asking, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, SessionId, TenantId, VisitId


class Role(StrEnum):
    """What a session may do. One session has one role."""

    CLINICIAN = "clinician"
    PATIENT = "patient"
    GUEST = "guest"
    OPERATOR = "operator"


STAFF = frozenset({Role.CLINICIAN})
VISITORS = frozenset({Role.PATIENT, Role.GUEST})


@dataclass(frozen=True, slots=True)
class Principal:
    """A session that has been proved by its cookie.

    Attributes:
        session: public; stands in the path (`/s/{session}/...`) and names the cookie.
        visit: the one visit this session is about; None for operators.
        participant: who in that visit, once they have joined.
        connection: through which EHR connection they came.
        department: whose board staff may see.
        framed: True while the page lives in an EHR's frame (it decides where the room opens).
        launch: the launch attempt it began with; ties the audit story together.
    """

    session: SessionId
    tenant: TenantId
    role: Role
    visit: VisitId | None = None
    participant: ParticipantId | None = None
    connection: ConnectionId | None = None
    department: DepartmentId | None = None
    framed: bool = False
