"""What served before there were versions serves afterwards, as version 1 of itself."""

from __future__ import annotations

import asyncpg
import pytest

from support.approving import ISS, Office, content
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database, migrate, migrations
from vestibule.tenancy.model import Environment, Vendor, VersionState


@pytest.fixture
async def before(empty_url: str) -> tuple[TenantId, ConnectionId]:
    """A database of the release before, with a connection in it."""
    tenant, connection = TenantId(new_id()), ConnectionId(new_id())
    await migrate(empty_url, steps=[step for step in migrations() if step.name < "0009"])
    conn = await asyncpg.connect(empty_url)
    try:
        await conn.execute("insert into tenants (id, name) values ($1, 'Northfield Clinic')", tenant)
        await conn.execute(
            "insert into connections (tenant_id, id, name, vendor, environment, iss, frame_ancestors, provider_client_id, client_auth, "
            "client_secret, join_early_minutes, join_late_minutes, profile) "
            "values ($1, $2, 'Old', 'epic', 'production', $3, '{https://a.example}', 'p', 'client_secret_basic', $4, 30, 240, $5)",
            tenant,
            connection,
            ISS,
            Office().tenancy.seal(tenant, connection, "kept"),
            '{"launch": {"csn": "x"}}',
        )
    finally:
        await conn.close()
    await migrate(empty_url)
    return tenant, connection


async def test_nothing_stops_serving_and_everything_can_be_changed(empty_url: str, before: tuple[TenantId, ConnectionId]) -> None:
    tenant, connection = before
    office = Office()
    approver = office.approver()
    db = await Database.open(empty_url, max_size=2)
    try:
        (serving,) = await office.tenancy.whose_iss(db, ISS)
        assert (serving.id, serving.client_secret, serving.version) == (connection, "kept", 1)
        async with db.tenant(tenant) as tx:
            newest = await office.approvals.newest(tx, connection)
            assert newest == await office.approvals.in_force(tx, connection)
            assert newest.state is VersionState.APPROVED
            assert newest.content == content(
                name="Old",
                vendor=Vendor.EPIC,
                environment=Environment.PRODUCTION,
                provider_client_id="p",
                client_auth=serving.client_auth,
                frame_ancestors=("https://a.example",),
                profile={"launch": {"csn": "x"}},
            )
            now = content(name="New", approver=approver)
            draft = await office.approvals.save(tx, connection, now, revision=newest.revision, by=SYSTEM)
            asked = await office.approvals.submit(tx, connection, revision=draft.revision, by=SYSTEM)
            assert (await office.approve(tx, asked, approver)).number == 2
    finally:
        await db.close()
