"""Who may decide, which vendors need it, and whose address it is: the rules of approval against a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from support.approving import ISS, Office, awaiting, code_of, content, person
from vestibule.errors import InvalidFields
from vestibule.kit.ids import MemberId, TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database
from vestibule.tenancy.model import Environment, Vendor, VersionState

SECRET = "canary-client-secret"


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def approver(office: Office) -> MemberId:
    return office.approver()


class TestTwoPersons:
    @pytest.fixture(autouse=True)
    async def demanded(self, db: Database, tenant: TenantId, office: Office) -> None:
        async with db.tenant(tenant) as tx:
            await office.organisations.change(tx, {"two_persons": True}, by=SYSTEM)

    async def test_whoever_submitted_cannot_approve(self, db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
        async with db.tenant(tenant) as tx:
            draft = await office.approvals.start(tx, content(approver=approver), by=SYSTEM, member=person())
            asked = await office.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM, member=approver)
            assert await code_of(office.approve(tx, asked, approver)) == "approver-second-person"

    async def test_nor_can_whoever_wrote_at_it_before_somebody_else(
        self, db: Database, tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        other = person()
        async with db.tenant(tenant) as tx:
            draft = await office.approvals.start(tx, content(approver=approver), by=SYSTEM, member=approver)
            tidied = replace(draft.content, name="Tidied")
            saved = await office.approvals.save(tx, draft.connection, tidied, revision=draft.revision, by=SYSTEM, member=other)
            asked = await office.approvals.submit(tx, draft.connection, revision=saved.revision, by=SYSTEM, member=other)
            assert await code_of(office.approve(tx, asked, approver)) == "approver-second-person"
            again = replace(asked.content, name="Once more")
            saved = await office.approvals.save(tx, draft.connection, again, revision=asked.revision, by=SYSTEM, member=other)
            asked = await office.approvals.submit(tx, draft.connection, revision=saved.revision, by=SYSTEM, member=other)
            assert await code_of(office.approve(tx, asked, approver)) == "approver-second-person"

    async def test_a_version_in_force_ends_the_list_of_its_authors(
        self, db: Database, tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        one, other = office.approver(), person()
        async with db.tenant(tenant) as tx:
            served = await office.approve(tx, await office.submitted(tx, content(approver=one), member=approver), one)
            now = replace(served.content, approver=approver)
            saved = await office.approvals.save(tx, served.connection, now, revision=served.revision, by=SYSTEM, member=other)
            asked = await office.approvals.submit(tx, served.connection, revision=saved.revision, by=SYSTEM, member=other)
            assert (await office.approve(tx, asked, approver)).decided_by == approver

    async def test_a_program_may_prepare_but_not_submit(self, db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
        async with db.tenant(tenant) as tx:
            assert await code_of(office.submitted(tx, content(approver=approver))) == "submit-needs-person"

    async def test_what_a_program_submitted_before_two_were_demanded_is_not_approved_by_one(
        self, db: Database, tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        async with db.tenant(tenant) as tx:
            await office.organisations.change(tx, {"two_persons": False}, by=SYSTEM)
            asked = await office.submitted(tx, content(approver=approver))
            await office.organisations.change(tx, {"two_persons": True}, by=SYSTEM)
            assert await code_of(office.approve(tx, asked, approver)) == "approver-second-person"


class TestOracleHealth:
    ORACLE = content(vendor=Vendor.ORACLE_HEALTH)

    async def test_it_goes_into_force_by_submission(self, db: Database, tenant: TenantId, office: Office) -> None:
        async with db.tenant(tenant) as tx:
            served = await office.submitted(tx, self.ORACLE)
            assert (served.state, served.decided_by) == (VersionState.APPROVED, None)
        assert len(await office.tenancy.whose_iss(db, ISS)) == 1

    async def test_where_the_switch_is_on_the_same_rule_holds(
        self, db: Database, tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        async with db.tenant(tenant) as tx:
            await office.organisations.change(tx, {"approve_oracle": True}, by=SYSTEM)
            assert await code_of(office.submitted(tx, self.ORACLE)) == "approver: approver-missing"
            asked = await office.submitted(tx, replace(self.ORACLE, iss=ISS + "/b", approver=approver))
            assert asked.state is VersionState.AWAITING

    async def test_turning_the_switch_lets_nothing_through_and_stops_nothing(
        self, db: Database, tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        async with db.tenant(tenant) as tx:
            served = await office.submitted(tx, self.ORACLE)
            await office.organisations.change(tx, {"approve_oracle": True}, by=SYSTEM)
            assert (await office.approvals.in_force(tx, served.connection)) == served
            asked = await office.submitted(tx, replace(self.ORACLE, name="B", iss=ISS + "/b", approver=approver))
            await office.organisations.change(tx, {"approve_oracle": False}, by=SYSTEM)
            assert (await office.approvals.newest(tx, asked.connection)).state is VersionState.AWAITING
            assert await office.approvals.in_force(tx, asked.connection) is None

    async def test_what_needs_approval_is_not_freed_of_it_by_another_vendors_name(
        self, db: Database, tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        async with db.tenant(tenant) as tx:
            served = await office.approved(tx, content(approver=approver))
            renamed = replace(
                served.content, vendor=Vendor.ORACLE_HEALTH, token_url="https://x.example/t", authorize_url="https://x.example/a"
            )
            draft = await office.approvals.save(tx, served.connection, renamed, revision=served.revision, by=SYSTEM)
            asked = await office.approvals.submit(tx, served.connection, revision=draft.revision, by=SYSTEM)
            assert asked.state is VersionState.AWAITING


class TestAddresses:
    async def test_one_address_is_one_environment_of_an_organisation(
        self, db: Database, tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        production = content(approver=approver, name="Production", environment=Environment.PRODUCTION)
        async with db.tenant(tenant) as tx:
            served = await office.approved(tx, content(approver=approver))
            assert await code_of(office.approvals.start(tx, production, by=SYSTEM)) == "iss: iss-both-environments"
            assert await code_of(office.approvals.start(tx, content(name="Again"), by=SYSTEM)) == "iss: iss-duplicate"
            moved = replace(served.content, iss=ISS + "/moved")
            draft = await office.approvals.save(tx, served.connection, moved, revision=served.revision, by=SYSTEM)
            # The draft has left the address, but what is in force has not.
            assert await code_of(office.approvals.start(tx, production, by=SYSTEM)) == "iss: iss-both-environments"
            work = office.approvals.start(tx, replace(production, iss=ISS + "/moved"), by=SYSTEM)
            assert await code_of(work) == "iss: iss-both-environments"
            asked = await office.approvals.submit(tx, served.connection, revision=draft.revision, by=SYSTEM)
            await office.approve(tx, asked, approver)
            assert (await office.approved(tx, production)).state is VersionState.APPROVED

    async def test_two_drafts_at_one_moment_do_not_share_an_address(self, db: Database, tenant: TenantId, office: Office) -> None:
        async def start() -> str:
            try:
                async with db.tenant(tenant) as tx:
                    return str((await office.approvals.start(tx, content(), by=SYSTEM)).state)
            except InvalidFields as error:
                return error.fields["iss"]

        assert sorted(await asyncio.gather(*(start() for _ in range(4)))) == ["draft"] + ["iss-duplicate"] * 3

    async def test_another_organisations_record_is_taken_unless_it_shares(
        self, db: Database, tenant: TenantId, other_tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        async with db.tenant(tenant) as tx:
            served = await office.approved(tx, content(approver=approver))
        async with db.tenant(other_tenant) as tx:
            draft = await office.approvals.start(tx, content(approver=approver), by=SYSTEM)
            work = office.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM)
            assert await code_of(work) == "iss: iss-taken"
        async with db.tenant(tenant) as tx:
            shared = replace(served.content, shared_with=(other_tenant,))
            saved = await office.approvals.save(tx, served.connection, shared, revision=served.revision, by=SYSTEM)
            asked = await office.approvals.submit(tx, served.connection, revision=saved.revision, by=SYSTEM)
        async with db.tenant(other_tenant) as tx:  # sharing has to be approved too
            work = office.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM)
            assert await code_of(work) == "iss: iss-taken"
        async with db.tenant(tenant) as tx:
            await office.approve(tx, asked, approver)
        async with db.tenant(other_tenant) as tx:
            theirs = await office.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM)
            await office.approve(tx, theirs, approver)
        assert {one.tenant for one in await office.tenancy.whose_iss(db, ISS)} == {tenant, other_tenant}

    async def test_a_guest_shares_with_nobody(
        self, db: Database, tenant: TenantId, other_tenant: TenantId, office: Office, approver: MemberId, owner: asyncpg.Connection
    ) -> None:
        third = TenantId(new_id())
        await owner.execute("insert into tenants (id, name) values ($1, 'Third')", third)
        async with db.tenant(tenant) as tx:
            await office.approved(tx, content(approver=approver, shared_with=(other_tenant,)))
        async with db.tenant(other_tenant) as tx:
            await office.approved(tx, content(approver=approver, shared_with=(third,)))
        async with db.tenant(third) as tx:
            assert await code_of(office.submitted(tx, content(approver=approver))) == "iss: iss-taken"

    async def test_of_two_organisations_at_one_moment_one_is_first(
        self, db: Database, tenant: TenantId, other_tenant: TenantId, office: Office
    ) -> None:
        async def submit(whose: TenantId) -> str:
            try:
                async with db.tenant(whose) as tx:
                    return str((await office.submitted(tx, content(vendor=Vendor.ORACLE_HEALTH))).state)
            except InvalidFields as error:
                return error.fields["iss"]

        assert sorted(await asyncio.gather(submit(tenant), submit(other_tenant))) == ["approved", "iss-taken"]

    async def test_who_was_quicker_is_looked_at_again_at_the_approval(
        self, db: Database, tenant: TenantId, other_tenant: TenantId, office: Office, approver: MemberId
    ) -> None:
        mine = await awaiting(db, tenant, office, approver)
        async with db.tenant(other_tenant) as tx:
            await office.approved(tx, content(approver=approver))
        async with db.tenant(tenant) as tx:
            assert await code_of(office.approve(tx, mine, approver)) == "iss: iss-taken"
