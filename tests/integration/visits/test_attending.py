"""What a meeting elsewhere tells of who is in it, written down on a real database: late, twice, or only in its report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ConnectionId, ParticipantId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.db import Database
from vestibule.visits.fold import replay
from vestibule.visits.model import EventKind, Identifier, Interval, Outcome, PersonRole, PersonState, Visit, VisitEvent, VisitState
from vestibule.visits.service import Visits

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
EPIC = ConnectionId(new_id())
K = EventKind


class Scene:
    """A visit of a clinician who is in and a patient who waits."""

    def __init__(self, db: Database, tenant: TenantId) -> None:
        self.db, self.tenant, self.clock = db, tenant, FrozenClock(NOW)
        self.visits = Visits(self.clock, SecretBox([("test", b"k" * 32)]))
        self.id: VisitId
        self.doctor: ParticipantId
        self.patient: ParticipantId

    async def begin(self) -> Scene:
        seats: dict[PersonRole, ParticipantId] = {}
        async with self.db.tenant(self.tenant) as tx:
            for role in (PersonRole.PROVIDER, PersonRole.PATIENT):
                visit, who = await self.visits.open_or_join(
                    tx, connection=EPIC, identifiers=[Identifier(EPIC, "csn", "1853")], role=role, person=role, person_type="id", name=role
                )
                await self.visits.arrive(tx, visit.id, who.id)
                seats[role], self.id = who.id, visit.id
        self.doctor, self.patient = seats[PersonRole.PROVIDER], seats[PersonRole.PATIENT]
        return self

    async def do(self, what: str, *args: object, **more: object) -> Visit:
        doer = self.visits.attending if hasattr(self.visits.attending, what) else self.visits
        async with self.db.tenant(self.tenant) as tx:
            visit: Visit = await getattr(doer, what)(tx, self.id, *args, **more)
        return visit

    async def told(self) -> list[tuple[str, datetime | None]]:
        """What is in the list of the patient's being there."""
        about = {K.CONNECTED, K.DISCONNECTED, K.IN_LOBBY, K.ATTENDED}
        return [(e.kind.value, _at(e)) for e in await self.events() if e.participant == self.patient and e.kind in about]

    async def events(self) -> list[VisitEvent]:
        async with self.db.tenant(self.tenant) as tx:
            return await self.visits.events(tx, self.id)


def _at(event: VisitEvent) -> datetime | None:
    return datetime.fromisoformat(event.body["at"]) if "at" in event.body else None


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
async def scene(db: Database, tenant: TenantId) -> Scene:
    return await Scene(db, tenant).begin()


async def test_whoever_comes_and_goes_does_so_when_it_happened_there(scene: Scene) -> None:
    await scene.do("admit", scene.patient)
    scene.clock.advance(60)
    await scene.do("knocked", scene.patient, at(10))
    await scene.do("came", scene.patient, at(20))
    await scene.do("went", scene.patient, at(50))
    assert await scene.told() == [("in_lobby", at(10)), ("connected", at(20)), ("disconnected", at(50))]


async def test_what_is_told_twice_happened_once(scene: Scene) -> None:
    await scene.do("admit", scene.patient)
    for _ in range(2):
        await scene.do("came", scene.patient, at(1))
    for _ in range(2):
        await scene.do("went", scene.patient, at(2))
    assert [kind for kind, _ in await scene.told()] == ["connected", "disconnected"]


@pytest.mark.parametrize("what", ["came", "went", "knocked"])
async def test_nothing_is_written_of_somebody_who_was_not_let_in(scene: Scene, what: str) -> None:
    visit = await scene.do(what, scene.patient, at(1))
    assert await scene.told() == []
    assert visit.people[-1].state is PersonState.WAITING


async def test_nothing_happens_to_a_visit_that_is_over(scene: Scene) -> None:
    await scene.do("admit", scene.patient)
    await scene.do("end_for_all")
    await scene.do("came", scene.patient, at(1))
    assert await scene.told() == []


async def test_nothing_is_written_of_somebody_of_another_visit(scene: Scene) -> None:
    before = await scene.events()
    await scene.do("came", ParticipantId(new_id()), at(1))
    assert await scene.events() == before


async def test_what_is_said_of_the_meeting_is_one_of_five_things(scene: Scene) -> None:
    await scene.do("note", K.LIVE_DELAYED, {"code": "gap"})
    assert (await scene.events())[-1].kind is K.LIVE_DELAYED
    with pytest.raises(ValueError, match="not about a meeting"):
        await scene.do("note", K.CONNECTED, {})


# ---------------------------------------------------------------------- the report


def there(who: ParticipantId | None, began: float, over: float) -> Interval:
    return Interval(who, at(began), at(over))


async def test_a_report_settles_a_visit_of_which_nothing_was_heard(scene: Scene) -> None:
    await scene.do("admit", scene.patient)
    ended = await scene.do("end_for_all")
    assert ended.outcome is Outcome.UNDETERMINED
    settled = await scene.do("settle", [there(scene.doctor, 5, 600), there(scene.patient, 30, 590), there(None, 40, 50)], {"report": "r1"})
    assert (settled.outcome, settled.met_at) == (Outcome.COMPLETED, at(30))
    last = (await scene.events())[-1]
    assert (last.kind, last.body) == (K.SETTLED, {"report": "r1", "met_at": at(30).isoformat(), "outcome": "completed"})


async def test_people_who_met_across_two_reports_met(scene: Scene) -> None:
    await scene.do("admit", scene.patient)
    await scene.do("end_for_all")
    first = await scene.do("settle", [there(scene.doctor, 0, 600)], {"report": "r1"})
    second = await scene.do("settle", [there(scene.patient, 300, 900)], {"report": "r2"})
    assert (first.outcome, second.outcome, second.met_at) == (Outcome.UNDETERMINED, Outcome.COMPLETED, at(300))


async def test_a_report_takes_nothing_from_what_a_person_said(scene: Scene) -> None:
    await scene.do("admit", scene.patient)
    await scene.do("end_for_all")
    await scene.do("mark_outcome", Outcome.NO_SHOW)
    settled = await scene.do("settle", [there(scene.doctor, 0, 600), there(scene.patient, 30, 590)], {"report": "r1"})
    assert (settled.outcome, settled.met_at) == (Outcome.NO_SHOW, at(30))


async def test_a_report_of_a_visit_that_goes_on_decides_nothing_yet(scene: Scene) -> None:
    settled = await scene.do("settle", [there(scene.doctor, 0, 60)], {"report": "r1"})
    assert (settled.state, settled.outcome) == (VisitState.OPEN, None)


async def test_what_is_stored_after_a_report_is_what_the_events_add_up_to(scene: Scene) -> None:
    await scene.do("admit", scene.patient)
    await scene.do("came", scene.patient, at(40))
    await scene.do("end_for_all")
    await scene.do("settle", [there(scene.doctor, 5, 600), there(scene.patient, 30, 590)], {"report": "r1"})
    async with scene.db.tenant(scene.tenant) as tx:
        stored = await scene.visits.get(tx, scene.id)
    told = replay(Visit(scene.id, scene.tenant, EPIC, None, VisitState.SCHEDULED, 0), await scene.events())
    assert (stored.outcome, stored.met_at) == (told.outcome, told.met_at)
    assert {p.id: (p.state, p.connected_at, p.arrived_at) for p in stored.people} == {
        p.id: (p.state, p.connected_at, p.arrived_at) for p in told.people
    }
