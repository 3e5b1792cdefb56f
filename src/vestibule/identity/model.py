"""Who is asking, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
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


class MemberState(StrEnum):
    """How far somebody is in an organisation."""

    INVITED = "invited"
    ACTIVE = "active"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of an organisation.

    Attributes:
        name: as the sign-in gives it; before the first sign-in as the invitation does.
        email: likewise; only for people to read, never what a person is known by.
        signed_in_at: the last time.
    """

    id: MemberId
    state: MemberState
    name: str = field(repr=False)
    email: str = field(repr=False)
    roles: frozenset[StaffRole]
    signed_in_at: datetime | None = None
    invitation_expires_at: datetime | None = None

    @property
    def called(self) -> str:
        """What to call them on a page."""
        return self.name or self.email


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation just made: `code` is shown once, for `{origin}/invitation/{code}`."""

    member: MemberId
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has just proved who they are at a sign-in.

    Attributes:
        provider: our name for the sign-in, e.g. `entra`.
        issuer: who vouches for them.
        subject: what the issuer calls them, for ever; never an e-mail address.
        email: as the sign-in gives it; good for finding out whether an invitation was meant for them, never for who they are.
        other_email: a second address the sign-in gives.
    """

    provider: str
    issuer: str
    subject: str
    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    other_email: str = field(default="", repr=False)

    def reads_mail_of(self, address: str) -> bool:
        """True when the sign-in says that this address is theirs."""
        return address.casefold() in {one.strip().casefold() for one in (self.email, self.other_email) if one}


@dataclass(frozen=True, slots=True)
class Token:
    """A program's bearer token; its secret is shown once and kept nowhere.

    Attributes:
        used_at: the last time, to the minute.
    """

    id: TokenId
    name: str
    roles: frozenset[StaffRole]
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def good(self, now: datetime) -> bool:
        """True while it opens doors."""
        return self.withdrawn_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token just made, and its secret."""

    token: Token
    secret: str = field(repr=False)
