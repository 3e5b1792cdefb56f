"""What launches and visits ask for: organisations, departments, connections in force, signing keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vestibule.kit.ids import ConnectionId, DepartmentId, TenantId
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.model import ClientAuth, Connection, Department, Environment, Tenant, Vendor

_CONNECTION_COLUMNS = (
    "id, name, vendor, environment, iss, frame_ancestors, provider_client_id, patient_client_id, backend_client_id, client_auth, "
    "client_secret, authorize_url, token_url, join_early_minutes, join_late_minutes, profile, fhir_version, serving, version"
)


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A signing key as it rests."""

    kid: str
    alg: str
    sealed: bytes = field(repr=False)
    active_from: datetime
    retires_at: datetime | None


class TenancyStore:
    """Rows as launches and visits see them."""

    async def add_tenant(self, tenant: TenantId, tx: Tx, name: str, support_phone: str) -> None:
        """Insert the organisation that the transaction is bound to."""
        await tx.execute("insert into tenants (id, name, support_phone) values ($1, $2, $3)", tenant, name, support_phone)

    async def tenant(self, tenant: TenantId, tx: Tx) -> Tenant | None:
        """The organisation."""
        row = await tx.fetchrow("select name, support_phone from tenants where id = $1", tenant)
        return Tenant(tenant, row["name"], row["support_phone"]) if row else None

    async def place(
        self, tenant: TenantId, tx: Tx, department: DepartmentId | None, connection: ConnectionId | None
    ) -> tuple[Tenant, Department | None, Environment | None]:
        """The organisation, a department of it, and the environment of a connection, in one look."""
        row = await tx.fetchrow(
            "select t.name as tenant_name, t.support_phone, d.id, d.name, d.zone, d.external, c.environment from tenants t "
            "left join departments d on d.tenant_id = t.id and d.id = $2 left join connections c on c.tenant_id = t.id and c.id = $3 "
            "where t.id = $1",
            tenant,
            department,
            connection,
        )
        found = Tenant(tenant, row["tenant_name"], row["support_phone"]) if row else Tenant(tenant, "")
        environment = Environment(row["environment"]) if row and row["environment"] else None
        return found, _department(row) if row and row["id"] else None, environment

    async def add_department(self, tenant: TenantId, tx: Tx, department: Department) -> None:
        """Insert a department."""
        await tx.execute(
            "insert into departments (tenant_id, id, name, zone, external) values ($1, $2, $3, $4, $5)",
            tenant,
            department.id,
            department.name,
            department.zone,
            department.external,
        )

    async def departments(self, tenant: TenantId, tx: Tx) -> list[Department]:
        """All departments by name."""
        rows = await tx.fetch(
            "select id, name, zone, external from departments where tenant_id = $1 and removed_at is null order by name, id", tenant
        )
        return [_department(row) for row in rows]

    async def department(self, tenant: TenantId, tx: Tx, department: DepartmentId) -> Department | None:
        """One department, a removed one too: visits have been there."""
        row = await tx.fetchrow("select id, name, zone, external from departments where tenant_id = $1 and id = $2", tenant, department)
        return _department(row) if row else None

    async def department_by_external(self, tenant: TenantId, tx: Tx, external: str) -> Department | None:
        """The department the EHR calls `external`."""
        row = await tx.fetchrow(
            "select id, name, zone, external from departments "
            "where tenant_id = $1 and external = $2 and external <> '' and removed_at is null",
            tenant,
            external,
        )
        return _department(row) if row else None

    async def connections(self, tenant: TenantId, tx: Tx, *, removed: bool) -> list[tuple[Connection, bytes | None]]:
        """All connections in force, if asked for removed ones too, with their sealed secrets."""
        rows = await tx.fetch(
            f"select {_CONNECTION_COLUMNS} from connections where tenant_id = $1 and (serving or ($2 and version > 0)) order by name, id",
            tenant,
            removed,
        )
        return [_connection(tenant, row) for row in rows]

    async def connection_names(self, tenant: TenantId, tx: Tx) -> list[tuple[ConnectionId, str]]:
        """What the connections in force are called, by name."""
        rows = await tx.fetch("select id, name from connections where tenant_id = $1 and serving order by name, id", tenant)
        return [(ConnectionId(row["id"]), row["name"]) for row in rows]

    async def connection(self, tenant: TenantId, tx: Tx, connection: ConnectionId) -> tuple[Connection, bytes | None] | None:
        """One connection with its sealed secret."""
        row = await tx.fetchrow(
            f"select {_CONNECTION_COLUMNS} from connections where tenant_id = $1 and id = $2",
            tenant,
            connection,
        )
        return _connection(tenant, row) if row else None

    async def connection_by_iss(self, tenant: TenantId, tx: Tx, iss: str) -> tuple[Connection, bytes | None] | None:
        """The serving connection whose FHIR base URL is exactly `iss`."""
        row = await tx.fetchrow(
            f"select {_CONNECTION_COLUMNS} from connections where tenant_id = $1 and iss = $2 and serving",
            tenant,
            iss,
        )
        return _connection(tenant, row) if row else None

    async def keys(self, tenant: TenantId, tx: Tx, connection: ConnectionId, now: datetime) -> list[SealedKey]:
        """Keys not yet retired, newest first."""
        rows = await tx.fetch(
            "select kid, alg, sealed, active_from, retires_at from signing_keys "
            "where tenant_id = $1 and connection_id = $2 and (retires_at is null or retires_at > $3) order by active_from desc, kid",
            tenant,
            connection,
            now,
        )
        return [SealedKey(row["kid"], row["alg"], row["sealed"], row["active_from"], row["retires_at"]) for row in rows]

    async def old_keys(self, tenant: TenantId, tx: Tx, before: datetime) -> list[tuple[ConnectionId, datetime]]:
        """Connections of which a key without an end has signed since before a moment, and since when."""
        rows = await tx.fetch(
            "select connection_id, min(active_from) as since from signing_keys "
            "where tenant_id = $1 and retires_at is null and active_from < $2 group by connection_id order by since limit 50",
            tenant,
            before,
        )
        return [(ConnectionId(row["connection_id"]), row["since"]) for row in rows]

    async def add_key(self, tenant: TenantId, tx: Tx, connection: ConnectionId, key: SealedKey) -> None:
        """Insert a key."""
        await tx.execute(
            "insert into signing_keys (tenant_id, connection_id, kid, alg, sealed, active_from, retires_at) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            tenant,
            connection,
            key.kid,
            key.alg,
            key.sealed,
            key.active_from,
            key.retires_at,
        )

    async def retire_keys(self, tenant: TenantId, tx: Tx, connection: ConnectionId, algs: Sequence[str], at: datetime) -> None:
        """Let every key of these algorithms that has no end yet end at `at`."""
        await tx.execute(
            "update signing_keys set retires_at = $4 where tenant_id = $1 and connection_id = $2 and alg = any($3) and retires_at is null",
            tenant,
            connection,
            list(algs),
            at,
        )

    async def whose_iss(self, db: Database, iss: str) -> list[TenantId]:
        """The tenants that have a serving connection to exactly this FHIR base URL."""
        return [TenantId(row[0]) for row in await db.ask("select whose_iss($1)", iss)]

    async def whose_waiting(self, db: Database, iss: str) -> list[TenantId]:
        """The tenants that have this FHIR base URL in their newest version, in force or not."""
        return [TenantId(row[0]) for row in await db.ask("select whose_waiting($1)", iss)]

    async def waiting(self, tenant: TenantId, tx: Tx, iss: str) -> list[ConnectionId]:
        """Its connections that have this FHIR base URL in their newest version."""
        sql = "select id from connections where tenant_id = $1 and newest_iss = $2 and removed_at is null order by id limit 10"
        return [ConnectionId(row["id"]) for row in await tx.fetch(sql, tenant, iss)]

    async def whose_connection(self, tx: Tx, connection: ConnectionId) -> TenantId | None:
        """The tenant of a connection."""
        found = await tx.fetchval("select whose_connection($1)", connection)
        return TenantId(found) if found else None

    async def whose_tenants(self, tx: Tx) -> list[TenantId]:
        """Every tenant's id."""
        return [TenantId(row[0]) for row in await tx.fetch("select whose_tenants()")]


def _department(row: Any) -> Department:
    return Department(DepartmentId(row["id"]), row["name"], row["zone"], row["external"])


def _connection(tenant: TenantId, row: Any) -> tuple[Connection, bytes | None]:
    values = dict(row)
    sealed = values.pop("client_secret")
    values["vendor"] = Vendor(values["vendor"])
    values["environment"] = Environment(values["environment"])
    values["client_auth"] = ClientAuth(values["client_auth"])
    values["frame_ancestors"] = tuple(values["frame_ancestors"])
    values["profile"] = json.loads(values["profile"])
    return Connection(tenant=tenant, **values), sealed
