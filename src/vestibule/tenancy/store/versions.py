"""Versions of connections, and the rows of connections that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vestibule.kit.ids import ConnectionId, MemberId, TenantId
from vestibule.platform.db import Tx
from vestibule.tenancy.model import ConnectionLine, Content, Environment, Vendor, Version, VersionState

_COLUMNS = (
    "connection_id, number, revision, state, content, client_secret, made_by, authors, changed_at, submitted_by, submitted_at, "
    "decided_by, decided_at, reason"
)
_LINE = "id, name, vendor, environment, iss, newest_state, serving, changed_at"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a connection stands.

    Attributes:
        version: the number in force, 0 for none; newest: the number being worked at or, failing that, the one in force.
    """

    revision: int
    version: int
    newest: int
    serving: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A version with its sealed secret."""

    version: Version
    sealed: bytes | None = field(default=None, repr=False)


class VersionStore:
    """Rows of connection_versions; rows of connections where versions change them."""

    async def lock(self, tenant: TenantId, tx: Tx) -> None:
        """One change of connections at a time in an organisation: what must be unique among them is compared by looking."""
        await tx.execute("select from tenants where id = $1 for no key update", tenant)

    async def head(self, tenant: TenantId, tx: Tx, connection: ConnectionId, *, removed: bool = False) -> Head | None:
        """Where a connection stands; None for one that is not there or, unless asked for too, was removed."""
        row = await tx.fetchrow(
            "select revision, version, newest, serving from connections where tenant_id = $1 and id = $2 and ($3 or removed_at is null)",
            tenant,
            connection,
            removed,
        )
        return Head(row["revision"], row["version"], row["newest"], row["serving"]) if row else None

    async def version(self, tenant: TenantId, tx: Tx, connection: ConnectionId, number: int) -> Kept | None:
        """One version."""
        row = await tx.fetchrow(
            f"select {_COLUMNS} from connection_versions where tenant_id = $1 and connection_id = $2 and number = $3",
            tenant,
            connection,
            number,
        )
        return _kept(row) if row else None

    async def newest_of(self, tenant: TenantId, tx: Tx, connections: Sequence[ConnectionId]) -> list[Version]:
        """The newest version of each of these that are there."""
        columns = ", ".join(f"v.{name}" for name in _COLUMNS.split(", "))
        rows = await tx.fetch(
            f"select {columns} from connections c join connection_versions v on v.tenant_id = c.tenant_id and v.connection_id = c.id "
            "and v.number = c.newest where c.tenant_id = $1 and c.id = any($2) and c.removed_at is null",
            tenant,
            connections,
        )
        return [_kept(row).version for row in rows]

    async def history(self, tenant: TenantId, tx: Tx, connection: ConnectionId) -> list[Version]:
        """Every version, newest first."""
        rows = await tx.fetch(
            f"select {_COLUMNS} from connection_versions where tenant_id = $1 and connection_id = $2 order by number desc",
            tenant,
            connection,
        )
        return [_kept(row).version for row in rows]

    async def next_number(self, tenant: TenantId, tx: Tx, connection: ConnectionId) -> int:
        """A number no version of the connection has had."""
        found: int = await tx.fetchval(
            "select coalesce(max(number), 0) + 1 from connection_versions where tenant_id = $1 and connection_id = $2", tenant, connection
        )
        return found

    async def put_version(self, tenant: TenantId, tx: Tx, kept: Kept) -> None:
        """Insert a version or replace it whole."""
        one = kept.version
        await tx.execute(
            f"insert into connection_versions (tenant_id, {_COLUMNS}) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
            "on conflict (tenant_id, connection_id, number) do update set revision = excluded.revision, state = excluded.state, "
            "content = excluded.content, client_secret = excluded.client_secret, made_by = excluded.made_by, authors = excluded.authors, "
            "changed_at = excluded.changed_at, submitted_by = excluded.submitted_by, submitted_at = excluded.submitted_at, "
            "decided_by = excluded.decided_by, decided_at = excluded.decided_at, reason = excluded.reason",
            tenant,
            one.connection,
            one.number,
            one.revision,
            one.state.value,
            msgspec.json.encode(one.content).decode(),
            kept.sealed,
            one.made_by,
            list(one.authors),
            one.changed_at,
            one.submitted_by,
            one.submitted_at,
            one.decided_by,
            one.decided_at,
            one.reason,
        )

    async def replace(self, tenant: TenantId, tx: Tx, connection: ConnectionId, *states: VersionState) -> None:
        """Versions in these states have been overtaken."""
        await tx.execute(
            "update connection_versions set state = 'replaced' where tenant_id = $1 and connection_id = $2 and state = any($3)",
            tenant,
            connection,
            [state.value for state in states],
        )

    async def put_content(self, tenant: TenantId, tx: Tx, connection: ConnectionId, content: Content, sealed: bytes | None) -> None:
        """Insert a connection, or replace what it says; a null secret is no secret."""
        await tx.execute(
            "insert into connections (tenant_id, id, name, vendor, environment, iss, frame_ancestors, provider_client_id, "
            "patient_client_id, backend_client_id, client_auth, client_secret, authorize_url, token_url, join_early_minutes, "
            "join_late_minutes, profile, fhir_version, shared_with, serving) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, false) "
            "on conflict (tenant_id, id) do update set name = excluded.name, vendor = excluded.vendor, environment = excluded.environment, "
            "iss = excluded.iss, frame_ancestors = excluded.frame_ancestors, provider_client_id = excluded.provider_client_id, "
            "patient_client_id = excluded.patient_client_id, backend_client_id = excluded.backend_client_id, "
            "client_auth = excluded.client_auth, client_secret = excluded.client_secret, authorize_url = excluded.authorize_url, "
            "token_url = excluded.token_url, join_early_minutes = excluded.join_early_minutes, "
            "join_late_minutes = excluded.join_late_minutes, profile = excluded.profile, fhir_version = excluded.fhir_version, "
            "shared_with = excluded.shared_with",
            tenant,
            connection,
            content.name,
            content.vendor.value,
            content.environment.value,
            content.iss,
            list(content.frame_ancestors),
            content.provider_client_id,
            content.patient_client_id,
            content.backend_client_id,
            content.client_auth.value,
            sealed,
            content.authorize_url,
            content.token_url,
            content.join_early_minutes,
            content.join_late_minutes,
            msgspec.json.encode(dict(content.profile)).decode(),
            content.fhir_version,
            list(content.shared_with),
        )

    async def point(self, tenant: TenantId, tx: Tx, newest: Version) -> None:
        """Say in the connection's row which version is the newest and how it stands."""
        await tx.execute(
            "update connections set newest = $3, newest_state = $4, newest_iss = $5, revision = $6, changed_at = $7 "
            "where tenant_id = $1 and id = $2",
            tenant,
            newest.connection,
            newest.number,
            newest.state.value,
            newest.content.iss,
            newest.revision,
            newest.changed_at,
        )

    async def serve(self, tenant: TenantId, tx: Tx, connection: ConnectionId, number: int, *, at: datetime, moved: bool) -> None:
        """From this commit on launches are served by what the row says, which is that version."""
        await tx.execute(
            "update connections set serving = true, removed_at = null, version = $3, iss_since = case when $5 then $4 else iss_since end "
            "where tenant_id = $1 and id = $2",
            tenant,
            connection,
            number,
            at,
            moved,
        )

    async def remove(self, tenant: TenantId, tx: Tx, connection: ConnectionId, *, revision: int, at: datetime) -> None:
        """It serves no more; what has been remains."""
        await tx.execute(
            "update connections set serving = false, removed_at = $4, changed_at = $4, revision = $3 where tenant_id = $1 and id = $2",
            tenant,
            connection,
            revision,
            at,
        )

    async def same_iss(self, tenant: TenantId, tx: Tx, connection: ConnectionId, iss: str) -> list[Environment]:
        """Environments of the organisation's other connections that are, or are about to be, at this FHIR base URL."""
        rows = await tx.fetch(
            "select c.environment as present, v.content ->> 'environment' as coming, c.iss, c.newest_iss, c.serving from connections c "
            "join connection_versions v on v.tenant_id = c.tenant_id and v.connection_id = c.id and v.number = c.newest "
            "where c.tenant_id = $1 and c.id <> $2 and c.removed_at is null and ((c.iss = $3 and c.serving) or c.newest_iss = $3)",
            tenant,
            connection,
            iss,
        )
        return [Environment(row["present"] if row["serving"] and row["iss"] == iss else row["coming"]) for row in rows]

    async def open_to(self, tenant: TenantId, tx: Tx, iss: str) -> bool:
        """May the organisation connect to this record? Until the commit nobody else can change the answer by connecting first."""
        await tx.execute("select pg_advisory_xact_lock(hashtextextended('iss ' || $1, 0))", iss)
        return bool(await tx.fetchval("select iss_is_open_to($2, $1)", iss, tenant))

    async def lines(
        self, tenant: TenantId, tx: Tx, *, search: str, environment: str, state: str, after: tuple[str, UUID], limit: int
    ) -> list[ConnectionLine]:
        """Connections by name, from behind `after` on."""
        rows = await tx.fetch(
            f"select {_LINE} from connections where tenant_id = $1 and removed_at is null and (lower(name), id) > (lower($2), $3) "
            "and ($4 = '' or strpos(lower(name), lower($4)) > 0 or strpos(lower(iss || ' ' || newest_iss), lower($4)) > 0) "
            "and ($5 = '' or environment = $5) and ($6 = '' or newest_state = $6 or ($6 = 'serving' and serving)) "
            "order by lower(name), id limit $7",
            tenant,
            after[0],
            after[1],
            search,
            environment,
            state,
            limit,
        )
        return [_line(row) for row in rows]


def _kept(row: Any) -> Kept:
    values = dict(row)
    sealed = values.pop("client_secret")
    values["connection"] = ConnectionId(values.pop("connection_id"))
    values["state"] = VersionState(values["state"])
    values["content"] = msgspec.json.decode(values["content"], type=Content)
    values["authors"] = tuple(MemberId(one) for one in values["authors"])
    return Kept(Version(has_secret=sealed is not None, **values), sealed)


def _line(row: Any) -> ConnectionLine:
    values = dict(row)
    values["id"] = ConnectionId(values["id"])
    values["vendor"] = Vendor(values["vendor"])
    values["environment"] = Environment(values["environment"])
    values["state"] = VersionState(values.pop("newest_state"))
    return ConnectionLine(**values)
