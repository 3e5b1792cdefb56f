"""However long the list, a page is read off an index: counted by what PostgreSQL touches, not timed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from conftest import ServerThread, add_tenant
from vestibule.auditing.model import Wanted
from vestibule.auditing.store import listing_sql
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import Outcome
from vestibule.platform.db import Database

MANY = 40_000
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
PAGE = 51
# A page of 51 rows lies on as many blocks at worst, and its index on a few; a list read whole has two thousand.
_BLOCKS = 400

FILL = """
insert into audit_entries
select $1, n, $2::timestamptz + n * interval '1 second', 'staff', 'member-' || n % 200, 'session-' || n % 5000, '10.0.0.7',
  'REF-' || n, (array['visit.admitted', 'visit.ended', 'session.opened', 'connection.saved'])[1 + n % 4], 'visit', 'visit-' || n % 3000,
  case when n % 1000 = 0 then 'refused' else 'success' end, '{}', decode(repeat('00', 32), 'hex'), sha256(int8send(n))
from generate_series(1, $3::bigint) n
"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(postgres: ServerThread) -> AsyncIterator[tuple[Database, TenantId]]:
    """Filled once: all tests here only read."""
    url = await postgres.fresh()
    owner = await asyncpg.connect(url)
    tenant = await add_tenant(owner, "Northfield Clinic")
    await owner.execute(FILL, tenant, BEGAN, MANY)
    await owner.execute("analyze audit_entries")
    await owner.close()
    db = await Database.open(url, min_size=1, max_size=10)
    yield db, tenant
    await db.close()
    await postgres.drop(url)


CASES: dict[str, Wanted] = {
    "everything": Wanted(),
    "an action": Wanted(action="visit.ended"),
    "an action nobody took": Wanted(action="visit.cancelled"),
    "refusals": Wanted(outcome=Outcome.REFUSED),
    "failures, of which there are none": Wanted(outcome=Outcome.FAILED),
    "what came off": Wanted(outcome=Outcome.SUCCESS),
    "a person": Wanted(actor="member-77"),
    "a visit": Wanted(about="visit-77"),
    "a reference": Wanted(reference="REF-777"),
    "a day": Wanted(since=BEGAN + timedelta(hours=2), until=BEGAN + timedelta(hours=3)),
    "the oldest": Wanted(until=BEGAN + timedelta(seconds=60)),
    "a person's acts of one kind": Wanted(actor="member-77", action="visit.ended"),
    "a searched reference": Wanted(search="REF-777"),
    "a searched visit": Wanted(search="visit-77"),
    "a searched session": Wanted(search="session-77"),
    "a searched name": Wanted(search="ash", actors=("member-7", "member-8")),
    "a searched word nobody used": Wanted(search="nothing"),
}


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for sub in plan.get("Plans", []) for node in nodes(sub))]


@pytest.mark.parametrize("behind", [None, (BEGAN + timedelta(seconds=MANY / 2), MANY // 2)], ids=["first page", "a page in the middle"])
async def test_no_page_reads_the_list(filled: tuple[Database, TenantId], behind: tuple[datetime, int] | None) -> None:
    db, tenant = filled
    for name, wanted in CASES.items():
        sql, values = listing_sql(tenant, wanted, behind, PAGE)
        async with db.tenant(tenant) as tx:
            told = await tx.fetchval(f"explain (analyze, buffers, timing off, format json) {sql}", *values)
        plan = json.loads(told)[0]["Plan"]
        touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], name
        assert touched < _BLOCKS, f"{name}: {touched} blocks"


async def test_an_entry_by_its_number_is_one_step(filled: tuple[Database, TenantId]) -> None:
    db, tenant = filled
    sql = "explain (analyze, buffers, format json) select * from audit_entries where tenant_id = $1 and seq = $2"
    async with db.tenant(tenant) as tx:
        plan = json.loads(await tx.fetchval(sql, tenant, MANY // 2))[0]["Plan"]
    assert plan["Node Type"] in {"Index Scan", "Result"}, plan
