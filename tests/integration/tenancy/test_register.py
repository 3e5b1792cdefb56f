"""Organisations, connections and keys against a real database; secrets sealed, tenants apart, `iss` matched to the letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from vestibule.errors import NotFound, Unavailable
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Database
from vestibule.tenancy.model import ClientAuth, Connection, Environment, Vendor
from vestibule.tenancy.service import PUBLISH_FIRST, Tenancy

ISS = "https://ehr.alder.example/interconnect/api/FHIR/R4"
SECRET = "canary-client-secret"
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 12, tzinfo=UTC))


@pytest.fixture
def tenancy(clock: FrozenClock) -> Tenancy:
    return Tenancy(clock, SecretBox([("k1", b"1" * 32)]))


def connection(tenant: TenantId, iss: str = ISS) -> Connection:
    return Connection(
        id=ConnectionId(new_id()),
        tenant=tenant,
        name="Alder, test",
        vendor=Vendor.EPIC,
        environment=Environment.TEST,
        iss=iss,
        frame_ancestors=("https://ehr.alder.example",),
        provider_client_id="provider",
        client_auth=ClientAuth.SECRET_BASIC,
        client_secret=SECRET,
        profile={"status": {"path": "/x"}},
    )


async def added(tenancy: Tenancy, db: Database, tenant: TenantId, iss: str = ISS) -> Connection:
    async with db.tenant(tenant) as tx:
        return await tenancy.add_connection(tx, connection(tenant, iss))


async def test_a_connection_comes_back_as_it_went(db: Database, tenant: TenantId, tenancy: Tenancy) -> None:
    made = await added(tenancy, db, tenant)
    async with db.tenant(tenant) as tx:
        assert await tenancy.connection(tx, made.id) == made
        assert await tenancy.connections(tx) == [made]
        assert await tenancy.connection_by_iss(tx, ISS) == made


async def test_changing_a_connection_without_its_secret_keeps_the_secret(db: Database, tenant: TenantId, tenancy: Tenancy) -> None:
    made = await added(tenancy, db, tenant)
    async with db.tenant(tenant) as tx:
        await tenancy.add_connection(tx, replace(made, name="New name", client_secret=""))
        assert await tenancy.connection(tx, made.id) == replace(made, name="New name")


async def test_secrets_and_private_keys_rest_sealed(db: Database, tenant: TenantId, tenancy: Tenancy, owner: asyncpg.Connection) -> None:
    made = await added(tenancy, db, tenant)
    async with db.tenant(tenant) as tx:
        await tenancy.rotate_keys(tx, made.id)
    resting = str(await owner.fetch("select * from connections")) + str(await owner.fetch("select * from signing_keys"))
    assert SECRET not in resting
    assert '"d"' not in resting
    assert SECRET not in repr(made)


async def test_a_sealed_secret_moved_to_another_connection_does_not_open(
    db: Database, tenant: TenantId, tenancy: Tenancy, owner: asyncpg.Connection
) -> None:
    first, second = await added(tenancy, db, tenant), await added(tenancy, db, tenant, ISS + "2")
    await owner.execute(
        "update connections set client_secret = (select client_secret from connections where id = $1) where id = $2", first.id, second.id
    )
    async with db.tenant(tenant) as tx:
        with pytest.raises(Unavailable):
            await tenancy.connection(tx, second.id)


@pytest.mark.parametrize(
    "asked",
    [ISS + "/", ISS.upper(), ISS[:-1], ISS + "4", ISS.replace("https", "http"), ISS + " ", "https://ehr.alder.example", "", "%", "'; --"],
)
async def test_an_iss_is_known_to_the_letter_or_not_at_all(db: Database, tenant: TenantId, tenancy: Tenancy, asked: str) -> None:
    made = await added(tenancy, db, tenant)
    assert await tenancy.whose_iss(db, ISS) == [made]
    assert await tenancy.whose_iss(db, asked) == []


async def test_one_record_may_serve_two_organisations(db: Database, tenant: TenantId, other_tenant: TenantId, tenancy: Tenancy) -> None:
    both = [await added(tenancy, db, whose) for whose in (tenant, other_tenant)]
    found = await tenancy.whose_iss(db, ISS)
    assert sorted(found, key=lambda one: one.tenant) == sorted(both, key=lambda one: one.tenant)


async def test_an_organisation_sees_only_its_own(db: Database, tenant: TenantId, other_tenant: TenantId, tenancy: Tenancy) -> None:
    made = await added(tenancy, db, tenant)
    async with db.tenant(tenant) as tx:
        await tenancy.add_department(tx, name="Cardiology", zone="Europe/Berlin", external="10501101")
        await tenancy.rotate_keys(tx, made.id)
    async with db.tenant(other_tenant) as tx:
        assert await tenancy.connections(tx) == []
        assert await tenancy.departments(tx) == []
        assert await tenancy.signing_keys(tx, made.id) == []
        assert await tenancy.department_by_external(tx, "10501101") is None
        with pytest.raises(NotFound):
            await tenancy.connection(tx, made.id)
        for table in ("tenants", "connections", "departments", "signing_keys", "sessions", "tickets"):
            mine = await tx.fetchval(f"select count(*) from {table} where {'id' if table == 'tenants' else 'tenant_id'} = $1", tenant)
            assert mine == 0, table


async def test_without_a_tenant_nothing_is_seen_and_nothing_written(db: Database, tenant: TenantId, tenancy: Tenancy) -> None:
    await added(tenancy, db, tenant)
    async with db.anyone() as tx:
        for table in ("tenants", "connections", "departments", "signing_keys", "sessions", "tickets"):
            assert await tx.fetchval(f"select count(*) from {table}") == 0, table


async def test_a_row_cannot_be_written_into_another_organisation(
    db: Database, tenant: TenantId, other_tenant: TenantId, tenancy: Tenancy
) -> None:
    async with db.tenant(other_tenant) as tx:
        with pytest.raises(ValueError, match="another tenant"):
            await tenancy.add_connection(tx, connection(tenant))

    async def smuggle() -> None:
        async with db.tenant(other_tenant) as tx:
            await tx.execute("insert into departments (tenant_id, id, name, zone) values ($1, $2, 'x', 'UTC')", tenant, new_id())

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await smuggle()


async def test_a_department_is_found_by_what_the_record_calls_it(db: Database, tenant: TenantId, tenancy: Tenancy) -> None:
    async with db.tenant(tenant) as tx:
        made = await tenancy.add_department(tx, name="Cardiology", zone="Europe/Berlin", external="10501101")
        await tenancy.add_department(tx, name="No name in the record", zone="UTC")
        assert await tenancy.department_by_external(tx, "10501101") == made
        assert await tenancy.department_by_external(tx, "") is None
        assert await tenancy.department(tx, made.id) == made


async def test_the_first_key_signs_at_once(db: Database, tenant: TenantId, tenancy: Tenancy) -> None:
    made = await added(tenancy, db, tenant)
    async with db.tenant(tenant) as tx:
        with pytest.raises(NotFound, match="no-signing-key"):
            await tenancy.signing_key(tx, made.id)
        (key,) = await tenancy.rotate_keys(tx, made.id)
        assert (await tenancy.signing_key(tx, made.id)).kid == key.key.kid
        with pytest.raises(NotFound):
            await tenancy.signing_key(tx, made.id, algs=["RS384"])


async def test_a_later_key_is_published_a_day_before_it_signs_and_the_old_one_a_day_after(
    db: Database, tenant: TenantId, tenancy: Tenancy, clock: FrozenClock
) -> None:
    made = await added(tenancy, db, tenant)

    async def look() -> tuple[str, set[str]]:
        async with db.tenant(tenant) as tx:
            return (await tenancy.signing_key(tx, made.id)).kid, {key.key.kid for key in await tenancy.signing_keys(tx, made.id)}

    async with db.tenant(tenant) as tx:
        old = (await tenancy.rotate_keys(tx, made.id))[0].key.kid
        new = (await tenancy.rotate_keys(tx, made.id))[0].key.kid
    assert await look() == (old, {old, new})
    clock.advance(PUBLISH_FIRST.total_seconds() - 1)
    assert await look() == (old, {old, new})
    clock.advance(1)
    assert await look() == (new, {old, new})
    clock.advance(DAY.total_seconds())
    assert await look() == (new, {new})


async def test_an_organisation_registers_itself(db: Database, tenancy: Tenancy) -> None:
    fresh = TenantId(new_id())
    async with db.tenant(fresh) as tx:
        made = await tenancy.add_tenant(tx, name="Alder Clinic", support_phone="555-0134")
        assert await tenancy.tenant(tx) == made
    assert fresh in await tenancy.tenants(db)
