"""Who of the record is who at Microsoft, on a real database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from vestibule.errors import NotFound
from vestibule.kit.clock import Clock, FrozenClock, SystemClock
from vestibule.kit.ids import ConnectionId, ParticipantId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.meetings.bindings import Bindings
from vestibule.platform.audit import SYSTEM, Audit
from vestibule.platform.db import Database, Tx
from vestibule.visits.model import Participant, PersonRole, PersonState, Visit, VisitState

OLD, NEW = ("old", b"o" * 32), ("new", b"n" * 32)
NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
A, B = "5f1c2a70-0001-4c1e-8a55-2d7b9e3f0a01", "5f1c2a70-0002-4c1e-8a55-2d7b9e3f0a02"
HERE = ConnectionId(new_id())


def bindings(*keys: tuple[str, bytes], clock: Clock | None = None) -> Bindings:
    clock = clock or SystemClock()
    return Bindings(clock=clock, box=SecretBox(keys or (NEW,)), audit=Audit(clock))


def person(name: str, *, kind: str = "user", role: PersonRole = PersonRole.PROVIDER, since: datetime = NOW) -> Participant:
    return Participant(ParticipantId(new_id()), role, PersonState.ADMITTED, since, person=name, person_type=kind)


def visit(tenant: TenantId, people: Sequence[Participant], connection: ConnectionId | None = HERE) -> Visit:
    return Visit(VisitId(new_id()), tenant, connection, None, VisitState.OPEN, 1, people=tuple(people))


async def bind(tx: Tx, one: Bindings, tenant: TenantId, who: Participant, object_id: str) -> UUID:
    return (await one.bind(tx, visit(tenant, [who]), who, object_id, by=SYSTEM)).id


async def test_the_same_number_as_something_else_is_somebody_else(db: Database, tenant: TenantId) -> None:
    one, user, practitioner = bindings(), person("1853"), person("1853", kind="Practitioner")
    async with db.tenant(tenant) as tx:
        await bind(tx, one, tenant, user, A)
        assert await one.object_id(tx, HERE, user) == A
        assert await one.object_id(tx, HERE, practitioner) == ""
        assert await one.object_id(tx, ConnectionId(new_id()), user) == ""
        assert await one.object_id(tx, None, user) == ""


async def test_nobody_of_the_record_is_bound_to_nothing(db: Database, tenant: TenantId) -> None:
    one, nobody = bindings(), person("")
    async with db.tenant(tenant) as tx:
        with pytest.raises(NotFound) as refused:
            await bind(tx, one, tenant, nobody, A)
        assert refused.value.code == "binding-nobody"
        assert await one.object_id(tx, HERE, nobody) == ""


async def test_the_people_of_a_visit_are_found_by_their_accounts_clinicians_only(db: Database, tenant: TenantId) -> None:
    one, doctor, nurse, patient = bindings(), person("1"), person("2"), person("3", kind="Patient", role=PersonRole.PATIENT)
    async with db.tenant(tenant) as tx:
        await bind(tx, one, tenant, doctor, A)
        await bind(tx, one, tenant, patient, B)
        assert await one.of_people(tx, visit(tenant, [doctor, nurse, patient])) == {A: doctor.id}
        assert await one.of_people(tx, visit(tenant, [doctor], None)) == {}


async def test_of_two_with_one_account_the_one_who_came_last_is_meant(db: Database, tenant: TenantId) -> None:
    one, first, last = bindings(), person("1"), person("2", since=NOW + timedelta(minutes=1))
    async with db.tenant(tenant) as tx:
        await bind(tx, one, tenant, last, A)
        await bind(tx, one, tenant, first, A)
        assert await one.of_people(tx, visit(tenant, [last, first])) == {A: last.id}


async def test_whoever_was_bound_under_an_older_key_is_found_replaced_and_not_twice(db: Database, tenant: TenantId) -> None:
    doctor = person("1853")
    async with db.tenant(tenant) as tx:
        await bind(tx, bindings(OLD), tenant, doctor, A)
        rotated = bindings(NEW, OLD)
        assert await rotated.object_id(tx, HERE, doctor) == A
        await bind(tx, rotated, tenant, doctor, B)
        assert await rotated.object_id(tx, HERE, doctor) == B
        assert [one.object_id for _, one in (await rotated.listing(tx)).items] == [B]
        assert await bindings(NEW).object_id(tx, HERE, doctor) == B  # the old key may go


async def test_the_list_is_read_in_pages_and_says_who_it_is_to_the_record(db: Database, tenant: TenantId) -> None:
    one = bindings()
    async with db.tenant(tenant) as tx:
        for number in range(5):
            await bind(tx, one, tenant, person(str(number)), A)
        seen, after = [], ""
        for _ in range(3):
            part = await one.listing(tx, after=after, limit=2)
            seen += [binding.person for _, binding in part.items]
            after = part.next
        assert seen == [f"user:{number}" for number in range(5)]
        assert after == ""
        assert len((await one.listing(tx, after="nonsense")).items) == 5
        assert await one.count(tx) == 5


async def test_when_it_was_used_is_noted_to_the_hour(db: Database, tenant: TenantId) -> None:
    clock, doctor = FrozenClock(NOW), person("1853")
    one = bindings(clock=clock)
    async with db.tenant(tenant) as tx:
        key = await bind(tx, one, tenant, doctor, A)
        for later, noted in ((0, 0), (30, 0), (60, 90)):
            clock.advance(later * 60)
            await one.used(tx, HERE, doctor)
            assert (await one.get(tx, key))[1].used_at == NOW + timedelta(minutes=noted)


async def test_a_binding_is_removed_once_and_another_organisation_does_not_see_it(db: Database, tenant: TenantId) -> None:
    one, doctor, other = bindings(), person("1853"), TenantId(new_id())
    async with db.tenant(tenant) as tx:
        key = await bind(tx, one, tenant, doctor, A)
    async with db.tenant(other) as tx:
        assert (await one.listing(tx)).items == []
        with pytest.raises(NotFound):
            await one.unbind(tx, key, by=SYSTEM)
    async with db.tenant(tenant) as tx:
        await one.unbind(tx, key, by=SYSTEM)
        assert await one.object_id(tx, HERE, doctor) == ""
        with pytest.raises(NotFound) as refused:
            await one.unbind(tx, key, by=SYSTEM)
        assert refused.value.code == "binding-not-found"
    async with db.tenant(tenant) as tx:
        told = [row["action"] for row in await tx.fetch("select action from audit_entries order by seq")]
    assert told == ["meeting.person-bound", "meeting.person-unbound"]


async def test_who_waits_for_somebody_to_be_bound_is_told_in_the_same_transaction(db: Database, tenant: TenantId) -> None:
    one, doctor, told = bindings(), person("1853"), []

    async def hear(tx: Tx, of: Visit, who: ParticipantId) -> None:
        told.append((who, await one.object_id(tx, of.connection, doctor)))

    one.on_bound.append(hear)
    async with db.tenant(tenant) as tx:
        await bind(tx, one, tenant, doctor, A)
    assert told == [(doctor.id, A)]
