"""The people of an organisation, against a real database."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from support.membership import ADMIN, BY, invited, joined, opened, person
from vestibule.errors import BadInput, Conflict, Gone, NotAllowed, NotFound, VestibuleError
from vestibule.identity.members import Members
from vestibule.identity.model import MemberState, Person, StaffRole
from vestibule.identity.service import Identity, OpenedSession
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import MemberId, TenantId, new_id
from vestibule.platform.db import Database

AUDITOR, APPROVER = StaffRole.AUDITOR, StaffRole.APPROVER


async def roles_of(identity: Identity, db: Database, session: OpenedSession) -> set[StaffRole] | None:
    who = await identity.prove(db, session.principal.session, session.cookie.value)
    return None if who is None else set(who.roles)


async def test_an_invitation_becomes_a_member_who_is_known_by_what_the_sign_in_calls_them(
    members: Members, db: Database, tenant: TenantId
) -> None:
    who = person()
    member = await joined(members, db, tenant, who, ADMIN, AUDITOR)
    assert (member.state, member.name, member.email) == (MemberState.ACTIVE, who.name, who.email)
    assert member.roles == {ADMIN, AUDITOR}
    async with db.tenant(tenant) as tx:
        assert await members.signed_in(tx, person(subject="oid-2")) is None
        renamed = await members.signed_in(tx, person("Robin Birch"))
    assert renamed is not None
    assert (renamed.id, renamed.name) == (member.id, "Robin Birch")


async def test_an_invitation_works_once(members: Members, db: Database, tenant: TenantId) -> None:
    code = await invited(members, db, tenant)
    async with db.tenant(tenant) as tx:
        await members.accept(tx, code, person(), BY)
    with pytest.raises(Gone, match="invitation-over"):
        await members.whose_invitation(db, code)
    async with db.tenant(tenant) as tx:
        with pytest.raises(Gone, match="invitation-over"):
            await members.accept(tx, code, person(subject="oid-2"), BY)


async def test_of_two_people_who_accept_one_invitation_at_one_moment_one_is_in(members: Members, db: Database, tenant: TenantId) -> None:
    code = await invited(members, db, tenant)

    async def accept(subject: str) -> str:
        try:
            async with db.tenant(tenant) as tx:
                await members.accept(tx, code, person(subject=subject), BY)
        except VestibuleError as error:
            return error.code
        return "in"

    assert sorted(await asyncio.gather(*(accept(f"oid-{n}") for n in range(4)))) == ["in", *["invitation-over"] * 3]


async def test_one_person_who_accepts_two_invitations_at_one_moment_is_one_member(members: Members, db: Database, tenant: TenantId) -> None:
    codes = [await invited(members, db, tenant, roles=frozenset({role})) for role in (ADMIN, AUDITOR, APPROVER)]

    async def accept(code: str) -> None:
        async with db.tenant(tenant) as tx:
            await members.accept(tx, code, person(), BY)

    await asyncio.gather(*map(accept, codes))
    async with db.tenant(tenant) as tx:
        assert [m.roles for m in (await members.listing(tx)).items] == [{ADMIN, AUDITOR, APPROVER}]


async def test_an_invitation_ends_after_seven_days(members: Members, db: Database, tenant: TenantId, clock: FrozenClock) -> None:
    code = await invited(members, db, tenant)
    clock.advance(7 * 86_400 - 1)
    async with db.tenant(tenant) as tx:
        assert (await members.invitation(tx, code)).state is MemberState.INVITED
    clock.advance(1)
    async with db.tenant(tenant) as tx:
        with pytest.raises(Gone, match="invitation-expired"):
            await members.accept(tx, code, person(), BY)


@pytest.mark.parametrize("code", ["", "x", "0" * 32, "' or 1=1 --", "\x01" * 32])
async def test_a_guessed_invitation_is_none(members: Members, db: Database, tenant: TenantId, code: str) -> None:
    await invited(members, db, tenant)
    with pytest.raises(Gone, match="invitation-over"):
        await members.whose_invitation(db, code)


@pytest.mark.parametrize(
    ("to", "who", "good"),
    [
        ("robin@alder.example", "robin@alder.example", True),
        ("Robin@Alder.Example", "robin@alder.EXAMPLE", True),
        ("", "anybody@else.example", True),
        ("robin@alder.example", "robin@alder.example.evil.example", False),
        ("robin@alder.example", "", False),
        ("robin@alder.example", "robin@alder.exampl", False),
    ],
)
async def test_an_invitation_that_names_an_address_is_for_nobody_else(
    members: Members, db: Database, tenant: TenantId, to: str, who: str, good: bool
) -> None:
    code = await invited(members, db, tenant, email=to)
    someone = Person("entra", "https://sign-in.example/t1", "oid-1", "Robin", who)
    async with db.tenant(tenant) as tx:
        if good:
            assert (await members.accept(tx, code, someone, BY)).state is MemberState.ACTIVE
        else:
            with pytest.raises(NotAllowed, match="invitation-for-someone-else"):
                await members.accept(tx, code, someone, BY)
            assert (await members.invitation(tx, code)).state is MemberState.INVITED


async def test_inviting_an_address_again_makes_the_old_link_worthless(members: Members, db: Database, tenant: TenantId) -> None:
    first = await invited(members, db, tenant, email="kim@alder.example")
    second = await invited(members, db, tenant, email="KIM@alder.example", roles=frozenset({AUDITOR}))
    with pytest.raises(Gone):
        await members.whose_invitation(db, first)
    assert await members.whose_invitation(db, second) == tenant
    async with db.tenant(tenant) as tx:
        assert [m.roles for m in (await members.listing(tx)).items] == [{AUDITOR}]


async def test_a_member_who_accepts_another_invitation_is_one_person_with_both_roles(
    members: Members, db: Database, tenant: TenantId
) -> None:
    member = await joined(members, db, tenant, person(), ADMIN)
    code = await invited(members, db, tenant, roles=frozenset({AUDITOR}))
    async with db.tenant(tenant) as tx:
        again = await members.accept(tx, code, person(), BY)
        assert (again.id, again.roles) == (member.id, {ADMIN, AUDITOR})
        assert [m.id for m in (await members.listing(tx)).items] == [member.id]


async def test_a_member_is_not_invited_again(members: Members, db: Database, tenant: TenantId) -> None:
    await joined(members, db, tenant, person())
    with pytest.raises(Conflict, match="member-exists"):
        await invited(members, db, tenant, email=person().email.upper())


@pytest.mark.parametrize("email", ["robin", "@alder.example", "robin@", "a b@alder.example", "x@y@z", "r" * 65 + "@a.example"])
async def test_what_is_no_address_is_not_invited(members: Members, db: Database, tenant: TenantId, email: str) -> None:
    with pytest.raises(BadInput, match="member-email-wrong"):
        await invited(members, db, tenant, email=email)


async def test_nobody_is_invited_to_do_nothing(members: Members, db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        with pytest.raises(BadInput, match="member-roles-missing"):
            await members.invite(tx, email="", roles=[], by=BY)


async def test_the_secret_of_an_invitation_rests_only_as_a_hash(
    members: Members, db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    code = await invited(members, db, tenant)
    assert code not in str(await owner.fetch("select * from members"))


async def test_the_last_administrator_stays_one(members: Members, db: Database, tenant: TenantId) -> None:
    only = await joined(members, db, tenant, person(), ADMIN)
    await joined(members, db, tenant, person("Kim Elm", subject="oid-2"), AUDITOR)
    await invited(members, db, tenant, email="not-yet@alder.example")
    async with db.tenant(tenant) as tx:
        with pytest.raises(Conflict, match="member-last-administrator"):
            await members.change_roles(tx, only.id, {AUDITOR}, BY)
        with pytest.raises(Conflict, match="member-last-administrator"):
            await members.remove(tx, only.id, BY)
        assert (await members.change_roles(tx, only.id, {ADMIN, APPROVER}, BY)).roles == {ADMIN, APPROVER}


async def test_two_administrators_who_demote_each_other_at_one_moment_leave_one(
    members: Members, db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    two = [await joined(members, db, tenant, person(f"Admin {n}", subject=f"oid-{n}", email=f"a{n}@alder.example"), ADMIN) for n in "12"]

    async def demote(member: MemberId) -> str:
        try:
            async with db.tenant(tenant) as tx:
                await members.change_roles(tx, member, {AUDITOR}, BY)
        except VestibuleError as error:
            return error.code
        return "done"

    told = await asyncio.gather(*(demote(member.id) for member in two))
    assert await owner.fetchval("select count(*) from members where 'administrator' = any(roles)") == 1, told


@pytest.mark.parametrize("lost", list(StaffRole))
async def test_whoever_loses_a_role_is_signed_out_at_once(
    members: Members, identity: Identity, db: Database, tenant: TenantId, lost: StaffRole
) -> None:
    await joined(members, db, tenant, person("Other", subject="oid-9", email="other@alder.example"), ADMIN)
    kept = AUDITOR if lost is not AUDITOR else APPROVER
    member = await joined(members, db, tenant, person(), lost, kept)
    session = await opened(members, db, tenant, member)
    assert await roles_of(identity, db, session) == {lost, kept}
    async with db.tenant(tenant) as tx:
        await members.change_roles(tx, member.id, {kept}, BY)
    assert await roles_of(identity, db, session) is None


async def test_whoever_gains_a_role_has_it_in_the_session_they_have(
    members: Members, identity: Identity, db: Database, tenant: TenantId
) -> None:
    member = await joined(members, db, tenant, person(), ADMIN)
    session = await opened(members, db, tenant, member)
    assert await roles_of(identity, db, session) == {ADMIN}
    async with db.tenant(tenant) as tx:
        await members.change_roles(tx, member.id, {ADMIN, AUDITOR}, BY)
    assert await roles_of(identity, db, session) == {ADMIN, AUDITOR}


async def test_whoever_is_removed_is_out_and_cannot_come_back_without_an_invitation(
    members: Members, identity: Identity, db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    await joined(members, db, tenant, person("Other", subject="oid-9", email="other@alder.example"), ADMIN)
    member = await joined(members, db, tenant, person(), ADMIN)
    session = await opened(members, db, tenant, member)
    async with db.tenant(tenant) as tx:
        await members.remove(tx, member.id, BY)
    assert await roles_of(identity, db, session) is None
    async with db.tenant(tenant) as tx:
        assert await members.signed_in(tx, person()) is None
        gone = await members.get(tx, member.id)
        with pytest.raises(NotAllowed, match="sign-in-not-a-member"):
            await members.open_session(tx, gone)
        with pytest.raises(NotFound):
            await members.change_roles(tx, member.id, {ADMIN}, BY)
    assert (gone.email, gone.roles) == ("", frozenset())
    assert person().email not in str(await owner.fetch("select * from members"))
    again = await joined(members, db, tenant, person(), AUDITOR)
    assert again.id != member.id


async def test_a_withdrawn_invitation_leads_nowhere(members: Members, db: Database, tenant: TenantId) -> None:
    code = await invited(members, db, tenant, email="kim@alder.example")
    async with db.tenant(tenant) as tx:
        await members.remove(tx, (await members.listing(tx)).items[0].id, BY)
        assert (await members.listing(tx)).items == []
    with pytest.raises(Gone):
        await members.whose_invitation(db, code)


async def test_even_a_row_changed_behind_our_back_ends_the_session(
    members: Members, db: Database, tenant: TenantId, owner: asyncpg.Connection, clock: FrozenClock
) -> None:
    member = await joined(members, db, tenant, person())
    session = await opened(members, db, tenant, member)
    await owner.execute("update members set state = 'removed'")
    fresh = Identity(clock)
    assert await roles_of(fresh, db, session) is None


async def test_members_of_another_organisation_do_not_exist(
    members: Members, db: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    member = await joined(members, db, tenant, person())
    code = await invited(members, db, tenant, email="kim@alder.example")
    async with db.tenant(other_tenant) as tx:
        assert (await members.listing(tx)).items == []
        assert await members.signed_in(tx, person()) is None
        for act in (
            members.get(tx, member.id),
            members.change_roles(tx, member.id, {AUDITOR}, BY),
            members.remove(tx, member.id, BY),
            members.invitation(tx, code),
            members.accept(tx, code, person(), BY),
        ):
            with pytest.raises((NotFound, Gone)):
                await act
        assert await members.identity_of(tx, member.id) == ("", "")


async def test_the_list_goes_on_where_it_ended_and_finds_by_name_and_address(members: Members, db: Database, tenant: TenantId) -> None:
    for n in range(7):
        await joined(members, db, tenant, person(f"Member {n}", subject=f"oid-{n}", email=f"m{n}@alder.example"), AUDITOR)
    await invited(members, db, tenant, email="zoe@alder.example")
    async with db.tenant(tenant) as tx:
        seen: list[str] = []
        after = ""
        while True:
            part = await members.listing(tx, after=after, limit=3)
            seen += [m.called for m in part.items]
            if not (after := part.next):
                break
        assert seen == [*(f"Member {n}" for n in range(7)), "zoe@alder.example"]
        assert [m.name for m in (await members.listing(tx, search="BER 3")).items] == ["Member 3"]
        assert [m.name for m in (await members.listing(tx, search="m4@ald")).items] == ["Member 4"]
        assert (await members.listing(tx, search="%")).items == []
        assert len((await members.listing(tx, after="nonsense!", limit=3)).items) == 3


async def test_a_person_of_many_organisations_finds_each_by_name_a_page_at_a_time(
    members: Members, db: Database, owner: asyncpg.Connection
) -> None:
    tenants = [TenantId(new_id()) for _ in range(5)]
    for n, one in enumerate(tenants):
        await owner.execute("insert into tenants (id, name) values ($1, $2)", one, f"clinic {n}" if n % 2 else f"Clinic {n}")
        await joined(members, db, one, person())
    who = person()
    first = await members.organisations_of(db, who.issuer, who.subject, limit=3)
    second = await members.organisations_of(db, who.issuer, who.subject, limit=3, after=first.next)
    assert [name for _, name in [*first.items, *second.items]] == ["Clinic 0", "clinic 1", "Clinic 2", "clinic 3", "Clinic 4"]
    assert second.next == ""
    assert [one for one, _ in (await members.organisations_of(db, who.issuer, who.subject, search="IC 3")).items] == [tenants[3]]
    assert (await members.organisations_of(db, who.issuer, "oid-2")).items == []
    assert (await members.organisations_of(db, "https://sign-in.example/t2", who.subject)).items == []
