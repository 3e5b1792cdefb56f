"""Asking Graph: tokens, pauses, pages, and what each refusal of Microsoft's means."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from support.graph import JOIN, MICROSOFT, NOW, START, Recording, account, by_certificate, hook, wish
from support.practice_cloud import ROSA
from vestibule.adapters.meetings.teams import Places
from vestibule.adapters.meetings.teams.options import differences
from vestibule.errors import Conflict, Gone, NotAllowed, OutsideFailed, TooMany, VestibuleError
from vestibule.kit.clock import FrozenClock
from vestibule.kit.exchange import Ask
from vestibule.kit.ids import TenantId, new_id

UNTIL = NOW + timedelta(days=1)


def no(status: int, code: str = "", message: str = "", **headers: str) -> Any:
    """Graph says no to everything."""
    return lambda _: (status, {"error": {"code": code, "message": message}}, {k.replace("_", "-"): v for k, v in headers.items()})


async def refused(work: Any) -> VestibuleError:
    with pytest.raises(VestibuleError) as caught:
        await work
    return caught.value


@pytest.mark.parametrize(
    ("say", "kind", "code"),
    [
        (no(403, "Forbidden", "No application access policy found for this app: x on the user: y"), NotAllowed, "teams-policy-missing"),
        (no(401, "Unauthorized", "App x is not authorized to Create meeting on behalf of user y"), NotAllowed, "teams-policy-missing"),
        (no(403, "Forbidden", "Application is not allowed to perform operations on the user y"), NotAllowed, "teams-policy-missing"),
        (no(403, "Forbidden", "The user is not licensed for Teams"), NotAllowed, "teams-licence-missing"),
        (no(403, "Authorization_RequestDenied", "Insufficient privileges"), NotAllowed, "teams-permission-missing"),
        (no(403), NotAllowed, "teams-permission-missing"),
        (no(401, "InvalidAuthenticationToken", "Access token has expired"), NotAllowed, "teams-not-signed-in"),
        (no(404, "Request_ResourceNotFound", "Resource x does not exist"), NotAllowed, "teams-user-unknown"),
        (no(404, "NotFound", "User lookup by user id failed in AAD."), NotAllowed, "teams-user-unknown"),
        (no(404, "NotFound", "The requested resource does not exist."), Gone, "teams-meeting-gone"),
        (no(400, "BadRequest", "Invalid value"), OutsideFailed, "teams-refused"),
        (no(409), OutsideFailed, "teams-unavailable"),
        (no(500), OutsideFailed, "teams-unavailable"),
        (no(503, Retry_After="9"), OutsideFailed, "teams-unavailable"),
        (no(429), TooMany, "teams-throttled"),
        (lambda _: (200, None), OutsideFailed, "teams-answer-senseless"),
        (lambda _: (200, {"id": "m"}), OutsideFailed, "teams-answer-senseless"),
        (lambda _: (200, {"id": "m", "joinWebUrl": "http://teams.example/"}), OutsideFailed, "teams-answer-senseless"),
    ],
)
async def test_each_refusal_has_its_name(say: Any, kind: type[VestibuleError], code: str) -> None:
    error = await refused(Recording(say).cloud().make(account(), wish()))
    assert (type(error), error.code) == (kind, code)
    assert error.permanent is (code not in {"teams-unavailable", "teams-throttled"})


async def test_what_microsoft_says_of_people_is_not_repeated() -> None:
    error = await refused(Recording(no(400, "Bad person", f"User {ROSA} rosa@alder.example")).cloud().make(account(), wish()))
    assert str(error) == "teams-refused (meeting.create): Microsoft refused it (HTTP 400)."


async def test_a_pause_is_one_organisations_for_one_service_and_as_long_as_microsoft_says() -> None:
    clock, here = FrozenClock(NOW), Recording(no(429, retry_after="30"))
    cloud, other = here.cloud(clock), account(tenant=TenantId(new_id()))
    assert (await refused(cloud.make(account(), wish()))).retry_after == 30
    here.say = lambda _: (200, {"id": "s", "expirationDateTime": "2026-11-22T00:00:00Z", "value": []})
    clock.advance(10)
    assert (await refused(cloud.make(account(), wish()))).retry_after == 20
    assert len(here.asked) == 1
    await cloud.renew(account(), "s", until=UNTIL)
    assert (await refused(cloud.make(other, wish()))).code == "teams-answer-senseless", "the other one may ask"
    clock.advance(20)
    assert (await refused(cloud.make(account(), wish()))).code == "teams-answer-senseless"


async def test_a_429_that_says_nothing_is_a_pause_of_ten_seconds_and_none_is_longer_than_an_hour() -> None:
    for header, wait in (({}, 10), ({"retry_after": "86400"}, 3600), ({"retry_after": "0"}, 1)):
        assert (await refused(Recording(no(429, **header)).cloud().make(account(), wish()))).retry_after == wait


async def test_a_token_is_used_until_shortly_before_its_end() -> None:
    clock, here = FrozenClock(NOW), Recording(lambda _: (204, None))
    cloud = here.cloud(clock)
    for seconds in (0, 3_000, 298):
        clock.advance(seconds)
        await cloud.delete(account(), ROSA, "m")
    assert len(here.tokens) == 1
    clock.advance(2)
    await cloud.delete(account(), ROSA, "m")
    assert len(here.tokens) == 2


async def test_each_organisation_and_each_proof_has_a_token_of_its_own() -> None:
    here = Recording(lambda _: (204, None))
    cloud = here.cloud()
    others = (account(tenant=TenantId(new_id())), account(secret="newer"), by_certificate(), by_certificate(1))
    await asyncio.gather(*(cloud.delete(one, ROSA, "m") for one in (account(), *others, account())))
    assert len(here.tokens) == 5


async def test_who_waits_for_a_token_and_goes_takes_it_from_nobody() -> None:
    here, held = Recording(lambda _: (204, None)), asyncio.Event()
    plain = here.perform

    async def slow(ask: Ask, **more: Any) -> Any:
        if "token" in ask.url:
            await held.wait()
        return await plain(ask, **more)

    here.perform = slow  # type: ignore[method-assign]
    cloud = here.cloud()
    first, second = (asyncio.create_task(cloud.delete(account(), ROSA, "m")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    held.set()
    await second
    assert first.cancelled()
    assert len(here.tokens) == 1


async def test_a_token_that_is_withdrawn_is_fetched_anew_once() -> None:
    answers = iter([401, 204, 401, 401])
    here = Recording(lambda _: (next(answers), None))
    cloud = here.cloud()
    await cloud.delete(account(), ROSA, "m")
    assert [one.header for one in here.bearers if one] == ["Bearer token-1", "Bearer token-2"]
    assert (await refused(cloud.delete(account(), ROSA, "m"))).code == "teams-not-signed-in"


async def test_a_next_page_at_another_address_is_not_asked_for() -> None:
    pages = iter(["https://graph.microsoft.com/v1.0/more", "https://evil.example/v1.0/more"])
    here = Recording(lambda _: (200, {"value": [], "@odata.nextLink": next(pages)}))
    error = await refused(here.cloud().call_records(account(), JOIN, since=START, until=UNTIL))
    assert error.code == "teams-answer-senseless"
    assert [one.url.partition("?")[0] for one in here.asked] == [
        "https://graph.microsoft.com/v1.0/communications/callRecords",
        "https://graph.microsoft.com/v1.0/more",
    ]


async def test_a_subscription_that_is_in_the_way_and_cannot_be_found_is_waited_for() -> None:
    here = Recording(lambda ask: (409, {}) if ask.method == "POST" else (200, {"value": [{"id": "x", "resource": "another"}]}))
    error = await refused(here.cloud().subscribe(account(), JOIN, hook(), until=UNTIL))
    assert error.code == "teams-unavailable"
    assert [one.method for one in here.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("kept", "different"),
    [
        ({"a": "Organizer", "b": {"c": False}}, []),
        ({"A": "organizer", "B": {"C": False}}, []),
        ({"a": "everyone", "b": {"c": False}}, ["a"]),
        ({"a": "organizer", "b": {"c": None}}, ["b.c"]),
        ({"a": "organizer", "b": {"c": 0}}, ["b.c"]),
        ({"a": None}, ["a", "b.c"]),
        ({}, ["a", "b.c"]),
    ],
)
def test_settings_that_are_not_as_they_should_be_are_named(kept: dict[str, Any], different: list[str]) -> None:
    assert list(differences({"a": "organizer", "b": {"c": False}, "participants": {}}, kept)) == different


async def test_settings_that_differ_stop_the_visit() -> None:
    here = Recording(lambda _: (200, {"id": "m", "joinWebUrl": JOIN, "allowMeetingChat": "enabled"}))
    error = await refused(here.cloud().make(account(), wish()))
    assert isinstance(error, Conflict)
    assert "allowMeetingChat" in error.sentence
    assert not any("getVirtual" in one.url for one in here.asked), "nobody gets a way into it"


@pytest.mark.parametrize(
    ("graph", "authority", "token", "scope"),
    [
        (
            "https://graph.microsoft.com/",
            "https://login.microsoftonline.com/organizations/v2.0",
            "login.microsoftonline.com",
            "graph.microsoft.com",
        ),
        (
            "https://graph.microsoft.us",
            "https://login.microsoftonline.us/organizations/v2.0",
            "login.microsoftonline.us",
            "graph.microsoft.us",
        ),
        ("http://localhost:8/graph", "http://localhost:8/microsoft/organizations/v2.0", "localhost:8/microsoft", "graph.microsoft.com"),
    ],
)
def test_where_a_cloud_answers(graph: str, authority: str, token: str, scope: str) -> None:
    places = Places.of(graph, authority)
    assert places.token("d1").partition("://")[2] == f"{token}/d1/oauth2/v2.0/token"
    assert places.scope == f"https://{scope}/.default"
    assert places.v1("users", "a/b", "c=d").endswith("/v1.0/users/a%2Fb/c%3Dd")
    assert MICROSOFT.configuration == "https://login.microsoftonline.com/common/.well-known/openid-configuration"
