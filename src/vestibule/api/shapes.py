"""What goes over the wire: one struct for each thing, strict on the way in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vestibule.identity.model import MemberState, StaffRole
from vestibule.launch.history import Outcome as LaunchOutcome
from vestibule.launch.model import LaunchKind
from vestibule.platform.audit import Outcome
from vestibule.tenancy.model import ClientAuth, Environment, Vendor, VersionState

T = TypeVar("T")
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Url = Annotated[str, Meta(max_length=2000)]
ClientId = Annotated[str, Meta(max_length=200, pattern=r"^[\x21-\x7e]*$")]
Minutes = Annotated[int, Meta(ge=0, le=10_080)]
Search = Annotated[str, Meta(max_length=200)]
Cursor = Annotated[str, Meta(max_length=2000, description="`next` of the page before")]
Limit = Annotated[int, Meta(ge=1, le=200)]


class In(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a program sends: a field we do not know is a mistake, for it would be ignored."""


class Out(msgspec.Struct, kw_only=True):
    """What we answer."""


class ListQuery(In):
    """Where a list begins and how much of it to give."""

    search: Search = ""
    after: Cursor = ""
    limit: Limit = 50


class ConnectionQuery(ListQuery):
    """The same, of connections."""

    environment: Environment | UnsetType = UNSET  # not None: in an address, null would be a word for it
    state: VersionState | UnsetType = UNSET


class Listing(Out, Generic[T]):
    """A part of a list; `next` is the `after` of the part behind it, empty at the end."""

    items: list[T]
    next: str


class OrganisationOut(Out):
    """An organisation."""

    id: UUID
    name: str
    support_phone: str
    region: str
    parent: UUID | None
    entra_tenant: str
    two_persons: bool
    approve_oracle: bool
    idle_minutes: int | None


class OrganisationChange(In):
    """What to change of an organisation; what is left out stays. Its region and its parent are for people to change."""

    name: Name | UnsetType = UNSET
    support_phone: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    entra_tenant: Annotated[str, Meta(max_length=36)] | UnsetType = UNSET
    approve_oracle: bool | UnsetType = UNSET
    idle_minutes: Annotated[int, Meta(ge=1, le=1440)] | UnsetType | None = UNSET


class DepartmentOut(Out):
    """A department."""

    id: UUID
    name: str
    zone: str
    external: str


class DepartmentIn(In):
    """A new department: `zone` is a time zone such as Europe/Berlin, `external` what the record's launch context calls it."""

    name: Name
    zone: Annotated[str, Meta(min_length=1, max_length=64)]
    external: Annotated[str, Meta(max_length=200)] = ""


class DepartmentChange(In):
    """What to change of a department; what is left out stays."""

    name: Name | UnsetType = UNSET
    zone: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    external: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET


class ConnectionIn(In):
    """Everything of a connection. `client_secret` is written and never read: left out, the stored one stays; empty, it is taken away."""

    name: Name
    vendor: Vendor
    environment: Environment
    iss: Url
    fhir_version: Annotated[str, Meta(max_length=20)] = ""
    frame_ancestors: Annotated[list[Url], Meta(max_length=20)] = []
    provider_client_id: ClientId = ""
    patient_client_id: ClientId = ""
    backend_client_id: ClientId = ""
    client_auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    client_secret: Annotated[str, Meta(max_length=1000, pattern=r"^[\x20-\x7e]*$")] | UnsetType = UNSET
    authorize_url: Url = ""
    token_url: Url = ""
    join_early_minutes: Minutes = 30
    join_late_minutes: Minutes = 240
    profile: dict[str, Any] = {}
    approver: UUID | None = None
    shared_with: Annotated[list[UUID], Meta(max_length=500)] = []


class ConnectionLineOut(Out):
    """A connection in a list; `serving` while some version of it is in force."""

    id: UUID
    name: str
    vendor: Vendor
    environment: Environment
    iss: str
    state: VersionState
    serving: bool
    changed_at: datetime


class VersionOut(Out):
    """A version of a connection. `number` counts versions; `revision` counts everything that happens to the connection and is its ETag."""

    id: UUID
    number: int
    revision: int
    state: VersionState
    name: str
    vendor: Vendor
    environment: Environment
    iss: str
    fhir_version: str
    frame_ancestors: list[str]
    provider_client_id: str
    patient_client_id: str
    backend_client_id: str
    client_auth: ClientAuth
    has_secret: bool
    authorize_url: str
    token_url: str
    join_early_minutes: int
    join_late_minutes: int
    profile: dict[str, Any]
    approver: UUID | None
    shared_with: list[UUID]
    changed_at: datetime
    made_by: UUID | None
    submitted_at: datetime | None
    submitted_by: UUID | None
    decided_at: datetime | None
    decided_by: UUID | None
    reason: str


class ChangeOut(Out):
    """A difference between what is in force and the newest version; of a secret only that there is one."""

    field: str
    was: str
    now: str


class KeyOut(Out):
    """A public signing key: it is published from the beginning, signs from `active_from`, and is gone after `retires_at`."""

    kid: str
    alg: str
    active_from: datetime
    retires_at: datetime | None


class MemberOut(Out):
    """A person of the organisation."""

    id: UUID
    name: str
    email: str
    roles: list[StaffRole]
    state: MemberState
    signed_in_at: datetime | None


class LaunchQuery(In):
    """Which launches; `day` is a day in UTC."""

    reference: Search = ""
    outcome: LaunchOutcome | UnsetType = UNSET
    code: Search = ""
    connection: UUID | UnsetType = UNSET
    day: date | UnsetType = UNSET
    after: Cursor = ""
    limit: Limit = 50


class PhaseOut(Out):
    """A phase of a launch: how long it took and, where it failed, its code."""

    phase: str
    ms: float | None
    code: str


class LaunchOut(Out):
    """An attempt to launch. Nothing here says who the patient is; `reference` is what they could read out from the page."""

    id: UUID
    reference: str
    connection: UUID
    connection_name: str
    environment: Environment
    kind: LaunchKind
    outcome: LaunchOutcome
    phase: str
    code: str
    started_at: datetime
    used_at: datetime | None
    ended_at: datetime | None
    visit: UUID | None
    phases: list[PhaseOut]


Moment = Annotated[str, Meta(max_length=64, extra_json_schema={"format": "date-time"})]  # read strictly by whoever asks for it


class AuditFilter(In):
    """Which entries: from `since` on, before `until`."""

    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    action: Search = ""
    outcome: Outcome | UnsetType = UNSET
    actor: Search = ""
    about: Search = ""
    reference: Search = ""
    search: Search = ""


class AuditQuery(AuditFilter):
    """The same, a page at a time."""

    after: Cursor = ""
    limit: Limit = 50


class AuditOut(Out):
    """An entry of the audit. `hash` covers it and all before it; docs/reference/audit.md says how."""

    number: int
    at: datetime
    actor_kind: str
    actor_id: str
    session: str
    address: str
    reference: str
    action: str
    about_kind: str
    about_id: str
    outcome: Outcome
    detail: dict[str, str]
    previous: str
    hash: str
