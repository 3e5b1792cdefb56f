"""A call record becomes numbers: of each person's connection, and of no machine's address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.adapters.meetings.teams.quality import legs_of
from vestibule.adapters.meetings.teams.reading import instant, seconds
from vestibule.meetings.model import IdentityKind

SECRET = "198.51.100.7 00-00-5E-00-53-07 ROSAS-LAPTOP"
STREAM = {"averageJitter": "PT0.02S", "averagePacketLossRate": 0.01, "averageRoundTripTime": "PT0.05S", "averageVideoFrameRate": 24.0}


def session(side: str = "caller", **more: Any) -> dict[str, Any]:
    who = {
        "identity": {"user": {"id": "5f1c", "tenantId": "0a1d"}},
        "userAgent": {"platform": "windows", "headerValue": SECRET},
        "name": SECRET,
    }
    other = "callee" if side == "caller" else "caller"
    media = {
        "label": "main-audio",
        f"{side}Network": {"connectionType": "wifi", "ipAddress": SECRET, "macAddress": SECRET, "wifiSignalStrength": 60},
        f"{other}Network": {"connectionType": "wired", "ipAddress": SECRET},
        f"{side}Device": {"captureDeviceName": SECRET, "captureNotFunctioningEventRatio": 0.5},
        "streams": [STREAM, {**STREAM, "averageJitter": "PT0.04S", "maxJitter": "PT0.3S"}],
    }
    return {"id": "s1", side: who, other: {"userAgent": {"headerValue": SECRET}}, "segments": [{"media": [media]}], **more}


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_the_persons_side_is_measured_whichever_it_is(side: str) -> None:
    (leg,) = legs_of({"sessions": [session(side, startDateTime="2026-11-21T15:00:00Z")]})
    assert leg.identity.kind is IdentityKind.USER
    assert leg.began_at == instant({"a": "2026-11-21T15:00:00Z"}, "a")
    assert leg.measures == {
        "audio_jitter_ms": 30.0,
        "audio_jitter_max_ms": 300.0,
        "audio_loss": 0.01,
        "rtt_ms": 50.0,
        "wifi_signal": 60.0,
        "microphone_silent": 0.5,
        "network": "wifi",
        "platform": "windows",
    }


def test_nothing_that_names_a_machine_is_kept() -> None:
    assert "198" not in json.dumps([dict(leg.measures) for leg in legs_of({"sessions": [session(), session("callee")]})])


def test_seats_are_in_the_order_of_coming() -> None:
    late, early = session(startDateTime="2026-11-21T15:10:00Z"), session("callee", startDateTime="2026-11-21T15:00:00Z", id="s2")
    assert [leg.began_at and leg.began_at.minute for leg in legs_of({"sessions": [late, early]})] == [0, 10]


_MEMBERS = [
    "sessions",
    "segments",
    "media",
    "streams",
    "caller",
    "callerNetwork",
    "connectionType",
    "userAgent",
    "platform",
    "label",
    "identity",
    "user",
    "id",
    "feedback",
    "rating",
    "averageJitter",
    "wifiSignalStrength",
    "callerDevice",
]
_any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.just(SECRET) | st.just("PT1S"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_MEMBERS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=40,
)


@given(st.dictionaries(st.just("sessions"), _any))
def test_whatever_stands_in_it_becomes_numbers_and_known_words_or_nothing(record: dict[str, Any]) -> None:
    for leg in legs_of(record):
        assert SECRET not in leg.measures.values()
        assert all(isinstance(value, float) or (isinstance(value, str) and value.isalnum()) for value in leg.measures.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT0.018S", 0.018),
        ("PT1M2S", 62.0),
        ("P1DT1H", 90_000.0),
        ("-PT1S", -1.0),
        ("PT", None),
        ("P", None),
        ("1", None),
        ("PT1e3S", None),
    ],
)
def test_durations(text: str, expected: float | None) -> None:
    assert seconds({"a": text}, "a") == expected
