"""The service on a real database: steps, the gapless list, merging, what is erased, who sees what."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from support.met import EPIC, NOW, Met, come, csn, kinds
from vestibule.errors import BadInput, Conflict, Gone, NotFound
from vestibule.kit.clock import FrozenClock
from vestibule.kit.ids import ParticipantId, TenantId, VisitId, new_id
from vestibule.platform.db import Database, Tx
from vestibule.visits.fold import replay
from vestibule.visits.model import EventKind, Identifier, Outcome, PersonRole, PersonState, Visit, VisitEvent, VisitState
from vestibule.visits.service import Visits

K = EventKind


async def test_a_whole_visit_leaves_its_story(visits: Visits, db: Database, tenant: TenantId) -> None:
    met = await Met(visits, db, tenant).begin()
    after = await met.do(lambda tx: visits.end_for_all(tx, met.id, by=met.doctor.id))
    assert after.outcome is Outcome.COMPLETED
    assert await kinds(visits, db, tenant, met.id) == [
        "scheduled", "expected", "expected", "opened", "admitted", "connected", "arrived", "admitted", "connected",
        "disconnected", "disconnected", "ended",
    ]  # fmt: skip


async def test_what_is_stored_is_what_the_events_add_up_to(visits: Visits, db: Database, tenant: TenantId) -> None:
    met = await Met(visits, db, tenant).begin()
    await met.do(lambda tx: visits.put_back(tx, met.id, met.patient.id))
    async with db.tenant(tenant) as tx:
        stored = await visits.get(tx, met.id)
        events = await visits.events(tx, met.id)
    told = replay(Visit(met.id, tenant, EPIC, None, VisitState.SCHEDULED, 0), events)
    assert [(p.id, p.role, p.state, p.since, p.arrived_at, p.connected_at) for p in told.people] == [
        (p.id, p.role, p.state, p.since, p.arrived_at, p.connected_at) for p in stored.people
    ]
    assert (told.state, told.seq, told.opened_at, told.met_at) == (stored.state, stored.seq, stored.opened_at, stored.met_at)


async def test_whom_the_record_names_as_provider_is_known_also_after_two_visits_became_one(
    visits: Visits, db: Database, tenant: TenantId
) -> None:
    async with db.tenant(tenant) as tx:
        older, _ = await come(visits, tx, csn("1"), role=PersonRole.PROVIDER, person="nurse")
    async with db.tenant(tenant) as tx:
        younger, leader = await visits.open_or_join(
            tx, connection=EPIC, identifiers=[csn("2")], role=PersonRole.PROVIDER, person="doc", person_type="id", name="", leads=True
        )
        assert leader.leads
    async with db.tenant(tenant) as tx:
        await come(visits, tx, csn("1"), csn("2"), person="pat")
    async with db.tenant(tenant) as tx:
        stored, events = await visits.get(tx, younger.id), await visits.events(tx, older.id)
    told = replay(Visit(older.id, tenant, EPIC, None, VisitState.SCHEDULED, 0), events)
    for visit in (stored, told):
        assert {p.id for p in visit.people if p.leads} == {leader.id}


async def test_the_list_has_no_gap_under_twenty_writers(visits: Visits, db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        visit, _ = await come(visits, tx, csn("1"))

    async def write() -> None:
        for _ in range(5):
            async with db.tenant(tenant) as tx:
                await visits.message(tx, visit.id, "thank_you")

    await asyncio.gather(*(write() for _ in range(20)))
    async with db.tenant(tenant) as tx:
        events = await visits.events(tx, visit.id)
    assert [e.seq for e in events] == list(range(1, 103))


async def test_a_step_repeated_says_nothing_and_an_impossible_one_is_refused(visits: Visits, db: Database, tenant: TenantId) -> None:
    met = await Met(visits, db, tenant).begin()
    before = await kinds(visits, db, tenant, met.id)
    await met.do(lambda tx: visits.admit(tx, met.id, met.patient.id))
    await met.do(lambda tx: visits.arrive(tx, met.id, met.patient.id))
    await met.do(lambda tx: visits.connected(tx, met.id, met.patient.id, holder="p1"))
    assert await kinds(visits, db, tenant, met.id) == before
    with pytest.raises(Conflict, match="visit-step-impossible"):
        await met.do(lambda tx: visits.hold(tx, met.id, met.patient.id))
    assert await kinds(visits, db, tenant, met.id) == before


@pytest.mark.parametrize(
    ("step", "last"),
    [("put_back", ["disconnected", "put_back"]), ("remove", ["disconnected", "removed"]), ("leave", ["disconnected", "left"])],
)
async def test_whoever_is_connected_is_disconnected_before_they_go(
    visits: Visits, db: Database, tenant: TenantId, step: str, last: list[str]
) -> None:
    met = await Met(visits, db, tenant).begin()
    await met.do(lambda tx: getattr(visits, step)(tx, met.id, met.patient.id))
    assert (await kinds(visits, db, tenant, met.id))[-2:] == last
    await met.do(lambda tx: visits.disconnected(tx, met.id, met.patient.id, holder="p1"))
    assert (await kinds(visits, db, tenant, met.id))[-2:] == last, "the socket's own end is not news any more"


async def test_nobody_steps_into_a_visit_that_is_over(visits: Visits, db: Database, tenant: TenantId) -> None:
    met = await Met(visits, db, tenant).begin()
    await met.do(lambda tx: visits.end_for_all(tx, met.id))
    await met.do(lambda tx: visits.end_for_all(tx, met.id))
    for step in (visits.arrive, visits.admit, visits.connected, visits.join):
        with pytest.raises(Conflict, match="visit-over"):
            await met.do(lambda tx, step=step: step(tx, met.id, met.patient.id))  # type: ignore[misc]
    assert (await kinds(visits, db, tenant, met.id)).count("ended") == 1


async def test_names_go_at_the_end_and_person_ids_when_the_record_is_served(
    visits: Visits, db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    met = await Met(visits, db, tenant).begin()
    async with db.tenant(tenant) as tx:
        assert {p.name for p in (await visits.get(tx, met.id)).people} == {"Amy Shaw", "Dr. Okafor"}
        assert not await visits.erase_person_ids(tx, met.id), "not before the end"
    await met.do(lambda tx: visits.end_for_all(tx, met.id))
    assert await owner.fetchval("select count(*) from participants where name_sealed is not null") == 0
    assert await owner.fetchval("select count(*) from participants where person_sealed is not null") == 2
    async with db.tenant(tenant) as tx:
        assert {p.person for p in (await visits.get(tx, met.id)).people} == {"doc-1", "pat-1"}
        assert await visits.erase_person_ids(tx, met.id)
    assert await owner.fetchval("select count(*) from participants where person_sealed is not null or person_key is not null") == 0


async def test_a_patient_who_never_came_is_a_no_show_and_a_persons_mark_wins(visits: Visits, db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        visit, doctor = await come(visits, tx, csn("7"), role=PersonRole.PROVIDER, person="d")
        await visits.expect(tx, visit.id, role=PersonRole.PATIENT, person="p", person_type="id")
        await visits.arrive(tx, visit.id, doctor.id)
        await visits.connected(tx, visit.id, doctor.id)
        assert (await visits.end_for_all(tx, visit.id)).outcome is Outcome.NO_SHOW
        marked = await visits.mark_outcome(tx, visit.id, Outcome.COMPLETED, by=doctor.id)
        assert (marked.outcome, marked.outcome_by_person) == (Outcome.COMPLETED, True)


async def test_a_mark_made_before_the_end_survives_it(visits: Visits, db: Database, tenant: TenantId) -> None:
    met = await Met(visits, db, tenant).begin()
    await met.do(lambda tx: visits.mark_outcome(tx, met.id, Outcome.UNDETERMINED))
    assert (await met.do(lambda tx: visits.end_for_all(tx, met.id))).outcome is Outcome.UNDETERMINED


async def test_one_identifier_is_one_visit_though_launches_arrive_at_once(visits: Visits, db: Database, tenant: TenantId) -> None:
    async def launch(n: int) -> VisitId:
        async with db.tenant(tenant) as tx:
            return (await come(visits, tx, csn("9"), role=PersonRole.GUEST, person=f"g{n}"))[0].id

    found = await asyncio.gather(*(launch(n) for n in range(8)))
    assert len(set(found)) == 1


async def test_the_same_person_gets_the_same_place(visits: Visits, db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        visit, first = await come(visits, tx, csn("5"), person="pat-5", name="Amy")
        _, again = await come(visits, tx, csn("5"), person="pat-5")
        _, other = await come(visits, tx, csn("5"), role=PersonRole.FAMILY, person="pat-6")
    assert first.id == again.id != other.id
    assert again.name == "Amy"
    assert visit.id


async def test_the_patient_whom_the_clinician_expected_is_the_one_who_comes_by_link(visits: Visits, db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        visit, doctor = await come(visits, tx, csn("5"), role=PersonRole.PROVIDER, person="d")
        expected = await visits.expect(tx, visit.id, role=PersonRole.PATIENT, person="pat-5", person_type="id")
        code = await visits.make_link(tx, visit.id, role=PersonRole.PATIENT, expires_at=NOW + timedelta(hours=1), by=doctor.id)
        _, came = await visits.join_by_code(tx, code)
        _, again = await visits.join_by_code(tx, code)
    assert came.id == expected.id == again.id


async def test_two_visits_found_to_be_one_become_the_older(visits: Visits, db: Database, tenant: TenantId) -> None:
    by_csn, by_fhir = csn("1853"), Identifier(EPIC, "fhir-appointment", "a-77")
    async with db.tenant(tenant) as tx:
        older, doctor = await come(visits, tx, by_csn, role=PersonRole.PROVIDER, person="doc")
        expected = await visits.expect(tx, older.id, role=PersonRole.PATIENT, person="pat", person_type="id")
        await visits.arrive(tx, older.id, doctor.id)
        younger, patient = await come(visits, tx, by_fhir, person="pat", name="Amy")
        await visits.arrive(tx, younger.id, patient.id)
    async with db.tenant(tenant) as tx:
        found, _ = await come(visits, tx, by_csn, by_fhir, role=PersonRole.PROVIDER, person="doc")
        assert found.id == older.id
        merged = await visits.get(tx, younger.id)
        assert merged.id == older.id, "whoever asks for the younger is given the older"
        assert {p.id for p in merged.people} == {doctor.id, patient.id}
        who = merged.person(expected.id)
        assert who is not None
        assert (who.id, who.state, who.name) == (patient.id, PersonState.WAITING, "Amy")
        await visits.admit(tx, younger.id, patient.id)
        assert {i.value for i in await visits.identifiers(tx, older.id)} == {"1853", "a-77"}
        events = await visits.events(tx, older.id)
        stored = await visits.get(tx, older.id)
    assert [e.kind for e in events][-2:] == [K.MERGED, K.ADMITTED]
    assert (await kinds(visits, db, tenant, younger.id))[-1] == "merged_away"
    told = replay(Visit(older.id, tenant, EPIC, None, VisitState.SCHEDULED, 0), events)
    assert {(p.id, p.state, p.since) for p in told.people} == {(p.id, p.state, p.since) for p in stored.people}
    assert told.aliases == stored.aliases


async def test_a_visit_that_is_over_is_not_merged_into_a_living_one(visits: Visits, db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        ended, _ = await come(visits, tx, csn("1"), person="a")
        await visits.end_for_all(tx, ended.id)
        living, _ = await come(visits, tx, csn("2"), person="a")
        found, _ = await come(visits, tx, csn("1"), csn("2"), person="a")
        assert found.id == living.id
        assert (await visits.get(tx, ended.id)).state is VisitState.ENDED
        gone, nobody = await come(visits, tx, csn("1"), person="stranger", name="Mallory")
    assert gone.id == ended.id
    assert gone.person(nobody.id) is None, "a visit that is over takes nobody in"


async def test_the_list_can_neither_be_changed_nor_shortened(
    visits: Visits, db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        await come(visits, tx, csn("1"))
    for sql in ("update visit_events set kind = 'ended'", "delete from visit_events", "truncate visit_events"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute(sql)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(tenant) as tx:
            await tx.execute("delete from visit_events")


async def test_another_tenant_sees_nothing(visits: Visits, db: Database, tenant: TenantId, other_tenant: TenantId) -> None:
    met = await Met(visits, db, tenant).begin()
    async with db.tenant(other_tenant) as tx:
        with pytest.raises(NotFound):
            await visits.get(tx, met.id)
        assert await visits.events(tx, met.id) == []
        elsewhere, _ = await come(visits, tx, csn("1853"))
        assert elsewhere.id != met.id
    async with db.anyone() as tx:
        for table in ("visits", "participants", "visit_events", "visit_identifiers", "visit_links", "presence"):
            assert await tx.fetchval(f"select count(*) from {table}") == 0


async def test_subscribers_stand_or_fall_with_the_event(visits: Visits, db: Database, tenant: TenantId) -> None:
    heard: list[tuple[str, int, PersonState | None]] = []

    async def listen(tx: Tx, visit: Visit, event: VisitEvent) -> None:
        who = visit.person(event.participant) if event.participant else None
        heard.append((event.kind.value, visit.seq, who.state if who else None))
        if event.kind is K.ADMITTED:
            raise RuntimeError("cannot enqueue")

    visits.subscribers.append(listen)
    async with db.tenant(tenant) as tx:
        visit, patient = await come(visits, tx, csn("1"))
        await visits.arrive(tx, visit.id, patient.id)
    assert heard == [
        ("scheduled", 1, None),
        ("expected", 2, PersonState.EXPECTED),
        ("opened", 3, None),
        ("arrived", 4, PersonState.WAITING),
    ]
    with pytest.raises(RuntimeError):
        async with db.tenant(tenant) as tx:
            await visits.admit(tx, visit.id, patient.id)
    assert (await kinds(visits, db, tenant, visit.id))[-1] == "arrived"


# -------------------------------------------------------------------- links and names


async def test_a_link_ends_is_revoked_and_is_kept_as_a_hash(
    visits: Visits, db: Database, tenant: TenantId, clock: FrozenClock, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        visit, doctor = await come(visits, tx, csn("1"), role=PersonRole.PROVIDER, person="d")
        codes = [
            await visits.make_link(tx, visit.id, role=PersonRole.INTERPRETER, expires_at=NOW + timedelta(hours=1), by=doctor.id)
            for _ in range(2)
        ]
        link = await visits.find_link(tx, codes[0])
        _, first = await visits.join_by_code(tx, codes[0])
        _, second = await visits.join_by_code(tx, codes[1])
        assert first.id != second.id, "each link is one person's place"
        await visits.revoke_link(tx, visit.id, link.id)
        with pytest.raises(Gone, match="link-over"):
            await visits.join_by_code(tx, codes[0])
    assert await visits.links.whose(db, codes[1]) == tenant
    clock.advance(3600)
    async with db.tenant(tenant) as tx:
        with pytest.raises(Gone, match="link-over"):
            await visits.join_by_code(tx, codes[1])
    with pytest.raises(NotFound, match="link-unknown"):
        await visits.links.whose(db, "not-a-code")
    stored = await owner.fetch("select * from visit_links")
    assert not any(code in repr(stored) for code in codes)


async def test_a_name_is_cleaned_sealed_and_announced_without_itself(
    visits: Visits, db: Database, tenant: TenantId, owner: asyncpg.Connection
) -> None:
    async with db.tenant(tenant) as tx:
        visit, patient = await come(visits, tx, csn("1"))
        named = await visits.set_name(tx, visit.id, patient.id, "  <script>Amy\u202e\x00  Shaw ")
        assert named.person(patient.id).name == "<script>Amy Shaw"  # type: ignore[union-attr]
        with pytest.raises(BadInput, match="name-empty"):
            await visits.set_name(tx, visit.id, patient.id, " \u200b\n")
    assert (await kinds(visits, db, tenant, visit.id))[-1] == "named"
    assert "Shaw" not in repr(await owner.fetch("select * from visit_events")) + repr(await owner.fetch("select * from participants"))


async def test_an_unknown_person_or_message_is_an_error_with_a_code(visits: Visits, db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        visit, patient = await come(visits, tx, csn("1"))
        with pytest.raises(NotFound, match="participant-not-found"):
            await visits.admit(tx, visit.id, ParticipantId(new_id()))
        with pytest.raises(BadInput, match="message-unknown"):
            await visits.message(tx, visit.id, "<b>")
        with pytest.raises(Conflict, match="visit-step-impossible"):
            await visits.message(tx, visit.id, "thank_you", to=patient.id)
