"""What a notification says, in three generations of names and in whatever case; and what nobody should have sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.adapters.meetings.teams.payload import read_event
from vestibule.errors import BadInput
from vestibule.meetings.model import CallEvent, CallEventKind, Identity, IdentityKind, Seen

ROSA, TENANT = "5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03", "0a1de7c4-3b52-4f6e-9d10-5c2f8e7a4b01"
USER = Identity(IdentityKind.USER, ROSA, "Rosa", TENANT)
ACS = {"AzureCommunicationServicesUser": {"Id": "8:acs:1b_2c", "DisplayName": "Zelda"}}


def read(**said: Any) -> CallEvent:
    return read_event(json.dumps(said).encode())


def line(identity: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "p1", "isInLobby": False, "info": {"identity": identity}, **more}


SIGNED_IN = {"user": {"id": ROSA.upper(), "displayName": "Rosa", "tenantId": TENANT.upper()}}


def test_todays_names() -> None:
    event = read(
        **{"@odata.type": "#microsoft.graph.callEvent", "id": "e1", "eventType": "rosterUpdated"},
        eventDateTime="2026-11-21T12:00:00.1234567Z",
        **{"participants@delta": [line(SIGNED_IN, rosterSequenceNumber=7)]},
    )
    at = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
    assert event == CallEvent(CallEventKind.ROSTER, "e1", at, (Seen("p1", USER, sequence=7),))


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (SIGNED_IN, USER),
        ({"user": None, "guest": {"id": "g1", "displayName": "Zelda"}}, Identity(IdentityKind.GUEST, "g1", "Zelda")),
        ({"user": {"id": "8:teamsvisitor:1", "displayName": "Zelda"}}, Identity(IdentityKind.GUEST, "8:teamsvisitor:1", "Zelda")),
        (ACS, Identity(IdentityKind.GUEST, "8:acs:1b_2c", "Zelda")),
        ({"phone": {"id": "+15005550006"}}, Identity(IdentityKind.PHONE, "+15005550006")),
        ({"application": {"id": "bot"}}, Identity(IdentityKind.APPLICATION, "bot")),
        ({"somethingNew": {"id": "n1"}}, Identity(IdentityKind.UNKNOWN, "n1")),
        ({}, Identity(IdentityKind.UNKNOWN)),
    ],
)
def test_everybody_is_somebody(identity: dict[str, Any], expected: Identity) -> None:
    (seen,) = read(eventType="rosterUpdated", **{"participants@delta": [line(identity)]}).people
    assert seen.identity == expected


@pytest.mark.parametrize(
    ("more", "in_lobby", "gone"),
    [
        ({"isInLobby": True}, True, False),
        ({"isInLobby": "true"}, False, False),
        ({"removedState": {"reason": "Removed"}}, False, True),
        ({"removedState": None}, False, False),
        ({"removedState": {}}, False, True),
    ],
)
def test_where_somebody_is(more: dict[str, Any], in_lobby: bool, gone: bool) -> None:
    (seen,) = read(eventType="rosterUpdated", **{"participants@delta": [line(SIGNED_IN, **more)]}).people
    assert (seen.in_lobby, seen.gone) == (in_lobby, gone)


@pytest.mark.parametrize(("came", "went"), [("joined", "exited"), ("delta", "remove")])
def test_the_older_names(came: str, went: str) -> None:
    event = read(
        eventType="Microsoft.Communication.CallRosterUpdate",
        id="communications/onlineMeetings?$filter=JoinWebUrl eq 'https://teams.microsoft.com/l/meetup-join/secret'",
        state="active",
        **{
            f"activeParticipants@{came}": [{"Identity": {"User": {"Id": ROSA, "DisplayName": "Rosa", "TenantId": TENANT}}}],
            f"activeParticipants@{went}": [{"id": "p2", "Identity": ACS}],
        },
    )
    assert event.kind is CallEventKind.ROSTER
    assert event.id == "", "what stands there is the meeting's, and its link"
    assert [(one.id, one.gone) for one in event.people] == [(ROSA, False), ("p2", True)]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"eventType": "callStarted"}, CallEventKind.STARTED),
        ({"callEventType": "callEnded"}, CallEventKind.ENDED),
        ({"EventType": "ROSTERUPDATED"}, CallEventKind.ROSTER),
        ({"eventType": "Microsoft.Communication.CallEnded", "state": "inactive"}, CallEventKind.ENDED),
        ({"eventType": "Microsoft.Communication.CallStarted"}, CallEventKind.STARTED),
        ({"state": "inactive"}, CallEventKind.ENDED),
        ({"eventType": "unknownFutureValue"}, CallEventKind.OTHER),
        ({"eventType": "unknownFutureValue", "participants@delta": [line(SIGNED_IN)]}, CallEventKind.ROSTER),
        ({}, CallEventKind.OTHER),
        ({"eventType": 7}, CallEventKind.OTHER),
    ],
)
def test_what_it_is_about(said: dict[str, Any], kind: CallEventKind) -> None:
    assert read(**said).kind is kind


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b'{"a": 1, "a": 2}', b'{"a": ' * 100 + b"1" + b"}" * 100])
def test_what_is_no_object_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(BadInput, match="teams-notice-unreadable"):
        read_event(raw)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)
_names = ["eventType", "eventDateTime", "state", "id", "participants@delta", "activeParticipants@joined", "activeParticipants@exited"]


@given(st.dictionaries(st.sampled_from(_names), _json | st.lists(st.dictionaries(st.sampled_from(["id", "info", "identity"]), _json))))
def test_whatever_stands_in_it_is_read_or_left(said: dict[str, Any]) -> None:
    event = read_event(json.dumps(said).encode())
    assert all(0 < len(one.id) <= 200 and one.id.isprintable() for one in event.people if one.id.isascii())
    assert event.at is None or event.at.tzinfo is not None
