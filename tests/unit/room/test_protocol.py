"""The signalling protocol as plain functions: closed shapes, sizes, rates, and whatever a hostile browser may send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.adapters.meetings.room.protocol import (
    CLOSE_POLICY,
    CLOSE_TOO_BIG,
    MAX_MESSAGE,
    Allowance,
    Candidate,
    Description,
    Join,
    Leave,
    Ping,
    Refused,
    Signal,
    Signalled,
    read,
    write,
)

PEER = "0123456789abcdef01234567"
PAGE = "p" * 32

GOOD = [
    ({"t": "join", "token": "x", "window": PAGE}, Join("x", PAGE)),
    ({"t": "join", "token": "x", "window": PAGE, "watch": True}, Join("x", PAGE, watch=True)),
    (
        {"t": "signal", "to": PEER, "description": {"type": "offer", "sdp": "v=0"}},
        Signal(PEER, description=Description("offer", "v=0")),
    ),
    (
        {"t": "signal", "to": PEER, "candidate": {"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0}},
        Signal(PEER, candidate=Candidate("", "0", 0)),
    ),
    (
        {"t": "signal", "to": PEER, "candidate": {"candidate": "a", "sdpMid": None, "usernameFragment": None}},
        Signal(PEER, candidate=Candidate("a")),
    ),
    ({"t": "leave"}, Leave()),
    ({"t": "ping"}, Ping()),
]

BAD = [
    ("nothing", b""),
    ("not JSON", b"hello"),
    ("not an object", b"[1]"),
    ("null", b"null"),
    ("no kind", b"{}"),
    ("unknown kind", b'{"t":"admit"}'),
    ("a kind of the server's", b'{"t":"welcome","peer":"x","people":[]}'),
    ("a field too many", b'{"t":"ping","x":1}'),
    ("a forged sender", json.dumps({"t": "signal", "to": PEER, "from": PEER, "description": {"type": "offer"}}).encode()),
    ("an address that is none", b'{"t":"signal","to":"everyone"}'),
    ("upper case address", json.dumps({"t": "signal", "to": PEER.upper()}).encode()),
    ("an unknown description", json.dumps({"t": "signal", "to": PEER, "description": {"type": "command", "sdp": ""}}).encode()),
    ("SDP that is no text", json.dumps({"t": "signal", "to": PEER, "description": {"type": "offer", "sdp": {}}}).encode()),
    ("SDP too long", json.dumps({"t": "signal", "to": PEER, "description": {"type": "offer", "sdp": "x" * 40_001}}).encode()),
    ("a line index below zero", json.dumps({"t": "signal", "to": PEER, "candidate": {"candidate": "", "sdpMLineIndex": -1}}).encode()),
    ("a huge line index", json.dumps({"t": "signal", "to": PEER, "candidate": {"candidate": "", "sdpMLineIndex": 10**30}}).encode()),
    ("a page name with a path in it", b'{"t":"join","token":"x","window":"../../../../etc/passwd"}'),
    ("a short page name", b'{"t":"join","token":"x","window":"p"}'),
    ("a long pass", json.dumps({"t": "join", "token": "x" * 257, "window": PAGE}).encode()),
    ("deep nesting", b'{"t":"signal","to":' + b"[" * 20_000),
    ("deep nesting, closed", b'{"t":"signal","to":"a","description":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    ("bad UTF-8", b'{"t":"join","token":"\xff\xfe","window":"' + PAGE.encode() + b'"}'),
    ("two kinds", b'{"t":"ping","t":"admit"}'),
    ("NaN", b'{"t":"signal","to":"a","candidate":{"candidate":"","sdpMLineIndex":NaN}}'),
]


@pytest.mark.parametrize(("sent", "meant"), GOOD)
def test_what_browsers_send_is_understood(sent: object, meant: object) -> None:
    assert read(json.dumps(sent)) == meant
    assert read(json.dumps(sent).encode()) == meant


@pytest.mark.parametrize("raw", [raw for _, raw in BAD], ids=[name for name, _ in BAD])
def test_anything_else_ends_the_socket(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read(raw)
    assert refused.value.code == CLOSE_POLICY


@pytest.mark.parametrize("kind", [str, bytes])
def test_a_message_may_be_64_kb_and_no_byte_more(kind: type) -> None:
    padding = " " * (MAX_MESSAGE - len('{"t":"ping"}'))
    whole = '{"t":"ping"}' + padding
    assert read(whole if kind is str else whole.encode()) == Ping()
    with pytest.raises(Refused) as refused:
        read(whole + " " if kind is str else whole.encode() + b" ")
    assert refused.value.code == CLOSE_TOO_BIG


def test_size_is_counted_in_bytes_not_letters() -> None:
    with pytest.raises(Refused) as refused:
        read('"' + "ü" * (MAX_MESSAGE // 2) + '"')
    assert refused.value.code == CLOSE_TOO_BIG


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
candidates = st.fixed_dictionaries({"candidate": st.text()}, optional={"sdpMid": json_values, "sdpMLineIndex": json_values})
near_misses = st.fixed_dictionaries(
    {"t": st.sampled_from(["join", "signal", "leave", "ping", "roster", ""])},
    optional={
        "to": st.just(PEER) | json_values,
        "token": json_values,
        "window": st.just(PAGE) | json_values,
        "watch": json_values,
        "description": json_values | st.fixed_dictionaries({"type": st.sampled_from(["offer", "answer"]), "sdp": st.text()}),
        "candidate": json_values | candidates,
    },
)


@given(st.binary() | st.text() | near_misses.map(json.dumps))
def test_nothing_a_browser_sends_does_more_than_be_refused(raw: str | bytes) -> None:
    try:
        message = read(raw)
    except Refused:
        return
    assert isinstance(message, Join | Signal | Leave | Ping)
    if isinstance(message, Signal):  # what is understood can always be passed on
        passed = json.loads(write(Signalled(origin=PEER, description=message.description, candidate=message.candidate)))
        assert passed["from"] == PEER


def test_a_calls_beginning_is_no_flood() -> None:
    allowance = Allowance(100.0)
    for _ in range(3):  # three peers, within one moment
        allowance.take(100.0, 9_000)
        for _ in range(40):
            allowance.take(100.0, 250)


@pytest.mark.parametrize(("size", "most"), [(10, 200), (60_000, 8), (0, 200)])
def test_a_flood_is_one(size: int, most: int) -> None:
    allowance = Allowance(100.0)
    for _ in range(most):
        allowance.take(100.0, size)
    with pytest.raises(Refused) as refused:
        allowance.take(100.0, size)
    assert refused.value.code == CLOSE_POLICY


def test_the_allowance_comes_back_with_time_up_to_the_brim() -> None:
    allowance = Allowance(100.0)
    for _ in range(200):
        allowance.take(100.0, 0)
    allowance.take(100.1, 0)
    for _ in range(200):
        allowance.take(10_000.0, 0)
    with pytest.raises(Refused):
        allowance.take(10_000.0, 0)


def test_a_clock_that_stands_or_runs_back_gives_nothing() -> None:
    allowance = Allowance(100.0)
    for _ in range(200):
        allowance.take(50.0, 0)
    with pytest.raises(Refused):
        allowance.take(100.0, 0)
