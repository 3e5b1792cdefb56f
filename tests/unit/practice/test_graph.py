"""The practice cloud's pure parts: links found however escaped, notifications sealed for one reader, names of three generations."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given, settings
from hypothesis import strategies as st

from practice.microsoft.graph.model import OnlineMeeting
from practice.microsoft.graph.payloads import event_id, exact, payload
from practice.microsoft.graph.sealing import public_key, seal
from practice.microsoft.graph.shelf import Shelf
from practice.teams.model import Happening, Presence
from support.practice_cloud import pair

TID, OID = "0a1de7c4-3b52-4f6e-9d10-5c2f8e7a4b01", "5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03"
AMY = Presence("p-1", "m", "guest", "g-1", "Amy Shaw", admitted="2026-11-21T10:00:00.000Z")
ROSA = Presence("p-2", "m", "user", OID, "Rosa Okafor", TID, "Organizer", admitted="2026-11-21T10:00:00.000Z")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path, lambda: 1_795_000_000.0, lambda: "http://localhost:8090")
    yield made
    made.close()


def kept(shelf: Shelf, external: str = "") -> OnlineMeeting:
    return shelf.keep(shelf.make(TID, OID, start="2026-11-21T10:00:00Z", end="2026-11-21T10:30:00Z", external_id=external))


def test_a_join_link_is_found_however_often_it_was_escaped(shelf: Shelf) -> None:
    meeting, other = kept(shelf), kept(shelf)
    url = meeting.join_url
    for _ in range(3):
        assert shelf.join(url) is meeting
        url = quote(url, safe="")
    assert shelf.join(meeting.join_url.replace(meeting.thread[11:20], other.thread[11:20])) is None
    assert shelf.join(meeting.join_url + "x") is None
    assert "%40thread.v2/0?context=%7b%22" in meeting.join_url


def test_a_meeting_that_was_deleted_is_found_by_nothing_and_its_id_may_be_given_again(shelf: Shelf) -> None:
    meeting = kept(shelf, "visit-1")
    assert shelf.external(TID, OID, "visit-1") is meeting
    meeting.deleted = True
    shelf.keep(meeting)
    assert (shelf.join(meeting.join_url), shelf.thread(meeting.thread), shelf.meeting(meeting.id)) == (None, None, None)
    assert shelf.external(TID, OID, "visit-1") is None
    assert shelf.external(TID, OID, "visit-1") is not kept(shelf, "visit-1")
    assert shelf.made_in(TID, OID, meeting.created[:7]) == 2


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=6))
def test_what_is_sealed_for_one_reader_is_read_by_that_reader_alone(said: dict[str, str]) -> None:
    sealed = seal(said, pair(1).base64, "key-1")
    data, signature, wrapped = (base64.b64decode(sealed[name]) for name in ("data", "dataSignature", "dataKey"))
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    key = pair(1).private.decrypt(wrapped, oaep)
    assert (len(key), hmac.digest(key, data, "sha256")) == (32, signature)
    machine, unpadder = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor(), PKCS7(128).unpadder()
    assert json.loads(unpadder.update(machine.update(data) + machine.finalize()) + unpadder.finalize()) == said
    with pytest.raises(ValueError, match="failed"):
        pair(2).private.decrypt(wrapped, oaep)


@pytest.mark.parametrize("certificate", ["", "no certificate", base64.b64encode(b"0\x82").decode()])
def test_only_to_a_certificate_anything_is_sealed(certificate: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it is that fails first
        public_key(certificate)


def told(shelf: Shelf, generation: Any, *people: Presence, kind: Any = "rosterUpdated") -> dict[str, Any] | None:
    return payload(kept(shelf), Happening(7, "2026-11-21T10:00:00.123Z", kind, "m", "c", 3, people), generation)


def test_today_a_roster_says_who_waits_who_is_in_and_who_is_gone(shelf: Shelf) -> None:
    waits, gone = replace(AMY, lobby=True, admitted=""), replace(ROSA, gone="left")
    said = told(shelf, "event", waits, gone)
    assert said is not None
    assert (said["eventType"], said["eventDateTime"]) == ("rosterUpdated", "2026-11-21T10:00:00.1230000Z")
    first, second = said["participants@delta"]
    assert (first["isInLobby"], first["info"]["identity"], first["rosterSequenceNumber"]) == (
        True,
        {"guest": {"id": "g-1", "displayName": "Amy Shaw"}},
        3,
    )
    assert (second["removedState"], second["info"]["identity"]["user"]["tenantId"]) == ({"reason": "left"}, TID)


@pytest.mark.parametrize(("generation", "came", "went"), [("roster", "joined", "exited"), ("delta", "delta", "remove")])
def test_earlier_they_had_other_names_and_knew_nothing_of_lobbies(shelf: Shelf, generation: str, came: str, went: str) -> None:
    said = told(shelf, generation, AMY, replace(ROSA, gone="left"))
    assert said is not None
    assert said["eventType"] == "Microsoft.Communication.CallRosterUpdate"
    assert [one["identity"]["Guest"]["DisplayName"] for one in said[f"activeParticipants@{came}"]] == ["Amy Shaw"]
    assert [one["identity"]["User"]["Id"] for one in said[f"activeParticipants@{went}"]] == [OID]
    assert told(shelf, generation, replace(AMY, lobby=True, admitted="")) is None
    assert told(shelf, generation, replace(AMY, admitted="", gone="denied")) is None
    ended = told(shelf, generation, kind="callEnded")
    assert ended is not None
    assert (ended["eventType"], ended["state"]) == ("Microsoft.Communication.CallEnded", "inactive")


@pytest.mark.parametrize(("at", "seven"), [("2026-11-21T10:00:00.5Z", "00.5000000Z"), ("2026-11-21T10:00:00Z", "00.0000000Z")])
def test_instants_have_seven_digits(at: str, seven: str) -> None:
    assert exact(at).endswith(seven)


def test_one_happening_has_one_id_however_often_it_is_told() -> None:
    once, other = (Happening(number, "2026-11-21T10:00:00Z", "callStarted", "m", "c", 1) for number in (1, 2))
    assert event_id(once) == event_id(replace(once, at="2026-11-21T11:00:00Z")) != event_id(other)
