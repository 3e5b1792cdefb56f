"""`vestibule audit`, as an operator types it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from support.commands import vestibule
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database

NAMED = "insert into tenants (id, name) values ($1, $2) on conflict (id) do update set name = $2"


@pytest.fixture
async def where(
    db: Database, db_url: str, tenant: TenantId, other_tenant: TenantId, owner: asyncpg.Connection, tmp_path: Path
) -> dict[str, str]:
    """Two organisations with three entries each."""
    for one, name in ((tenant, "Alder [Clinic]"), (other_tenant, "Birch")):
        await owner.execute(NAMED, one, name)
        for _ in range(3):
            async with db.tenant(one) as tx:
                Audit().note(tx, "thing.made", by=SYSTEM)
    return {"DATABASE_URL": db_url, "VESTIBULE_DATA": str(tmp_path)}


async def cut(owner: asyncpg.Connection, tenant: TenantId) -> None:
    await owner.execute("alter table audit_entries disable trigger all")
    await owner.execute("delete from audit_entries where tenant_id = $1 and seq = 3", tenant)


async def test_whole_chains_are_said_to_be_whole_with_their_heads(where: dict[str, str]) -> None:
    _, heads = await vestibule("audit", "head", **where)
    status, said = await vestibule("audit", "verify", **where)
    head = heads.splitlines()[0].split()[-1]
    assert status == 0
    assert f"Alder [Clinic]: intact, 3 entries, head {head}" in said
    assert "Birch: intact, 3 entries" in said


async def test_a_broken_chain_is_named_with_status_1_and_the_others_are_still_looked_at(
    where: dict[str, str], owner: asyncpg.Connection, tenant: TenantId
) -> None:
    await cut(owner, tenant)
    status, said = await vestibule("audit", "verify", **where)
    assert status == 1
    assert "Alder [Clinic]: BROKEN at entry 3: it and whatever followed it were cut off (truncated)" in said
    assert "Birch: intact" in said
    assert (await vestibule("audit", "verify", "--organisation", "Birch", **where))[0] == 0


async def test_a_head_kept_elsewhere_finds_a_chain_that_was_cut_and_mended(
    where: dict[str, str], owner: asyncpg.Connection, tenant: TenantId
) -> None:
    kept = (await vestibule("audit", "head", "--organisation", str(tenant), **where))[1].split()[-1]
    assert (await vestibule("audit", "verify", "--head", kept, **where))[0] == 0
    await cut(owner, tenant)
    await owner.execute(
        "update audit_heads h set seq = 2, hash = e.hash from audit_entries e where h.tenant_id = $1 and e.tenant_id = $1 and e.seq = 2",
        tenant,
    )
    assert (await vestibule("audit", "verify", **where))[0] == 0
    status, said = await vestibule("audit", "verify", "--head", kept, **where)
    assert status == 1
    assert f"no chain holds the head {kept}" in said


@pytest.mark.parametrize(
    ("words", "code"), [(("--head", "abc"), "audit-head-wrong"), (("--organisation", "Cedar"), "organisation-unknown")]
)
async def test_a_mistyped_command_is_one_sentence(where: dict[str, str], words: tuple[str, ...], code: str) -> None:
    status, said = await vestibule("audit", "verify", *words, **where)
    assert status == 1
    assert code in said
    assert "Traceback" not in said
