"""Nothing that could reach a person, or open a door, gets through the log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import OutsideFailed
from vestibule.kit.ids import new_id, new_reference
from vestibule.kit.redact import _scrub_all, scrub
from vestibule.platform.telemetry import logs
from vestibule.platform.telemetry.logs import SAFE, WITHHELD, log

NAME = "Zebulon Quistgaard-Canary"
PHONE = "+1 (555) 010-7788"
EMAIL = "canary.zebulon@example.org"
MRN = "E4711-CANARY"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    written = io.StringIO()
    logs.configure("debug", stream=written)
    yield written
    logs.configure("warning")


@pytest.mark.parametrize(
    ("text", "gone", "stays"),
    [
        (f"call {PHONE} now", "7788", "call"),
        ("tel 5550107788.", "5550107788", "tel"),
        ("fax 555-010-7788", "7788", "fax"),
        (f"mail {EMAIL}, please", "zebulon", "please"),
        (f"Authorization: Bearer {JWT}", "eyJ", "Authorization"),
        (f"got {JWT}", "eyJ", "got"),
        ("Basic dXNlcjpwYXNzd29yZA==", "dXNl", "Basic"),
        ("GET https://ehr.example/Patient?name=Canary&birthdate=1980-02-03", "Canary", "https://ehr.example/Patient"),
        ("https://user:hunter2@ehr.example/x", "hunter2", "ehr.example"),
        ("secret GJakgA0xH8tE4F4YCNMk3oZbKg030l-q", None, "secret"),
        ("secret AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEf", None, "secret"),  # one secret in 250 has no digit
        ("secret ----A----b----C----d0----e----", None, "secret"),
        ("opened /j/AbCdEf-0123_xyz", "AbCdEf", "opened"),
        ("https://app.example/#access_token=canary123", "canary123", "app.example"),
    ],
)
def test_a_text_loses_what_it_must_not_hold(text: str, gone: str | None, stays: str) -> None:
    scrubbed = scrub(text)
    assert stays in scrubbed
    assert (gone or text.rsplit(maxsplit=1)[-1]) not in scrubbed


def test_our_own_names_for_things_stay_readable() -> None:
    visit, reference = str(new_id()), new_reference()
    kept = f"visit {visit} reference {reference} took 1250.4 ms on 2026-03-02T10:30:00Z, 403, port 8080, /s/{{sid}}/console"
    assert scrub(kept) == kept


@given(st.text(max_size=300))
def test_scrubbing_never_fails_and_twice_is_once(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once


def test_scrubbing_a_long_hostile_text_takes_linear_time() -> None:
    for piece in ("1 ", "a-", "eyJ", "@", "a@", "?=", "0-0.", "/j/"):
        scrub(piece * 100_000)  # the suite's time limit is the assertion


def test_a_key_nobody_declared_safe_is_withheld(lines: io.StringIO) -> None:
    log.info("arrived", patient=NAME, name=NAME, visit=new_id(), note={"mrn": MRN})
    written = lines.getvalue()
    assert NAME not in written
    assert MRN not in written
    assert json.loads(written)["patient"] == WITHHELD


@pytest.mark.parametrize("secret", [PHONE, EMAIL, JWT, f"https://x.example/?q={MRN}"])
def test_a_safe_key_is_still_scrubbed(lines: io.StringIO, secret: str) -> None:
    log.info(f"event {secret}", reason=secret, route=[secret], state={"x": secret})
    assert secret not in lines.getvalue()
    assert secret.rsplit("=", maxsplit=1)[-1] not in lines.getvalue()


def test_an_exceptions_message_is_not_written_its_place_is(lines: io.StringIO) -> None:
    def parse() -> None:
        raise KeyError(NAME)

    try:
        try:
            parse()
        except KeyError as error:
            raise OutsideFailed("outside-answer", f"not for {NAME}", phase="launch.context") from error
    except OutsideFailed:
        log.exception("problem", code="outside-answer")
    written = json.loads(lines.getvalue())
    assert NAME not in lines.getvalue()
    assert written["error"] == "OutsideFailed(outside-answer) < KeyError"
    assert any("test_redaction.py" in place for place in written["where"])


def test_the_libraries_logs_go_through_the_same_pipe(lines: io.StringIO) -> None:
    try:
        int(NAME)
    except ValueError:
        logging.getLogger("aiohttp.client").exception("request to https://ehr.example/Patient?name=%s with %s failed", "Canary", JWT)
    written = lines.getvalue()
    assert "request to https://ehr.example/Patient" in written
    for canary in (NAME, "Canary", JWT):
        assert canary not in written


def test_a_line_break_cannot_forge_a_second_line(lines: io.StringIO) -> None:
    log.info("event", reason='x\n{"event":"forged"}\r\u2028')
    assert len(lines.getvalue().splitlines()) == 1


def test_the_safe_keys_hold_no_name_of_a_person_or_content() -> None:
    unsafe = ["name", "patient", "phone", "email", "mrn", "body", "text", "message", "url", "path", "query", "token", "cookie", "headers"]
    assert not SAFE & set(unsafe)


@given(st.dictionaries(st.text(max_size=20), st.one_of(st.text(), st.integers(), st.binary(), st.uuids(), st.none()), max_size=5))
def test_whatever_is_logged_comes_out_as_one_line_of_json(fields: dict[str, Any]) -> None:
    event = logs.redact(None, "info", {"event": "x", **fields})
    json.dumps(event)
    for key, value in fields.items():
        if key not in SAFE and value is not None:
            assert event[key] == WITHHELD


def test_ids_stay_ids(lines: io.StringIO) -> None:
    visit = UUID("01920000-0000-7000-8000-000000000001")
    log.info("x", visit=visit)
    assert json.loads(lines.getvalue())["visit"] == str(visit)


@given(st.text("abzAZ_.:{}/-jheyJ019", max_size=60) | st.from_regex(r"[A-Za-z0-9_.:{}/-]{0,80}", fullmatch=True))
def test_the_short_way_says_the_same_as_the_long_one(text: str) -> None:
    assert scrub(text) == _scrub_all(text)
