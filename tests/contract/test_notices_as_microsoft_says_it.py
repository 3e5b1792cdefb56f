"""Microsoft's SDK for beta subscribes to a meeting at the practice cloud; what arrives is opened as the documentation says."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from joserfc import jwt
from joserfc.jwk import KeySet
from msgraph_beta import GraphServiceClient
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_beta.generated.models.subscription import Subscription

from practice.microsoft.graph.model import OnlineMeeting
from practice.microsoft.seed import ALDER
from practice.server import start
from practice.teams.model import Presence
from support.graph_sdk import adapter
from support.practice_cloud import CLIENT, ROSA, Caller, Ear, calling, hearing, pair, register

STATE = "said back each time"


@dataclass
class Cloud:
    """A subscriber at the practice cloud, and a meeting of Rosa's."""

    caller: Caller
    ear: Ear
    graph: GraphServiceClient
    meeting: OnlineMeeting

    def wanted(self, **changes: Any) -> Subscription:
        url = quote(self.meeting.join_url, safe="")
        return Subscription(
            **{
                "change_type": "updated",
                "notification_url": f"{self.ear.url}/notifications",
                "lifecycle_notification_url": f"{self.ear.url}/lifecycle",
                "resource": f"communications/onlineMeetings(joinWebUrl='{url}')/meetingCallEvents",
                "include_resource_data": True,
                "encryption_certificate": pair(1).base64,
                "encryption_certificate_id": "key-1",
                "expiration_date_time": datetime.now(UTC) + timedelta(days=2),
                "client_state": STATE,
                **changes,
            }
        )

    async def subscribed(self, **changes: Any) -> Subscription:
        made = await self.graph.subscriptions.post(self.wanted(**changes))
        assert made is not None
        return made

    def comes(self, name: str = "Rosa Okafor", person: str = ROSA) -> Presence:
        calls = self.caller.hospital.hospital.calls
        if person:
            return calls.join(self.meeting.id, who="user", name=name, person=person, tid=ALDER)
        return calls.join(self.meeting.id, who="guest", name=name)

    async def opened(self, count: int) -> list[dict[str, Any]]:
        """What so many notifications say, once they are there."""
        while sum(len(body["value"]) for body in self.ear.told) < count:
            await self.ear.wait(len(self.ear.told) + 1)
        return [opened(item) for body in self.ear.told for item in body["value"]]


