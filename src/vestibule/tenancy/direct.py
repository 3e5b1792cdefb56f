"""Connections put into force past every approval. They have versions like any other, so that every page finds what it looks for."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from vestibule.kit.ids import TenantId
from vestibule.platform.db import Tx
from vestibule.tenancy.model import Connection, Version, VersionState, content_of
from vestibule.tenancy.store import Kept, VersionStore

# Every node hears there of connections whose launches are served differently from now on; the payload is the connection's id.
CHANNEL: Final = "vestibule_connection"
_STORE: Final = VersionStore()


async def put_in_force(tx: Tx, connection: Connection, sealed: bytes | None, *, at: datetime) -> None:
    """Insert or change it; without a secret the one in force stays."""
    tenant: TenantId = connection.tenant
    await _STORE.lock(tenant, tx)
    head = await _STORE.head(tenant, tx, connection.id, removed=True)
    was = await _STORE.version(tenant, tx, connection.id, head.version) if head else None
    content = content_of(connection)
    if was is not None:
        before, sealed = was.version.content, sealed or was.sealed
        content = content_of(connection, approver=before.approver, shared_with=before.shared_with)
    await _STORE.put_content(tenant, tx, connection.id, content, sealed)
    await _STORE.replace(tenant, tx, connection.id, VersionState.DRAFT, VersionState.AWAITING, VersionState.APPROVED)
    number = await _STORE.next_number(tenant, tx, connection.id)
    revision = head.revision + 1 if head else 1
    version = Version(connection.id, number, revision, VersionState.APPROVED, content, sealed is not None, None, at, decided_at=at)
    await _STORE.put_version(tenant, tx, Kept(version, sealed))
    await _STORE.point(tenant, tx, version)
    moved = was is None or was.version.content.iss != content.iss
    await _STORE.serve(tenant, tx, connection.id, number, at=at, moved=moved)
    await tx.notify(CHANNEL, str(connection.id))
