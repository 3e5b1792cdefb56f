"""A meeting is promised when its visit opens, and made, moved, shut and deleted by a worker, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from support.meeting_office import CONNECTION, HOST, INGRID, NOW, ROSA, MeetingOffice, meeting_office
from support.waiting import until
from vestibule.errors import Conflict, Gone, NotAllowed, OutsideFailed, TooMany
from vestibule.kit.ids import TenantId, VisitId
from vestibule.meetings.model import MeetingState
from vestibule.platform.db import Database
from vestibule.visits.model import Identifier, MeetingKind, Participant, PersonRole, Visit

DOCTOR, PATIENT = PersonRole.PROVIDER, PersonRole.PATIENT


@pytest.fixture
async def office(db: Database, tenant: TenantId, db_url: str) -> AsyncIterator[MeetingOffice]:
    async with meeting_office(db, tenant, db_url) as one:
        yield one


async def begun(office: MeetingOffice, *, bound: bool = True) -> tuple[VisitId, Participant, Participant]:
    """A visit in which the clinician is in and the patient waits, and nothing is left to be done."""
    visit, doctor = await office.come(DOCTOR, "Rosa", starts_at=NOW + timedelta(minutes=5))
    _, patient = await office.come(PATIENT, "Amy")
    if bound:
        await office.bind(visit.id, doctor, ROSA)
    await office.arrive(visit.id, doctor, patient)
    await office.idle()
    return visit.id, doctor, patient


# ---------------------------------------------------------------------- made


async def test_a_visit_that_opens_is_given_a_meeting_under_its_clinicians_name(office: MeetingOffice) -> None:
    visit, doctor, _ = await begun(office)
    meeting = await office.meeting(visit)
    assert meeting is not None
    assert (meeting.state, meeting.organizer, meeting.code) == (MeetingState.MADE, ROSA, "")
    assert await office.kinds(visit) == ["meeting_made"]
    (wish, *rest) = office.cloud.wishes
    assert (wish.external_id, wish.starts_at, wish.subject, rest) == (str(visit), NOW + timedelta(minutes=5), "Video visit", [])
    assert [one.join_url for one in office.watched] == [meeting.join_url]
    assert (await office.place(visit, doctor)).ready


async def test_the_links_are_sealed_where_they_are_kept(office: MeetingOffice) -> None:
    visit, _, _ = await begun(office)
    async with office.db.tenant(office.tenant) as tx:
        row = await tx.fetchrow("select * from meetings where visit_id = $1", visit)
    assert b"teams.example" not in repr(dict(row)).encode()


async def test_the_patient_may_open_it_and_the_clinician_makes_it_possible(office: MeetingOffice) -> None:
    visit, patient = await office.come(PATIENT, "Amy")
    await office.arrive(visit.id, patient)
    await office.idle()
    meeting = await office.meeting(visit.id)
    assert meeting is not None
    assert (meeting.state, meeting.code, office.cloud.asked) == (MeetingState.FAILED, "teams-sign-in-needed", [])
    _, doctor = await office.come(DOCTOR, "Rosa")
    assert (await office.place(visit.id, doctor)).sign_in
    await office.bind(visit.id, doctor, ROSA)
    await office.idle()
    assert (await office.place(visit.id, doctor)).ready
    assert await office.kinds(visit.id) == ["meeting_made"]


async def test_where_no_clinician_is_known_the_default_host_organises(office: MeetingOffice) -> None:
    await office.set(default_host=HOST)
    visit, _, _ = await begun(office, bound=False)
    meeting = await office.meeting(visit)
    assert meeting is not None
    assert (meeting.organizer, meeting.state) == (HOST, MeetingState.MADE)
    assert [event.body for event in await office.events(visit) if event.kind == "meeting_made"] == [{"organizer": "default"}]


async def test_a_second_clinician_presents_and_the_meeting_is_made_once(office: MeetingOffice) -> None:
    visit, doctor = await office.come(DOCTOR, "Rosa")
    _, colleague = await office.come(DOCTOR, "Ingrid")
    await office.bind(visit.id, doctor, ROSA)
    await office.bind(visit.id, colleague, INGRID)
    await office.arrive(visit.id, doctor, colleague)
    await office.idle()
    assert [(wish.organizer, wish.presenters) for wish in office.cloud.wishes] == [(ROSA, (INGRID,))]
    assert await office.kinds(visit.id) == ["meeting_made"]


async def refused(office: MeetingOffice, code: str, *, times: int) -> tuple[VisitId, Participant, Participant]:
    """A visit whose meeting Microsoft refuses so often, as soon as that is said."""
    office.cloud.answers = [NotAllowed(code, "No.", phase="meeting.make") for _ in range(times)]
    visit, doctor = await office.come(DOCTOR, "Rosa")
    _, patient = await office.come(PATIENT, "Amy")
    await office.bind(visit.id, doctor, ROSA)
    await office.arrive(visit.id, doctor, patient)

    async def said() -> bool:
        return await office.kinds(visit.id) == ["meeting_failed"]

    await until(said, what=code)
    return visit.id, doctor, patient


@pytest.mark.parametrize("code", ["teams-policy-missing", "teams-settings-differ"])
async def test_what_microsoft_refuses_is_said_once_and_nobody_goes_in_and_it_is_asked_for_again(office: MeetingOffice, code: str) -> None:
    office.doing.patience = 3600  # it is looked at before the time has come to ask again
    visit, doctor, patient = await refused(office, code, times=3)
    place = await office.place(visit, doctor)
    assert (place.ready, place.code) == (False, code)
    await office.step("admit", visit, patient.id)
    for who in (doctor, patient):
        with pytest.raises(Conflict, match="meeting-not-ready"):
            await office.way(visit, who)
    office.doing.patience = 0
    async with office.db.tenant(office.tenant) as tx:
        await tx.execute("update effects set run_at = now() where state = 'ready'")
    await office.idle()
    assert (await office.place(visit, doctor)).ready
    assert await office.kinds(visit) == ["meeting_failed", "meeting_made"]
    assert office.cloud.done == ["make"] * 4


@pytest.mark.parametrize("asks", ["presses", "comes"])
async def test_a_clinician_who_asks_need_not_wait_until_it_is_asked_for_again(office: MeetingOffice, asks: str) -> None:
    office.doing.patience = 3600  # an hour: nothing but what is tested can have helped
    visit, _, _ = await refused(office, "teams-licence-missing", times=1)
    if asks == "presses":
        async with office.db.tenant(office.tenant) as tx:
            found = await office.visits.get(tx, visit)
        await office.choice.ensure(found)
    else:
        _, colleague = await office.come(DOCTOR, "Ingrid")
        await office.arrive(visit, colleague)
    await office.idle()
    assert await office.kinds(visit) == ["meeting_failed", "meeting_made"]


async def test_what_an_earlier_round_was_told_is_not_said_when_somebody_else_is_asked_for_already(office: MeetingOffice) -> None:
    office.cloud.held = asyncio.Event()
    office.cloud.answers = [NotAllowed("teams-licence-missing", "No.", phase="meeting.make")]
    visit, doctor = await office.come(DOCTOR, "Rosa")
    _, colleague = await office.come(DOCTOR, "Ingrid")
    await office.bind(visit.id, colleague, INGRID)
    await office.arrive(visit.id, colleague)
    await until(lambda: office.cloud.wishes, what="the first round asks")
    await office.bind(visit.id, doctor, ROSA)
    office.cloud.held.set()
    await office.idle()
    assert [wish.organizer for wish in office.cloud.wishes] == [INGRID, ROSA]
    assert await office.kinds(visit.id) == ["meeting_made"]


async def test_a_lost_answer_makes_no_second_meeting_and_is_counted_once(office: MeetingOffice) -> None:
    office.cloud.lost = 2
    visit, _, _ = await begun(office)
    meeting = await office.meeting(visit)
    assert meeting is not None
    assert (office.cloud.done, len(office.cloud.made)) == (["make"] * 3, 1)
    async with office.db.tenant(office.tenant) as tx:
        assert await office.parts.organizers.used(tx) == {ROSA: 1}


async def test_what_is_refused_holds_up_no_end(office: MeetingOffice) -> None:
    office.doing.patience = 3600  # an hour: nothing but what is tested can have helped
    visit, _, _ = await refused(office, "teams-policy-missing", times=1)
    await office.step("end_for_all", visit)
    await office.idle()
    assert office.cloud.done == ["make"]


async def test_what_microsoft_cannot_do_now_is_said_once_and_tried_until_it_can(office: MeetingOffice) -> None:
    down = [OutsideFailed("teams-unreachable", "No answer.", phase="meeting.make") for _ in range(3)]
    office.cloud.answers = [*down, TooMany("teams-throttled", "Slower.", phase="meeting.make", retry_after=0.01)]
    visit, _, _ = await begun(office)
    assert await office.kinds(visit) == ["meeting_failed", "meeting_failed", "meeting_made"]
    codes = [event.body.get("code") for event in await office.events(visit) if event.kind == "meeting_failed"]
    assert codes == ["teams-unreachable", "teams-throttled"]


async def test_a_meeting_of_which_nothing_is_told_yet_is_there_all_the_same_and_says_that_it_is_late(office: MeetingOffice) -> None:
    office.deaf = OutsideFailed("teams-unreachable", "No answer.", phase="meeting.subscribe")
    visit, doctor, _ = await begun(office)
    place = await office.place(visit, doctor)
    assert (place.ready, place.delayed) == (True, True)
    assert await office.kinds(visit) == ["meeting_made", "live_delayed"]


async def test_how_many_meetings_somebody_organised_this_month_is_counted_once_each(office: MeetingOffice) -> None:
    await begun(office)
    visit, doctor = await office.come(DOCTOR, "Rosa", csn="1854")
    await office.arrive(visit.id, doctor)
    await office.idle()
    async with office.db.tenant(office.tenant) as tx:
        assert await office.parts.organizers.used(tx) == {ROSA: 2}


# ---------------------------------------------------------------------- where


async def test_a_switch_never_changes_a_visit_in_progress(office: MeetingOffice) -> None:
    in_teams, doctor, _ = await begun(office)
    await office.set(kind="room")
    visit, other = await office.come(DOCTOR, "Rosa", csn="1854")
    await office.arrive(visit.id, other)
    await office.set(kind="teams")
    assert (await office.place(in_teams, doctor)).kind is MeetingKind.TEAMS
    assert (await office.place(visit.id, other)).kind is MeetingKind.ROOM


async def test_before_it_opens_a_visit_says_where_it_would_take_place_now(office: MeetingOffice) -> None:
    visit, doctor = await office.come(DOCTOR, "Rosa")
    place = await office.place(visit.id, doctor)
    assert (place.kind, place.ready, place.sign_in) == (MeetingKind.TEAMS, False, True)
    await office.set(kind="room")
    assert (await office.place(visit.id, doctor)).kind is MeetingKind.ROOM


async def test_a_rehearsal_takes_place_in_the_room(office: MeetingOffice) -> None:
    visit, doctor = await office.come(DOCTOR, "Rosa", system="synthetic", csn="r1")
    await office.arrive(visit.id, doctor)
    assert (await office.place(visit.id, doctor)).kind is MeetingKind.ROOM
    assert await office.meeting(visit.id) is None


async def test_a_board_shows_of_each_visit_what_its_own_pages_do(office: MeetingOffice) -> None:
    in_teams, _, _ = await begun(office)
    await office.set(kind="room")
    in_room, doctor = await office.come(DOCTOR, "Rosa", csn="1854")
    await office.arrive(in_room.id, doctor)
    async with office.db.tenant(office.tenant) as tx:
        sql = "insert into meeting_roster (tenant_id, visit_id, graph_id, state, as_of) values ($1, $2, 'g1', 'in', now())"
        await tx.execute(sql, office.tenant, in_teams)
        visits = [await office.visits.get(tx, one) for one in (in_room.id, in_teams)]
        places = await office.choice.places(tx, visits)
        assert places == {in_teams: await office.choice.place(tx, visits[1], None)}
    assert places[in_teams].strangers == 1


# ---------------------------------------------------------------------- the way in


async def test_the_way_in_is_for_those_who_were_let_in_and_says_where_each_goes(office: MeetingOffice) -> None:
    visit, doctor, patient = await begun(office)
    with pytest.raises(NotAllowed, match="meeting-not-admitted"):
        await office.way(visit, patient)
    await office.step("admit", visit, patient.id)
    assert (await office.way(visit, doctor)).startswith("https://teams.example/join/")
    assert (await office.way(visit, patient)).startswith("https://visit.teams.example/")
    async with office.db.tenant(office.tenant) as tx:
        assert {way.participant for way in await office.kept.ways(tx, visit)} == {doctor.id, patient.id}
    await office.step("end_for_all", visit)
    with pytest.raises(Gone, match="meeting-over"):
        await office.way(visit, doctor)


async def test_a_clinician_who_has_not_signed_in_is_given_no_way_though_the_meeting_is_there(office: MeetingOffice) -> None:
    await office.set(default_host=HOST)
    visit, doctor, _ = await begun(office, bound=False)
    with pytest.raises(NotAllowed, match="teams-sign-in-needed"):
        await office.way(visit, doctor)


# ---------------------------------------------------------------------- moved, shut, deleted


async def test_a_meeting_moves_with_its_appointment(office: MeetingOffice) -> None:
    visit, _, _ = await begun(office)
    later = NOW + timedelta(hours=2)
    await office.step("reschedule", visit, starts_at=later, ends_at=later + timedelta(minutes=20))
    await office.idle()
    assert office.cloud.asked[-1] == ("move", ROSA, f"m-{ROSA}/{visit}", later, later + timedelta(minutes=20))


@pytest.mark.parametrize(
    ("step", "done", "state"), [("end_for_all", "shut", MeetingState.SHUT), ("cancel", "delete", MeetingState.DELETED)]
)
async def test_a_meeting_is_shut_with_its_visits_end_and_deleted_where_it_does_not_take_place(
    office: MeetingOffice, step: str, done: str, state: MeetingState
) -> None:
    visit, doctor, _ = await begun(office)
    await office.step(step, visit)
    await office.idle()
    meeting = await office.meeting(visit)
    assert meeting is not None
    assert (office.cloud.done[-1], meeting.state) == (done, state)
    assert not (await office.place(visit, doctor)).ready


async def test_a_meeting_that_was_being_made_when_its_visit_was_cancelled_is_deleted(office: MeetingOffice) -> None:
    office.cloud.held = asyncio.Event()
    visit, doctor = await office.come(DOCTOR, "Rosa")
    await office.bind(visit.id, doctor, ROSA)
    await office.arrive(visit.id, doctor)
    await until(lambda: office.cloud.wishes, what="the meeting is being made")
    await office.step("cancel", visit.id)
    office.cloud.held.set()
    await office.idle()
    assert office.cloud.done == ["make", "delete"]
    assert await office.kinds(visit.id) == ["cancelled"]


async def test_a_visit_that_never_opened_is_cancelled_without_a_word_to_microsoft(office: MeetingOffice) -> None:
    visit, _ = await office.come(DOCTOR, "Rosa")
    await office.step("cancel", visit.id)
    await office.idle()
    assert office.cloud.asked == []


async def test_two_visits_that_are_one_keep_the_one_meeting_there_is(office: MeetingOffice) -> None:
    older, _ = await office.come(PATIENT, "Amy", csn="1853")
    visit, doctor = await office.come(DOCTOR, "Rosa", csn="2000")
    await office.bind(visit.id, doctor, ROSA)
    await office.arrive(visit.id, doctor)
    await office.idle()
    merged = await merge(office, "1853", "2000")
    meeting = await office.meeting(merged.id)
    assert merged.id == older.id
    assert meeting is not None
    assert meeting.state is MeetingState.MADE
    assert await office.way(merged.id, doctor) == meeting.join_url
    assert await office.meeting(visit.id) is None


async def test_of_two_visits_with_a_meeting_each_that_are_one_the_younger_loses_it(office: MeetingOffice) -> None:
    for csn, name, account in (("1853", "Rosa", ROSA), ("2000", "Ingrid", INGRID)):
        visit, doctor = await office.come(DOCTOR, name, csn=csn)
        await office.bind(visit.id, doctor, account)
        await office.arrive(visit.id, doctor)
    await office.idle()
    merged = await merge(office, "1853", "2000")
    await office.idle()
    assert office.cloud.asked[-1] == ("delete", INGRID, f"m-{INGRID}/{visit.id}")
    meeting = await office.meeting(merged.id)
    assert meeting is not None
    assert (meeting.organizer, meeting.state) == (ROSA, MeetingState.MADE)


async def merge(office: MeetingOffice, *csns: str) -> Visit:
    """Somebody comes who is known by both names."""
    async with office.db.tenant(office.tenant) as tx:
        visit, _ = await office.visits.open_or_join(
            tx,
            connection=CONNECTION,
            identifiers=[Identifier(CONNECTION, "csn", one) for one in csns],
            role=PersonRole.FAMILY,
            person="",
            person_type="",
            name="Zoe",
            participant_key="zoe",
        )
    return visit
