"""Whatever is typed and whatever comes back: the doctor reports, never raises, and calls nothing but what was judged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.clinic import Shelf, connected
from vestibule.doctor.model import Finding, Level
from vestibule.doctor.service import Doctor
from vestibule.errors import OutsideFailed
from vestibule.kit.clock import SystemClock
from vestibule.kit.exchange import Answer, Ask
from vestibule.platform.http import Handshake
from vestibule.platform.http.target import parse

BASE = "https://ehr.alder.example/api/FHIR/R4"


@dataclass
class Stage:
    """The port `Outside`, played: the same answer to everything, and a list of what was called."""

    answer: Answer | None = None
    called: list[str] = field(default_factory=list)

    async def perform(self, ask: Ask, *, timeout: float = 10, max_bytes: int = 1_000_000) -> Answer:
        self.called.append(ask.url)
        if self.answer is None:
            raise OutsideFailed("outside-unreachable", "No.", phase=ask.phase)
        return self.answer

    async def drive(self, steps: Generator[Ask, Answer, Any], **limits: Any) -> Any:
        raise AssertionError("the doctor looks at each answer itself")

    async def handshake(self, url: str, phase: str, *, timeout: float = 10) -> Handshake:
        self.called.append(url)
        return Handshake("TLSv1.3")

    async def kinds(self, url: str, phase: str, *, timeout: float = 10) -> tuple[str, ...]:
        parse(url)
        return ("public",)


def doctor(stage: Stage) -> Doctor:
    return Doctor(outside=stage, register=Shelf(), clock=SystemClock(), origin="https://visits.alder.example")


def looked(typed: str, answer: Answer | None = None) -> tuple[list[Finding], list[str]]:
    stage = Stage(answer)
    findings, _ = asyncio.run(doctor(stage).look_at(typed))
    return findings, stage.called


HOSTILE = st.text(st.sampled_from("https:/@#?\\.[]%0x127е。\u200b \nabc-"), max_size=40)  # noqa: RUF001  a Cyrillic letter, on purpose


@settings(max_examples=300)
@given(st.one_of(HOSTILE, HOSTILE.map("https://".__add__), HOSTILE.map(BASE.__add__)))
@example("https://ehr.alder.example@10.0.0.1/")
@example("http://169.254.169.254/latest/meta-data")
@example(BASE)
def test_nothing_is_called_but_below_the_address_that_was_judged(typed: str) -> None:
    findings, called = looked(typed)
    assert findings
    if called:
        origin = parse(typed).origin
        assert {parse(url).origin for url in called} == {origin}
        assert all(urlsplit(url).scheme == "https" for url in called)
        assert not any("@" in url or "#" in url or "?" in url for url in called)
    else:
        assert findings[-1].level is Level.STOPS


_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from(["https://x.example/t", "4.0.1", "http://[", "S256"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
_NAMES = [
    *("resourceType", "fhirVersion", "software", "rest", "authorization_endpoint", "token_endpoint", "capabilities"),
    *("code_challenge_methods_supported", "token_endpoint_auth_signing_alg_values_supported", "error", "keys"),
]
_HEADERS = st.dictionaries(st.sampled_from(["date", "location", "content-type", "retry-after"]), st.text(max_size=40), max_size=4)


@settings(max_examples=200)
@given(
    st.sampled_from([200, 204, 301, 302, 304, 400, 401, 404, 429, 500, 599]),
    _HEADERS,
    st.binary(max_size=60) | st.dictionaries(st.sampled_from(_NAMES), _VALUE).map(lambda members: json.dumps(members).encode()),
)
@example(302, {"location": "http://[::1"}, b"")
@example(200, {"date": "Sat, 21 Nov 99999 12:00:00 GMT"}, b'{"resourceType": "CapabilityStatement", "software": {"version": "May 2025"}}')
@example(200, {}, b'{"token_endpoint": "https://[", "authorization_endpoint": "https://a:b@c/"}')
def test_whatever_comes_back_is_reported(status: int, headers: dict[str, str], body: bytes) -> None:
    answer = Answer(status, headers, body, BASE)
    findings, _ = looked(BASE, answer)
    assert findings
    stage = Stage(answer)
    everything = asyncio.run(doctor(stage).examine(connected()))
    for finding in findings + everything:
        assert finding.what.isascii()
        assert finding.what.isprintable()
        assert finding.level is Level.GOOD or finding.remedy
