"""The Azure-like carrier, driven by the vendor's own SDK: its policy signs, and what it takes for an answer is one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

import pytest
from azure.communication.phonenumbers import PhoneNumberCapabilities, PhoneNumbersClient
from azure.communication.sms import SmsClient
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

from practice.carriers.seed import AZURE_TOLL_FREE, KEY, RESOURCE
from practice.server import Running
from support.practice_app import Answer, App, Clock
from support.practice_carriers import PHONE, Webhook, azure_numbers, azure_sms, call, listening

VERSION = "api-version=2026-01-23"
TEXT_ONLY = PhoneNumberCapabilities(calling="none", sms="inbound+outbound")


@pytest.fixture
async def hook() -> AsyncIterator[Webhook]:
    async with listening() as made:
        yield made


@pytest.fixture
def client(hospital: Running) -> SmsClient:
    return azure_sms(hospital)


@pytest.fixture
def numbers(hospital: Running) -> PhoneNumbersClient:
    hospital.setup(azure_resources=[{"name": RESOURCE, "operation_seconds": 0}])
    return azure_numbers(hospital)


async def send(client: SmsClient, to: str | list[str] = PHONE, **more: Any) -> Any:
    given = {"from_": AZURE_TOLL_FREE, "message": "Your visit is at 10:30.", "enable_delivery_report": True, **more}
    return await call(client.send, to=to, **given)


async def signed(app: App, method: str, where: str, body: Any = None, **changes: str) -> Answer:
    """A request signed by hand, from the vendor's description; `changes` spoil it."""
    raw = "" if body is None else json.dumps(body)
    date = changes.get("date") or formatdate(app.hospital.hospital.now(), usegmt=True)
    digest = base64.b64encode(hashlib.sha256(raw.encode()).digest()).decode()
    host = app.hospital.url.removeprefix("http://")
    text = f"{method}\n{changes.get('path', where)}\n{date};{changes.get('host', host)};{digest}"
    mac = base64.b64encode(hmac.new(base64.b64decode(changes.get("key", KEY)), text.encode(), hashlib.sha256).digest()).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-content-sha256": changes.get("digest", digest),
        "Authorization": f"HMAC-SHA256 SignedHeaders={changes.get('signed', 'x-ms-date;host;x-ms-content-sha256')}&Signature={mac}",
        "Content-Type": "application/json",
    }
    return await app.ask(method, where, data=raw.encode(), headers=headers)


def body(*to: str, key: str = "", **more: Any) -> dict[str, Any]:
    repeated = {"repeatabilityRequestId": key, "repeatabilityFirstSent": "Sat, 21 Nov 2026 10:30:00 GMT"} if key else {}
    recipients = [{"to": one, **repeated} for one in to]
    return {
        "from": AZURE_TOLL_FREE,
        "smsRecipients": recipients,
        "message": "Hello",
        "smsSendOptions": {"enableDeliveryReport": True},
        **more,
    }


def subscribe(hospital: Running, hook: Webhook, **more: Any) -> None:
    hospital.setup(azure_resources=[{"name": RESOURCE, "webhook": hook.url, "retry_seconds": 0, **more}])


async def test_texts_are_queued_for_each_recipient_shown_and_reported(hospital: Running, client: SmsClient, hook: Webhook) -> None:
    subscribe(hospital, hook, header="X-Vestibule-Key", header_value="sesame")
    results = await send(client, [PHONE, "Ad155500000000000"], tag="visit-7")
    assert [(r.to, r.http_status_code, r.successful) for r in results] == [(PHONE, 202, True), ("Ad155500000000000", 400, False)]
    told = (await hook.wait(1))[0]
    event = told.events[0]
    assert (told.headers["aeg-event-type"], told.headers["X-Vestibule-Key"]) == ("Notification", "sesame")
    assert event["eventType"] == "Microsoft.Communication.SMSDeliveryReportReceived"
    assert event["data"] | {"receivedTimestamp": "", "deliveryAttempts": []} == {
        "messageId": results[0].message_id,
        "from": AZURE_TOLL_FREE[1:],
        "to": PHONE,
        "deliveryStatus": "Delivered",
        "deliveryStatusDetails": "No error.",
        "receivedTimestamp": "",
        "deliveryAttempts": [],
        "Tag": "visit-7",
    }
    assert [t.text for t in hospital.hospital.exchange.journal.with_phone(PHONE) if t.shown] == ["Your visit is at 10:30."]