def opened(item: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """Signature first, then the data, as documented."""
    sealed = {name: item["encryptedContent"][name] for name in ("data", "dataSignature", "dataKey")}
    data, signature, wrapped = (base64.b64decode(value) for value in sealed.values())
    key = pair(number).private.decrypt(wrapped, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    assert hmac.digest(key, data, "sha256") == signature
    machine = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    unpadder = PKCS7(128).unpadder()
    found: dict[str, Any] = json.loads(unpadder.update(machine.update(data) + machine.finalize()) + unpadder.finalize())
    return found


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    hospital = await start()
    register(hospital)
    hospital.setup(cloud={"retry_seconds": 0.01})
    house = hospital.hospital
    meeting = house.graph.keep(house.graph.make(ALDER, ROSA, start="2030-01-05T15:00:00Z", end="2030-01-05T15:30:00Z"))
    async with calling(hospital) as caller, hearing() as ear, adapter(caller, "beta") as sends:
        yield Cloud(caller, ear, GraphServiceClient(request_adapter=sends), meeting)
    await hospital.stop()


async def test_both_endpoints_say_the_token_back_before_there_is_a_subscription(cloud: Cloud) -> None:
    made = await cloud.subscribed()
    assert cloud.ear.validated == ["/notifications", "/lifecycle"]
    assert (made.client_state, made.application_id, made.encryption_certificate_id) == (STATE, CLIENT, "key-1")
    listed = await cloud.graph.subscriptions.get()
    assert [one.id for one in listed.value] == [made.id]


async def test_an_endpoint_that_does_not_say_it_back_gets_no_subscription(cloud: Cloud) -> None:
    cloud.ear.validates = False
    with pytest.raises(ODataError) as refused:
        await cloud.subscribed()
    assert refused.value.error.code == "ValidationError"


@pytest.mark.parametrize(
    "changes",
    [
        {"change_type": "created"},
        {"include_resource_data": False},
        {"encryption_certificate": "bm90IG9uZQ=="},
        {"encryption_certificate_id": None},
        {"client_state": "x" * 129},
        {"expiration_date_time": datetime.now(UTC) - timedelta(minutes=1)},
        {"expiration_date_time": datetime.now(UTC) + timedelta(days=3)},
        {"lifecycle_notification_url": None},
        {"resource": "communications/onlineMeetings(joinWebUrl='https%3A%2F%2Fteams.example')/meetingCallEvents"},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_is_not_as_documented_is_refused(cloud: Cloud, changes: dict[str, Any]) -> None:
    with pytest.raises(ODataError) as refused:
        await cloud.subscribed(**changes)
    assert refused.value.response_status_code == 400
    assert cloud.caller.hospital.hospital.graph.subscriptions == {}


async def test_it_is_renewed_with_another_certificate_reauthorised_and_taken_away(cloud: Cloud) -> None:
    made = await cloud.subscribed()
    item = cloud.graph.subscriptions.by_subscription_id(made.id)
    until = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    later = await item.patch(
        Subscription(expiration_date_time=until, encryption_certificate=pair(2).base64, encryption_certificate_id="key-2")
    )
    assert (later.expiration_date_time, later.encryption_certificate_id) == (until, "key-2")
    await item.reauthorize.post()
    cloud.comes()
    (body,) = await cloud.ear.wait(1)
    assert opened(body["value"][0], 2)["eventType"] == "callStarted"
    await item.delete()
    with pytest.raises(ODataError) as gone:
        await item.get()
    assert gone.value.response_status_code == 404


async def test_a_second_one_for_the_same_meeting_is_refused(cloud: Cloud) -> None:
    await cloud.subscribed()
    with pytest.raises(ODataError) as refused:
        await cloud.subscribed()
    assert refused.value.response_status_code == 409


async def test_v1_knows_nothing_of_meeting_events(cloud: Cloud) -> None:
    answer = await cloud.caller.ask("POST", "v1.0/subscriptions", json={"resource": cloud.wanted().resource, "changeType": "updated"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "InvalidRequest")


async def test_what_happens_in_the_meeting_is_told_in_its_order(cloud: Cloud) -> None:
    await cloud.subscribed()
    calls = cloud.caller.hospital.hospital.calls
    rosa, amy = cloud.comes(), cloud.comes("Amy Shaw", person="")
    calls.admit(amy.id)
    calls.leave(amy.id)
    calls.end(cloud.meeting.id)
    said = await cloud.opened(6)
    assert [one["eventType"] for one in said] == ["callStarted", *["rosterUpdated"] * 4, "callEnded"]
    people = [one["participants@delta"][0] for one in said[1:5]]
    assert [(one["id"], one["isInLobby"]) for one in people] == [(rosa.id, False), (amy.id, True), (amy.id, False), (amy.id, False)]
    assert people[0]["info"]["identity"]["user"] == {"id": ROSA, "displayName": "Rosa Okafor", "tenantId": ALDER}
    assert people[1]["info"]["identity"]["guest"]["displayName"] == "Amy Shaw"
    assert ["removedState" in one for one in people] == [False, False, False, True]
    numbers = [one["rosterSequenceNumber"] for one in people]
    assert numbers == sorted(set(numbers))


async def test_every_batch_proves_who_sent_it(cloud: Cloud) -> None:
    made = await cloud.subscribed()
    cloud.comes()
    (body, *_) = await cloud.ear.wait(1)
    assert {item["clientState"] for item in body["value"]} == {STATE}
    assert {item["subscriptionId"] for item in body["value"]} == {made.id}
    (token,) = body["validationTokens"]
    async with cloud.caller.session.get(f"{cloud.caller.hospital.hospital.at.microsoft}/common/discovery/v2.0/keys") as answer:
        keys = KeySet.import_key_set(await answer.json())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert (claims["aud"], claims["iss"]) == (CLIENT, f"https://sts.windows.net/{ALDER}/")
    assert claims["appid"] == "0bf30f3b-4a52-48df-9a82-234910c4a086"


async def test_what_is_not_taken_is_told_again(cloud: Cloud) -> None:
    await cloud.subscribed()
    cloud.ear.answers = [500, 503, 202]
    cloud.comes()
    assert [one["eventType"] for one in await cloud.opened(2)] == ["callStarted", "rosterUpdated"]
    await cloud.caller.hospital.hospital.notifier.settled()
    assert [entry["status"] for entry in cloud.caller.hospital.ledger("notice")][:3] == [500, 503, 202]


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
async def test_what_concerns_the_subscription_goes_to_its_own_address(cloud: Cloud, event: str) -> None:
    made = await cloud.subscribed()
    cloud.caller.hospital.hospital.notifier.lifecycle(made.id, event)
    (body,) = await cloud.ear.wait(1)
    (said,) = body["value"]
    assert (body["path"], said["lifecycleEvent"], said["subscriptionId"], said["clientState"]) == ("/lifecycle", event, made.id, STATE)
    assert (made.id in cloud.caller.hospital.hospital.graph.subscriptions) is (event != "subscriptionRemoved")


@pytest.mark.parametrize(("generation", "came"), [("roster", "activeParticipants@joined"), ("delta", "activeParticipants@delta")])
async def test_older_names_can_be_had_for_readers_that_must_know_them(cloud: Cloud, generation: str, came: str) -> None:
    cloud.caller.hospital.setup(cloud={"generation": generation})
    await cloud.subscribed()
    cloud.comes()
    started, joined = await cloud.opened(2)
    assert started["eventType"] == "Microsoft.Communication.CallStarted"
    assert joined[came][0]["identity"]["User"]["Id"] == ROSA
