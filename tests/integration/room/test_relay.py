"""The documented relay configuration, run by a real coturn: who may use it, how much, and where it will not go."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.turn import SECRET, Turn, coturn, credentials
from vestibule.adapters.meetings.room.passes import RelayConfig, ice_servers
from vestibule.kit.ids import ParticipantId, new_id

SPECIAL_V4 = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.2",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]
SPECIAL_V6 = [
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0.0.0.0",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.0",
    "::ffff:10.0.0.0",
    "::ffff:192.168.0.0",
    "::10.0.0.0",
    "::0.0.1.0",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::2",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
FORBIDDEN = 403
# Asking for permission sends nothing to the peer, so a public address may stand here as the control.
PUBLIC_V4, PUBLIC_V6 = "8.8.8.8", "2606:4700::1111"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[int]:
    async with coturn(tmp_path) as port:
        yield port


async def test_every_special_purpose_ipv4_peer_is_refused(relay: int) -> None:
    async with Turn("127.0.0.1", relay, *credentials()) as turn:
        assert await turn.allocate() == 0
        assert await turn.permit(PUBLIC_V4) == 0
        assert {peer: await turn.permit(peer) for peer in SPECIAL_V4} == dict.fromkeys(SPECIAL_V4, FORBIDDEN)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_every_special_purpose_ipv6_peer_is_refused(tmp_path: Path) -> None:
    async with coturn(tmp_path, relay="::1") as port, Turn("::1", port, *credentials()) as turn:
        assert await turn.allocate() == 0
        assert await turn.permit(PUBLIC_V6) == 0
        assert {peer: await turn.permit(peer) for peer in SPECIAL_V6} == dict.fromkeys(SPECIAL_V6, FORBIDDEN)


async def test_without_our_refusals_the_relay_would_reach_private_networks(tmp_path: Path) -> None:
    """The negative control: the test above can fail."""
    async with coturn(tmp_path, drop="denied-peer-ip") as port, Turn("127.0.0.1", port, *credentials()) as turn:
        assert await turn.allocate() == 0
        assert await turn.permit("10.0.0.1") == 0


async def test_what_we_hand_out_opens_the_relay(relay: int) -> None:
    config = RelayConfig(turn_urls=("turn:relay",), secret=SECRET)
    [server] = ice_servers(config, ParticipantId(new_id()), now=datetime.now(UTC))
    async with Turn("127.0.0.1", relay, str(server["username"]), str(server["credential"])) as turn:
        assert await turn.allocate() == 0


REFUSED = [
    ("run out", credentials(seconds=-60)),
    ("under another secret", credentials("guess")),
    ("with another password", (credentials()[0], "guess")),
    ("for another time than was sealed", (credentials(seconds=6000)[0], credentials()[1])),
    ("without a time", ("amy", "guess")),
]


@pytest.mark.parametrize("user", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_credentials_that_are_not_ours_open_nothing(relay: int, user: tuple[str, str]) -> None:
    async with Turn("127.0.0.1", relay, *user) as turn:
        assert await turn.allocate() == 401


async def test_one_person_cannot_take_every_allocation_by_asking_for_new_credentials(tmp_path: Path) -> None:
    codes = []
    async with coturn(tmp_path, drop="user-quota", extra="user-quota=2") as port:
        held = [Turn("127.0.0.1", port, *credentials(seconds=300 + n)) for n in range(4)]
        for turn in held:
            await turn.__aenter__()
            codes.append(await turn.allocate())
        async with Turn("127.0.0.1", port, *credentials(whom="jon")) as jon:
            assert await jon.allocate() == 0
        for turn in held:
            await turn.__aexit__()
    assert codes == [0, 0, 486, 486]
