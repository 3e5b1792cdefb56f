"""Twilio's requests: proved as its own library proves them, and nothing without proof, whatever comes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from support.carriers import HOOK_URL, MESSAGE, PHONE, SID, TwilioSide
from vestibule.adapters.carriers.twilio.codes import of_answer, of_receipt
from vestibule.adapters.carriers.twilio.hooks import read_hook
from vestibule.errors import BadInput, NotAllowed
from vestibule.messages.model import MessageState, Status
from vestibule.messages.ports import Hook

SIDE = TwilioSide()
OWNER = SIDE.account(1)
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
SENT = {"MessageSid": SID, "MessageStatus": "delivered", "To": PHONE, "AccountSid": OWNER.user, "ApiVersion": "2010-04-01"}


def official(url: str, fields: dict[str, str], key: str = OWNER.secret, algorithm: str | None = None) -> str:
    """The signature as Twilio's own library makes it."""
    made: str = RequestValidator(key).compute_signature(url, fields, algorithm)
    return made


def posted(fields: dict[str, str], signature: str, url: str = HOOK_URL, **headers: str) -> Hook:
    return Hook("POST", url, {**FORM, "x-twilio-signature": signature, **headers}, urlencode(fields).encode())


@pytest.mark.parametrize("url", [HOOK_URL, f"{HOOK_URL}?message={MESSAGE}", "https://visits.alder.test:8443/hooks/x?a=b%20c"])
def test_what_twilios_library_signs_is_believed(url: str) -> None:
    assert read_hook(OWNER, posted(SENT, official(url, SENT), url)).receipts


@pytest.mark.parametrize(
    ("signed", "known"),
    [
        ("https://visits.alder.test:443/h", "https://visits.alder.test/h"),
        ("https://visits.alder.test/h", "https://visits.alder.test:8443/h"),
    ],
)
def test_twilio_may_count_the_port_to_the_address_or_not(signed: str, known: str) -> None:
    assert read_hook(OWNER, posted(SENT, official(signed, SENT), known)).receipts


def test_the_newer_signature_is_believed_where_it_says_so() -> None:
    settings = {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}
    good = posted(SENT, official(HOOK_URL, SENT, algorithm="HMAC_SHA256"), **settings)
    assert read_hook(OWNER, good).receipts
    for bad in (
        replace(good, headers={k: v for k, v in good.headers.items() if "settings" not in k}),
        posted(SENT, official(HOOK_URL, SENT), **settings),
    ):
        with pytest.raises(NotAllowed):
            read_hook(OWNER, bad)
    with pytest.raises(NotAllowed):
        read_hook(OWNER, posted(SENT, official(HOOK_URL, SENT), **{"x-twilio-webhooks-signature-settings": "algorithm=none"}))


def test_json_is_proved_by_the_hash_in_the_address() -> None:
    body = json.dumps(SENT).encode()
    url = f"{HOOK_URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"content-type": "application/json", "x-twilio-signature": official(url, {})}
    assert RequestValidator(OWNER.secret).validate(url, body.decode(), headers["x-twilio-signature"])
    assert read_hook(OWNER, Hook("POST", url, headers, body)).receipts
    with pytest.raises(NotAllowed):
        read_hook(OWNER, Hook("POST", url, headers, body.replace(b"delivered", b"failed")))
    with pytest.raises(NotAllowed):
        read_hook(OWNER, Hook("POST", HOOK_URL, {**headers, "x-twilio-signature": official(HOOK_URL, {})}, body))


@pytest.mark.parametrize(
    "change",
    [
        {"MessageStatus": "failed"},
        {"MessageSid": "SM" + "0" * 32},
        {"Extra": "1"},
        {"MessageStatus": "deliveredTo" + PHONE},
    ],
)
def test_a_changed_field_is_a_forgery(change: dict[str, str]) -> None:
    with pytest.raises(NotAllowed):
        read_hook(OWNER, posted(SENT | change, official(HOOK_URL, SENT)))


def test_another_address_is_a_forgery() -> None:
    other = HOOK_URL.replace("aa", "bb")
    for signed, known in ((other, HOOK_URL), (HOOK_URL, other), (HOOK_URL, f"{HOOK_URL}?message={MESSAGE}")):
        with pytest.raises(NotAllowed):
            read_hook(OWNER, posted(SENT, official(signed, SENT), known))


def test_the_accounts_own_token_proves_where_an_api_key_signs_in() -> None:
    keyed = replace(OWNER, secret="api-key-secret", hook_secret="auth-token")
    assert read_hook(keyed, posted(SENT, official(HOOK_URL, SENT, "auth-token"))).receipts
    with pytest.raises(NotAllowed):
        read_hook(keyed, posted(SENT, official(HOOK_URL, SENT, "api-key-secret")))


