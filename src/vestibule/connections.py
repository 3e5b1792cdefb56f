"""EHR connections put in force directly, for the practice hospital; and what an analyst copies into a record.

Nothing of this passes an approver. An operator's file goes through drafts and approval instead: `vestibule config apply`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec

from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.run import opened
from vestibule.settings import Settings
from vestibule.tenancy.model import ClientAuth, Connection, Environment, Vendor
from vestibule.wiring import Parts

# What an organisation is called names it: applying the same file twice meets the same rows.
_NAMES = UUID("3e3a0c3e-6a55-4d1c-9f3b-5a1f6d1c0b52")


class Organisation(msgspec.Struct, forbid_unknown_fields=True):
    """An organisation."""

    name: str
    support_phone: str = ""


class Place(msgspec.Struct, forbid_unknown_fields=True):
    """A department."""

    name: str
    zone: str
    external: str


class Described(msgspec.Struct, forbid_unknown_fields=True):
    """An EHR connection; see tenancy/model.py."""

    name: str
    vendor: Vendor
    environment: Environment
    iss: str
    frame_ancestors: tuple[str, ...] = ()
    provider_client_id: str = ""
    patient_client_id: str = ""
    backend_client_id: str = ""
    client_auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    client_secret_file: str = ""
    authorize_url: str = ""
    token_url: str = ""
    join_early_minutes: int = 30
    join_late_minutes: int = 240
    profile: dict[str, Any] = {}


class ConnectionsFile(msgspec.Struct, forbid_unknown_fields=True):
    """An organisation with its departments and connections."""

    organisation: Organisation
    departments: list[Place] = []
    connections: list[Described] = []


def tenant_called(name: str) -> TenantId:
    """The id of the organisation of that name."""
    return TenantId(uuid5(_NAMES, name))


async def apply_described(parts: Parts, described: ConnectionsFile) -> list[str]:
    """Create or update what is described; says what was done. Connections are in force at once: the practice hospital has no approver."""
    tenant = tenant_called(described.organisation.name)
    known = tenant in await parts.tenancy.tenants(parts.db)
    async with parts.db.tenant(tenant) as tx:
        if not known:
            await parts.tenancy.add_tenant(tx, name=described.organisation.name, support_phone=described.organisation.support_phone)
        said = [f"organisation {described.organisation.name}: {'there already' if known else 'created'}"]
        places = {place.external for place in await parts.tenancy.departments(tx)}
        for place in described.departments:
            if place.external not in places:
                await parts.tenancy.add_department(tx, name=place.name, zone=place.zone, external=place.external)
                said.append(f"department {place.name}: created")
        for one in described.connections:
            connection = _connection(tenant, one)
            await parts.tenancy.add_connection(tx, connection)
            if not await parts.tenancy.signing_keys(tx, connection.id):
                await parts.tenancy.rotate_keys(tx, connection.id, ("ES384", "RS384"))
            said.append(f"connection {one.name}: in force, id {connection.id}")
    return said


def _connection(tenant: TenantId, one: Described) -> Connection:
    fields = {name: getattr(one, name) for name in one.__struct_fields__ if name != "client_secret_file"}
    secret = Path(one.client_secret_file).read_text(encoding="utf-8").strip() if one.client_secret_file else ""
    return Connection(id=ConnectionId(uuid5(tenant, one.name)), tenant=tenant, client_secret=secret, **fields)


async def list_connections(settings: Settings) -> list[str]:
    """What to copy into each record."""
    lines: list[str] = []
    async with opened(settings) as parts:
        for tenant in await parts.tenancy.tenants(parts.db):
            async with parts.db.tenant(tenant) as tx:
                for one in await parts.tenancy.connections(tx):
                    lines += _copy_lines(settings.origin, one)
    return lines or ["There are no connections yet: docs/howto/connect-epic.md"]


def _copy_lines(origin: str, one: Connection) -> list[str]:
    return [
        f"{one.name} ({one.environment}, {one.vendor}): {one.iss}",
        f"  provider launch URL  {origin}/launch/provider",
        f"  patient launch URL   {origin}/launch/patient",
        f"  redirect URI         {origin}/launch/callback",
        f"  JWKS URL             {origin}/connections/{one.id}/jwks.json",
    ]
