"""Messages become visits: booked, moved, cancelled, in whatever order they come."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from integration.feed.conftest import FeedHouse
from support.scheduling import siu
from support.siu import changed
from vestibule.feed.model import Rule, RuleField
from vestibule.visits.model import Identifier, Outcome, PersonRole, Place, VisitState
from vestibule.visits.service import Contact

NOW = datetime.now(UTC).replace(microsecond=0)
THEN = NOW + timedelta(days=2)


def at(minute: int) -> datetime:
    """A moment by the sender's clock."""
    return NOW - timedelta(hours=1) + timedelta(minutes=minute)


async def test_a_booking_becomes_a_visit_with_its_patient_and_a_sealed_contact(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    assert await feed.hear(siu(starts=THEN)) == ["applied"]
    visit = await feed.visit()
    assert visit is not None
    assert (visit.state, visit.starts_at, visit.ends_at, visit.place) == (
        VisitState.SCHEDULED,
        THEN,
        THEN + timedelta(minutes=20),
        Place.HOME,
    )
    assert [(p.role, p.name) for p in visit.people] == [(PersonRole.PATIENT, "MIRA CANARY")]
    async with feed.db.tenant(feed.tenant) as tx:
        assert visit.department is not None
        assert (await feed.tenancy.department(tx, visit.department)).name == "Cardiology"
        names = {(one.system, one.value) for one in await feed.visits.identifiers(tx, visit.id)}
    assert names == {("csn", "700123"), ("filler", "700123")}, "a placer's id that nobody gave is no name"
    assert [one.contact for one in await feed.reach(visit)] == [Contact("+16085550134", "", "es")]
    row = await owner.fetchrow("select visit_id, event, body is not null as kept, processed_at from feed_inbox")
    assert row is not None
    assert (row["visit_id"], row["event"], row["kept"]) == (visit.id, "S12", True)


async def test_times_without_a_zone_are_on_the_wall_of_the_department_else_of_the_settings(feed: FeedHouse) -> None:
    year = NOW.year + 1
    await feed.hear(siu(csn="1", starts=f"{year}01151430"), siu(csn="2", starts=f"{year}01151430", department="OTHER"))
    one, other = await feed.visit("1"), await feed.visit("2")
    assert one is not None
    assert other is not None
    assert (one.starts_at, other.starts_at) == (datetime(year, 1, 15, 20, 30, tzinfo=UTC), datetime(year, 1, 15, 19, 30, tzinfo=UTC))
    await feed.change(zone="")
    assert await feed.hear(siu(csn="3", sent=at(0), starts=f"{year}01151430", department="OTHER")) == ["quarantined hl7-zone-missing"]


@pytest.mark.parametrize(
    ("changes", "fields", "fate"),
    [
        ({}, {"room": "ROOM 7"}, "ignored appointment-not-virtual"),
        ({"rules": (Rule(RuleField.RESOURCE, "VIDEO*", virtual=False), Rule(RuleField.ANY))}, {}, "ignored appointment-not-virtual"),
        ({}, {"starts": NOW - timedelta(days=1)}, "ignored appointment-past"),
        ({}, {"starts": ""}, "quarantined hl7-no-start"),
        ({}, {"csn": "", "event": "S12"}, "applied"),
        ({"csn_from": "pv1-19"}, {"csn": ""}, "applied"),
    ],
)
async def test_what_is_not_kept_leaves_nothing_behind(
    feed: FeedHouse, owner: asyncpg.Connection, changes: dict[str, Any], fields: dict[str, Any], fate: str
) -> None:
    await feed.change(**changes)
    assert await feed.hear(siu(**fields)) == [fate]
    if fate.startswith("ignored"):
        assert await owner.fetchval("select count(*) from visits") == 0
        assert await owner.fetchval("select count(*) from feed_appointments") == 0
        assert await owner.fetchval("select body from feed_inbox") is None, "what is not kept is not kept for a while either"


async def test_a_rule_says_that_the_patient_is_in_the_clinic(feed: FeedHouse) -> None:
    await feed.change(rules=(Rule(RuleField.RESOURCE, "video room", place=Place.CLINIC),))
    await feed.hear(siu())
    visit = await feed.visit()
    assert visit is not None
    assert visit.place is Place.CLINIC


async def test_the_contact_serial_number_comes_from_where_the_settings_say(feed: FeedHouse) -> None:
    await feed.change(csn_from="pv1-19")
    await feed.hear(siu())
    assert await feed.visit("5001") is not None
    assert await feed.visit("700123") is None


# ---------------------------------------------------------------------- order

STARTS = {"S12": 0, "S13": 60, "S14": 120, "S15": 0, "S17": 0, "S26": 30}


def message(event: str, minute: int, control: int) -> bytes:
    return siu(event, control=str(control), sent=at(minute), starts=THEN + timedelta(minutes=STARTS[event]))


@pytest.mark.parametrize(
    "events",
    [
        ("S12", "S13", "S14"),
        ("S12", "S13", "S15"),
        ("S14", "S17", "S13"),
        ("S12", "S26"),
        ("S12", "S26", "S13"),
        ("S13",),
        ("S14",),
        ("S15",),
    ],
)
async def test_every_permutation_ends_as_the_events_own_times_imply(feed: FeedHouse, events: tuple[str, ...]) -> None:
    for number, order in enumerate(itertools.permutations(enumerate(events))):
        csn = f"8{number:05}"
        sent = [
            siu(event, csn=csn, control=f"{number}-{minute}", sent=at(minute), starts=THEN + timedelta(minutes=STARTS[event]))
            for minute, event in order
        ]
        await feed.hear(*sent)
        visit = await feed.visit(csn)
        if {"S15", "S17"} & set(events):
            assert visit is None or visit.state is VisitState.CANCELLED, order
            continue
        assert visit is not None, order
        assert visit.starts_at == THEN + timedelta(minutes=STARTS[events[-1]]), order
        assert visit.outcome is (Outcome.NO_SHOW if events[-1] == "S26" else None), order
        assert len(visit.people) == 1, "one patient, however often we heard of them"


async def test_of_two_workers_neither_passes_the_other(feed: FeedHouse) -> None:
    """Five hundred messages about twenty appointments, two workers, four at a time each."""
    rows = await feed.put(
        *(
            siu("S14", csn=str(n % 20), control=str(n), sent=at(0) + timedelta(seconds=n), starts=THEN + timedelta(minutes=n))
            for n in range(200)
        )
    )
    other = feed.worker()

    async def drain(worker: Any) -> None:
        while await worker.turn():
            pass

    await asyncio.gather(drain(feed.processing), drain(other))
    assert set(await feed.fates(rows)) <= {"applied", "late"}
    for n in range(20):
        visit = await feed.visit(str(n))
        assert visit is not None
        assert (visit.starts_at, len(visit.people)) == (THEN + timedelta(minutes=180 + n), 1)


async def test_a_cancel_is_final_and_says_why(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    fates = await feed.hear(message("S12", 0, 1), message("S17", 1, 2), message("S14", 2, 3), message("S13", 0, 4))
    assert fates == ["applied", "applied", "ignored appointment-cancelled", "late"]
    visit = await feed.visit()
    assert visit is not None
    assert visit.state is VisitState.CANCELLED
    async with feed.db.tenant(feed.tenant) as tx:
        events = await feed.visits.events(tx, visit.id)
    assert [e.body.get("reason") for e in events if e.kind == "cancelled"] == ["entered-in-error"]
    assert await owner.fetchval("select count(*) from feed_inbox where body is not null") == 2, "of the cancelled visit nothing is kept"


async def test_an_older_message_is_recorded_and_not_applied(feed: FeedHouse) -> None:
    assert await feed.hear(message("S13", 5, 2), message("S12", 0, 1)) == ["applied", "late"]
    visit = await feed.visit()
    assert visit is not None
    assert visit.starts_at == THEN + timedelta(minutes=60)


async def test_a_cancel_of_a_visit_that_a_launch_opened_finds_it(feed: FeedHouse) -> None:
    async with feed.db.tenant(feed.tenant) as tx:
        visit, _ = await feed.visits.open_or_join(
            tx,
            connection=feed.connection,
            identifiers=[Identifier(feed.connection, "csn", "700123")],
            role=PersonRole.PROVIDER,
            person="p",
            person_type="id",
            name="",
            starts_at=THEN,
        )
    assert await feed.hear(message("S15", 0, 1)) == ["applied"]
    async with feed.db.tenant(feed.tenant) as tx:
        assert (await feed.visits.get(tx, visit.id)).state is VisitState.CANCELLED


async def test_a_cancel_of_what_is_past_or_under_way_changes_nothing_outside(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    await feed.hear(message("S12", 0, 1))
    visit = await feed.visit()
    assert visit is not None
    async with feed.db.tenant(feed.tenant) as tx:
        who = visit.people[0].id
        await feed.visits.admit(tx, visit.id, who)
        await feed.visits.connected(tx, visit.id, who)
    assert await feed.hear(message("S15", 1, 2)) == ["ignored visit-under-way"]
    await feed.hear(siu(csn="9", sent=at(0), control="9", starts=THEN))
    await owner.execute("update visits set starts_at = now() - interval '3 hours', ends_at = now() - interval '2 hours'")
    assert await feed.hear(siu("S15", csn="9", sent=at(1), control="10", starts=NOW - timedelta(hours=3))) == ["ignored appointment-past"]
    past = await feed.visit("9")
    assert past is not None
    assert past.state is VisitState.SCHEDULED


async def test_a_no_show_does_not_end_a_visit_people_are_in(feed: FeedHouse) -> None:
    await feed.hear(message("S12", 0, 1))
    visit = await feed.visit()
    assert visit is not None
    async with feed.db.tenant(feed.tenant) as tx:
        await feed.visits.admit(tx, visit.id, visit.people[0].id)
        await feed.visits.connected(tx, visit.id, visit.people[0].id)
    assert await feed.hear(message("S26", 1, 2)) == ["ignored visit-under-way"]
    again = await feed.visit()
    assert again is not None
    assert (again.state, again.outcome) == (VisitState.OPEN, None)


# ---------------------------------------------------------------------- what is known of the patient


async def test_what_a_later_message_does_not_say_stays_and_what_it_deletes_goes(feed: FeedHouse) -> None:
    def said(minute: int, phone: str, language: str) -> bytes:
        return siu("S14", control=str(minute), sent=at(minute), starts=THEN, phone=phone, language=language)

    await feed.hear(said(0, "^PRN^CP^^^608^5550134", "es"))
    visit = await feed.visit()
    assert visit is not None
    for minute, phone, language, known in [
        (1, "", "", Contact("+16085550134", "", "es")),
        (2, "(608)555-0199", "ko", Contact("+16085550199", "", "ko")),
        (3, '""', "", Contact("", "", "ko")),
    ]:
        await feed.hear(said(minute, phone, language))
        assert [one.contact for one in await feed.reach(visit)] == [known]


async def test_an_appointment_that_is_virtual_no_more_has_nobody_to_write_to_until_it_is_again(feed: FeedHouse) -> None:
    await feed.hear(siu(sent=at(0), starts=THEN))
    visit = await feed.visit()
    assert visit is not None
    assert await feed.hear(siu("S14", control="2", sent=at(1), starts=THEN, room="ROOM 7")) == ["applied appointment-not-virtual"]
    assert await feed.reach(visit) == []
    assert await feed.hear(siu("S14", control="3", sent=at(2), starts=THEN)) == ["applied"]
    assert [one.contact.phone for one in await feed.reach(visit)] == ["+16085550134"]


async def test_who_waits_for_a_place_is_not_told_that_they_have_one(feed: FeedHouse, owner: asyncpg.Connection) -> None:
    pending = changed(message("S12", 0, 1), {"SCH-25": "Pending"})
    assert await feed.hear(pending) == ["ignored appointment-pending"]
    assert await owner.fetchval("select count(*) from visits") == 0
    assert await feed.hear(message("S12", 1, 2)) == ["applied"]
