"""The status call as it goes out, and what the record's answers mean, without a socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.adapters.ehr.epic.profile import profile_of
from vestibule.adapters.ehr.epic.status import EpicStatus, build
from vestibule.errors import BadInput, OutsideFailed, TooMany, VestibuleError
from vestibule.kit.clock import FrozenClock
from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.ids import ConnectionId, TenantId, new_id
from vestibule.platform.http import Credentials
from vestibule.protocols.jose import SigningKey
from vestibule.tenancy.model import Connection, Environment, Vendor
from vestibule.visits.model import Identifier, PersonRole
from vestibule.writeback.model import Status

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
BASE = "https://ehr.example.org/interconnect-prd"
CONNECTION = Connection(
    ConnectionId(new_id()),
    TenantId(new_id()),
    "Example",
    Vendor.EPIC,
    Environment.TEST,
    f"{BASE}/api/FHIR/R4",
    backend_client_id="backend",
    client_secret="s3cret",
)
NAMES = (Identifier(CONNECTION.id, "csn", "1853"), Identifier(CONNECTION.id, "encounter", "e1"))
STATUS = Status(NAMES, "19", "user", PersonRole.PROVIDER, connected=True)
KEY = SigningKey.generate("ES384")


def with_profile(**status: Any) -> Connection:
    return replace(CONNECTION, profile={"status": status})


def sent(connection: Connection, status: Status = STATUS) -> Ask:
    return build(connection, profile_of(connection), status)


def test_the_usual_call_is_the_published_one() -> None:
    ask = sent(CONNECTION)
    parts = urlsplit(ask.url)
    assert ask.method == "GET"
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{BASE}/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus"
    assert parse_qs(parts.query) == {
        "ConferenceID": ["1853"],
        "ExternalID": ["19"],
        "ExternalIDType": ["1"],
        "VendorName": ["Vestibule"],
        "ConnectionStatus": ["1"],
    }
    assert ask.headers["Epic-Client-ID"] == "backend"
    assert "Authorization" not in ask.headers, "credentials go by the door, to their origin only"


def test_everything_about_it_is_data() -> None:
    connection = with_profile(
        base="https://gate.example.org/x/",
        path="/Connect",
        verb="PUT",
        send="form",
        names={"conference": "Conf", "vendor": ""},
        fixed={"Version": "2021"},
        disconnected="0",
        conference=["encounter"],
        person_types={"user": "EMP"},
    )
    ask = sent(connection, replace(STATUS, connected=False))
    assert (ask.method, ask.url) == ("PUT", "https://gate.example.org/x/Connect")
    assert parse_qs((ask.body or b"").decode()) == {
        "Conf": ["e1"],
        "ExternalID": ["19"],
        "ExternalIDType": ["EMP"],
        "ConnectionStatus": ["0"],
        "Version": ["2021"],
    }


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["query", "form", "json"]))
def test_hostile_values_stay_values(conference: str, person: str, send: str) -> None:
    status = Status((Identifier(CONNECTION.id, "csn", conference or "x"),), person, "user", PersonRole.PATIENT, connected=True)
    connection = with_profile(send=send)
    if any(0xD800 <= ord(c) <= 0xDFFF for c in conference + person):
        return
    ask = sent(connection, status)
    if send == "json":
        values: Mapping[str, Any] = json.loads(ask.body or b"")
    else:
        text = urlsplit(ask.url).query if send == "query" else (ask.body or b"").decode()
        values = {k: v[0] for k, v in parse_qs(text, keep_blank_values=True, strict_parsing=True).items()}
    assert (values["ConferenceID"], values["ExternalID"], len(values)) == (conference or "x", person, 5)


@pytest.mark.parametrize(
    ("status", "remark"),
    [
        ({"verbs": "GET"}, "an unknown entry"),
        ({"on": "yes"}, "text for a flag"),
        ({"names": {"conference": 1}}, "a number for a name"),
        ({"conference": "csn"}, "text for a list"),
        ({"send": "xml"}, "a form nobody speaks"),
        ({"auth": "digest"}, "a way to sign in nobody speaks"),
        ({"path": "Connect"}, "a path that does not begin with a slash"),
        ({"base": "javascript:alert(1)"}, "an address that is none"),
        ({"base": "https://user@ehr.example.org"}, "an address with a user"),
        ([], "a list for the whole"),
    ],
)
def test_a_mistake_in_the_profile_has_a_name(status: Any, remark: str) -> None:
    with pytest.raises(BadInput, match="ehr-profile-wrong"):
        profile_of(replace(CONNECTION, profile={"status": status}))


def test_a_visit_the_record_cannot_know_is_not_told() -> None:
    with pytest.raises(BadInput, match="ehr-no-conference"):
        sent(CONNECTION, replace(STATUS, identifiers=()))


class Outside:
    """A door behind which everything is as the test says."""

    def __init__(self, *answers: int, headers: Mapping[str, str] | None = None, lives: int = 300) -> None:
        self.answers, self.headers, self.lives = list(answers), headers or {}, lives
        self.asked: list[tuple[Ask, str]] = []
        self.tokens = 0

    async def perform(self, ask: Ask, *, timeout: float = 10, bearer: Credentials | None = None) -> Answer:
        await asyncio.sleep(0)
        assert bearer is not None
        assert bearer.origin == "https://ehr.example.org"
        self.asked.append((ask, bearer.header))
        return Answer(self.answers.pop(0) if self.answers else 200, self.headers, b"{}", ask.url)

    async def drive(self, steps: Generator[Ask, Answer, Any], **limits: Any) -> Any:
        try:
            ask = next(steps)
            while True:
                await asyncio.sleep(0)
                ask = steps.send(self._sign_in(ask))
        except StopIteration as done:
            return done.value

    def _sign_in(self, ask: Ask) -> Answer:
        if ask.method == "GET":
            body = {"authorization_endpoint": f"{BASE}/authorize", "token_endpoint": f"{BASE}/token"}
        else:
            self.tokens += 1
            body = {"access_token": f"t{self.tokens}", "token_type": "Bearer", "expires_in": str(self.lives)}
        return Answer(200, {"content-type": "application/json"}, json.dumps(body).encode(), ask.url)


async def key(connection: Connection, algs: Sequence[str]) -> SigningKey:
    return KEY


def teller(outside: Outside, clock: FrozenClock | None = None) -> EpicStatus:
    return EpicStatus(outside, key, clock or FrozenClock(NOW))


@pytest.mark.parametrize(
    ("answer", "code", "permanent", "remark"),
    [
        (400, "ehr-refused", True, "it does not understand"),
        (403, "ehr-not-allowed", True, "not registered for it"),
        (404, "ehr-refused", True, "it does not know the visit"),
        (302, "ehr-refused", True, "a redirect is not followed with our credentials"),
        (408, "ehr-failed", False, "it took too long itself"),
        (500, "ehr-failed", False, "a fault"),
        (503, "ehr-failed", False, "maintenance"),
    ],
)
async def test_a_refusal_is_judged(answer: int, code: str, permanent: bool, remark: str) -> None:
    with pytest.raises(OutsideFailed) as caught:
        await teller(Outside(answer)).tell(CONNECTION, STATUS)
    assert (caught.value.code, caught.value.permanent) == (code, permanent), remark


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0), ("", None), ("never", None)])
async def test_a_429_is_passed_on_with_its_time(text: str, seconds: float | None) -> None:
    with pytest.raises(TooMany) as caught:
        await teller(Outside(429, headers={"retry-after": text})).tell(CONNECTION, STATUS)
    assert (caught.value.code, caught.value.retry_after) == ("ehr-busy", seconds)


async def test_a_refused_token_is_renewed_once_and_a_second_refusal_is_not_argued_with() -> None:
    outside = Outside(401, 401)
    with pytest.raises(OutsideFailed, match="ehr-not-signed-in") as caught:
        await teller(outside).tell(CONNECTION, STATUS)
    assert not caught.value.permanent
    assert [header for _, header in outside.asked] == ["Bearer t1", "Bearer t2"]


async def test_many_callers_with_one_refused_token_renew_it_once() -> None:
    outside = Outside(*[401] * 10)
    adapter = teller(outside)
    await asyncio.gather(*(adapter.tell(CONNECTION, STATUS) for _ in range(10)))
    assert outside.tokens == 2, "one for all, and one renewal for all"
    assert [header for _, header in outside.asked] == ["Bearer t1"] * 10 + ["Bearer t2"] * 10


@pytest.mark.parametrize(("lives", "later", "tokens"), [(300, 200, 1), (300, 271, 2), (0, 100, 1), (0, 121, 2)])
async def test_a_token_is_used_until_shortly_before_its_end(lives: int, later: float, tokens: int) -> None:
    outside, clock = Outside(lives=lives), FrozenClock(NOW)
    adapter = teller(outside, clock)
    await adapter.tell(CONNECTION, STATUS)
    clock.advance(later)
    await adapter.tell(CONNECTION, STATUS)
    assert outside.tokens == tokens


async def test_tokens_of_two_connections_are_never_mixed() -> None:
    outside = Outside()
    adapter = teller(outside)
    await adapter.tell(CONNECTION, STATUS)
    await adapter.tell(replace(CONNECTION, id=ConnectionId(new_id())), STATUS)
    assert [header for _, header in outside.asked] == ["Bearer t1", "Bearer t2"]


async def test_basic_credentials_need_no_token() -> None:
    outside = Outside()
    await teller(outside).tell(with_profile(auth="basic", basic_user="emp$tele"), STATUS)
    assert outside.tokens == 0
    scheme, _, value = outside.asked[0][1].partition(" ")
    assert (scheme, base64.b64decode(value)) == ("Basic", b"emp$tele:s3cret")


async def test_a_sign_in_that_fails_is_worth_trying_later() -> None:
    class NoEntry(Outside):
        async def drive(self, steps: Generator[Ask, Answer, Any], **limits: Any) -> Any:
            raise OutsideFailed("token-invalid-client", "", phase="launch.token", permanent=True)

    with pytest.raises(VestibuleError) as caught:
        await teller(NoEntry()).tell(CONNECTION, STATUS)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("connection", "wants", "remark"),
    [
        (CONNECTION, True, "by default"),
        (with_profile(on=False), False, "switched off"),
        (with_profile(verbs=1), True, "a mistake must come to light"),
        (replace(CONNECTION, backend_client_id=""), False, "no backend client: nobody to sign in as"),
    ],
)
def test_who_wants_to_be_told(connection: Connection, wants: bool, remark: str) -> None:
    assert teller(Outside()).listens(connection) is wants, remark
