"""RFC 6749 5.1, 5.2 (token answers) and 4.1.2 with RFC 9207 (callbacks): what a hostile server or browser may send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput, NotAllowed, OutsideFailed
from vestibule.kit.exchange import Answer
from vestibule.protocols.oauth2 import Returned, TokenAnswer, check_issuer, read_callback, read_token_answer

GOOD = {"access_token": "at", "token_type": "Bearer"}


def read(body: Any, status: int = 200, **headers: str) -> TokenAnswer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_token_answer(Answer(status, headers, data, "https://ehr.example/token"), asked_scope="asked", phase="launch.token")


def failure(body: Any, status: int = 200, **headers: str) -> OutsideFailed:
    with pytest.raises(OutsideFailed) as caught:
        read(body, status, **headers)
    return caught.value


def test_5_1_the_smallest_good_answer() -> None:
    answer = read(GOOD)
    assert (answer.bearer, answer.expires_in, answer.scope, answer.context) == ("Bearer at", 0, "asked", {})


def test_5_1_the_token_type_is_not_case_sensitive() -> None:
    assert read(GOOD | {"token_type": "bEARER"}).access_token == "at"


def test_smart_launch_context_is_everything_else_that_is_text_or_number() -> None:
    extra = {
        "patient": "p1",
        "sessionId": "1853",
        "conferenceId": 77,
        "intent": None,
        "fhirContext": [{}],
        "smart": {},
        "long": "x" * 1025,
        "": "e",
    }
    assert read(GOOD | extra | {"need_patient_banner": False}).context == {
        "patient": "p1",
        "sessionId": "1853",
        "conferenceId": "77",
        "": "e",
    }
    assert not read(GOOD | {"need_patient_banner": False}).need_patient_banner
    assert read(GOOD | {"need_patient_banner": "false"}).need_patient_banner  # only a real false hides a banner


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": "ü"},
        {"access_token": "x" * 16_385},
        {"token_type": None},
        {"token_type": "mac"},
        {"expires_in": -1},
        {"expires_in": True},
        {"expires_in": "soon"},
        {"expires_in": 1e12},
        {"scope": ["a"]},
        {"id_token": {}},
        {"refresh_token": "a\nb"},
    ],
)
def test_5_1_a_wrong_member_spoils_the_answer(change: dict[str, Any]) -> None:
    assert failure(GOOD | change).code == "token-answer-invalid"


@pytest.mark.parametrize(("value", "seconds"), [(3600, 3600), ("3600", 3600), (59.9, 59), (0, 0)])
def test_5_1_lifetime_as_a_number_or_a_quoted_one(value: Any, seconds: int) -> None:
    assert read(GOOD | {"expires_in": value}).expires_in == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"access_token=at&token_type=Bearer",
        b'{"access_token":"at","access_token":"bt","token_type":"Bearer"}',
        b'{"access_token":"at","token_type":"Bearer","x":Infinity}',
        b'{"access_token":"at","token_type":"Bearer","x":1e999}',
        b'{"access_token":"at","token_type":"Bearer","x":' + b"[" * 100_000,
        b'{"access_token":"at","token_type":"Bearer","x":' + b"[" * 30 + b"]" * 30 + b"}",
        b'{"access_token":"at","token_type":"Bearer","x":"' + b"x" * 70_000 + b'"}',
        b'{"access_token":"at","token_type":"Bearer","x":"\xff"}',
        b'{"access_token":"at","token_type":"Bearer","x":"\\ud800"}',
        b'{"access_token":"at","token_type":"Bearer","x":' + b"9" * 10_000 + b"}",
    ],
)
def test_text_that_is_not_one_clean_object_is_refused(body: bytes) -> None:
    assert failure(body).code == "token-answer-invalid"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("invalid_grant", "token-invalid-grant"),
        ("invalid_client", "token-invalid-client"),
        ("unauthorized_client", "token-invalid-client"),
        ("invalid_scope", "token-invalid-scope"),
        ("invalid_request", "token-refused"),
        ("<script>", "token-refused"),
        (5, "token-refused"),
    ],
)
def test_5_2_refusals_by_their_registered_name(error: Any, code: str) -> None:
    refused = failure({"error": error, "error_description": "Jane Canary"}, 400)
    assert (refused.code, refused.permanent) == (code, True)
    assert "Jane" not in str(refused)  # whatever they describe, it is not repeated


def test_a_busy_server_may_be_asked_again_after_what_it_says() -> None:
    assert failure(b"", 503).permanent is False
    assert failure(b"", 429, **{"retry-after": "30"}).retry_after == 30.0
    assert failure(b"", 429, **{"retry-after": "999999"}).retry_after == 3600.0
    assert failure(b"", 429, **{"retry-after": "soon"}).retry_after is None


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307])
def test_success_is_200_and_nothing_else(status: int) -> None:
    assert failure(GOOD, status).code == "token-refused"


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "expires_in", "id_token", "scope", "patient"]),
        st.none() | st.text() | st.floats(allow_nan=False) | st.lists(st.integers()),
    )
)
def test_any_object_is_a_token_answer_or_an_error_with_a_code(body: dict[str, Any]) -> None:
    try:
        answer = read(json.dumps(body).encode())
    except OutsideFailed as refused:
        assert refused.code == "token-answer-invalid"  # noqa: PT017  either ending is right
    else:
        assert answer.access_token.isprintable()


class TestCallback:
    def test_a_code_and_its_state(self) -> None:
        assert read_callback([("code", "c"), ("state", "s")]) == Returned("s", code="c")

    def test_an_error_and_its_state(self) -> None:
        assert read_callback([("error", "access_denied"), ("state", "s"), ("error_description", "x")]) == Returned(
            "s", error="access_denied"
        )

    def test_an_error_of_impossible_form_is_not_repeated(self) -> None:
        assert read_callback([("error", "<script>"), ("state", "s")]).error == "unknown"

    @pytest.mark.parametrize(
        "pairs",
        [
            [],
            [("code", "c")],
            [("state", "s")],
            [("code", "c"), ("state", "")],
            [("code", "c"), ("error", "e"), ("state", "s")],
            [("code", "c"), ("code", "c"), ("state", "s")],  # 3.1: parameters MUST NOT be included more than once
            [("code", "c"), ("state", "s"), ("state", "t")],
            [("code", "c"), ("state", "s"), ("iss", "a"), ("iss", "b")],
            [("code", "c\r\n"), ("state", "s")],
            [("code", "c" * 4097), ("state", "s")],
            [("code", "c"), ("state", "s" * 513)],
            [("code", "c"), ("state", "ü")],
        ],
    )
    def test_anything_else_is_refused(self, pairs: list[tuple[str, str]]) -> None:
        with pytest.raises(BadInput, match="callback-invalid"):
            read_callback(pairs)

    @pytest.mark.parametrize("iss", ["https://evil.example", "https://ehr.example/", "", "HTTPS://ehr.example"])
    def test_rfc9207_2_4_an_issuer_that_is_present_must_be_the_one_asked(self, iss: str) -> None:
        with pytest.raises(NotAllowed, match="callback-issuer"):
            check_issuer(Returned("s", code="c", iss=iss), issuer="https://ehr.example", required=False)

    def test_rfc9207_2_4_one_that_was_promised_must_be_present(self) -> None:
        check_issuer(Returned("s", code="c"), issuer="https://ehr.example", required=False)
        check_issuer(Returned("s", code="c", iss="https://ehr.example"), issuer="https://ehr.example", required=True)
        with pytest.raises(NotAllowed, match="callback-issuer"):
            check_issuer(Returned("s", code="c"), issuer="https://ehr.example", required=True)

    def test_rfc9207_2_4_one_that_cannot_be_compared_is_not_believed(self) -> None:
        with pytest.raises(NotAllowed, match="callback-issuer"):
            check_issuer(Returned("s", code="c", iss=""), issuer="", required=False)

    @given(st.lists(st.tuples(st.sampled_from(["code", "state", "iss", "error", "x"]), st.text())))
    def test_any_query_is_read_or_refused(self, pairs: list[tuple[str, str]]) -> None:
        try:
            assert read_callback(pairs).state
        except BadInput as refused:
            assert refused.code == "callback-invalid"  # noqa: PT017  either ending is right
