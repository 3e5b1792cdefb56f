"""Versions and approval against a real database: what serves was approved, by the right person, exactly as they saw it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from support.approving import ISS, Office, awaiting, code_of, content, person
from vestibule.errors import Conflict, NotAllowed, NotFound
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, MemberId, TenantId, new_id
from vestibule.platform.audit import SYSTEM
from vestibule.platform.db import Database
from vestibule.tenancy.model import Change, ClientAuth, Version, VersionState
from vestibule.tenancy.service import PUBLISH_FIRST

SECRET = "canary-client-secret"


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def approver(office: Office) -> MemberId:
    return office.approver()


async def test_from_a_draft_to_a_connection_in_force(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    async with db.tenant(tenant) as tx:
        draft = await office.approvals.start(tx, content(approver=approver), by=SYSTEM)
        assert (draft.state, draft.number) == (VersionState.DRAFT, 1)
        assert {key.key.alg for key in await office.tenancy.signing_keys(tx, draft.connection)} == {"ES384", "RS384"}
        asked = await office.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM)
        assert asked.state is VersionState.AWAITING
        assert await office.approvals.in_force(tx, draft.connection) is None
        assert await office.tenancy.connections(tx) == []
    assert await office.tenancy.whose_iss(db, ISS) == []
    assert await office.tenancy.whose_waiting(db, ISS) == [tenant]
    async with db.tenant(tenant) as tx:
        approved = await office.approve(tx, asked, approver)
        assert (approved.state, approved.decided_by) == (VersionState.APPROVED, approver)
        assert await office.approvals.in_force(tx, draft.connection) == await office.approvals.newest(tx, draft.connection) == approved
    assert [one.id for one in await office.tenancy.whose_iss(db, ISS)] == [draft.connection]


async def test_what_was_approved_serves_while_its_successor_waits(
    db: Database, tenant: TenantId, office: Office, approver: MemberId
) -> None:
    first = content(approver=approver)
    second = replace(first, iss=ISS + "/new", provider_client_id="other")
    async with db.tenant(tenant) as tx:
        served = await office.approved(tx, first)
        draft = await office.approvals.save(tx, served.connection, second, revision=served.revision, by=SYSTEM)
        assert (draft.number, draft.state) == (2, VersionState.DRAFT)
        asked = await office.approvals.submit(tx, draft.connection, revision=draft.revision, by=SYSTEM)
        assert await office.approvals.in_force(tx, served.connection) == served
        assert (await office.tenancy.connection(tx, served.connection)).provider_client_id == "provider"
    assert len(await office.tenancy.whose_iss(db, ISS)) == 1
    assert await office.tenancy.whose_iss(db, ISS + "/new") == []
    async with db.tenant(tenant) as tx:
        await office.approve(tx, asked, approver)
        assert [one.state for one in await office.approvals.history(tx, served.connection)] == [
            VersionState.APPROVED,
            VersionState.REPLACED,
        ]
    assert await office.tenancy.whose_iss(db, ISS) == []
    (now,) = await office.tenancy.whose_iss(db, ISS + "/new")
    assert (now.provider_client_id, now.version) == ("other", 2)


async def test_only_the_named_approver_with_the_role_and_the_proof_approves(
    db: Database, tenant: TenantId, office: Office, approver: MemberId
) -> None:
    asked = await awaiting(db, tenant, office, approver)

    async def tried(member: MemberId | None, *, proved: bool = True) -> str:
        async with db.tenant(tenant) as tx:
            return await code_of(office.approve(tx, asked, member, proved=proved))

    assert await tried(office.approver()) == "approver-wrong-person"
    assert await tried(None) == "approver-wrong-person"
    assert await tried(approver, proved=False) == "approval-without-proof"
    office.approvers.remove(approver)
    assert await tried(approver) == "approver-wrong-person"
    assert await office.tenancy.whose_iss(db, ISS) == []


async def test_an_approval_is_of_what_was_looked_at(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    looked_at = await awaiting(db, tenant, office, approver)
    connection = looked_at.connection
    async with db.tenant(tenant) as tx:
        swapped = replace(looked_at.content, iss="https://elsewhere.example/fhir")
        draft = await office.approvals.save(tx, connection, swapped, revision=looked_at.revision, by=SYSTEM)
        assert await code_of(office.approve(tx, looked_at, approver)) == "approval-not-awaited"
        asked = await office.approvals.submit(tx, connection, revision=draft.revision, by=SYSTEM)
        assert await code_of(office.approve(tx, looked_at, approver)) == "approval-not-awaited"
        assert await code_of(office.approve(tx, replace(asked, revision=looked_at.revision), approver)) == "connection-changed"
        back = await office.approvals.withdraw(tx, connection, revision=asked.revision, by=SYSTEM)
        assert await code_of(office.approve(tx, asked, approver)) == "approval-not-awaited"
        again = await office.approvals.submit(tx, connection, revision=back.revision, by=SYSTEM)
        assert again.number == asked.number
        assert await code_of(office.approve(tx, asked, approver)) == "connection-changed"
        await office.approve(tx, again, approver)
        assert await code_of(office.approve(tx, again, approver)) == "approval-not-awaited"
    assert await office.tenancy.whose_iss(db, ISS) == []


async def test_of_two_approvals_at_one_moment_one_counts(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    asked = await awaiting(db, tenant, office, approver)

    async def approve() -> str:
        try:
            async with db.tenant(tenant) as tx:
                return str((await office.approve(tx, asked, approver)).state)
        except Conflict as error:
            return error.code

    assert sorted(await asyncio.gather(*(approve() for _ in range(4)))) == ["approval-not-awaited"] * 3 + ["approved"]


async def test_a_stale_form_goes_over_nobodys_work(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    async with db.tenant(tenant) as tx:
        draft = await office.approvals.start(tx, content(approver=approver), by=SYSTEM)
        mine = replace(draft.content, name="Mine")
        saved = await office.approvals.save(tx, draft.connection, mine, revision=draft.revision, by=SYSTEM)
        theirs = replace(draft.content, name="Theirs")
        for stale in (draft.revision, saved.revision + 1, 0, -1):
            work = office.approvals.save(tx, draft.connection, theirs, revision=stale, by=SYSTEM)
            assert await code_of(work) == "connection-changed"
        assert (await office.approvals.newest(tx, draft.connection)).content.name == "Mine"


async def test_saving_what_is_there_already_takes_no_submission_back(
    db: Database, tenant: TenantId, office: Office, approver: MemberId
) -> None:
    asked = await awaiting(db, tenant, office, approver)
    async with db.tenant(tenant) as tx:
        assert await office.approvals.save(tx, asked.connection, asked.content, revision=asked.revision, by=SYSTEM) == asked
        await office.approve(tx, asked, approver)


async def test_a_rejection_says_why_and_the_next_try_is_a_new_number(
    db: Database, tenant: TenantId, office: Office, approver: MemberId
) -> None:
    asked = await awaiting(db, tenant, office, approver)

    async with db.tenant(tenant) as tx:

        async def reject(reason: str, member: MemberId = approver) -> Version:
            return await office.approvals.reject(
                tx, asked.connection, version=asked.number, revision=asked.revision, reason=reason, by=SYSTEM, member=member
            )

        assert await code_of(reject("")) == "reason: field-required"
        assert await code_of(reject(" \n")) == "reason: field-required"
        assert await code_of(reject("x" * 501)) == "reason: field-too-long"
        assert await code_of(reject("No.", office.approver())) == "approver-wrong-person"
        rejected = await reject("That is the production address.\nSee the ticket.")
        assert (rejected.state, rejected.reason) == (VersionState.REJECTED, "That is the production address.\nSee the ticket.")
        assert await code_of(reject("Twice.")) == "approval-not-awaited"
        work = office.approvals.submit(tx, asked.connection, revision=rejected.revision, by=SYSTEM)
        assert await code_of(work) == "connection-not-draft"
        draft = await office.approvals.save(tx, asked.connection, asked.content, revision=rejected.revision, by=SYSTEM)
        assert (draft.number, draft.state, draft.reason) == (2, VersionState.DRAFT, "")
        again = await office.approvals.submit(tx, asked.connection, revision=draft.revision, by=SYSTEM)
        await office.approve(tx, again, approver)
        assert [one.state for one in await office.approvals.history(tx, asked.connection)] == [
            VersionState.APPROVED,
            VersionState.REJECTED,
        ]


async def test_a_draft_can_be_given_up_for_what_is_in_force(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    async with db.tenant(tenant) as tx:
        served = await office.approved(tx, content(approver=approver))
        draft = await office.approvals.save(
            tx, served.connection, replace(served.content, name="Oh no"), revision=served.revision, by=SYSTEM
        )
        back = await office.approvals.discard(tx, served.connection, revision=draft.revision, by=SYSTEM)
        assert (back.number, back.content, back.state) == (1, served.content, VersionState.APPROVED)
        third = await office.approvals.save(tx, served.connection, replace(served.content, name="Yes"), revision=back.revision, by=SYSTEM)
        assert third.number == 3
        fresh = await office.approvals.start(tx, content(name="Never in force", iss=""), by=SYSTEM)
        work = office.approvals.discard(tx, fresh.connection, revision=fresh.revision, by=SYSTEM)
        assert await code_of(work) == "connection-not-in-force"


async def test_a_removed_connection_serves_nothing_keeps_its_past_and_frees_its_address(
    db: Database, tenant: TenantId, other_tenant: TenantId, office: Office, approver: MemberId
) -> None:
    async with db.tenant(tenant) as tx:
        served = await office.approved(tx, content(approver=approver))
        assert await code_of(office.approvals.remove(tx, served.connection, revision=0, by=SYSTEM)) == "connection-changed"
        await office.approvals.remove(tx, served.connection, revision=served.revision, by=SYSTEM)
        assert (await office.approvals.lines(tx)).items == []
        assert await office.tenancy.connections(tx) == []
        assert [one.id for one in await office.tenancy.past_connections(tx)] == [served.connection]
        assert (await office.tenancy.connection(tx, served.connection)).iss == ISS  # visits under way still write back
        assert [one.state for one in await office.approvals.history(tx, served.connection)] == [VersionState.REPLACED]
        for act in (
            office.approvals.newest(tx, served.connection),
            office.approve(tx, served, approver),
            office.approvals.save(tx, served.connection, served.content, revision=served.revision + 1, by=SYSTEM),
            office.approvals.remove(tx, served.connection, revision=served.revision + 1, by=SYSTEM),
            office.approvals.rotate(tx, served.connection, by=SYSTEM),
        ):
            assert await code_of(act) == "no-such-thing"
    assert await office.tenancy.whose_iss(db, ISS) == []
    assert await office.tenancy.whose_waiting(db, ISS) == []
    async with db.tenant(other_tenant) as tx:
        assert (await office.approved(tx, content(approver=approver))).state is VersionState.APPROVED


async def test_what_is_missing_is_said_field_by_field(db: Database, tenant: TenantId, office: Office) -> None:
    stranger = person()
    bare = content(iss="", provider_client_id="", client_auth=ClientAuth.SECRET_BASIC, token_url="https://a.example/t", approver=stranger)
    async with db.tenant(tenant) as tx:
        assert await code_of(office.submitted(tx, bare)) == (
            "approver: approver-role, iss: field-required, provider_client_id: client-id-missing, "
            "secret: secret-missing, token_url: url-pair"
        )
        assert await code_of(office.submitted(tx, content())) == "approver: approver-missing"


async def test_a_secret_is_sealed_carried_on_and_never_shown(
    db: Database, tenant: TenantId, office: Office, approver: MemberId, owner: asyncpg.Connection
) -> None:
    wanted = content(approver=approver, client_auth=ClientAuth.SECRET_BASIC)
    async with db.tenant(tenant) as tx:
        served = await office.approved(tx, wanted, secret=SECRET)
        assert served.has_secret
        assert SECRET not in repr(served)
        draft = await office.approvals.save(tx, served.connection, replace(wanted, name="B"), revision=served.revision, by=SYSTEM)
        assert await office.approvals.changes(tx, served.connection) == [Change("name", "Alder, test", "B")]
        draft = await office.approvals.save(tx, served.connection, draft.content, revision=draft.revision, secret="new" + SECRET, by=SYSTEM)
        assert Change("secret", "", "changed") in await office.approvals.changes(tx, served.connection)
        assert (await office.approvals.candidate(tx, served.connection)).client_secret == "new" + SECRET
        assert (await office.tenancy.connection(tx, served.connection)).client_secret == SECRET
        asked = await office.approvals.submit(tx, served.connection, revision=draft.revision, by=SYSTEM)
        await office.approve(tx, asked, approver)
        assert (await office.tenancy.connection(tx, served.connection)).client_secret == "new" + SECRET
        gone = await office.approvals.save(tx, served.connection, draft.content, revision=asked.revision + 1, secret="", by=SYSTEM)
        assert not gone.has_secret
        assert Change("secret", "", "removed") in await office.approvals.changes(tx, served.connection)
    resting = str(await owner.fetch("select * from connections")) + str(await owner.fetch("select * from connection_versions"))
    assert SECRET not in resting


async def test_the_approver_sees_every_field_that_differs(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    async with db.tenant(tenant) as tx:
        served = await office.approved(tx, content(approver=approver))
        now = replace(served.content, frame_ancestors=("https://a.example", "https://b.example"), profile={"launch": {"csn": "x"}})
        await office.approvals.save(tx, served.connection, now, revision=served.revision, by=SYSTEM)
        assert await office.approvals.changes(tx, served.connection) == [
            Change("frame_ancestors", "", "https://a.example\nhttps://b.example"),
            Change("profile", "", '{\n  "launch": {\n    "csn": "x"\n  }\n}'),
        ]


async def test_another_organisation_sees_and_touches_nothing(
    db: Database, tenant: TenantId, other_tenant: TenantId, office: Office, approver: MemberId
) -> None:
    asked = await awaiting(db, tenant, office, approver)
    connection = asked.connection
    async with db.tenant(other_tenant) as tx:
        assert await tx.fetchval("select count(*) from connection_versions") == 0
        assert (await office.approvals.lines(tx)).items == []
        assert await office.approvals.history(tx, connection) == []
        for act in (
            office.approvals.newest(tx, connection),
            office.approvals.changes(tx, connection),
            office.approvals.candidate(tx, connection),
            office.approvals.save(tx, connection, asked.content, revision=asked.revision, by=SYSTEM),
            office.approvals.submit(tx, connection, revision=asked.revision, by=SYSTEM),
            office.approvals.withdraw(tx, connection, revision=asked.revision, by=SYSTEM),
            office.approvals.remove(tx, connection, revision=asked.revision, by=SYSTEM),
            office.approvals.rotate(tx, connection, by=SYSTEM),
            office.approve(tx, asked, approver),
        ):
            assert await code_of(act) == "no-such-thing"

    async def smuggle() -> None:
        async with db.tenant(other_tenant) as tx:
            await tx.execute(
                "insert into connection_versions (tenant_id, connection_id, number, revision, state, content, changed_at) "
                "values ($1, $2, 9, 9, 'approved', '{}', now())",
                tenant,
                connection,
            )

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await smuggle()


async def test_a_connection_put_into_force_directly_has_versions_like_any_other(
    db: Database, tenant: TenantId, office: Office, approver: MemberId
) -> None:
    async with db.tenant(tenant) as tx:
        served = await office.approved(tx, content(approver=approver))
        draft = await office.approvals.save(
            tx, served.connection, replace(served.content, name="Draft"), revision=served.revision, by=SYSTEM
        )
        direct = replace(await office.tenancy.connection(tx, served.connection), name="Direct")
        await office.tenancy.add_connection(tx, direct)
        newest = await office.approvals.newest(tx, served.connection)
        assert (newest.content.name, newest.content.approver, newest.number) == ("Direct", approver, 3)
        assert newest == await office.approvals.in_force(tx, served.connection)
        assert await code_of(office.approvals.save(tx, served.connection, draft.content, revision=draft.revision, by=SYSTEM)) == (
            "connection-changed"
        )


async def test_nobody_decides_about_what_is_not_there(db: Database, tenant: TenantId, office: Office) -> None:
    async with db.tenant(tenant) as tx:
        with pytest.raises(NotFound):
            await office.approvals.submit(tx, ConnectionId(new_id()), revision=1, by=SYSTEM)


async def test_a_failed_act_leaves_nothing_behind(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    asked = await awaiting(db, tenant, office, approver)

    async def fail() -> None:
        async with db.tenant(tenant) as tx:
            await office.approve(tx, asked, approver)
            raise NotAllowed("x-y", "z", phase="p")

    with pytest.raises(NotAllowed):
        await fail()
    async with db.tenant(tenant) as tx:
        assert await office.approvals.newest(tx, asked.connection) == asked
    assert await office.tenancy.whose_iss(db, ISS) == []


async def test_another_regions_cell_hears_only_of_what_is_in_force(
    db: Database, tenant: TenantId, office: Office, approver: MemberId
) -> None:
    async def told() -> list[TenantId]:
        return [row[0] for row in await db.ask("select whose_iss_hash(name_hash($1))", ISS)]

    asked = await awaiting(db, tenant, office, approver)
    assert await told() == []
    async with db.tenant(tenant) as tx:
        await office.approve(tx, asked, approver)
    assert await told() == [tenant]


async def test_keys_are_renewed_once_a_day_at_most(db: Database, tenant: TenantId, approver: MemberId, owner: asyncpg.Connection) -> None:
    clock = FrozenClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    office = Office(clock=clock)
    async with db.tenant(tenant) as tx:
        draft = await office.approvals.start(tx, content(), by=SYSTEM)
        made = await office.approvals.rotate(tx, draft.connection, by=SYSTEM)
        assert {key.key.alg for key in made} == {"ES384", "RS384"}
        assert await code_of(office.approvals.rotate(tx, draft.connection, by=SYSTEM)) == "keys-rotating"
        clock.advance(PUBLISH_FIRST.total_seconds())
        assert (await office.tenancy.signing_key(tx, draft.connection)).kid in {key.key.kid for key in made}
        await office.approvals.rotate(tx, draft.connection, by=SYSTEM)
    noted = [row["action"] for row in await owner.fetch("select action from audit_entries order by seq")]
    assert noted.count("key.made") == 6


async def test_a_rejection_needs_the_role_too(db: Database, tenant: TenantId, office: Office, approver: MemberId) -> None:
    asked = await awaiting(db, tenant, office, approver)
    office.approvers.clear()
    async with db.tenant(tenant) as tx:
        work = office.approvals.reject(
            tx, asked.connection, version=asked.number, revision=asked.revision, reason="No.", by=SYSTEM, member=approver
        )
        assert await code_of(work) == "approver-wrong-person"
