"""Organisations and departments, changed by their administrators, against a real database."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from support.approving import Office
from vestibule.errors import InvalidFields, NotFound
from vestibule.kit.ids import DepartmentId, TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database
from vestibule.tenancy.model import Department, Organisation


@pytest.fixture
def office() -> Office:
    return Office()


async def wrong(work: Any) -> dict[str, str]:
    """What is wrong with each field of an act that must be refused."""
    with pytest.raises(InvalidFields) as refused:
        await work
    return refused.value.fields


async def acts(owner: asyncpg.Connection, tenant: TenantId) -> list[str]:
    """What the audit heard."""
    rows = await owner.fetch("select action from audit_entries where tenant_id = $1 order by seq", tenant)
    return [row["action"] for row in rows]


async def test_an_organisation_is_made_and_changed(db: Database, office: Office, owner: asyncpg.Connection) -> None:
    tenant = await office.organisations.create(db, name="Alder Clinic", support_phone="555-0134", region="eu", by=SYSTEM)
    async with db.tenant(tenant) as tx:
        assert await office.organisations.get(tx) == Organisation(tenant, "Alder Clinic", "555-0134", "eu")
        changed = await office.organisations.change(tx, {"name": "Alder Hospital", "idle_minutes": 10, "two_persons": True}, by=SYSTEM)
        assert changed == Organisation(tenant, "Alder Hospital", "555-0134", "eu", two_persons=True, idle_minutes=10)
        assert await office.organisations.get(tx) == changed
        assert await office.organisations.change(tx, {"idle_minutes": None}, by=SYSTEM) == Organisation(
            tenant, "Alder Hospital", "555-0134", "eu", two_persons=True
        )
    assert await acts(owner, tenant) == ["organisation.created", "organisation.changed", "organisation.changed"]


async def test_nothing_changed_is_nothing_to_note(db: Database, tenant: TenantId, office: Office, owner: asyncpg.Connection) -> None:
    async with db.tenant(tenant) as tx:
        await office.organisations.change(tx, {"name": "Northfield Clinic"}, by=SYSTEM)
    assert await acts(owner, tenant) == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": ""}, {"name": "field-required"}),
        ({"region": "moon"}, {"region": "region-unknown"}),
        ({"id": TenantId(new_id())}, {"id": "field-unknown"}),
        ({"__class__": 1, "name": ""}, {"__class__": "field-unknown"}),
        ({"parent": TenantId(new_id())}, {"parent": "parent-unknown"}),
    ],
)
async def test_what_cannot_be_is_said_field_by_field(
    db: Database, tenant: TenantId, office: Office, changes: dict[str, Any], fields: dict[str, str]
) -> None:
    async with db.tenant(tenant) as tx:
        before = await office.organisations.get(tx)
        assert await wrong(office.organisations.change(tx, changes, by=SYSTEM)) == fields
        assert await office.organisations.get(tx) == before


async def test_a_refused_organisation_leaves_no_row(db: Database, office: Office, owner: asyncpg.Connection) -> None:
    assert await wrong(office.organisations.create(db, name="x" * 201, by=SYSTEM)) == {"name": "field-too-long"}
    work = office.organisations.create(db, name="Alder", parent=TenantId(new_id()), by=SYSTEM)
    assert await wrong(work) == {"parent": "parent-unknown"}
    assert await owner.fetchval("select count(*) from tenants") == 0


async def test_families_know_each_other_and_have_no_circle(db: Database, tenant: TenantId, other_tenant: TenantId, office: Office) -> None:
    child = await office.organisations.create(db, name="Child", parent=tenant, by=SYSTEM)
    grandchild = await office.organisations.create(db, name="Grandchild", parent=child, by=SYSTEM)
    async with db.tenant(tenant) as tx:
        assert await office.organisations.children(tx) == [(child, "Child")]
        assert await office.organisations.parent(tx) is None
        for above in (tenant, child, grandchild):
            assert await wrong(office.organisations.change(tx, {"parent": above}, by=SYSTEM)) == {"parent": "parent-circle"}
        await office.organisations.change(tx, {"parent": other_tenant}, by=SYSTEM)
    async with db.tenant(child) as tx:
        assert await office.organisations.parent(tx) == (tenant, "Northfield Clinic")
        assert await office.organisations.children(tx) == [(grandchild, "Grandchild")]


def external(name: str) -> str:
    """What the record calls a department: always ASCII."""
    return f"e-{name.lower()}" if name.isascii() else ""


class TestDepartments:
    async def added(self, db: Database, office: Office, tenant: TenantId, *names: str) -> list[Department]:
        async with db.tenant(tenant) as tx:
            return [
                await office.organisations.add_department(tx, name=name, zone="Europe/Berlin", external=external(name), by=SYSTEM)
                for name in names
            ]

    async def test_they_are_listed_by_name_a_page_at_a_time(self, db: Database, tenant: TenantId, office: Office) -> None:
        names = ["Angiology", "board", "Cardiology", "cardiology", "Åland", "Zoology", "zz"]
        await self.added(db, office, tenant, *names[:3], *names[4:])
        async with db.tenant(tenant) as tx:
            await office.organisations.add_department(tx, name="cardiology", zone="UTC", by=SYSTEM)
            whole = (await office.organisations.departments(tx)).items
            found, after = [], ""
            while True:
                page = await office.organisations.departments(tx, after=after, limit=2)
                found += page.items
                assert len(page.items) <= 2
                after = page.next
                if not after:
                    break
            assert found == whole
            assert {one.name for one in whole} == set(names)
            assert [one.name for one in (await office.organisations.departments(tx, search="CARDIO")).items] == ["Cardiology", "cardiology"]
            assert [one.name for one in (await office.organisations.departments(tx, search="e-zoo")).items] == ["Zoology"]
            assert (await office.organisations.departments(tx, search="%")).items == []
            assert (await office.organisations.departments(tx, search="\x00")).items == whole

    async def test_a_change_keeps_what_is_not_named(
        self, db: Database, tenant: TenantId, office: Office, owner: asyncpg.Connection
    ) -> None:
        (one,) = await self.added(db, office, tenant, "Cardiology")
        async with db.tenant(tenant) as tx:
            changed = await office.organisations.change_department(tx, one.id, zone="America/Chicago", by=SYSTEM)
            assert changed == Department(one.id, "Cardiology", "America/Chicago", "e-cardiology")
            assert await office.organisations.department(tx, one.id) == changed
            work = office.organisations.change_department(tx, one.id, zone="Nowhere", by=SYSTEM)
            assert await wrong(work) == {"zone": "zone-unknown"}
        assert await acts(owner, tenant) == ["department.added", "department.changed"]

    async def test_two_do_not_have_one_name_in_the_record(self, db: Database, tenant: TenantId, office: Office) -> None:
        one, other = await self.added(db, office, tenant, "A", "B")
        async with db.tenant(tenant) as tx:
            work = office.organisations.change_department(tx, other.id, external=one.external, by=SYSTEM)
            assert await wrong(work) == {"external": "external-taken"}
            await office.organisations.change_department(tx, one.id, external="", by=SYSTEM)
            await office.organisations.change_department(tx, other.id, external="", by=SYSTEM)

    async def test_a_removed_one_takes_no_visits_and_keeps_its_past(self, db: Database, tenant: TenantId, office: Office) -> None:
        (one,) = await self.added(db, office, tenant, "A")
        async with db.tenant(tenant) as tx:
            await office.organisations.remove_department(tx, one.id, by=SYSTEM)
            assert (await office.organisations.departments(tx)).items == []
            assert await office.tenancy.departments(tx) == []
            assert await office.tenancy.department_by_external(tx, "e-a") is None
            assert await office.tenancy.department(tx, one.id) == one
            with pytest.raises(NotFound):
                await office.organisations.remove_department(tx, one.id, by=SYSTEM)
        await self.added(db, office, tenant, "A")  # its name in the record is free again

    async def test_another_organisation_has_none_of_them(
        self, db: Database, tenant: TenantId, other_tenant: TenantId, office: Office
    ) -> None:
        (one,) = await self.added(db, office, tenant, "A")
        async with db.tenant(other_tenant) as tx:
            assert (await office.organisations.departments(tx)).items == []
            for act in (
                office.organisations.department(tx, one.id),
                office.organisations.change_department(tx, one.id, name="Mine", by=SYSTEM),
                office.organisations.remove_department(tx, one.id, by=SYSTEM),
                office.organisations.department(tx, DepartmentId(new_id())),
            ):
                with pytest.raises(NotFound):
                    await act