async def test_without_delivery_report_nothing_is_told(hospital: Running, client: SmsClient, hook: Webhook) -> None:
    subscribe(hospital, hook)
    await send(client, enable_delivery_report=False)
    await hospital.hospital.exchange.settled()
    assert hook.told == []


@pytest.mark.parametrize(
    "changes",
    [
        {"key": base64.b64encode(b"another key").decode()},
        {"path": "/sms?api-version=1"},
        {"host": "eastmere.communication.azure.com"},
        {"digest": base64.b64encode(b"x" * 32).decode()},
        {"date": "Sat, 21 Nov 2020 10:30:00 GMT"},
        {"date": "yesterday"},
        {"signed": "x-ms-date;x-ms-content-sha256"},
    ],
    ids=str,
)
async def test_a_request_that_is_not_proved_is_denied(app: App, changes: dict[str, str]) -> None:
    answer = await signed(app, "POST", f"/sms?{VERSION}", body(PHONE), **changes)
    assert (answer.status, answer.json["error"]["code"]) == (401, "Denied")
    assert app.hospital.hospital.exchange.journal.texts == {}


async def test_the_sdk_is_denied_with_another_key(hospital: Running) -> None:
    with pytest.raises(ClientAuthenticationError):
        await send(azure_sms(hospital, key=base64.b64encode(b"another").decode()))


async def test_a_date_within_the_window_is_taken(app: App, clock: Clock) -> None:
    date = formatdate(clock() - 14 * 60, usegmt=True)
    assert (await signed(app, "POST", f"/sms?{VERSION}", body(PHONE), date=date)).status == 202


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (body(PHONE, **{"from": "+12065550177"}), 401),
        (body(PHONE, **{"from": "nobody"}), 400),
        (body(PHONE, message="x" * 2049), 400),
        (body(), 400),
        (body(*[PHONE] * 101), 400),
        (body(PHONE, smsSendOptions={"tag": "x"}), 400),
        ([], 400),
        ({}, 400),
    ],
)
async def test_what_cannot_be_sent_is_refused(app: App, sent: Any, status: int) -> None:
    answer = await signed(app, "POST", f"/sms?{VERSION}", sent)
    assert (answer.status, bool(answer.json["error"]["message"])) == (status, True)


async def test_without_an_api_version_nothing_is_done(app: App) -> None:
    assert (await signed(app, "POST", "/sms", body(PHONE))).json["error"]["code"] == "MissingApiVersionParameter"


async def test_the_same_repeatability_id_is_the_same_text_sent_once(app: App) -> None:
    key = "8F2C9D3E-11aa-4a5f-9d2e-3f6a8c4b1e77"
    answers = [await signed(app, "POST", f"/sms?{VERSION}", body(PHONE, key=one)) for one in (key, key.lower())]
    items = [answer.json["value"][0] for answer in answers]
    assert items[0] == items[1]
    assert (items[0]["repeatabilityResult"], len(app.hospital.hospital.exchange.journal.texts)) == ("accepted", 1)
    other = (await signed(app, "POST", f"/sms?{VERSION}", body(PHONE, key=key, message="Another"))).json["value"][0]
    assert (other["httpStatusCode"], other["repeatabilityResult"], other["successful"]) == (400, "rejected", False)
    half = body(PHONE)
    half["smsRecipients"][0]["repeatabilityRequestId"] = "8F2C9D3E-11aa-4a5f-9d2e-3f6a8c4b1e78"
    assert (await signed(app, "POST", f"/sms?{VERSION}", half)).json["value"][0]["httpStatusCode"] == 400


