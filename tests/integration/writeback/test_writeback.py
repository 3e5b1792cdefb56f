"""What the record hears of a visit, judged by the practice hospital's own ledger."""

from __future__ import annotations

import asyncpg
import pytest

from support.effects import settled
from support.recorded import PATIENT, PROVIDER, Recorded, recorded
from support.waiting import until
from vestibule.kit.ids import EffectId, VisitId
from vestibule.platform.db import Database
from vestibule.platform.effects import EffectState
from vestibule.visits.model import EventKind, Identifier
from vestibule.writeback.service import ATTENTION

CLINICIAN_ON, CLINICIAN_OFF, PATIENT_ON, PATIENT_OFF = ("1", True), ("1", False), ("2", True), ("2", False)


async def both_connect(r: Recorded) -> tuple[object, dict[object, object]]:
    visit, people = await r.visit()
    for role in (PROVIDER, PATIENT):
        await r.do("connected", visit, people[role])
    return visit, people


async def test_each_connect_and_disconnect_is_told_once_and_in_order(r: Recorded) -> None:
    visit, people = await r.visit()
    async with r.working():
        await r.do("connected", visit, people[PROVIDER])
        await r.do("connected", visit, people[PATIENT])
        await r.do("disconnected", visit, people[PATIENT])
        await r.do("connected", visit, people[PATIENT])
        await r.do("end_for_all", visit)
        await settled(r.here.db, r.here.tenant)
    assert r.told()[:4] == [CLINICIAN_ON, PATIENT_ON, PATIENT_OFF, PATIENT_ON]
    assert sorted(r.told()[4:]) == [CLINICIAN_OFF, PATIENT_OFF]


@pytest.mark.parametrize("step", ["leave", "put_back", "remove", "disconnected"])
async def test_however_somebody_goes_the_record_hears_one_disconnect(r: Recorded, step: str) -> None:
    visit, people = await both_connect(r)
    await r.do(step, visit, people[PATIENT])
    await r.do("end_for_all", visit)
    async with r.working():
        await settled(r.here.db, r.here.tenant)
    assert r.told().count(PATIENT_OFF) == 1
    assert r.told()[-1] == CLINICIAN_OFF


async def test_a_cancelled_visit_says_goodbye_as_well(r: Recorded) -> None:
    visit, _ = await both_connect(r)
    await r.do("cancel", visit)
    async with r.working():
        await settled(r.here.db, r.here.tenant)
    assert sorted(r.told()[2:]) == [CLINICIAN_OFF, PATIENT_OFF]


async def test_the_visits_list_says_what_the_record_accepted(r: Recorded) -> None:
    visit, people = await r.visit()
    await r.do("connected", visit, people[PATIENT])
    async with r.working():
        await settled(r.here.db, r.here.tenant)
    connected, told = (await r.events(visit))[-2:]
    assert (connected.kind, told.kind, told.participant) == (EventKind.CONNECTED, EventKind.RECORD_TOLD, people[PATIENT])
    assert told.body["of"] == connected.seq
    assert told.body["told"] == "connected"


async def test_a_record_that_stumbles_is_told_in_order_when_it_is_back(r: Recorded) -> None:
    r.here.hospital.setup(trouble={"status": {"mode": "error", "times": 3}})
    visit, people = await both_connect(r)
    await r.do("disconnected", visit, people[PATIENT])
    async with r.working():
        await settled(r.here.db, r.here.tenant)
    assert r.told() == [CLINICIAN_ON, PATIENT_ON, PATIENT_OFF]
    assert len(r.here.hospital.ledger("status")) == 6, "three refusals, three answers"


