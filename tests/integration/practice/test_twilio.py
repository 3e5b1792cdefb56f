"""The Twilio-like carrier, driven by the vendor's own SDK and judged by its own validator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from practice.carriers.seed import LOCAL, SERVICE, SID, TOKEN, TOLL_FREE
from practice.server import Running
from support.practice_carriers import PHONE, Told, Webhook, call, listening, twilio

THANKS = "<Response><Message>Thank <!-- --> you</Message><Message><Body>Bye</Body></Message></Response>"


@pytest.fixture
async def hook() -> AsyncIterator[Webhook]:
    async with listening() as made:
        yield made


@pytest.fixture
def client(hospital: Running) -> Client:
    return twilio(hospital)


async def send(client: Client, **changes: Any) -> Any:
    wanted: dict[str, Any] = {"to": PHONE, "from_": TOLL_FREE, "body": "Your visit is at 10:30.", **changes}
    return await call(client.messages.create, **{name: value for name, value in wanted.items() if value is not None})


async def refused(client: Client, **changes: Any) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as caught:
        await send(client, **changes)
    return caught.value


def genuine(told: Told, token: str = TOKEN) -> bool:
    return bool(RequestValidator(token).validate(told.url, told.form, told.headers["X-Twilio-Signature"]))


async def test_a_text_is_queued_sent_delivered_and_shown_and_each_step_is_told_and_signed(
    hospital: Running, client: Client, hook: Webhook
) -> None:
    made = await send(client, status_callback=f"{hook.url}?message=1")
    assert (made.status, made.num_segments, made.direction, made.error_code) == ("queued", "1", "outbound-api", None)
    told = await hook.wait(2)
    assert [one.form["MessageStatus"] for one in told] == ["sent", "delivered"]
    assert all(genuine(one) and one.form["MessageSid"] == made.sid and one.form["AccountSid"] == SID for one in told)
    assert not genuine(told[0], "another token")
    again = await call(client.messages(made.sid).fetch)
    assert (again.status, again.body, again.to) == ("delivered", "Your visit is at 10:30.", PHONE)
    assert [(t.text, bool(t.shown)) for t in hospital.hospital.exchange.journal.with_phone(PHONE)] == [("Your visit is at 10:30.", True)]


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"to": "5550142"}, 21211, 400),
        ({"to": "+1206555"}, 21211, 400),
        ({"to": ""}, 21604, 400),
        ({"to": TOLL_FREE}, 21266, 400),
        ({"to": "+4915112345678"}, 21612, 400),
        ({"from_": "+12065550177"}, 21606, 400),
        ({"from_": "nobody"}, 21212, 400),
        ({"from_": None}, 21603, 400),
        ({"body": None}, 21602, 400),
        ({"body": "x" * 1601}, 21617, 400),
        ({"status_callback": "somewhere"}, 21609, 400),
        ({"from_": None, "messaging_service_sid": "MG" + "1" * 32}, 21701, 400),
        ({"validity_period": 0}, 20001, 400),
        ({"validity_period": 36_001}, 20001, 400),
    ],
    ids=str,
)
async def test_what_cannot_be_sent_is_refused_by_its_code(client: Client, changes: dict[str, Any], code: int, status: int) -> None:
    error = await refused(client, **changes)
    assert (error.code, error.status) == (code, status)


async def test_only_the_holder_of_the_token_is_let_in_and_only_to_their_own(hospital: Running) -> None:
    wrong = twilio(hospital, token="wrong")
    assert ((error := await refused(wrong)).code, error.status) == (20003, 401)
    hospital.setup(twilio_accounts=[{"sid": "AC" + "2" * 32, "token": "second"}])
    second = twilio(hospital, sid="AC" + "2" * 32, token="second")
    assert (await refused(second)).code == 21606
    with pytest.raises(TwilioRestException) as caught:
        await call(second.api.v2010.accounts(SID).messages.create, to=PHONE, from_=TOLL_FREE, body="x")
    assert caught.value.status == 404
    hospital.setup(twilio_accounts=[{"sid": "AC" + "2" * 32, "suspended": True}])
    assert (await refused(second)).code == 20005


async def test_the_account_can_be_read_by_its_holder(client: Client) -> None:
    account = await call(client.api.v2010.accounts(SID).fetch)
    assert (account.sid, account.status) == (SID, "active")


@pytest.mark.parametrize(
    ("trouble", "code"),
    [("never", 30003), ("blocked", 30004), ("unknown", 30005), ("landline", 30006), ("filtered", 30007), ("failing", 30008)],
)
async def test_a_phone_that_cannot_be_reached_is_told_by_its_code(
    hospital: Running, client: Client, hook: Webhook, trouble: str, code: int
) -> None:
    hospital.setup(phones=[{"number": PHONE, "trouble": [trouble]}])
    made = await send(client, status_callback=hook.url)
    told = await hook.wait(2)
    assert [(one.form["MessageStatus"], one.form.get("ErrorCode")) for one in told] == [("sent", None), ("undelivered", str(code))]
    again = await call(client.messages(made.sid).fetch)
    assert (again.status, again.error_code, bool(again.error_message)) == ("undelivered", code, True)
    assert not hospital.hospital.exchange.journal.texts[made.sid].shown


async def test_a_number_that_is_no_mobile_is_refused_at_once(hospital: Running, client: Client) -> None:
    hospital.setup(phones=[{"number": PHONE, "trouble": ["not_mobile"]}])
    assert (await refused(client)).code == 21614


@pytest.mark.parametrize(
    ("number", "changes", "code"),
    [(LOCAL, {"registered": False}, 30034), (TOLL_FREE, {"verification": "PENDING_REVIEW"}, 30032)],
)
async def test_unregistered_and_unverified_numbers_are_filtered(
    hospital: Running, client: Client, hook: Webhook, number: str, changes: dict[str, Any], code: int
) -> None:
    hospital.setup(numbers=[{"number": number, **changes}], twilio_accounts=[{"sid": SID, "verification": True}])
    await send(client, from_=number, status_callback=hook.url)
    assert (await hook.wait(2))[-1].form["ErrorCode"] == str(code)


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ("duplicate", ["sent"] * 3 + ["delivered"] * 3),
        ("disorder", ["delivered", "sent"]),
        ("lost", []),
    ],
)
async def test_receipts_get_lost_doubled_and_out_of_order(
    hospital: Running, client: Client, hook: Webhook, trouble: str, expected: list[str]
) -> None:
    hospital.setup(phones=[{"number": PHONE, "trouble": [trouble]}])
    made = await send(client, status_callback=hook.url)
    await hospital.hospital.exchange.settled()
    assert [one.form["MessageStatus"] for one in hook.told] == expected
    assert hospital.hospital.exchange.journal.texts[made.sid].shown, "the patient has it all the same"


async def test_a_forged_receipt_does_not_fit_the_token(hospital: Running, client: Client, hook: Webhook) -> None:
    hospital.setup(phones=[{"number": PHONE, "trouble": ["forged"]}])
    await send(client, status_callback=hook.url)
    await hospital.hospital.exchange.settled()
    assert [(one.form["MessageStatus"], genuine(one)) for one in hook.told] == [
        ("sent", True),
        ("undelivered", False),
        ("delivered", True),
        ("undelivered", False),
    ]


async def test_a_slow_receipt_comes_after_the_text_was_shown(hospital: Running, client: Client, hook: Webhook) -> None:
    hospital.setup(phones=[{"number": PHONE, "trouble": ["slow"], "seconds": 1.5}])
    made = await send(client, status_callback=hook.url)
    await hook.wait(1)
    text = hospital.hospital.exchange.journal.texts[made.sid]
    seen = -1
    while not text.shown:
        seen = await hospital.hospital.exchange.journal.wait(seen, 5)
    assert len(hook.told) == 1
    assert (await hook.wait(2))[-1].form["MessageStatus"] == "delivered"


@pytest.mark.parametrize(("fragment", "tries"), [("", 1), ("#rc=2&rp=5xx", 3), ("#rc=3&rp=all", 4), ("#rc=2&rp=4xx", 1)])
async def test_a_callback_is_tried_again_as_the_fragment_says(
    hospital: Running, client: Client, hook: Webhook, fragment: str, tries: int
) -> None:
    hospital.setup(twilio_accounts=[{"sid": SID, "retry_seconds": 0}])
    hook.answers = [(500, "text/plain", "")]
    await send(client, status_callback=hook.url + fragment)
    await hospital.hospital.exchange.settled()
    assert len(hook.told) == 2 * tries
    assert all(genuine(one) for one in hook.told)
    assert len({one.headers["I-Twilio-Idempotency-Token"] for one in hook.told}) == 2


async def test_a_reply_is_a_signed_webhook_and_its_twiml_reaches_the_handset(hospital: Running, client: Client, hook: Webhook) -> None:
    number = (await call(client.incoming_phone_numbers.list, phone_number=TOLL_FREE))[0]
    await call(client.incoming_phone_numbers(number.sid).update, sms_url=hook.url)
    hook.answers = [(200, "application/xml", THANKS)]
    hospital.text(PHONE, TOLL_FREE, "Is it by video? ñ €")
    told = (await hook.wait(1))[0]
    assert genuine(told)
    assert {name: told.form[name] for name in ("From", "To", "Body", "SmsStatus")} == {
        "From": PHONE,
        "To": TOLL_FREE,
        "Body": "Is it by video? ñ €",
        "SmsStatus": "received",
    }
    await hospital.hospital.exchange.settled()
    seen = [(t.way, t.text) for t in hospital.hospital.exchange.journal.with_phone(PHONE)]
    assert seen == [("in", "Is it by video? ñ €"), ("auto", "Thank  you"), ("auto", "Bye")]


@pytest.mark.parametrize("body", ["<Response><Message>x", "<!DOCTYPE x><Response><Message>x</Message></Response>", "no", "<a>x</a>", ""])
async def test_an_answer_that_is_no_twiml_sends_nothing(hospital: Running, hook: Webhook, body: str) -> None:
    hospital.setup(numbers=[{"number": TOLL_FREE, "sms_url": hook.url}])
    hook.answers = [(200, "application/xml", body)]
    hospital.text(PHONE, TOLL_FREE, "Hello")
    await hospital.hospital.exchange.settled()
    assert [t.way for t in hospital.hospital.exchange.journal.with_phone(PHONE)] == ["in"]


async def test_a_reply_is_told_again_and_a_forged_one_beside_it(hospital: Running, hook: Webhook) -> None:
    hospital.setup(numbers=[{"number": LOCAL, "sms_url": hook.url}], phones=[{"number": PHONE, "trouble": ["duplicate", "forged"]}])
    hook.answers = [(200, "application/xml", "<Response><Message>Thanks</Message></Response>")]
    hospital.text(PHONE, LOCAL, "Hello")
    await hospital.hospital.exchange.settled()
    assert [(one.form["Body"], genuine(one)) for one in hook.told] == [("STOP", False)] + [("Hello", True)] * 3
    assert [t.text for t in hospital.hospital.exchange.journal.with_phone(PHONE)] == ["Hello", "Thanks"]


async def test_stop_is_answered_by_the_carrier_blocks_what_follows_and_is_told_to_the_customer(
    hospital: Running, client: Client, hook: Webhook
) -> None:
    hospital.setup(numbers=[{"number": LOCAL, "sms_url": hook.url}])
    hook.answers = [(200, "application/xml", "<Response><Message>But wait!</Message></Response>")]
    hospital.text(PHONE, LOCAL, " stop ")
    await hospital.hospital.exchange.settled()
    assert hook.told[0].form["Body"] == " stop "
    assert "OptOutType" not in hook.told[0].form
    texts = hospital.hospital.exchange.journal.with_phone(PHONE)
    assert [(t.way, t.code, bool(t.shown)) for t in texts] == [("in", 0, False), ("auto", 0, True), ("auto", 21610, False)]
    assert (await refused(client, from_=LOCAL)).code == 21610
    assert (await send(client)).status == "queued", "the other number was not stopped"
    hospital.text(PHONE, LOCAL, "START")
    await hospital.hospital.exchange.settled()
    assert (await send(client, from_=LOCAL)).status == "queued"


async def test_advanced_opt_out_names_the_keyword_and_off_leaves_it_to_the_customer(
    hospital: Running, client: Client, hook: Webhook
) -> None:
    hospital.setup(numbers=[{"number": LOCAL, "sms_url": hook.url}], twilio_accounts=[{"sid": SID, "opt_out": "advanced"}])
    for word in ("HELP", "STOP", "UNSTOP"):
        hospital.text(PHONE, LOCAL, word)
        await hospital.hospital.exchange.settled()
    assert [one.form["OptOutType"] for one in hook.told] == ["HELP", "STOP", "START"]
    hospital.setup(twilio_accounts=[{"sid": SID, "opt_out": "off"}])
    hospital.text(PHONE, LOCAL, "STOP")
    await hospital.hospital.exchange.settled()
    assert hospital.hospital.exchange.journal.texts[list(hospital.hospital.exchange.journal.texts)[-1]].way == "in"
    assert (await send(client, from_=LOCAL)).status == "queued"


async def test_a_messaging_service_chooses_a_number_of_its_account(client: Client) -> None:
    made = await send(client, from_=None, messaging_service_sid=SERVICE)
    assert (made.status, made.messaging_service_sid) == ("accepted", SERVICE)


async def test_texts_are_listed_newest_first_page_by_page(client: Client) -> None:
    for number in range(5):
        await send(client, body=f"No. {number}", to=PHONE if number else "+12065550199")
    listed = await call(client.messages.list, page_size=2)
    assert [one.body for one in listed] == ["No. 4", "No. 3", "No. 2", "No. 1", "No. 0"]
    assert [one.body for one in await call(client.messages.list, to="+12065550199")] == ["No. 0"]


async def test_a_number_is_found_priced_bought_pointed_and_given_back(hospital: Running, client: Client, hook: Webhook) -> None:
    found = await call(client.available_phone_numbers("US").toll_free.list, sms_enabled=True, limit=3)
    assert len(found) == 3
    prices = (await call(client.pricing.v1.phone_numbers.countries("US").fetch)).phone_number_prices
    assert {row["number_type"]: row["current_price"] for row in prices} == {"local": "1.15", "toll free": "2.15"}
    made = await call(client.incoming_phone_numbers.create, phone_number=found[0].phone_number, sms_url=hook.url)
    assert (made.phone_number, made.sms_url) == (found[0].phone_number, hook.url)
    with pytest.raises(TwilioRestException) as caught:
        await call(client.incoming_phone_numbers.create, phone_number=made.phone_number)
    assert caught.value.code == 21422
    assert (await send(client, from_=made.phone_number)).status == "queued"
    assert await call(client.incoming_phone_numbers(made.sid).delete)
    assert hospital.hospital.exchange.owned(made.phone_number or "") is None
    local = await call(client.available_phone_numbers("US").local.list, area_code=617, limit=1)
    assert local[0].locality == "Boston"


async def test_a_toll_free_number_is_verified_step_by_step(hospital: Running, client: Client) -> None:
    made = await call(client.incoming_phone_numbers.create, phone_number="+18335550101")
    asked: dict[str, Any] = {
        "business_name": "Eastmere",
        "business_website": "https://eastmere.example",
        "notification_email": "it@eastmere.example",
        "use_case_categories": ["HEALTHCARE"],
        "use_case_summary": "Reminders",
        "production_message_sample": "Your visit is at 10:30.",
        "opt_in_image_urls": ["https://eastmere.example/optin.png"],
        "opt_in_type": "VERBAL",
        "message_volume": "1,000",
        "tollfree_phone_number_sid": made.sid,
    }
    first = await call(client.messaging.v1.tollfree_verifications.create, **asked)
    assert (first.status, first.tollfree_phone_number_sid) == ("PENDING_REVIEW", made.sid)
    for status in ("IN_REVIEW", "TWILIO_REJECTED", "TWILIO_APPROVED"):
        hospital.setup(numbers=[{"number": made.phone_number, "verification": status}])
        assert (await call(client.messaging.v1.tollfree_verifications(first.sid).fetch)).status == status
    listed = await call(client.messaging.v1.tollfree_verifications.list, tollfree_phone_number_sid=made.sid)
    assert [one.sid for one in listed] == [first.sid]


async def test_too_many_in_a_second_are_told_so_and_counted(hospital: Running, client: Client) -> None:
    hospital.setup(twilio_accounts=[{"sid": SID, "per_second": 3}])
    codes: list[int] = []

    async def one() -> None:
        try:
            await send(client)
        except TwilioRestException as error:
            codes.append(error.code or 0)

    await asyncio.gather(*(one() for _ in range(8)))
    rates = hospital.hospital.exchange.journal.rates()[TOLL_FREE]
    assert set(codes) <= {20429}
    assert rates["most_in_a_second"] <= 3
    assert rates["texts"] + rates["too_many"] == 8


@pytest.mark.parametrize(("mode", "code", "after"), [("busy", 20429, "7"), ("throttle", 20429, None), ("error", 20500, None)])
async def test_trouble_is_worded_as_the_vendor_words_it(hospital: Running, client: Client, mode: str, code: int, after: str | None) -> None:
    hospital.setup(trouble={"twilio": {"mode": mode, "seconds": 7, "times": 1}})
    assert (await refused(client)).code == code
    entry = hospital.ledger("twilio")[-1]
    assert (entry["outcome"], hospital.hospital.exchange.journal.texts) == ("trouble", {})
    assert (await send(client)).status == "queued"
    assert after in {None, "7"}


@pytest.mark.parametrize(("mode", "accepted"), [("lost", 1), ("hang", 0)])
async def test_an_answer_that_never_comes_leaves_the_sender_in_doubt(hospital: Running, client: Client, mode: str, accepted: int) -> None:
    hospital.setup(trouble={"twilio": {"mode": mode, "seconds": 0, "times": 1}})
    with pytest.raises(OSError, match="Connection aborted"):
        await send(client)
    assert len(hospital.hospital.exchange.journal.texts) == accepted
