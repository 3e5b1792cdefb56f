"""Event Grid's deliveries: proved by the secret header, in batches, in both schemas, and its handshakes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.carriers import HOOK_URL, MESSAGE, PHONE, AzureSide
from vestibule.adapters.carriers.azure.codes import of_answer, of_recipient, of_report
from vestibule.adapters.carriers.azure.hooks import read_hook
from vestibule.errors import BadInput, NotAllowed
from vestibule.messages.model import MessageState, Status
from vestibule.messages.ports import Hook, HookAnswer

SIDE = AzureSide()
OWNER = SIDE.account(1)
KEYED = {"x-vestibule-key": SIDE.key, "content-type": "application/json"}
REPORT = {"messageId": "m-1", "from": "+18885550100", "to": PHONE, "deliveryStatus": "Delivered", "deliveryStatusDetails": "2000"}


def event(kind: str, data: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "eventType": f"Microsoft.Communication.{kind}",
        "data": data,
        "topic": "/subscriptions/x",
        "subject": "/phonenumber/y",
    }


def delivered(*events: Any, headers: dict[str, str] = KEYED) -> HookAnswer:
    return read_hook(OWNER, Hook("POST", HOOK_URL, headers, json.dumps(list(events)).encode()))


def test_a_batch_is_read_whole() -> None:
    text = {"messageId": "in-1", "from": PHONE, "to": "+18885550100", "message": "STOP"}
    answer = delivered(event("SMSDeliveryReportReceived", REPORT), event("SMSReceived", text), event("SMSDeliveryReportReceived", REPORT))
    assert len(answer.receipts) == 2
    assert [one.text for one in answer.incoming] == ["STOP"]


@pytest.mark.parametrize(
    "odd", [None, 1, "x", [], {}, {"eventType": "x"}, {"eventType": 1, "data": {}}, event("SMSDeliveryReportReceived", None)]
)
def test_one_odd_event_keeps_back_no_other(odd: Any) -> None:
    assert len(delivered(odd, event("SMSDeliveryReportReceived", REPORT), event("CallEnded", {})).receipts) == 1


def test_cloud_events_are_read_too() -> None:
    one = {"specversion": "1.0", "type": "Microsoft.Communication.SMSDeliveryReportReceived", "source": "/x", "id": "1", "data": REPORT}
    for body in (one, [one]):
        assert read_hook(OWNER, Hook("POST", HOOK_URL, KEYED, json.dumps(body).encode())).receipts


@pytest.mark.parametrize(("said", "meant"), [("15005550199", PHONE), (PHONE, PHONE), ("12345", "12345"), ("Alder", "Alder")])
def test_numbers_come_with_their_plus_or_without(said: str, meant: str) -> None:
    (text,) = delivered(event("SMSReceived", {"messageId": "1", "from": said, "to": said, "message": "hi"})).incoming
    assert (text.phone, text.sender_address) == (meant, meant)


@pytest.mark.parametrize("name", ["tag", "Tag"])
def test_our_id_comes_back_as_the_tag(name: str) -> None:
    (receipt,) = delivered(event("SMSDeliveryReportReceived", REPORT | {name: str(MESSAGE)})).receipts
    assert receipt.message == MESSAGE
    (receipt,) = delivered(event("SMSDeliveryReportReceived", REPORT | {name: "not ours"})).receipts
    assert receipt.message is None


@pytest.mark.parametrize(
    ("status", "details", "state", "meaning", "permanent", "opted_out"),
    [
        ("Delivered", "", MessageState.DELIVERED, Status.SENT, True, False),
        ("Failed", "4000", MessageState.FAILED, Status.SPAM, True, False),
        ("Failed", "4001", MessageState.FAILED, Status.OTHER, True, False),
        ("Failed", "4002: Message is rejected", MessageState.FAILED, Status.INVALID_NUMBER, True, False),
        ("Failed", "4003", MessageState.FAILED, Status.RECIPIENT_BLOCKED, True, False),
        ("Failed", "4004", MessageState.FAILED, Status.NO_SUCH_NUMBER, True, False),
        ("Failed", "4005", MessageState.FAILED, Status.BLOCKED_NUMBER, True, False),
        ("Failed", "Code 4006.", MessageState.FAILED, Status.UNREACHABLE, False, False),
        ("Failed", "4007", MessageState.FAILED, Status.BLOCKED_BY_RECIPIENT, True, True),
        ("Failed", "Sender blocked for given recipient.", MessageState.FAILED, Status.BLOCKED_BY_RECIPIENT, True, True),
        ("Failed", "4008", MessageState.FAILED, Status.OTHER, False, False),
        ("Failed", "4010", MessageState.FAILED, Status.OTHER, True, False),
        ("Failed", "795", MessageState.FAILED, Status.OTHER, True, False),
        ("Failed", "4795", MessageState.FAILED, Status.OTHER, True, False),
        ("Failed", "5001", MessageState.FAILED, Status.OTHER, False, False),
        ("Failed", "5002", MessageState.ACCEPTED, Status.SENT, True, False),
        ("Failed", "9999", MessageState.FAILED, Status.OTHER, False, False),
        ("Failed", "something new", MessageState.FAILED, Status.OTHER, True, False),
    ],
)
def test_each_report_has_its_meaning(
    status: str, details: str, state: MessageState, meaning: Status, permanent: bool, opted_out: bool
) -> None:
    data = REPORT | {"deliveryStatus": status, "deliveryStatusDetails": details}
    (receipt,) = delivered(event("SMSDeliveryReportReceived", data)).receipts
    assert (receipt.state, receipt.status, receipt.permanent, receipt.opted_out) == (state, meaning, permanent, opted_out)


@pytest.mark.parametrize("code", ["4010", "795", "4795"])
def test_an_unverified_number_is_named_as_such(code: str) -> None:
    number, meaning = of_report(f"{code}: Message was blocked due to the toll-free number not being verified.")
    assert (str(number), meaning.code, meaning.elsewhere) == (code, "carrier-sender-unverified", True)


@pytest.mark.parametrize(
    "data",
    [REPORT | {"messageId": ""}, REPORT | {"messageId": None}, REPORT | {"deliveryStatus": "Pondering", "deliveryStatusDetails": ""}],
)
def test_a_report_that_says_nothing_is_no_report(data: dict[str, Any]) -> None:
    assert delivered(event("SMSDeliveryReportReceived", data)).receipts == []


class TestTheHandshake:
    """Event Grid asks whether the address is ours before it delivers anything."""

    def ask(self, headers: dict[str, str], *events: Any) -> HookAnswer:
        return delivered(*events, headers=headers)

    @property
    def question(self) -> dict[str, Any]:
        data = {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", "validationUrl": "https://rp-x.eventgrid.azure.net/validate?id=1"}
        return {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": data, "dataVersion": "2"}

    @pytest.mark.parametrize("key", ["", SIDE.key])
    def test_the_code_is_given_back_with_the_secret_or_without(self, key: str) -> None:
        answer = self.ask({"aeg-event-type": "SubscriptionValidation", "x-vestibule-key": key}, self.question)
        assert json.loads(answer.body) == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}
        assert answer.content_type == "application/json"
        assert not answer.receipts

    def test_whatever_comes_with_it_is_not_believed(self) -> None:
        answer = self.ask({"aeg-event-type": "SubscriptionValidation"}, self.question, event("SMSDeliveryReportReceived", REPORT))
        assert (list(answer.receipts), list(answer.incoming)) == ([], [])
        with pytest.raises(NotAllowed):
            self.ask({"aeg-event-type": "SubscriptionValidation"}, event("SMSDeliveryReportReceived", REPORT))
        with pytest.raises(NotAllowed):
            self.ask({"aeg-event-type": "Notification"}, self.question)

    @pytest.mark.parametrize("code", ["", "x y", "x" * 201, "<b>", None, ["x"]])
    def test_only_a_plain_code_is_given_back(self, code: Any) -> None:
        asked = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": code}}
        headers = {"aeg-event-type": "SubscriptionValidation"}
        with pytest.raises(NotAllowed):
            self.ask(headers, asked)

    def test_cloud_events_ask_with_options(self) -> None:
        answer = read_hook(OWNER, Hook("OPTIONS", HOOK_URL, {"webhook-request-origin": "eventgrid.azure.net"}, b""))
        assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
        for origin in ("", "a\r\nb: c", "x y", "é"):
            with pytest.raises(NotAllowed):
                read_hook(OWNER, Hook("OPTIONS", HOOK_URL, {"webhook-request-origin": origin}, b""))


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_what_is_no_json_is_said_so(body: bytes) -> None:
    with pytest.raises(BadInput) as told:
        read_hook(OWNER, Hook("POST", HOOK_URL, KEYED, body))
    assert told.value.code == "carrier-hook-unreadable"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["eventType", "type", "data", "messageId", "to"]), inner, max_size=5)
    ),
    max_leaves=20,
)
_HEADERS = st.dictionaries(
    st.sampled_from(["aeg-event-type", "x-vestibule-key", "content-type", "webhook-request-origin"]), st.text(max_size=30)
)


@given(_JSON)
def test_whatever_is_proved_is_read(body: Any) -> None:
    assert read_hook(OWNER, Hook("POST", HOOK_URL, KEYED, json.dumps(body).encode())).status == 200


@given(_HEADERS, st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_without_the_secret_brings_no_receipt(headers: dict[str, str], body: bytes) -> None:
    try:
        answer = read_hook(OWNER, Hook("POST", HOOK_URL, headers, body))
    except (NotAllowed, BadInput):
        return
    assert (list(answer.receipts), list(answer.incoming)) == ([], [])


@given(st.text(max_size=60), st.integers(100, 599))
def test_every_word_means_something(words: str, status: int) -> None:
    assert of_report(words)[1].code.startswith("carrier-")
    assert of_answer(status, words).code.startswith("carrier-")
    assert of_recipient(status, words).code.startswith("carrier-")
