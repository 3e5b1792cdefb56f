"""Organisations, departments, and EHR connections, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vestibule.kit.ids import ConnectionId, DepartmentId, TenantId


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
