"""Whatever a body, a query or a header says to the practice cloud, it answers in its own words and keeps nothing of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from practice.microsoft.graph.model import OPTIONS
from practice.server import start
from support.practice_cloud import ROSA, Caller, calling, pair, register

EDGES = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
JUNK: list[Any] = [
    [],
    {},
    0,
    1.5,
    True,
    "",
    "x" * 9_000,
    "\u0000",
    [{}],
    [None],
    {"a": {"b": []}},
    "2030-13-45T99:00:00Z",
    "0001-01-01T00:00:00+23:59",
]
MEETINGS = f"v1.0/users/{ROSA}/onlineMeetings"
WRITES = ["subject", "startDateTime", "endDateTime", "participants", "lobbyBypassSettings", "externalId", *OPTIONS]


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    hospital = await start()
    register(hospital)
    hospital.setup(cloud={"per_second": 0})
    async with calling(hospital) as made:
        yield made
    await hospital.stop()


def in_its_own_words(answer: Any, *, good: tuple[int, ...] = ()) -> None:
    assert answer.status in {400, *good}, (answer.status, answer.text[:300])
    assert answer.status in good or answer.json["error"]["innerError"]["request-id"]


async def test_a_member_of_the_wrong_kind_breaks_no_meeting(caller: Caller) -> None:
    good = {"startDateTime": "2030-01-05T15:00:00Z", "endDateTime": "2030-01-05T15:30:00Z"}
    meeting = (await caller.ask("POST", f"{MEETINGS}/createOrGet", json={"externalId": "v"})).json["id"]
    for number, (name, junk) in enumerate((name, junk) for name in WRITES for junk in JUNK):
        body = {**good, "externalId": f"v{number}", name: junk}
        in_its_own_words(await caller.ask("POST", MEETINGS, json=body), good=(201,))
        in_its_own_words(await caller.ask("PATCH", f"{MEETINGS}/{meeting}", json={**good, name: junk}), good=(200,))
    assert (await caller.ask("GET", f"{MEETINGS}/{meeting}")).status == 200


async def test_a_member_of_the_wrong_kind_subscribes_nobody(caller: Caller) -> None:
    meeting = (await caller.ask("POST", f"{MEETINGS}/createOrGet", json={"externalId": "v"})).json
    good = {
        "changeType": "updated",
        "notificationUrl": "http://127.0.0.1:9/n",
        "lifecycleNotificationUrl": "http://127.0.0.1:9/l",
        "resource": f"communications/onlineMeetings(joinWebUrl='{quote(meeting['joinWebUrl'], safe='')}')/meetingCallEvents",
        "includeResourceData": True,
        "encryptionCertificate": pair(1).base64,
        "encryptionCertificateId": "key-1",
        "expirationDateTime": (datetime.now(UTC) + timedelta(minutes=30)).isoformat(),
        "clientState": "state",
    }
    for name in good:
        for junk in JUNK:
            in_its_own_words(await caller.ask("POST", "beta/subscriptions", json={**good, name: junk}))
    assert caller.hospital.hospital.graph.subscriptions == {}


async def test_a_body_that_is_no_object_is_refused(caller: Caller) -> None:
    for body in (b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b'{"a":' * 500):
        for path in (f"{MEETINGS}/createOrGet", "beta/subscriptions"):
            in_its_own_words(await caller.ask("POST", path, data=body, headers={"Content-Type": "application/json"}))
    assert (await caller.ask("POST", f"{MEETINGS}/createOrGet", data={"externalId": "v"})).status == 415


async def test_a_query_that_means_nothing_is_refused_or_overlooked(caller: Caller) -> None:
    when = "$filter=startDateTime ge "
    for query in ("$filter=", "$filter=x", f"{when}yesterday", f"{when}2030-01-01T00:00:00", "$skiptoken=-1", "$skiptoken=x"):
        in_its_own_words(await caller.ask("GET", f"v1.0/communications/callRecords?{query}"), good=(200,))
        in_its_own_words(await caller.ask("GET", f"{MEETINGS}?{query}"))


async def test_what_a_reader_prefers_is_taken_as_far_as_it_makes_sense(caller: Caller) -> None:
    for prefer in ("odata.maxpagesize=0", "odata.maxpagesize=999999", "odata.maxpagesize=x", "\u00e9"):
        assert (await caller.ask("GET", "v1.0/communications/callRecords", headers={"Prefer": prefer})).json["value"] == []


async def test_what_is_not_there_is_refused_as_graph_does(caller: Caller) -> None:
    in_its_own_words(await caller.ask("GET", "v1.0/me/onlineMeetings"))
    in_its_own_words(await caller.ask("GET", "v3.0/users"))
