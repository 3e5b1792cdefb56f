"""What Microsoft tells becomes events of the visit: once each, whatever comes twice, late, forged, or while a worker dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from support.meeting_office import ROSA
from support.telling import TellingOffice, guest, telling, user
from support.waiting import until
from vestibule.errors import BadInput, Conflict, NotAllowed, OutsideFailed
from vestibule.kit.ids import TenantId
from vestibule.meetings.inbox import NOTIFICATION
from vestibule.meetings.model import CallEvent, CallEventKind, MeetingState, Seen
from vestibule.platform.db import Database
from vestibule.visits.model import EventKind, PersonState, Visit

FORGED = NotAllowed("teams-notice-forged", "No.", phase="meeting.notice")
UNREADABLE = BadInput("teams-notice-unreadable", "No.", phase="meeting.notice")
NOT_SET_UP = Conflict("teams-not-set-up", "No.", phase="meetings.settings")
NO_KEYS = OutsideFailed("teams-keys-unavailable", "No.", phase="teams.keys")


@pytest.fixture
async def office(db: Database, tenant: TenantId, db_url: str) -> AsyncIterator[TellingOffice]:
    async with telling(db, tenant, db_url) as one:
        yield one


async def everything(office: TellingOffice) -> list[list[tuple[object, ...]]]:
    """What of a meeting could be changed from outside."""
    tables = ("meetings", "meeting_roster", "meeting_subscriptions", "visit_events", "participants", "visits", "effects")
    return [sorted(map(tuple, await office.rows(f"select t::text from {table} t"))) for table in tables]


# ---------------------------------------------------------------------- the good way


async def test_a_whole_meeting_as_it_is_told(office: TellingOffice) -> None:
    visit, _, ann = await office.visit_of()
    await office.tells(
        visit,
        office.event(when=1, kind=CallEventKind.STARTED),
        office.event(Seen("r1", user()), when=2),
        office.event(Seen("g1", guest(), in_lobby=True), when=3),
        office.event(Seen("g1", guest()), when=4),
        office.event(Seen("g1", guest(), gone=True), when=5),
        office.event(Seen("g2", guest()), when=6),
        office.event(when=9, kind=CallEventKind.ENDED),
    )
    assert await office.told(visit) == [
        "provider connected",
        "patient in_lobby",
        "patient connected",
        "patient disconnected",
        "patient connected",
        "provider disconnected",
        "patient disconnected",
        "call_ended",
    ]
    now, meeting = await office.visit(visit), await office.office.meeting(visit.id)
    assert meeting is not None
    assert (meeting.call_started_at, meeting.call_ended_at, meeting.heard_at) == (office.at(1), office.at(9), office.at(0))
    assert {one.state for one in now.people} == {PersonState.DISCONNECTED}
    events = [e for e in await office.office.events(visit.id) if e.kind is EventKind.CONNECTED and e.participant == ann.id]
    assert [e.body["at"] for e in events] == [office.at(4).isoformat(), office.at(6).isoformat()], "when it happened there"


async def test_a_name_in_the_roster_is_kept_nowhere(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("g1", guest("Zebra Canary", "8:acs:zebra"))))
    kept = str(await everything(office)) + str(await office.rows("select t::text from meeting_inbox t"))
    assert "Zebra" not in kept
    assert "8:acs" not in kept


async def test_who_did_not_come_through_us_is_counted_and_told_of_nobody(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("x1", user("5f1c2a70-0000-4c1e-8a55-000000000099"))))
    assert await office.told(visit) == []
    assert (await office.office.place(visit.id)).strangers == 1


async def test_who_was_put_back_and_is_still_in_the_meeting_is_stuck_and_comes_in_again_with_being_let_in(office: TellingOffice) -> None:
    visit, _, ann = await office.visit_of()
    await office.tells(visit, office.event(Seen("g1", guest())))
    await office.office.step("disconnected", visit.id, ann.id)
    await office.office.step("put_back", visit.id, ann.id)
    assert (await office.office.place(visit.id)).stuck == {ann.id}
    office.clock.advance(30)
    await office.office.step("admit", visit.id, ann.id)
    while await office.work.turn():
        pass
    assert (await office.told(visit))[-1] == "patient connected"
    connected = [e for e in await office.office.events(visit.id) if e.kind is EventKind.CONNECTED][-1]
    assert connected.body["at"] == office.at(0).isoformat(), "not before they were let in again"


async def test_letting_somebody_in_who_is_not_there_wakes_nobody(office: TellingOffice) -> None:
    await office.visit_of()
    assert await office.work.turn() == 0


async def test_a_visit_that_is_over_is_told_nothing_more_but_that_its_call_ended(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("r1", user()), Seen("g1", guest())))
    await office.office.step("end_for_all", visit.id)
    await office.tells(visit, office.event(Seen("g2", guest("", "2")), when=1), office.event(when=2, kind=CallEventKind.ENDED))
    assert (await office.told(visit))[-1] == "call_ended"
    assert (await office.told(visit)).count("patient connected") == 1


# ---------------------------------------------------------------------- hostile, and otherwise unlucky


async def test_what_comes_again_is_taken_once(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    row, name = await office.row(visit), office.event(Seen("g1", guest()))
    assert [await office.arrive(row.id, name, name), await office.arrive(row.id, name)] == [1, 0]
    await office.tells(visit, name)
    assert await office.arrive(row.id, name) == 0, "also after it was worked through"
    assert office.notices.opened == [name]


async def test_what_is_said_again_in_other_words_changes_nothing(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("g1", guest())))
    await office.tells(visit, office.event(Seen("g1", guest())), office.event(Seen("g1", guest())))
    assert await office.told(visit) == ["patient connected"]


@pytest.mark.parametrize("error", [FORGED, UNREADABLE])
async def test_what_is_not_proved_changes_nothing_and_is_noted(office: TellingOffice, error: Exception) -> None:
    visit, *_ = await office.visit_of()
    before = await everything(office)
    await office.tells(visit, office.refused(error))
    assert await everything(office) == before
    ((done, code, sealed),) = await office.rows("select done_at, code, sealed from meeting_inbox")
    assert (done is not None, code, sealed) == (True, getattr(error, "code", ""), None)
    noted = await office.rows("select outcome from audit_entries where action = 'meeting-notice.refused'")
    assert [row[0] for row in noted] == ["refused"]


async def test_a_flood_of_them_is_noted_a_few_times(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, *(office.refused(FORGED) for _ in range(40)))
    ((count,),) = await office.rows("select count(*) from audit_entries where action = 'meeting-notice.refused'")
    assert count == 5


async def test_one_that_is_forged_holds_up_nothing_that_came_with_it(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.refused(FORGED), office.event(Seen("g1", guest())), office.refused(UNREADABLE))
    assert await office.told(visit) == ["patient connected"]


async def test_a_mistake_of_ours_in_one_stops_no_other(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.refused(ZeroDivisionError()), office.event(Seen("g1", guest())))
    assert await office.told(visit) == ["patient connected"]
    waiting = await office.rows("select code, tries from meeting_inbox where done_at is null")
    assert [tuple(row) for row in waiting] == [("internal-error", 1)], "and is tried again"


async def test_while_microsofts_keys_cannot_be_had_it_waits(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    name = office.refused(NO_KEYS)
    await office.tells(visit, name)
    assert [tuple(row) for row in await office.rows("select code, done_at from meeting_inbox")] == [("teams-keys-unavailable", None)]
    good = office.event(Seen("g1", guest()))
    office.notices.events[name] = office.notices.events[good]
    await office.rows("update meeting_inbox set run_at = now() returning id")
    await office.work.turn()
    assert await office.told(visit) == ["patient connected"]


async def test_what_came_behind_one_that_waits_waits_with_it(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    name, good = office.refused(NO_KEYS), office.event(Seen("g1", guest(), gone=True), when=2)
    await office.tells(visit, name, good)
    await office.tells(visit, office.event(Seen("g2", guest("", "2")), when=3))
    assert await office.told(visit) == []
    office.notices.events[name] = CallEvent(CallEventKind.ROSTER, name, office.at(1), [Seen("g1", guest())])
    await office.rows("update meeting_inbox set run_at = now() returning id")
    await office.work.turn()
    assert await office.told(visit) == ["patient connected", "patient disconnected", "patient connected"]
    assert {row[0] for row in await office.rows("select tries from meeting_inbox where done_at is not null")} == {1, 2}


@pytest.mark.parametrize(("error", "most"), [(NO_KEYS, 20), (NOT_SET_UP, 3), (ZeroDivisionError(), 3)])
async def test_in_the_end_it_is_given_up(office: TellingOffice, error: Exception, most: int) -> None:
    visit, *_ = await office.visit_of()
    await office.arrive((await office.row(visit)).id, office.refused(error))
    for _ in range(most + 2):
        await office.rows("update meeting_inbox set run_at = now() returning id")
        await office.work.turn()
    ((tries, done),) = await office.rows("select tries, done_at from meeting_inbox")
    assert (tries, done is not None) == (most, True)


async def test_nothing_comes_in_for_a_subscription_that_is_over_or_somebody_elses(office: TellingOffice, other_tenant: TenantId) -> None:
    visit, *_ = await office.visit_of()
    row, name = await office.row(visit), office.event(Seen("g1", guest()))
    async with office.db.tenant(other_tenant) as tx:
        assert await office.parts.inbox.take(tx, NOTIFICATION, [(row.id, {"encryptedContent": {"data": name}})], []) == 0
    await office.subscriptions.over(await office.account(), visit.id)
    assert await office.arrive(row.id, name) == 0


async def test_what_was_taken_before_the_subscription_was_over_ends_quietly(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.arrive((await office.row(visit)).id, office.event(Seen("g1", guest())))
    await office.subscriptions.over(await office.account(), visit.id)
    await office.work.turn()
    assert await office.told(visit) == []
    assert [row[0] for row in await office.rows("select code from meeting_inbox")] == ["meeting-over"]


async def test_it_is_forgotten_after_two_days(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("g1", guest())))
    for seconds, left in ((2 * 86_400 - 1, 1), (1, 0)):
        office.clock.advance(seconds)
        async with office.db.tenant(office.tenant) as tx:
            await office.parts.inbox.forget(tx)
        assert len(await office.rows("select from meeting_inbox")) == left


# ---------------------------------------------------------------------- many at once, and workers that die


async def test_thousands_in_any_order_through_several_workers_are_each_told_once(office: TellingOffice) -> None:
    visits = [(await office.visit_of(csn=str(n)))[0] for n in range(4)]
    lives = [[Seen(f"g{n}", guest(), in_lobby=True), Seen(f"g{n}", guest()), Seen(f"g{n}", guest(), gone=True)] for n in range(10)]
    deliveries = []
    for visit in visits:
        for n, life in enumerate(lives):
            deliveries.append((visit, [office.event(word, when=10 * n + step) for step, word in enumerate(life)]))
    rows = {visit.id: (await office.row(visit)).id for visit in visits}
    for visit, names in deliveries:
        await asyncio.gather(*(office.arrive(rows[visit.id], *reversed(names), *names) for _ in range(9)))
    workers = [office.worker(poll=0.05) for _ in range(3)]
    running = asyncio.gather(*(one.run() for one in workers))

    async def idle() -> bool:
        return not await office.rows("select from meeting_inbox where done_at is null")

    await until(idle, what="all are worked through", seconds=60)
    await asyncio.gather(*(one.stop() for one in workers))
    await running
    for visit in visits:
        told = [one for one in await office.told(visit) if one != "patient in_lobby"]
        assert told == ["patient connected", "patient disconnected"] * 10, "in the order in which they came, whoever has them"


async def test_what_a_dead_worker_had_claimed_is_worked_through_by_another(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.arrive((await office.row(visit)).id, office.event(Seen("g1", guest())))
    dead = office.worker(lease=0.05)
    started, never = asyncio.Event(), asyncio.Event()
    open_ = office.notices.open

    async def hanging(*args: object, **more: object) -> object:
        started.set()
        await never.wait()
        return None

    office.notices.open = hanging  # type: ignore[assignment]
    turn = asyncio.create_task(dead.turn())
    await started.wait()
    turn.cancel()
    office.notices.open = open_  # type: ignore[method-assign]

    async def done() -> bool:
        await office.work.turn()
        return await office.told(visit) == ["patient connected"]

    await until(done, what="another worker claims it")


async def test_a_worker_that_is_slower_than_its_lease_finishes_nothing_twice(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.arrive((await office.row(visit)).id, office.event(Seen("g1", guest())))
    slow, wait = office.worker(lease=0.0), asyncio.Event()
    open_: Callable[..., object] = office.notices.open

    async def waiting(*args: object, **more: object) -> object:
        await wait.wait()
        return await open_(*args, **more)  # type: ignore[misc]

    office.notices.open = waiting  # type: ignore[assignment]
    turn = asyncio.create_task(slow.turn())

    async def claimed() -> bool:
        return bool(await office.rows("select from meeting_inbox where tries = 1"))

    await until(claimed, what="the slow one has it")
    office.notices.open = open_  # type: ignore[assignment]
    await office.work.turn()
    wait.set()
    await turn
    assert await office.told(visit) == ["patient connected"]


async def test_a_visit_whose_meeting_was_made_anew_in_another_round_goes_on(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(when=1, kind=CallEventKind.STARTED), office.event(Seen("g1", guest()), when=2))
    await office.tells(visit, office.event(when=3, kind=CallEventKind.ENDED))
    await office.tells(visit, office.event(when=4, kind=CallEventKind.STARTED), office.event(Seen("g2", guest()), when=5))
    meeting = await office.office.meeting(visit.id)
    assert meeting is not None
    assert (meeting.state, meeting.call_started_at) == (MeetingState.MADE, office.clock.now() + timedelta(seconds=4))
    assert (await office.office.place(visit.id)).running
    assert ROSA not in str(await office.rows("select t::text from meeting_roster t"))


# ---------------------------------------------------------------------- ends that nobody told


async def call_over(office: TellingOffice, visit: Visit, when: float) -> None:
    """As a report says."""
    async with office.db.tenant(office.tenant) as tx:
        await office.applying.call_over(tx, visit.id, office.at(when))


async def test_an_end_that_only_the_report_tells_disconnects_everybody(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("r1", user()), when=1), office.event(Seen("g1", guest()), when=2))
    await call_over(office, visit, 60)
    came, went = ["provider connected", "patient connected"], {"provider disconnected", "patient disconnected"}
    told = await office.told(visit)
    assert (told[:2], set(told[2:4]), told[4:]) == (came, went, ["call_ended"])
    await call_over(office, visit, 61)
    assert (await office.told(visit)).count("call_ended") == 1, "what is over is over"


async def test_the_report_of_an_earlier_call_ends_no_later_one(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(when=50, kind=CallEventKind.STARTED), office.event(Seen("g1", guest()), when=51))
    await call_over(office, visit, 40)
    assert await office.told(visit) == ["patient connected"]


async def test_a_call_of_which_nothing_more_is_heard_is_over_after_thirty_hours(office: TellingOffice) -> None:
    visit, *_ = await office.visit_of()
    await office.tells(visit, office.event(Seen("r1", user())))
    office.clock.advance(30 * 3_600 - 1)
    assert await office.applying.whose_stale(office.db, TenantId(UUID(int=0)), 10) == []
    office.clock.advance(1)
    assert await office.applying.whose_stale(office.db, TenantId(UUID(int=0)), 10) == [office.tenant]
    assert await office.applying.end_stale(office.db, office.tenant) == 1
    assert await office.told(visit) == ["provider connected", "provider disconnected", "call_ended"]
    assert await office.applying.end_stale(office.db, office.tenant) == 0
