"""A visit whose call in Teams is over ends by itself, once people have met and nobody comes back; in the end its links are forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.meeting_office import ROSA, MeetingOffice, meeting_office
from vestibule.kit.ids import TenantId, VisitId
from vestibule.platform.db import Database
from vestibule.visits.model import EventKind, Participant, PersonRole


@pytest.fixture
async def office(db: Database, tenant: TenantId, db_url: str) -> AsyncIterator[MeetingOffice]:
    async with meeting_office(db, tenant, db_url) as one:
        yield one


class Call:
    """A visit in Teams whose clinician and patient have been let in."""

    def __init__(self, office: MeetingOffice) -> None:
        self.office = office
        self.id: VisitId
        self.doctor: Participant
        self.patient: Participant

    async def begin(self) -> Call:
        visit, self.doctor = await self.office.come(PersonRole.PROVIDER, "Rosa")
        _, self.patient = await self.office.come(PersonRole.PATIENT, "Amy")
        await self.office.bind(visit.id, self.doctor, ROSA)
        await self.office.arrive(visit.id, self.doctor, self.patient)
        await self.office.step("admit", visit.id, self.patient.id)
        self.id = visit.id
        return self

    async def came(self, who: Participant) -> None:
        await self.office.step("came", self.id, who.id, self.office.clock.now())

    async def over(self) -> None:
        """Everybody has gone, and Microsoft says that the call is over."""
        for who in (self.doctor, self.patient):
            await self.office.step("went", self.id, who.id, self.office.clock.now())
        await self.office.step("note", self.id, EventKind.CALL_ENDED, {})

    async def later(self, seconds: float) -> list[str]:
        """What the visit's list says of its end after some time."""
        self.office.clock.advance(seconds)
        for tenant in await self.office.ending.due(self.office.db, TenantId(type(self.id)(int=0)), 10):
            await self.office.ending.do(self.office.db, tenant)
        return [f"{e.kind.value}:{e.body.get('why')}" for e in await self.office.events(self.id) if e.kind is EventKind.ENDED]


async def test_two_minutes_after_the_call_is_over_the_visit_is_too(office: MeetingOffice) -> None:
    call = await Call(office).begin()
    await call.came(call.doctor)
    await call.came(call.patient)
    await call.over()
    assert await call.later(119) == []
    assert await call.later(1) == ["ended:meeting"]
    assert await call.later(600) == ["ended:meeting"]


async def test_whoever_comes_back_in_time_keeps_it_open(office: MeetingOffice) -> None:
    call = await Call(office).begin()
    await call.came(call.doctor)
    await call.came(call.patient)
    await call.over()
    await call.came(call.patient)
    assert await call.later(600) == []
    await call.over()
    assert await call.later(120) == ["ended:meeting"]


async def test_after_somebody_came_back_it_is_the_next_calls_end_that_counts(office: MeetingOffice) -> None:
    call = await Call(office).begin()
    await call.came(call.doctor)
    await call.came(call.patient)
    await call.over()
    await call.came(call.patient)
    await office.step("went", call.id, call.patient.id, office.clock.now())
    assert await call.later(600) == []


async def test_a_clinician_who_only_looked_in_ends_nothing(office: MeetingOffice) -> None:
    call = await Call(office).begin()
    await call.came(call.doctor)
    await call.over()
    assert await call.later(600) == []


async def test_somebody_who_waits_is_not_sent_home(office: MeetingOffice) -> None:
    call = await Call(office).begin()
    await call.came(call.doctor)
    await call.came(call.patient)
    await call.over()
    await office.step("put_back", call.id, call.patient.id)
    assert await call.later(600) == []


@pytest.mark.parametrize("step", ["end_for_all", "cancel"])
async def test_a_month_after_its_visit_nothing_leads_to_a_meeting_any_more(office: MeetingOffice, step: str) -> None:
    call = await Call(office).begin()
    await office.idle()
    await office.way(call.id, call.patient)
    await office.step(step, call.id)
    await office.idle()

    async def forgotten(days: float) -> tuple[list[TenantId], bool, int]:
        """Who has something to forget after so many days, and whether it is known still: the links, and to whom they were shown."""
        office.clock.advance(days * 86_400)
        due = await office.kept.whose_to_forget(office.db, TenantId(type(call.id)(int=0)), 10)
        await office.kept.forget(office.db, office.tenant)
        meeting = await office.meeting(call.id)
        assert meeting is not None
        async with office.db.tenant(office.tenant) as tx:
            ways = await office.kept.ways(tx, call.id)
        return due, bool(meeting.join_url and meeting.visitor_url and meeting.meeting_id), len(ways)

    assert await forgotten(30.9) == ([], True, 1)
    assert await forgotten(0.2) == ([office.tenant], False, 0)
    assert await forgotten(1) == ([], False, 0)