async def test_a_refusal_for_good_is_seen_by_a_person_and_can_be_sent_again(r: Recorded) -> None:
    visit, people = await r.visit()
    await r.do("connected", visit, people[PATIENT])
    apps = {"client_id": r.here.connection.backend_client_id, "status_api": False}
    r.here.hospital.setup(apps=[apps])
    async with r.working():
        await settled(r.here.db, r.here.tenant)
        [row] = await r.rows()
        assert (row.state, row.code) == (EffectState.DEAD, "ehr-not-allowed")
        failed = (await r.events(visit))[-1]
        assert (failed.kind, failed.body["code"]) == (EventKind.RECORD_FAILED, "ehr-not-allowed")
        r.here.hospital.setup(apps=[apps | {"status_api": True}])
        async with r.here.db.tenant(r.here.tenant) as tx:
            await r.writeback.redrive(tx, EffectId(row.id), by="operator")
        await until(lambda: r.told() == [PATIENT_ON])


async def test_a_record_that_stays_away_ends_in_the_dead_letters_and_the_newer_word_wins(r: Recorded) -> None:
    visit, people = await r.visit()
    r.here.hospital.setup(trouble={"status": {"mode": "error", "times": 6}})
    await r.do("connected", visit, people[PATIENT])
    await r.do("disconnected", visit, people[PATIENT])
    async with r.working():
        await settled(r.here.db, r.here.tenant)
    first, last = await r.rows()
    assert (first.state, first.overtaken, first.redrivable) == (EffectState.DEAD, True, False)
    assert last.state is EffectState.DONE
    assert r.told() == [PATIENT_OFF], "what stands in the record is the truth"
    async with r.here.db.tenant(r.here.tenant) as tx:
        assert await r.writeback.failed(tx) == 0, "an overtaken one needs nobody's attention"


class TestTheAccessToken:
    """One per connection, renewed once and by one."""

    async def test_is_fetched_once_for_many_calls(self, r: Recorded) -> None:
        await both_connect(r)
        async with r.working():
            await settled(r.here.db, r.here.tenant)
        assert len(r.here.hospital.ledger("token")) == 1

    async def test_is_renewed_when_the_record_refuses_it(self, r: Recorded) -> None:
        visit, people = await both_connect(r)
        async with r.working():
            await settled(r.here.db, r.here.tenant)
            r.here.hospital.hospital.grants.expire_all()
            await r.do("disconnected", visit, people[PATIENT])
            await settled(r.here.db, r.here.tenant)
        assert r.told() == [CLINICIAN_ON, PATIENT_ON, PATIENT_OFF]
        assert len(r.here.hospital.ledger("token")) == 2

    async def test_that_nobody_gives_out_is_asked_for_again_later(self, r: Recorded) -> None:
        r.here.hospital.setup(trouble={"token": {"mode": "error", "times": 2}})
        visit, people = await r.visit()
        await r.do("connected", visit, people[PATIENT])
        async with r.working():
            await settled(r.here.db, r.here.tenant)
        assert r.told() == [PATIENT_ON]


async def test_basic_credentials_and_another_form_of_the_call_are_data(db: Database) -> None:
    profile = {
        "status": {
            "auth": "basic",
            "basic_user": "emp$telehealth",
            "verb": "POST",
            "send": "json",
            "vendor_name": "Alder Video",
            "conference": ["csn"],
        }
    }
    async with recorded(db, profile=profile, client_secret="practice") as r:
        r.here.hospital.setup(settings={"status_auth": "basic"})
        await both_connect(r)
        async with r.working():
            await settled(r.here.db, r.here.tenant)
        assert r.told() == [CLINICIAN_ON, PATIENT_ON]
        [first, _] = r.here.hospital.ledger("status")
        assert (first["method"], first["params"]["VendorName"]) == ("POST", "Alder Video")


async def test_a_record_that_does_not_want_to_be_told_is_not(db: Database) -> None:
    async with recorded(db, profile={"status": {"on": False}}) as r:
        await both_connect(r)
        assert await r.rows() == []


async def test_a_mistake_in_the_profile_is_shown_not_swallowed(db: Database) -> None:
    async with recorded(db, profile={"status": {"verbs": "GET"}}) as r:
        visit, people = await r.visit()
        await r.do("connected", visit, people[PATIENT])
        async with r.working():
            await settled(r.here.db, r.here.tenant)
        assert [row.code for row in await r.rows()] == ["ehr-profile-wrong"]