@pytest.mark.parametrize(
    ("trouble", "code"),
    [("never", "4006"), ("unknown", "4004"), ("landline", "4003"), ("blocked", "4005"), ("filtered", "4000"), ("failing", "9999")],
)
async def test_a_phone_that_cannot_be_reached_is_reported(
    hospital: Running, client: SmsClient, hook: Webhook, trouble: str, code: str
) -> None:
    subscribe(hospital, hook)
    hospital.setup(phones=[{"number": PHONE, "trouble": [trouble]}])
    await send(client)
    data = (await hook.wait(1))[0].events[0]["data"]
    assert (data["deliveryStatus"], data["deliveryStatusDetails"][:4]) == ("Failed", code)
    assert data["deliveryAttempts"][0]["segmentsFailed"] == 1


async def test_stop_blocks_and_is_told_and_start_opens_again(hospital: Running, client: SmsClient, hook: Webhook, app: App) -> None:
    subscribe(hospital, hook)
    hospital.text(PHONE, AZURE_TOLL_FREE, "Stop")
    event = (await hook.wait(1))[0].events[0]
    assert (event["eventType"], event["data"]["message"]) == ("Microsoft.Communication.SMSReceived", "Stop")
    assert (event["data"]["from"], event["data"]["to"]) == (PHONE[1:], AZURE_TOLL_FREE[1:])
    assert (await send(client))[0].successful, "202 says only that it is queued"
    data = (await hook.wait(2))[1].events[0]["data"]
    assert (data["deliveryStatus"], data["deliveryStatusDetails"]) == ("Failed", "Sender blocked for given recipient")
    checked = await signed(app, "POST", f"/sms/optouts:check?{VERSION}", {"from": AZURE_TOLL_FREE, "recipients": [{"to": PHONE}]})
    assert checked.json["value"] == [{"to": PHONE, "httpStatusCode": 200, "isOptedOut": True}]
    hospital.text(PHONE, AZURE_TOLL_FREE, "START")
    await hospital.hospital.exchange.settled()
    await send(client)
    assert (await hook.wait(4))[3].events[0]["data"]["deliveryStatus"] == "Delivered"


async def test_a_reply_is_told_again_and_a_forged_one_beside_it(hospital: Running, hook: Webhook) -> None:
    subscribe(hospital, hook, header="X-Key", header_value="sesame")
    hospital.setup(phones=[{"number": PHONE, "trouble": ["duplicate", "forged"]}])
    hospital.text(PHONE, AZURE_TOLL_FREE, "STOP")
    await hospital.hospital.exchange.settled()
    told = [(one.events[0]["data"]["message"], one.headers["X-Key"] == "sesame") for one in hook.told]
    assert told == [("START", False)] + [("STOP", True)] * 3


async def test_opt_outs_are_added_and_removed(app: App) -> None:
    asked = {"from": AZURE_TOLL_FREE, "recipients": [{"to": PHONE}, {"to": "x"}]}
    for what, out in (("add", True), ("check", True), ("remove", False), ("check", False)):
        value = (await signed(app, "POST", f"/sms/optouts:{what}?{VERSION}", asked)).json["value"]
        assert [(one["httpStatusCode"], one.get("isOptedOut")) for one in value] == [(200, out), (400, None)]


async def test_nothing_is_delivered_before_the_endpoint_has_said_its_code_back(
    hospital: Running, client: SmsClient, hook: Webhook, app: App
) -> None:
    hook.validates = False
    subscribe(hospital, hook, retry_seconds=0.05)
    await hospital.hospital.exchange.settled()
    assert hospital.hospital.grid.states[hook.url] == "AwaitingManualAction"
    await send(client)
    assert hook.told == []
    assert (await app.ask("GET", "/eventGrid/validate?id=unknown")).status == 400
    hook.validates = True
    assert (await hook.wait(1))[0].events[0]["data"]["deliveryStatus"] == "Delivered"
    assert hospital.hospital.grid.states[hook.url] == "Succeeded"