@pytest.mark.parametrize(
    ("status", "code", "state", "meaning", "permanent"),
    [
        ("queued", "", MessageState.ACCEPTED, Status.SENT, True),
        ("sent", "", MessageState.ACCEPTED, Status.SENT, True),
        ("delivered", "", MessageState.DELIVERED, Status.SENT, True),
        ("read", "", MessageState.DELIVERED, Status.SENT, True),
        ("undelivered", "30003", MessageState.FAILED, Status.UNREACHABLE, False),
        ("undelivered", "30004", MessageState.FAILED, Status.BLOCKED_NUMBER, True),
        ("undelivered", "30005", MessageState.FAILED, Status.NO_SUCH_NUMBER, True),
        ("undelivered", "30006", MessageState.FAILED, Status.UNREACHABLE, True),
        ("undelivered", "30007", MessageState.FAILED, Status.SPAM, True),
        ("undelivered", "30008", MessageState.FAILED, Status.OTHER, False),
        ("failed", "21610", MessageState.FAILED, Status.BLOCKED_BY_RECIPIENT, True),
        ("failed", "30032", MessageState.FAILED, Status.OTHER, True),
        ("failed", "", MessageState.FAILED, Status.OTHER, True),
        ("failed", "what", MessageState.FAILED, Status.OTHER, True),
        ("failed", "٣٠٠٠٣", MessageState.FAILED, Status.OTHER, True),
        ("canceled", "", MessageState.FAILED, Status.OTHER, True),
    ],
)
def test_each_word_of_twilios_has_its_meaning(status: str, code: str, state: MessageState, meaning: Status, permanent: bool) -> None:
    fields = SENT | {"MessageStatus": status, "ErrorCode": code}
    (receipt,) = read_hook(OWNER, posted(fields, official(HOOK_URL, fields))).receipts
    assert (receipt.state, receipt.status, receipt.permanent) == (state, meaning, permanent)
    assert receipt.opted_out == (code == "21610")


def test_a_word_twilio_adds_later_means_nothing() -> None:
    fields = SENT | {"MessageStatus": "pondering"}
    answer = read_hook(OWNER, posted(fields, official(HOOK_URL, fields)))
    assert (answer.receipts, answer.incoming, answer.status) == ([], (), 200)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"Body": "stop"}, "stop"),
        ({"Body": "ARRET", "OptOutType": "STOP"}, "STOP"),
        ({"Body": "hi", "OptOutType": "WEIRD"}, "hi"),
        ({"Body": ""}, ""),
    ],
)
def test_a_text_comes_as_typed_or_as_the_keyword_twilio_saw_in_it(fields: dict[str, str], text: str) -> None:
    said = {"MessageSid": SID, "From": PHONE, "To": "+18885550100", **fields}
    answer = read_hook(OWNER, posted(said, official(HOOK_URL, said)))
    assert [one.text for one in answer.incoming] == [text]
    assert answer.content_type == "text/xml"
    assert answer.body.endswith(b"<Response></Response>")


def test_our_id_comes_back_only_as_an_id() -> None:
    for named, ours in ((str(MESSAGE), MESSAGE), ("x", None), ("", None), ("0", None)):
        url = f"{HOOK_URL}?message={named}"
        (receipt,) = read_hook(OWNER, posted(SENT, official(url, SENT), url)).receipts
        assert receipt.message == ours


@pytest.mark.parametrize(
    "fields", [{}, {"MessageStatus": "delivered"}, {"MessageSid": "../x", "MessageStatus": "delivered"}, {"Body": "hi"}]
)
def test_what_is_proved_and_makes_no_sense_is_said_so(fields: dict[str, str]) -> None:
    with pytest.raises(BadInput) as told:
        read_hook(OWNER, posted(fields, official(HOOK_URL, fields)))
    assert told.value.code == "carrier-hook-unreadable"


_HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "x-twilio-signature", "x-twilio-webhooks-signature-settings", "host"]), st.text(max_size=60)
)


@given(st.sampled_from(["POST", "GET", "OPTIONS"]), st.text(max_size=80), _HEADERS, st.binary(max_size=400))
def test_whatever_comes_without_proof_is_refused(method: str, tail: str, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(NotAllowed):
        read_hook(OWNER, Hook(method, HOOK_URL + "?" + tail, headers, body))


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=60), max_size=12))
def test_whatever_is_proved_is_read_or_refused(fields: dict[str, str]) -> None:
    text = HOOK_URL + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.new(OWNER.secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    try:
        answer = read_hook(OWNER, posted(fields, signature))
    except BadInput:
        return
    assert answer.status == 200


@given(st.text(max_size=12), st.integers(100, 599))
def test_every_code_means_something(code: str, status: int) -> None:
    assert of_answer(code, status).code.startswith("carrier-")
    assert of_receipt(code).code.startswith("carrier-")
