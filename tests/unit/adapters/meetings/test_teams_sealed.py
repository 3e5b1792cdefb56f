"""What Microsoft encrypts for us is opened, and what was altered on its way by a single bit is not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice.microsoft.graph.sealing import seal
from support.graph import key_pair
from support.practice_cloud import pair
from vestibule.adapters.meetings.teams.sealed import opened, taken_apart
from vestibule.errors import BadInput, NotAllowed, VestibuleError

KEYS = {key_pair(n).id: key_pair(n) for n in (0, 1)}
SAID = {"eventType": "callStarted", "note": "grüße"}


def item(number: int = 0, key_id: str = "", **changes: Any) -> dict[str, Any]:
    return {"encryptedContent": {**seal(SAID, pair(number).base64, key_id or f"key-{number}"), **changes}}


def turned(text: str, place: int) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[place % len(raw)] ^= 1
    return base64.b64encode(bytes(raw)).decode()


@pytest.mark.parametrize("number", [0, 1])
def test_it_is_opened_by_the_key_it_was_encrypted_for(number: int) -> None:
    assert json.loads(opened(taken_apart(item(number)), KEYS)) == SAID


def test_not_by_another_and_not_by_none() -> None:
    for wrong in (item(0, key_id="key-1"), item(0, key_id="key-9")):
        with pytest.raises(BadInput, match="teams-notice-unreadable"):
            opened(taken_apart(wrong), KEYS)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["data", "dataSignature", "dataKey"]), st.integers(0, 4_000))
def test_one_bit_that_was_turned_is_found(member: str, place: int) -> None:
    whole = item()
    whole["encryptedContent"][member] = turned(whole["encryptedContent"][member], place)
    with pytest.raises(VestibuleError) as refused:
        opened(taken_apart(whole), KEYS)
    assert isinstance(refused.value, BadInput if member == "dataKey" else NotAllowed)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"encryptedContent": None},
        {"encryptedContent": []},
        {"encryptedContent": {"encryptionCertificateId": 7}},
        item(data=""),
        item(data="not base64!"),
        item(dataKey=None),
        item(dataSignature=7),
        item(data="A" * 2_000_004),
    ],
)
def test_what_is_not_of_the_documented_form_cannot_be_read(broken: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="teams-notice-unreadable"):
        taken_apart(broken)