async def test_events_come_in_batches(hospital: Running, client: SmsClient, hook: Webhook) -> None:
    subscribe(hospital, hook, batch=10)
    await send(client, [PHONE, "+12065550143", "+12065550144"])
    told = await hook.wait(1)
    assert sorted(event["data"]["to"] for event in told[0].events) == [PHONE, "+12065550143", "+12065550144"]


async def test_an_event_is_delivered_again_until_it_is_taken(hospital: Running, client: SmsClient, hook: Webhook) -> None:
    subscribe(hospital, hook)
    hook.answers = [(503, "text/plain", ""), (500, "text/plain", ""), (200, "text/plain", "")]
    await send(client)
    told = await hook.wait(3)
    assert [one.headers["aeg-delivery-count"] for one in told] == ["0", "1", "2"]
    assert len({one.events[0]["id"] for one in told}) == 1


@pytest.mark.parametrize("status", [400, 403, 413])
async def test_an_event_that_is_refused_for_good_is_dropped(hospital: Running, client: SmsClient, hook: Webhook, status: int) -> None:
    subscribe(hospital, hook)
    hook.answers = [(status, "text/plain", "")]
    await send(client)
    await hospital.hospital.exchange.settled()
    assert (len(hook.told), len(hospital.hospital.grid.dropped)) == (1, 1)


async def test_reports_get_lost_doubled_forged_and_overtaken(hospital: Running, client: SmsClient, hook: Webhook) -> None:
    subscribe(hospital, hook, header="X-Key", header_value="sesame")
    troubles = {"+12065550101": "lost", "+12065550102": "duplicate", "+12065550103": "forged", "+12065550104": "disorder"}
    hospital.setup(phones=[{"number": number, "trouble": [trouble]} for number, trouble in troubles.items()])
    for number in [*troubles, "+12065550105"]:
        await send(client, number)
        await hospital.hospital.exchange.settled()
    seen = [(one.events[0]["data"]["to"][-1], one.headers["X-Key"] == "sesame") for one in hook.told]
    assert seen == [("2", True), ("2", True), ("2", True), ("3", False), ("3", True), ("5", True), ("4", True)]
    assert all(text.shown for text in hospital.hospital.exchange.journal.texts.values())


async def test_too_many_in_a_minute_are_told_so(hospital: Running, client: SmsClient, clock: Clock) -> None:
    hospital.setup(azure_resources=[{"name": RESOURCE, "per_minute": 3}])
    clock.stand_still()
    await send(client, [PHONE] * 3)
    clock.ahead = 10
    with pytest.raises(HttpResponseError) as caught:
        await send(client)
    assert (caught.value.status_code, caught.value.response.headers["Retry-After"]) == (429, "51")  # type: ignore[union-attr]  # there is one
    assert len(hospital.hospital.exchange.journal.texts) == 3
    clock.ahead = 61
    assert (await send(client))[0].successful


async def test_an_unverified_toll_free_number_has_a_daily_cap(hospital: Running, client: SmsClient, hook: Webhook) -> None:
    subscribe(hospital, hook, verification=True, daily=2)
    hospital.setup(numbers=[{"number": AZURE_TOLL_FREE, "verification": "PENDING_REVIEW"}])
    for _ in range(3):
        await send(client)
        await hospital.hospital.exchange.settled()
    details = [one.events[0]["data"]["deliveryStatusDetails"][:4] for one in hook.told]
    assert details == ["No e", "No e", "4010"]


