"""Organisations, departments, and EHR connections, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from vestibule.kit.ids import ConnectionId, DepartmentId, MemberId, TenantId


class Vendor(StrEnum):
    """Whose record it is; decides which profile of data the adapter reads."""

    EPIC = "epic"
    ORACLE_HEALTH = "oracle_health"
    GENERIC = "generic"


class Environment(StrEnum):
    """Whether real patients are behind a connection. One FHIR base URL is one environment."""

    TEST = "test"
    PRODUCTION = "production"


class ClientAuth(StrEnum):
    """How we prove ourselves at the token endpoint (SMART App Launch 2.2, "Client authentication")."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    SECRET_BASIC = "client_secret_basic"  # noqa: S105  the method's registered name
    PUBLIC = "none"


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation."""

    id: TenantId
    name: str
    support_phone: str = ""


@dataclass(frozen=True, slots=True)
class Department:
    """A place in an organisation with its own staff board and clock.

    `external` is what the EHR's launch context calls it.
    """

    id: DepartmentId
    name: str
    zone: str
    external: str


@dataclass(frozen=True, slots=True)
class Connection:
    """One FHIR base URL of one organisation.

    Attributes:
        iss: the FHIR base URL exactly as the EHR sends it.
        frame_ancestors: origins that may show our pages in a frame.
        provider_client_id: the app clinicians launch; likewise patient_ and backend_.
        join_early_minutes: how long before the appointment its link opens; join_late_minutes, how long after its start it stays open.
        authorize_url: used only when discovery yields none; likewise token_url.
        profile: overrides of the vendor profile's data (paths, verbs, parameters, codes).
        fhir_version: as found when the address was entered, e.g. `R4`; empty where nobody looked.
        serving: False for what has never been put in force, and for what was removed: it answers no launch.
        version: the number of the version in force; 0 when none ever was.
    """

    id: ConnectionId
    tenant: TenantId
    name: str
    vendor: Vendor
    environment: Environment
    iss: str
    frame_ancestors: tuple[str, ...] = ()
    provider_client_id: str = ""
    patient_client_id: str = ""
    backend_client_id: str = ""
    client_auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    client_secret: str = field(default="", repr=False)
    authorize_url: str = ""
    token_url: str = ""
    join_early_minutes: int = 30
    join_late_minutes: int = 240
    profile: Mapping[str, Any] = field(default_factory=dict)
    fhir_version: str = ""
    serving: bool = field(default=True, compare=False)
    version: int = field(default=0, compare=False)


class VersionState(StrEnum):
    """How far a version of a connection has come."""

    DRAFT = "draft"
    AWAITING = "awaiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a person may set of a connection, without its secret. See `Connection` for what each part means.

    Attributes:
        approver: the member who must approve; may be empty while nobody is asked.
        shared_with: other organisations that may connect to the same FHIR base URL.
    """

    name: str
    vendor: Vendor
    environment: Environment
    iss: str
    fhir_version: str = ""
    frame_ancestors: tuple[str, ...] = ()
    provider_client_id: str = ""
    patient_client_id: str = ""
    backend_client_id: str = ""
    client_auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    authorize_url: str = ""
    token_url: str = ""
    join_early_minutes: int = 30
    join_late_minutes: int = 240
    profile: Mapping[str, Any] = field(default_factory=dict)
    approver: MemberId | None = None
    shared_with: tuple[TenantId, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """What a connection is, was, or is to be.

    Attributes:
        number: counts from 1; a number is never used twice.
        revision: grows with everything that happens to the connection; whoever saves, submits or decides says which one they looked at.
        has_secret: whether a client secret is stored with it; the secret itself is never shown.
        made_by: who saved it last; None for a program, a file, or the system.
        authors: everybody who wrote at it since a version was in force.
        decided_by: who approved or rejected it; None for a version that went into force without needing approval.
        reason: why it was rejected.
    """

    connection: ConnectionId
    number: int
    revision: int
    state: VersionState
    content: Content
    has_secret: bool
    made_by: MemberId | None
    changed_at: datetime
    submitted_by: MemberId | None = None
    submitted_at: datetime | None = None
    decided_by: MemberId | None = None
    decided_at: datetime | None = None
    reason: str = ""
    authors: tuple[MemberId, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, for the approver's eyes.

    Attributes:
        field: of Content; or `secret`, of which `now` says only `changed`, `added` or `removed`.
    """

    field: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """A connection in a list.

    Attributes:
        state: of the newest version.
        serving: True while some version is in force.
    """

    id: ConnectionId
    name: str
    vendor: Vendor
    environment: Environment
    iss: str
    state: VersionState
    serving: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Organisation:
    """Everything an administrator may set of an organisation.

    Attributes:
        region: where its data lives; one of the cells of the settings, or empty for the only one there is.
        parent: the organisation it belongs to.
        entra_tenant: the Microsoft directory whose people may sign in, as a GUID; empty for none.
        two_persons: whoever approves a version must not have written at it or submitted it.
        approve_oracle: connections to Oracle Health need approval too.
        idle_minutes: staff are signed out after so long without a click; None for the setting of the installation.
    """

    id: TenantId
    name: str
    support_phone: str = ""
    region: str = ""
    parent: TenantId | None = None
    entra_tenant: str = ""
    two_persons: bool = False
    approve_oracle: bool = False
    idle_minutes: int | None = None


def approval_needed(vendor: Vendor, settings: Organisation) -> bool:
    """Whether a connection to this vendor's record may serve only what was approved."""
    return vendor is not Vendor.ORACLE_HEALTH or settings.approve_oracle


def content_of(connection: Connection, *, approver: MemberId | None = None, shared_with: tuple[TenantId, ...] = ()) -> Content:
    """What a connection says, as the content of a version."""
    same = {field.name: getattr(connection, field.name) for field in fields(Content) if field.name not in {"approver", "shared_with"}}
    return Content(**same, approver=approver, shared_with=shared_with)


def connection_of(tenant: TenantId, connection: ConnectionId, content: Content, secret: str, *, serving: bool, version: int) -> Connection:
    """What a version would be as a connection."""
    same = {field.name: getattr(content, field.name) for field in fields(Content) if field.name not in {"approver", "shared_with"}}
    return Connection(id=connection, tenant=tenant, client_secret=secret, serving=serving, version=version, **same)