class TestWhatIsKept:
    """Who somebody is to the record lives, sealed, until the last word about them was said; nowhere else at any time."""

    async def test_the_payload_holds_ids_and_codes_only(self, r: Recorded, owner: asyncpg.Connection) -> None:
        visit, people = await r.visit()
        await r.do("connected", visit, people[PATIENT])
        booked = r.here.hospital.hospital.book.appointment(r.here.csn)
        assert booked is not None
        everything = str(await owner.fetch("select e::text from effects e union all select a::text from effect_attempts a"))
        for secret in (booked.patient, booked.csn, "Canary"):
            assert secret not in everything

    async def test_is_forgotten_when_the_final_disconnect_was_told(self, r: Recorded, owner: asyncpg.Connection) -> None:
        visit, _ = await both_connect(r)
        await r.do("end_for_all", visit)
        assert await _known(owner) == 2, "still owed to the record"
        async with r.working():
            await settled(r.here.db, r.here.tenant)
        assert await _known(owner) == 0

    async def test_is_forgotten_at_once_when_nobody_ever_connected(self, r: Recorded, owner: asyncpg.Connection) -> None:
        visit, _ = await r.visit()
        await r.do("end_for_all", visit)
        assert await _known(owner) == 0

    async def test_is_kept_for_a_dead_disconnect_until_a_person_has_decided(self, r: Recorded, owner: asyncpg.Connection) -> None:
        r.here.hospital.setup(apps=[{"client_id": r.here.connection.backend_client_id, "status_api": False}])
        visit, people = await r.visit()
        await r.do("connected", visit, people[PATIENT])
        await r.do("end_for_all", visit)
        async with r.working():
            await settled(r.here.db, r.here.tenant)
        assert await _known(owner) == 2
        async with r.here.db.tenant(r.here.tenant) as tx:
            rows, logs = await r.writeback.page(tx, ATTENTION)
            assert all(logs[row.id] for row in rows)
            [needs] = [row for row in rows if not row.overtaken]
            await r.writeback.give_up(tx, EffectId(needs.id), by="operator")
        # The connect before it is no longer overtaken by anything: it must be decided as well.
        async with r.here.db.tenant(r.here.tenant) as tx:
            [left] = [row for row in (await r.writeback.page(tx, ATTENTION))[0] if not row.overtaken]
            await r.writeback.give_up(tx, EffectId(left.id), by="operator")
        assert await _known(owner) == 0


async def _known(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("select count(*) from participants where person_sealed is not null"))


async def test_of_two_visits_that_turn_out_to_be_one_the_record_hears_the_end_last(r: Recorded) -> None:
    """A connect still waits in the lane of a visit that turns out to be an older one; the disconnect must not overtake it."""
    here = r.here
    booked = here.hospital.hospital.book.appointment(here.csn)
    assert booked is not None
    conference, csn = (Identifier(here.connection.id, "conference", booked.conference), Identifier(here.connection.id, "csn", here.csn))

    async def provider(*names: Identifier) -> VisitId:
        async with here.db.tenant(here.tenant) as tx:
            visit, _ = await here.visits.open_or_join(
                tx,
                connection=here.connection.id,
                identifiers=names,
                role=PROVIDER,
                person=booked.practitioner,
                person_type="Practitioner",
                name="",
            )
            return visit.id

    older = await provider(conference)
    newer, people = await r.visit()
    await r.do("connected", newer, people[PATIENT])
    assert await provider(conference, csn) == older
    await r.do("disconnected", older, people[PATIENT])
    assert {row.visit for row in await r.rows()} == {older}, "one lane"
    here.hospital.setup(trouble={"status": {"mode": "error", "times": 2}})
    async with r.working():
        await settled(here.db, here.tenant)
    assert r.told() == [PATIENT_ON, PATIENT_OFF]