async def test_numbers_are_searched_bought_listed_and_given_back(hospital: Running, numbers: PhoneNumbersClient) -> None:
    poller = await call(
        numbers.begin_search_available_phone_numbers, "US", "tollFree", "application", TEXT_ONLY, quantity=2, polling_interval=0
    )
    found = await call(poller.result)
    assert (len(found.phone_numbers), found.cost.amount, found.cost.currency_code) == (2, 2.15, "USD")
    bought = await call(numbers.begin_purchase_phone_numbers, found.search_id, polling_interval=0)
    await call(bought.result)
    mine = {one.phone_number: one.phone_number_type for one in await call(lambda: list(numbers.list_purchased_phone_numbers()))}
    assert mine == {AZURE_TOLL_FREE: "tollFree", **dict.fromkeys(found.phone_numbers, "tollFree")}
    one = await call(numbers.get_purchased_phone_number, found.phone_numbers[0])
    assert (one.capabilities.sms, one.assignment_type) == ("inbound+outbound", "application")
    assert (await send(azure_sms(hospital), from_=found.phone_numbers[0]))[0].successful
    released = await call(numbers.begin_release_phone_number, found.phone_numbers[0], polling_interval=0)
    await call(released.result)
    with pytest.raises(ResourceNotFoundError):
        await call(numbers.get_purchased_phone_number, found.phone_numbers[0])
    with pytest.raises(ResourceNotFoundError):
        await call(numbers.begin_purchase_phone_numbers, found.search_id, polling_interval=0)


async def test_an_operation_takes_its_time(app: App, hospital: Running, clock: Clock) -> None:
    hospital.setup(azure_resources=[{"name": RESOURCE, "operation_seconds": 90}])
    wish = {
        "phoneNumberType": "geographic",
        "assignmentType": "application",
        "capabilities": {"calling": "none", "sms": "inbound+outbound"},
        "areaCode": "617",
    }
    begun = await signed(app, "POST", f"/availablePhoneNumbers/countries/US/:search?{VERSION}", wish)
    assert begun.status == 202
    where = begun.headers["Operation-Location"]
    assert (await signed(app, "GET", where)).json["status"] == "running"
    assert (await signed(app, "GET", begun.headers["Location"])).status == 404
    clock.ahead = 91
    assert (await signed(app, "GET", where)).json["status"] == "succeeded"
    found = (await signed(app, "GET", begun.headers["Location"])).json
    assert (len(found["phoneNumbers"]), found["phoneNumbers"][0][:5]) == (1, "+1617")
    clock.ahead = 91 + 16 * 60
    late = await signed(app, "POST", f"/availablePhoneNumbers/:purchase?{VERSION}", {"searchId": begun.headers["search-id"]})
    assert late.json["error"]["code"] == "ReservationExpired"


async def test_a_search_that_finds_nothing_fails(app: App, numbers: PhoneNumbersClient) -> None:
    wish = {
        "phoneNumberType": "geographic",
        "assignmentType": "application",
        "capabilities": {"calling": "none", "sms": "inbound+outbound"},
        "areaCode": "999",
    }
    begun = await signed(app, "POST", f"/availablePhoneNumbers/countries/US/:search?{VERSION}", wish)
    state = (await signed(app, "GET", begun.headers["Operation-Location"])).json
    assert (state["status"], state["error"]["code"]) == ("failed", "OutOfStock")
    assert [c.country_code for c in await call(lambda: list(numbers.list_available_countries()))] == ["US", "CA", "PR"]
    codes = await call(lambda: [c.area_code for c in numbers.list_available_area_codes("US", "tollFree")])
    assert "833" in codes
    kinds = await call(lambda: [o.phone_number_type for o in numbers.list_available_offerings("US")])
    assert kinds == ["tollFree", "geographic"]


@pytest.mark.parametrize(("mode", "status"), [("busy", 429), ("throttle", 429), ("error", 500)])
async def test_trouble_is_worded_as_the_vendor_words_it(hospital: Running, client: SmsClient, mode: str, status: int) -> None:
    hospital.setup(trouble={"azure": {"mode": mode, "seconds": 7, "times": 1}})
    with pytest.raises(HttpResponseError) as caught:
        await send(client)
    assert caught.value.status_code == status
    assert (await send(client))[0].successful
