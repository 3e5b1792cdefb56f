"""Passes and relay credentials: who made them, for whom, for how long."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.adapters.meetings.room.passes import PASS_SECONDS, RELAY_SECONDS, RelayConfig, ice_servers, read_pass, write_pass
from vestibule.errors import NotAllowed
from vestibule.identity.model import Principal, Role
from vestibule.kit.ids import ParticipantId, SessionId, TenantId, VisitId, new_id
from vestibule.kit.secretbox import SecretBox

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
HASH = SecretBox([("a", b"a" * 32)]).keyed_hash
AMY = Principal(SessionId(new_id()), TenantId(new_id()), Role.PATIENT, VisitId(new_id()), ParticipantId(new_id()))
PASS = write_pass(HASH, AMY, nonce="n1", now=NOW)

OTHERS = [
    ("session", replace(AMY, session=SessionId(new_id()))),
    ("tenant", replace(AMY, tenant=TenantId(new_id()))),
    ("visit", replace(AMY, visit=VisitId(new_id()))),
    ("participant", replace(AMY, participant=ParticipantId(new_id()))),
]


def test_a_pass_is_read_by_who_wrote_it() -> None:
    seen = read_pass(HASH, AMY, PASS, now=NOW)
    assert (seen.nonce, seen.expires_at) == ("n1", NOW + timedelta(seconds=PASS_SECONDS))


@pytest.mark.parametrize("other", [who for _, who in OTHERS], ids=[name for name, _ in OTHERS])
def test_a_pass_is_nobody_elses(other: Principal) -> None:
    with pytest.raises(NotAllowed):
        read_pass(HASH, other, PASS, now=NOW)


def test_a_pass_runs_out() -> None:
    read_pass(HASH, AMY, PASS, now=NOW + timedelta(seconds=PASS_SECONDS - 1))
    with pytest.raises(NotAllowed):
        read_pass(HASH, AMY, PASS, now=NOW + timedelta(seconds=PASS_SECONDS))


def test_a_pass_of_another_installation_is_worth_nothing() -> None:
    with pytest.raises(NotAllowed):
        read_pass(SecretBox([("a", b"b" * 32)]).keyed_hash, AMY, PASS, now=NOW)


def test_no_part_of_a_pass_can_be_changed() -> None:
    expires, nonce, seal = PASS.split(".")
    later = int(expires) + 60
    for forged in (f"{later}.{nonce}.{seal}", f"{expires}.n2.{seal}", f"{expires}.{nonce}.{seal[:-2]}xx", f"{expires}.{nonce}."):
        with pytest.raises(NotAllowed):
            read_pass(HASH, AMY, forged, now=NOW)


@given(st.text() | st.from_regex(r"\d{1,14}\.\w{0,9}\.\w{0,50}", fullmatch=True))
def test_what_is_no_pass_is_refused_and_nothing_breaks(text: str) -> None:
    with pytest.raises(NotAllowed):
        read_pass(HASH, AMY, text, now=NOW)


def test_relay_credentials_are_the_convention_and_live_ten_minutes() -> None:
    config = RelayConfig(stun_urls=("stun:r:1",), turn_urls=("turn:r:1", "turns:r:2"), secret="s")
    stun, turn = ice_servers(config, ParticipantId(new_id()), now=NOW)
    assert stun == {"urls": ["stun:r:1"]}
    assert turn["urls"] == ["turn:r:1", "turns:r:2"]
    user = str(turn["username"])
    assert int(user.split(":", 1)[0]) == NOW.timestamp() + RELAY_SECONDS <= NOW.timestamp() + 600
    assert turn["credential"] == base64.b64encode(hmac.new(b"s", user.encode(), hashlib.sha1).digest()).decode()


def test_the_relays_user_name_is_the_same_for_one_person_and_tells_nobody_who() -> None:
    config = RelayConfig(turn_urls=("turn:r:1",), secret="s")
    amy, jon = ParticipantId(new_id()), ParticipantId(new_id())
    names = [str(ice_servers(config, who, now=NOW)[0]["username"]) for who in (amy, amy, jon)]
    assert names[0] == names[1] != names[2]
    assert str(amy) not in names[0]
    assert amy.hex not in names[0]


@pytest.mark.parametrize("config", [RelayConfig(), RelayConfig(turn_urls=("turn:r:1",)), RelayConfig(secret="s")])
def test_without_a_relay_there_are_no_credentials(config: RelayConfig) -> None:
    assert ice_servers(config, ParticipantId(new_id()), now=NOW) == []


def test_the_secret_is_in_no_representation() -> None:
    assert "hush" not in repr(RelayConfig(secret="hush"))
