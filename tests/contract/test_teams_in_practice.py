"""Our client of Graph against the practice cloud, over real sockets: what it makes, what it is told, and each refusal by its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from practice.microsoft.graph.model import OnlineMeeting
from practice.microsoft.seed import ALDER, BIRCH
from practice.server import Running, start
from practice.teams.model import Presence
from practice.teams.rules import rules_of
from support.graph import account, by_certificate, hook, key_pair, wish
from support.practice_cloud import EVERYTHING, INGRID, ROSA, Ear, hearing, pair, register
from vestibule.adapters.meetings.teams import GraphCloud, GraphNotices, Places
from vestibule.errors import BadInput, Conflict, Gone, NotAllowed, TooMany, VestibuleError
from vestibule.kit.clock import FrozenClock, SystemClock
from vestibule.meetings.model import Account, CallEvent, CallEventKind, IdentityKind, Made
from vestibule.platform.http import Http

NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass
class Side:
    """Ours, and the cloud it asks."""

    hospital: Running
    cloud: GraphCloud
    notices: GraphNotices
    parts: dict[str, Any]

    def meeting(self, made: Made) -> OnlineMeeting:
        found = self.hospital.hospital.graph.meeting(made.id)
        assert found is not None
        return found

    def asked(self, endpoint: str = "") -> list[dict[str, Any]]:
        """What the cloud was asked, by its own ledger."""
        ledger = self.hospital.hospital.ledger
        return [dict(one) for one in ledger.entries() if endpoint in {"", one.get("endpoint")}]

    def comes(self, made: Made, name: str = "Rosa Okafor", person: str = ROSA) -> Presence:
        calls = self.hospital.hospital.calls
        if person:
            return calls.join(made.id, who="user", name=name, person=person, tid=ALDER)
        return calls.join(made.id, who="guest", name=name)

    async def opens(self, told: dict[str, Any], item: dict[str, Any], who: Account | None = None) -> CallEvent:
        keys = {key_pair(number).id: key_pair(number) for number in range(2)}
        return await self.notices.open(who or account(), item, told["validationTokens"], keys, now=datetime.now(UTC))


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    hospital = await start()
    register(hospital, certificates=[pair(0).base64])
    hospital.setup(cloud={"retry_seconds": 0.01, "report_seconds": 0, "record_seconds": 0})
    http, at = Http(allow_loopback_http=True), hospital.hospital.at
    places = Places.of(at.graph, f"{at.microsoft}/organizations/v2.0")
    more: dict[str, Any] = {"http": http, "clock": SystemClock(), "places": places, "loopback_http": True}
    yield Side(hospital, GraphCloud(**more), GraphNotices(**more), more)
    await http.close()
    await hospital.stop()


async def refused(work: Any) -> VestibuleError:
    with pytest.raises(VestibuleError) as caught:
        await work
    return caught.value


@pytest.mark.parametrize("who", [account(), by_certificate()], ids=["secret", "certificate"])
async def test_a_meeting_is_made_once_with_the_settings_that_were_asked_for(side: Side, who: Account) -> None:
    first, again = await side.cloud.make(who, wish()), await side.cloud.make(who, wish())
    assert (first.id, first.join_url, first.new, again.new) == (again.id, again.join_url, True, False)
    kept = side.meeting(first)
    assert (kept.organizer, kept.external_id, kept.start) == (ROSA, "visit-1", "2026-11-21T15:00:00Z")
    assert (kept.lobby, kept.dial_in_bypass, kept.chat) == ("everyone", False, "limited")
    assert (kept.option("allowedPresenters"), kept.option("isEntryExitAnnounced"), kept.option("recordAutomatically")) == (
        "organizer",
        False,
        False,
    )
    assert first.visitor_url == kept.visitor_url != first.join_url


async def test_an_organisations_own_choices_are_kept(side: Side) -> None:
    made = await side.cloud.make(account(), wish(teams_lobby=True, recording=True, announce=True, presenters=(INGRID,)))
    kept = side.meeting(made)
    assert (kept.lobby, kept.option("recordAutomatically"), kept.option("isEntryExitAnnounced")) == ("organization", True, True)
    rules = rules_of(kept)
    assert rules is not None
    assert rules.role("user", INGRID, ALDER) == "Presenter"


async def test_a_policy_that_overrules_a_setting_stops_the_visit_by_its_name(side: Side) -> None:
    side.hospital.setup(cloud={"keeps": {"recordAutomatically": True}})
    with pytest.raises(Conflict, match=r"teams-settings-differ.*: recordAutomatically\."):
        await side.cloud.make(account(), wish())


async def test_without_the_visitors_link_the_meetings_own_takes_them_in(side: Side) -> None:
    register(side.hospital, permissions=[one for one in EVERYTHING if not one.startswith("VirtualAppointment")])
    made = await side.cloud.make(account(), wish())
    assert made.visitor_url == made.join_url


async def test_a_meeting_is_moved_shut_and_deleted_and_the_last_may_be_said_again(side: Side) -> None:
    made = await side.cloud.make(account(), wish())
    at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    await side.cloud.move(account(), ROSA, made.id, at, at + timedelta(minutes=20))
    assert (side.meeting(made).start, side.meeting(made).end) == ("2026-11-22T09:00:00Z", "2026-11-22T09:20:00Z")
    await side.cloud.shut(account(), ROSA, made.id)
    assert (side.meeting(made).lobby, side.meeting(made).chat) == ("organizer", "disabled")
    for _ in range(2):
        await side.cloud.delete(account(), ROSA, made.id)
        await side.cloud.shut(account(), ROSA, made.id)
    with pytest.raises(Gone, match="teams-meeting-gone"):
        await side.cloud.move(account(), ROSA, made.id, at, at + timedelta(minutes=20))


@pytest.mark.parametrize(
    ("changes", "who", "code", "words"),
    [
        ({"secret": "another"}, account(), "teams-not-signed-in", "client secret"),
        ({"secret_expired": True}, account(), "teams-not-signed-in", "expired"),
        ({}, by_certificate(1), "teams-not-signed-in", "certificate"),
        ({}, account(client_id=NOBODY), "teams-not-signed-in", "no application"),
        ({}, account(directory=NOBODY), "teams-not-signed-in", "no directory"),
        ({}, account(secret=""), "teams-not-signed-in", "No client secret"),
        ({"consented": []}, account(), "teams-permission-missing", "permission"),
        ({"permissions": ["User.Read.All"]}, account(), "teams-permission-missing", "permission"),
    ],
)
async def test_what_an_administrator_has_to_mend_is_named(side: Side, changes: dict[str, Any], who: Account, code: str, words: str) -> None:
    register(side.hospital, **changes)
    error = await refused(side.cloud.make(who, wish()))
    assert isinstance(error, NotAllowed)
    assert error.code == code
    assert words in error.sentence
    assert ROSA not in str(error)


def granted(side: Side, *people: str) -> None:
    """The access policy covers these and nobody else."""
    side.hospital.setup(access_policies=[{"name": "Vestibule", "everyone": False, "granted_to": list(people)}])


async def test_a_clinician_without_a_policy_or_a_licence_and_one_who_is_gone_are_named(side: Side) -> None:
    granted(side, INGRID)
    assert (await refused(side.cloud.make(account(), wish()))).code == "teams-policy-missing"
    granted(side, INGRID, NOBODY)
    side.hospital.setup(people_accounts=[{"oid": INGRID, "licences": []}])
    assert (await refused(side.cloud.make(account(), wish(organizer=INGRID)))).code == "teams-licence-missing"
    assert (await refused(side.cloud.make(account(), wish(organizer=NOBODY)))).code == "teams-user-unknown"


async def test_one_token_is_fetched_for_many_and_another_when_it_is_not_accepted_any_more(side: Side) -> None:
    await asyncio.gather(*(side.cloud.make(account(), wish(external_id=f"visit-{n}")) for n in range(8)))
    assert len(side.asked("token")) == 1
    side.hospital.hospital.graph.expire_tokens()
    await asyncio.sleep(1.1)  # tokens are dated in whole seconds
    await side.cloud.make(account(), wish())
    assert len(side.asked("token")) == 2


async def test_who_is_asked_to_wait_asks_nothing_until_then(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.hospital.setup(cloud={"per_second": 2})
    here, there = FrozenClock(datetime.now(UTC)), side.hospital.hospital.now()
    side.cloud = GraphCloud(**{**side.parts, "clock": here})
    monkeypatch.setattr(side.hospital.hospital, "now", lambda: there)
    error = await refused(side.cloud.make(account(), wish()))
    assert isinstance(error, TooMany)
    assert error.code == "teams-throttled"
    assert 0 < (error.retry_after or 0) <= 2
    before = len(side.asked())
    assert (await refused(side.cloud.make(account(), wish()))).code == "teams-throttled"
    assert len(side.asked()) == before


async def test_looking_says_of_each_organizer_what_is_wrong_and_makes_nothing(side: Side) -> None:
    side.hospital.setup(people_accounts=[{"oid": INGRID, "licences": []}])
    granted(side, INGRID)
    seen = await side.cloud.look(by_certificate(), [ROSA, INGRID, NOBODY])
    assert seen.signed_in
    assert seen.permissions == set(EVERYTHING)
    assert [(one.object_id, one.code) for one in seen.organizers] == [
        (ROSA, "teams-policy-missing"),
        (INGRID, "teams-licence-missing"),
        (NOBODY, "teams-user-unknown"),
    ]
    assert abs(seen.clock_skew or 99) < 5
    assert seen.proof_ends == key_pair().not_after
    assert not side.hospital.hospital.graph.meetings
    register(side.hospital)
    assert [one.code for one in (await side.cloud.look(account(), [ROSA])).organizers] == [""]
    assert not (await side.cloud.look(account(secret="another"), [ROSA])).signed_in


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    async with hearing() as made:
        yield made


async def test_a_subscription_makes_room_for_the_next_and_is_prolonged_and_ended(side: Side, ear: Ear) -> None:
    made, until = await side.cloud.make(account(), wish()), datetime.now(UTC) + timedelta(days=10)
    first = await side.cloud.subscribe(account(), made.join_url, hook(ear.url), until=until)
    assert timedelta(minutes=4_200) < first.expires_at - datetime.now(UTC) <= timedelta(minutes=4_230)
    second = await side.cloud.subscribe(account(), made.join_url, hook(ear.url), until=until)
    assert set(side.hospital.hospital.graph.subscriptions) == {second.id} != {first.id}
    sooner = datetime.now(UTC) + timedelta(hours=2)
    renewed = await side.cloud.renew(account(), second.id, until=sooner, hook=hook(ear.url, number=1))
    assert renewed.id == second.id
    assert abs(renewed.expires_at - sooner) < timedelta(seconds=2)
    assert side.hospital.hospital.graph.subscriptions[second.id].certificate_id == "key-1"
    assert (await side.cloud.subscription(account(), second.id)) == renewed
    for _ in range(2):
        await side.cloud.unsubscribe(account(), second.id)
    assert await side.cloud.subscription(account(), second.id) is None
    with pytest.raises(Gone, match="teams-subscription-gone"):
        await side.cloud.renew(account(), second.id, until=sooner)


async def listening(side: Side, ear: Ear, **manners: Any) -> Made:
    made = await side.cloud.make(account(), wish())
    await side.cloud.subscribe(account(), made.join_url, hook(ear.url), until=datetime.now(UTC) + timedelta(days=1))
    side.hospital.setup(cloud=manners)
    return made


@pytest.mark.parametrize("generation", ["event", "roster", "delta"])
async def test_what_is_told_of_a_call_is_opened_in_each_generation(side: Side, ear: Ear, generation: str) -> None:
    made = await listening(side, ear, generation=generation, batch=1)
    rosa, guest = side.comes(made), side.comes(made, "Zelda Quux", "")
    side.hospital.hospital.calls.leave(guest.id)
    side.hospital.hospital.calls.leave(rosa.id)
    told = await ear.wait(6)
    events = [await side.opens(one, item) for one in told for item in one["value"]]
    assert {one.kind for one in events} == {CallEventKind.STARTED, CallEventKind.ROSTER, CallEventKind.ENDED}
    assert all(one.at and abs(one.at - datetime.now(UTC)) < timedelta(seconds=30) for one in events)
    seen = [(person.id, person.identity.kind, person.gone) for one in events for person in one.people]
    assert sorted(seen) == sorted(
        [
            (rosa.id, IdentityKind.USER, False),
            (guest.id, IdentityKind.GUEST, False),
            (guest.id, IdentityKind.GUEST, True),
            (rosa.id, IdentityKind.USER, True),
        ]
    )
    named = {person.id: person.identity for one in events for person in one.people}
    assert (named[rosa.id].id, named[rosa.id].directory, named[guest.id].name) == (ROSA, ALDER, "Zelda Quux")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("audience", NotAllowed),
        ("issuer", NotAllowed),
        ("appid", NotAllowed),
        ("expired", NotAllowed),
        ("unsigned", NotAllowed),
        ("signature", NotAllowed),
        ("no-token", NotAllowed),
        ("data", NotAllowed),
        ("data-signature", NotAllowed),
        ("key", BadInput),
    ],
)
async def test_what_nobody_should_believe_is_refused(side: Side, ear: Ear, fault: str, kind: type[VestibuleError]) -> None:
    made = await listening(side, ear, notice_fault=fault)
    side.comes(made)
    told = (await ear.wait(1))[0]
    with pytest.raises(kind, match="teams-notice-"):
        await side.opens({"validationTokens": [], **told}, told["value"][0])


async def test_another_organisations_good_notification_is_not_ours(side: Side, ear: Ear) -> None:
    made = await listening(side, ear)
    side.comes(made)
    told = (await ear.wait(1))[0]
    with pytest.raises(NotAllowed, match="teams-notice-forged"):
        await side.opens(told, told["value"][0], replace(account(), directory=BIRCH))
    with pytest.raises(NotAllowed, match="teams-notice-forged"):
        await side.opens(told, {**told["value"][0], "tenantId": BIRCH})
