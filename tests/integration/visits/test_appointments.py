"""What the record says before anybody comes: the visit, its patient's place, how they can be reached, and that it is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, DepartmentId, ParticipantId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Database
from vestibule.visits.fold import replay
from vestibule.visits.model import Identifier, Participant, PersonRole, PersonState, Place, Visit, VisitState
from vestibule.visits.service import Appointment, Contact, Visits

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
START = NOW + timedelta(days=2)
EPIC = ConnectionId(new_id())
AMY = Contact(phone="+16085550134", email="amy.canary@example.org", language="es")


@pytest.fixture
def visits() -> Visits:
    return Visits(FrozenClock(NOW), SecretBox([("test", b"k" * 32)]))


def booked(csn: str = "1853", *, start: datetime = START, key: str = "", **more: Any) -> Appointment:
    about = {"department": None, "ends_at": start + timedelta(minutes=30)} | more
    return Appointment(EPIC, key or csn, [Identifier(EPIC, "csn", csn)], starts_at=start, **about)


@pytest.fixture
def step(visits: Visits, db: Database, tenant: TenantId) -> Step:
    return Step(visits, db, tenant)


class Step:
    """Each step in a transaction of its own, as they come in life."""

    def __init__(self, visits: Visits, db: Database, tenant: TenantId) -> None:
        self.visits, self.db, self.tenant = visits, db, tenant

    async def appoint(self, one: Appointment) -> tuple[Visit, Participant]:
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.appointments.appoint(tx, one)

    async def launch(self, person: str, *identifiers: Identifier, role: PersonRole = PersonRole.PATIENT) -> tuple[Visit, Participant]:
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.open_or_join(
                tx, connection=EPIC, identifiers=identifiers, role=role, person=person, person_type="Patient", name=""
            )

    async def note(self, visit: VisitId, who: ParticipantId, contact: Contact) -> None:
        async with self.db.tenant(self.tenant) as tx:
            await self.visits.contacts.note(tx, visit, who, contact)

    async def contact(self, who: ParticipantId) -> Contact | None:
        async with self.db.tenant(self.tenant) as tx:
            found = await self.visits.contacts.of(tx, who)
        return found.contact if found else None

    async def kinds(self, visit: VisitId) -> list[str]:
        async with self.db.tenant(self.tenant) as tx:
            return [one.kind.value for one in await self.visits.events(tx, visit)]


async def test_an_appointment_is_a_visit_before_anybody_comes(step: Step) -> None:
    visit, patient = await step.appoint(booked(name="Amy Canary", place=Place.CLINIC))
    assert (visit.state, visit.starts_at, visit.place) == (VisitState.SCHEDULED, START, Place.CLINIC)
    assert (patient.role, patient.state, patient.name) == (PersonRole.PATIENT, PersonState.EXPECTED, "Amy Canary")
    assert await step.kinds(visit.id) == ["scheduled", "placed", "expected"]


async def test_told_again_it_is_the_same_visit_and_patient_and_says_nothing(step: Step) -> None:
    first = await step.appoint(booked())
    again = await step.appoint(booked())
    assert (again[0].id, again[1].id) == (first[0].id, first[1].id)
    assert await step.kinds(first[0].id) == ["scheduled", "expected"]


async def test_the_same_minute_with_other_seconds_is_no_move(step: Step) -> None:
    """HL7 tells 18:48 where FHIR has 18:48:44 of the same appointment; no patient is told that it moved to the time it had."""
    first, _ = await step.appoint(booked())
    await step.appoint(booked(start=START + timedelta(seconds=44)))
    assert await step.kinds(first.id) == ["scheduled", "expected"]


async def test_it_moves_with_the_record(step: Step) -> None:
    first, _ = await step.appoint(booked())
    department = DepartmentId(new_id())
    moved, _ = await step.appoint(booked(start=START + timedelta(hours=3), department=department))
    assert (moved.id, moved.starts_at, moved.department) == (first.id, START + timedelta(hours=3), department)
    assert await step.kinds(first.id) == ["scheduled", "expected", "rescheduled", "placed"]


async def test_what_is_stored_is_what_the_events_add_up_to(step: Step) -> None:
    visit, patient = await step.appoint(booked(place=Place.CLINIC))
    await step.note(visit.id, patient.id, AMY)
    async with step.db.tenant(step.tenant) as tx:
        stored, events = await step.visits.get(tx, visit.id), await step.visits.events(tx, visit.id)
    told = replay(Visit(visit.id, step.tenant, EPIC, None, VisitState.SCHEDULED, 0, created_at=stored.created_at), events)
    assert told == stored


async def test_the_patient_who_launches_takes_the_place_kept_for_them(step: Step) -> None:
    visit, kept = await step.appoint(booked())
    same, patient = await step.launch("pat-1", Identifier(EPIC, "csn", "1853"))
    assert (same.id, patient.id) == (visit.id, kept.id)


async def test_an_appointment_told_after_its_patient_came_is_theirs(step: Step) -> None:
    visit, patient = await step.launch("pat-1", Identifier(EPIC, "csn", "1853"))
    same, kept = await step.appoint(booked())
    assert (same.id, kept.id, same.starts_at) == (visit.id, patient.id, START)


async def test_patients_of_a_group_visit_have_a_place_each(step: Step) -> None:
    conference = Identifier(EPIC, "conference", "C-9")
    places = []
    for csn in ("1853", "1854", "1855"):
        one = booked(csn)
        places.append(await step.appoint(Appointment(EPIC, csn, [*one.identifiers, conference], None, START, None)))
    assert len({visit.id for visit, _ in places}) == 1
    assert len({patient.id for _, patient in places}) == 3


async def test_how_a_patient_can_be_reached_is_sealed_and_said_without_saying_it(step: Step) -> None:
    visit, patient = await step.appoint(booked())
    await step.note(visit.id, patient.id, AMY)
    await step.note(visit.id, patient.id, AMY)  # known already
    assert await step.contact(patient.id) == AMY
    async with step.db.tenant(step.tenant) as tx:
        (event,) = [one for one in await step.visits.events(tx, visit.id) if one.kind == "contact_noted"]
        row = await tx.fetchrow("select * from contacts")
        assert (await step.visits.contacts.with_phone(tx, AMY.phone))[0].participant == patient.id
    assert event.body == {"phone": True, "email": True, "language": "es"}
    assert b"5550134" not in bytes(row["phone_sealed"])
    assert b"canary" not in bytes(row["email_sealed"])


async def test_nothing_is_noted_of_a_visit_that_is_over(step: Step) -> None:
    visit, patient = await step.appoint(booked())
    async with step.db.tenant(step.tenant) as tx:
        await step.visits.cancel(tx, visit.id)
    await step.note(visit.id, patient.id, AMY)
    assert await step.contact(patient.id) is None


async def test_it_is_erased_once_with_an_event_that_proves_it(step: Step) -> None:
    visit, patient = await step.appoint(booked())
    await step.note(visit.id, patient.id, AMY)
    for expected in (1, 0):
        async with step.db.tenant(step.tenant) as tx:
            await step.visits.cancel(tx, visit.id)
            assert await step.visits.contacts.erase(tx, visit.id, why="cancelled") == expected
    assert await step.contact(patient.id) is None
    assert (await step.kinds(visit.id))[-2:] == ["cancelled", "contact_erased"]


async def test_two_visits_that_are_one_keep_how_their_patient_can_be_reached(step: Step) -> None:
    first, kept = await step.appoint(booked())
    await step.note(first.id, kept.id, AMY)
    other, _ = await step.launch("pat-1", Identifier(EPIC, "encounter", "E-1"))
    merged, _ = await step.launch("doc-1", Identifier(EPIC, "csn", "1853"), Identifier(EPIC, "encounter", "E-1"), role=PersonRole.PROVIDER)
    assert {first.id, other.id} >= {merged.id}
    async with step.db.tenant(step.tenant) as tx:
        (reach,) = await step.visits.contacts.of_visit(tx, merged.id)
    assert reach.contact == AMY
    assert merged.person(reach.participant) is not None


async def test_a_link_made_for_somebody_leads_to_their_place(step: Step) -> None:
    visit, patient = await step.appoint(booked())
    await step.appoint(Appointment(EPIC, "1854", [Identifier(EPIC, "csn", "1853")], None, START, None))
    async with step.db.tenant(step.tenant) as tx:
        code = await step.visits.make_link(tx, visit.id, role=PersonRole.PATIENT, expires_at=START, participant=patient.id)
        found, me = await step.visits.join_by_code(tx, code)
    assert (found.id, me.id) == (visit.id, patient.id)


async def test_another_organisation_knows_nothing_of_it(step: Step, db: Database) -> None:
    visit, patient = await step.appoint(booked())
    await step.note(visit.id, patient.id, AMY)
    async with db.tenant(TenantId(new_id())) as tx:
        assert await step.visits.contacts.of(tx, patient.id) is None
        assert await step.visits.contacts.with_phone(tx, AMY.phone) == []
