"""Who is asking, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vestibule.kit.ids import ConnectionId, DepartmentId, MemberId, ParticipantId, SessionId, TenantId, TokenId, VisitId


class Role(StrEnum):
    """What a session may do. One session has one role."""

    CLINICIAN = "clinician"
    PATIENT = "patient"
    GUEST = "guest"
    OPERATOR = "operator"
    STAFF = "staff"


class StaffRole(StrEnum):
    """What a member of an organisation may do in the portal. A member has any number of roles."""

    ADMINISTRATOR = "administrator"
    APPROVER = "approver"
    CLINICIAN = "clinician"
    CARE_TEAM = "care_team"
    REPORTS_READER = "reports_reader"
    AUDITOR = "auditor"
    INTEGRATION_ENGINEER = "integration_engineer"


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
        member: the person of the organisation who signed in; only sessions of role STAFF have one.
        roles: what that person may do in the portal.
    """

    session: SessionId
    tenant: TenantId
    role: Role
    visit: VisitId | None = None
    participant: ParticipantId | None = None
    connection: ConnectionId | None = None
    department: DepartmentId | None = None
    framed: bool = False
    member: MemberId | None = None
    roles: frozenset[StaffRole] = frozenset()


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that has proved itself by a bearer token of an organisation."""

    tenant: TenantId
    token: TokenId
    roles: frozenset[StaffRole]
