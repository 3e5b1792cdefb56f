"""Connections in a long list: in order, in pages, found by what people remember of them."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from support.approving import Office, content
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database
from vestibule.tenancy.model import ConnectionLine, Environment, Vendor, VersionState


@pytest.fixture
async def office(db: Database, tenant: TenantId) -> Office:
    """Seven connections: two serve, one of them with a draft."""
    office = Office(quick=True)
    async with db.tenant(tenant) as tx:
        for number, name in enumerate(["b", "A", "a", "Ä", "c", "100%_"]):
            iss = f"https://h{number}.example/FHIR"
            wanted = content(name=name, iss=iss, environment=[Environment.TEST, Environment.PRODUCTION][number % 2])
            await office.approvals.start(tx, wanted, by=SYSTEM)
        oracle = content(name="Served", iss="https://served.example/r4", vendor=Vendor.ORACLE_HEALTH)
        await office.submitted(tx, oracle)
        changing = await office.submitted(tx, replace(oracle, name="Changing", iss="https://old.example/r4"))
        now = replace(changing.content, iss="https://new.example/r4")
        await office.approvals.save(tx, changing.connection, now, revision=changing.revision, by=SYSTEM)
    return office


async def listed(db: Database, tenant: TenantId, office: Office, *, limit: int = 50, **asked: str) -> list[ConnectionLine]:
    """The whole list, page after page."""
    found: list[ConnectionLine] = []
    after = ""
    async with db.tenant(tenant) as tx:
        while True:
            page = await office.approvals.lines(tx, after=after, limit=limit, **asked)
            assert len(page.items) <= max(limit, 1)
            found += page.items
            after = page.next
            if not after:
                return found


async def test_pages_of_any_size_make_the_same_list(db: Database, tenant: TenantId, office: Office) -> None:
    whole = await listed(db, tenant, office)
    assert len(whole) == 8
    assert len({one.id for one in whole}) == 8
    for limit in (1, 2, 3, 7, 8, 0, -5, 10_000):
        assert await listed(db, tenant, office, limit=limit) == whole


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"search": "SERVED"}, {"Served"}),
        ({"search": "h3.example"}, {"Ä"}),
        ({"search": "/fhir"}, {"b", "A", "a", "Ä", "c", "100%_"}),
        ({"search": "old.example"}, {"Changing"}),
        ({"search": "new.example"}, {"Changing"}),
        ({"search": "%"}, {"100%_"}),
        ({"search": "_"}, {"100%_"}),
        ({"search": "'; drop table tenants; --"}, set()),
        ({"search": "  served  "}, {"Served"}),
        ({"environment": "production"}, {"A", "Ä", "100%_"}),
        ({"environment": "nonsense"}, set()),
        ({"state": "draft"}, {"b", "A", "a", "Ä", "c", "100%_", "Changing"}),
        ({"state": "approved"}, {"Served"}),
        ({"state": "serving"}, {"Served", "Changing"}),
        ({"state": "draft", "environment": "production", "search": "a"}, {"A", "Ä", "100%_"}),  # "example" has an a
    ],
)
async def test_what_is_asked_for_is_found(db: Database, tenant: TenantId, office: Office, asked: dict[str, str], names: set[str]) -> None:
    assert {one.name for one in await listed(db, tenant, office, limit=2, **asked)} == names


async def test_a_line_says_how_it_stands(db: Database, tenant: TenantId, office: Office) -> None:
    lines = {one.name: one for one in await listed(db, tenant, office)}
    assert (lines["Changing"].state, lines["Changing"].serving, lines["Changing"].iss) == (
        VersionState.DRAFT,
        True,
        "https://old.example/r4",
    )
    assert (lines["b"].state, lines["b"].serving) == (VersionState.DRAFT, False)


@pytest.mark.parametrize(
    "after",
    ["x", "====", "e30", "W10", "\x00", "ü", base64.urlsafe_b64encode(b'["a","not-an-id"]').decode(), "W" * 5000, "[" * 3000],
)
async def test_a_cursor_we_never_made_begins_anew(db: Database, tenant: TenantId, office: Office, after: str) -> None:
    async with db.tenant(tenant) as tx:
        first = await office.approvals.lines(tx, limit=3)
        assert await office.approvals.lines(tx, after=after, limit=3) == first


async def test_the_list_of_another_organisation_is_its_own(db: Database, tenant: TenantId, other_tenant: TenantId, office: Office) -> None:
    async with db.tenant(tenant) as tx:
        page = await office.approvals.lines(tx, limit=3)
    assert await listed(db, other_tenant, office) == []
    async with db.tenant(other_tenant) as tx:
        assert (await office.approvals.lines(tx, after=page.next)).items == []
