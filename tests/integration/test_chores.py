"""The worker's chores: every organisation's turn comes, whatever another's is like."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from support.house import settings
from vestibule.errors import Unavailable
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.wiring import Parts, open_parts
from vestibule.wiring.launching import make_launches
from vestibule.wiring.work import Retention, _tidy


async def organisation(parts: Parts, owner: asyncpg.Connection) -> tuple[TenantId, ConnectionId]:
    """One with a secret, and a launch of long ago."""
    tenant, connection = TenantId(new_id()), ConnectionId(new_id())
    async with parts.db.tenant(tenant) as tx:
        await parts.tenancy.add_tenant(tx, name="Alder Clinic")
        wanted = Connection(connection, tenant, "A", Vendor.EPIC, Environment.TEST, "https://a.example/fhir", client_secret="s")
        await parts.tenancy.add_connection(tx, wanted)
    await owner.execute(
        "insert into launches (tenant_id, id, connection_id, kind, reference, started_at, expires_at) "
        "values ($1, $2, $3, 'patient', 'OLD', now() - interval '91 days', now())",
        tenant,
        new_id(),
        connection,
    )
    return tenant, connection


async def tidied(parts: Parts) -> None:
    """One round of the slow chores."""
    await _tidy(parts, Retention(visits=parts.visits, tenancy=parts.tenancy, clock=parts.clock), make_launches(parts))


async def test_an_organisation_that_cannot_be_tidied_keeps_no_others_data(db_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        (broken, _), (other, _) = [await organisation(parts, owner) for _ in range(2)]
        assert await parts.tenancy.tenants(parts.db) == [broken, other]
        await owner.execute(
            "create function fail() returns trigger language plpgsql as $$ begin raise exception 'a fault of ours'; end $$; "
            f"create trigger fail before delete on launches for each row when (old.tenant_id = '{broken}') execute function fail()"
        )
        await tidied(parts)
    assert [row["tenant_id"] for row in await owner.fetch("select tenant_id from launches")] == [broken]


async def test_a_secret_that_cannot_be_read_keeps_no_data(db_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    async with open_parts(settings(1, tmp_path), db_url) as parts:
        tenant, connection = await organisation(parts, owner)
        await owner.execute("update connections set client_secret = $2 where id = $1", connection, b"not sealed by us")
        async with parts.db.tenant(tenant) as tx:
            with pytest.raises(Unavailable):
                await parts.tenancy.connections(tx)
        await tidied(parts)
    assert await owner.fetchval("select count(*) from launches") == 0
