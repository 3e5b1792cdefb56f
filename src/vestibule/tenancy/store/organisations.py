"""What an administrator sets of an organisation and its departments."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from vestibule.kit.ids import DepartmentId, TenantId
from vestibule.platform.db import Tx
from vestibule.tenancy.model import Department, Organisation

_COLUMNS = "id, name, support_phone, region, parent_id, entra_tenant, two_persons, approve_oracle, idle_minutes"


class OrganisationStore:
    """Rows of tenants and departments, for those who change them."""

    async def organisation(self, tenant: TenantId, tx: Tx, *, lock: bool = False) -> Organisation | None:
        """The organisation; with `lock`, nobody changes it or its connections before this transaction is over."""
        row = await tx.fetchrow(f"select {_COLUMNS} from tenants where id = $1{' for no key update' if lock else ''}", tenant)
        return _organisation(row) if row else None

    async def insert(self, tenant: TenantId, tx: Tx, one: Organisation) -> None:
        """Register one."""
        await tx.execute(
            f"insert into tenants ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            tenant,
            *_values(one),
        )

    async def update(self, tenant: TenantId, tx: Tx, one: Organisation) -> None:
        """Replace all of it."""
        await tx.execute(
            "update tenants set name = $2, support_phone = $3, region = $4, parent_id = $5, entra_tenant = $6, two_persons = $7, "
            "approve_oracle = $8, idle_minutes = $9 where id = $1",
            tenant,
            *_values(one),
        )

    async def judge_parent(self, tenant: TenantId, tx: Tx, above: TenantId) -> str:
        """Can `above` be the organisation's parent? `unknown`, `circle`, or nothing against it."""
        return "circle" if above == tenant else str(await tx.fetchval("select judge_parent($1)", above))

    async def whose_children(self, tx: Tx) -> list[tuple[TenantId, str]]:
        """Organisations that say they belong to the transaction's."""
        return [(TenantId(row["id"]), row["name"]) for row in await tx.fetch("select id, name from whose_children()")]

    async def whose_parent(self, tx: Tx) -> tuple[TenantId, str] | None:
        """The organisation the transaction's says it belongs to."""
        row = await tx.fetchrow("select id, name from whose_parent()")
        return (TenantId(row["id"]), row["name"]) if row else None

    async def departments(self, tenant: TenantId, tx: Tx, *, search: str, after: tuple[str, UUID], limit: int) -> list[Department]:
        """Departments by name, from behind `after` on."""
        rows = await tx.fetch(
            "select id, name, zone, external from departments where tenant_id = $1 and removed_at is null "
            "and (lower(name), id) > (lower($2), $3) "
            "and ($4 = '' or strpos(lower(name), lower($4)) > 0 or strpos(lower(external), lower($4)) > 0) "
            "order by lower(name), id limit $5",
            tenant,
            after[0],
            after[1],
            search,
            limit,
        )
        return [Department(DepartmentId(row["id"]), row["name"], row["zone"], row["external"]) for row in rows]

    async def department(self, tenant: TenantId, tx: Tx, department: DepartmentId) -> Department | None:
        """One department that was not removed, held until the commit."""
        row = await tx.fetchrow(
            "select id, name, zone, external from departments where tenant_id = $1 and id = $2 and removed_at is null for update",
            tenant,
            department,
        )
        return Department(DepartmentId(row["id"]), row["name"], row["zone"], row["external"]) if row else None

    async def external_is_taken(self, tenant: TenantId, tx: Tx, department: Department) -> bool:
        """Does another department go by this name in the record?"""
        return bool(
            await tx.fetchval(
                "select exists (select from departments where tenant_id = $1 and id <> $2 and external = $3 and $3 <> '' "
                "and removed_at is null)",
                tenant,
                department.id,
                department.external,
            )
        )

    async def change_department(self, tenant: TenantId, tx: Tx, department: Department) -> None:
        """Replace what it says."""
        await tx.execute(
            "update departments set name = $3, zone = $4, external = $5 where tenant_id = $1 and id = $2",
            tenant,
            department.id,
            department.name,
            department.zone,
            department.external,
        )

    async def remove_department(self, tenant: TenantId, tx: Tx, department: DepartmentId, at: datetime) -> None:
        """It takes no new visits; the old ones still were there."""
        await tx.execute("update departments set removed_at = $3 where tenant_id = $1 and id = $2", tenant, department, at)


def _values(one: Organisation) -> tuple[Any, ...]:
    return (
        one.name,
        one.support_phone,
        one.region,
        one.parent,
        one.entra_tenant,
        one.two_persons,
        one.approve_oracle,
        one.idle_minutes,
    )


def _organisation(row: Any) -> Organisation:
    values = dict(row)
    parent = values.pop("parent_id")
    return replace(Organisation(**values), parent=TenantId(parent) if parent else None)
