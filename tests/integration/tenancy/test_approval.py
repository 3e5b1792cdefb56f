"""Versions and approval against a real database: what serves was approved, by the right person, exactly as they saw it."""

from __future__ import annotations

import pytest

from support.approving import ISS, Office, content
from vestibule.kit.ids import TenantId
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database
from vestibule.tenancy.model import VersionState


@pytest.fixture
def office() -> Office:
    return Office()


async def test_from_a_draft_to_a_connection_in_force(db: Database, tenant: TenantId, office: Office) -> None:
    approver = office.approver()
    async with db.tenant(tenant) as tx:
        draft = await office.approvals.start(tx, content(approver=approver), by=SYSTEM)
        assert (draft.state, draft.number) == (VersionState.DRAFT, 1)
        assert {key.key.alg for key in await office.tenancy.signing_keys(tx, draft.connection)} == {"ES384", "RS384"}
        asked = await office.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM)
        assert asked.state is VersionState.AWAITING
    assert await office.tenancy.whose_iss(db, ISS) == []
    assert await office.tenancy.whose_waiting(db, ISS) == [tenant]
    async with db.tenant(tenant) as tx:
        approved = await office.approve(tx, asked, approver)
        assert (approved.state, approved.decided_by) == (VersionState.APPROVED, approver)
        assert await office.approvals.in_force(tx, draft.connection) == await office.approvals.newest(tx, draft.connection) == approved
    assert [one.id for one in await office.tenancy.whose_iss(db, ISS)] == [draft.connection]
