"""Token buckets, whose memory is bounded, and who counts as one client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput, TooLarge, TooMany
from vestibule.kit.clock import FrozenClock
from vestibule.platform.web import limits
from vestibule.platform.web.limits import RATES, Limiter, Proxies, Rate, capped, check_length, client_prefix


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))


def taken(limiter: Limiter, client: str, path: str, *, tries: int = 1000) -> int:
    """How many tokens could be taken before the bucket was empty."""
    for count in range(tries):
        try:
            limiter.take(client, path)
        except TooMany:
            return count
    return tries


def test_a_burst_is_served_then_the_rate(clock: FrozenClock) -> None:
    limiter = Limiter({"/j/": Rate(2, 10)}, clock)
    assert taken(limiter, "a", "/j/x") == 10
    clock.advance(3)
    assert taken(limiter, "a", "/j/x") == 6


def test_it_says_when_to_come_back(clock: FrozenClock) -> None:
    limiter = Limiter({"/": Rate(0.5, 1)}, clock)
    limiter.take("a", "/")
    with pytest.raises(TooMany) as refused:
        limiter.take("a", "/")
    assert refused.value.retry_after == pytest.approx(2)
    clock.advance(2)
    limiter.take("a", "/")


def test_clients_and_groups_have_buckets_of_their_own(clock: FrozenClock) -> None:
    limiter = Limiter({"/j/": Rate(1, 3), "/": Rate(1, 5)}, clock)
    assert taken(limiter, "a", "/j/x") == 3
    assert taken(limiter, "b", "/j/x") == 3
    assert taken(limiter, "a", "/other") == 5


def test_guessing_empties_the_bucket_far_sooner(clock: FrozenClock) -> None:
    limiter = Limiter(RATES, clock)

    def guess(number: int) -> None:
        limiter.take("attacker", f"/j/{number}")
        limiter.punish("attacker", f"/j/{number}")

    for number in range(20):
        guess(number)
    with pytest.raises(TooMany):
        guess(20)


def test_punished_clients_recover(clock: FrozenClock) -> None:
    limiter = Limiter({"/j/": Rate(1, 10, penalty=10)}, clock)
    limiter.take("a", "/j/")
    for _ in range(50):
        limiter.punish("a", "/j/")
    assert taken(limiter, "a", "/j/") == 0
    clock.advance(12)
    assert taken(limiter, "a", "/j/") > 0


def test_a_million_clients_take_no_more_memory_than_the_bound(clock: FrozenClock) -> None:
    limiter = Limiter({"/": Rate(1, 2)}, clock, max_buckets=500)
    for number in range(100_000):
        limiter.take(str(number), "/")
    assert len(limiter) == 500


def test_switched_off_it_counts_nothing(clock: FrozenClock) -> None:
    limiter = Limiter({}, clock)
    assert taken(limiter, "a", "/") == 1000
    assert len(limiter) == 0


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_one_household_is_one_client(address: str, prefix: str) -> None:
    assert client_prefix(ip_address(address)) == prefix


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client", "why"),
    [
        ([], "203.0.113.9", "192.0.2.1", "203.0.113.9", "nobody is trusted"),
        (["10.0.0.0/8"], "203.0.113.9", "192.0.2.1", "203.0.113.9", "the peer is no proxy of ours"),
        (["10.0.0.0/8"], "10.0.0.1", "192.0.2.1", "192.0.2.1", "our proxy says so"),
        (["10.0.0.0/8"], "10.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1", "what the client itself wrote further left is not believed"),
        (["10.0.0.0/8"], "10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.1", "two proxies of ours"),
        (["10.0.0.0/8"], "10.0.0.1", "", "10.0.0.1", "no header"),
        (["10.0.0.0/8"], "10.0.0.1", "<script>", "10.0.0.1", "nonsense"),
        ([], "", "", "127.0.0.1", "a Unix socket"),
    ],
)
def test_the_clients_address(trusted: Sequence[str], peer: str, forwarded: str, client: str, why: str) -> None:
    assert str(Proxies(trusted).client(peer, forwarded)) == client, why


@given(st.text(max_size=200))
def test_no_forwarded_header_breaks_it(forwarded: str) -> None:
    Proxies(["10.0.0.0/8"]).client("10.0.0.1", forwarded)


@pytest.mark.parametrize("said", ["-1", "1e3", "0x10", "abc", "1 1", "\u0661"])
def test_a_length_that_is_not_a_number_is_refused(said: str) -> None:
    with pytest.raises((BadInput, TooLarge)):
        check_length(said, 10)


@pytest.mark.parametrize(("said", "fits"), [("", True), ("0", True), ("10", True), ("11", False), ("9" * 500, False)])
def test_a_length_is_judged_by_its_announcement(said: str, *, fits: bool) -> None:
    if fits:
        check_length(said, 10)
    else:
        with pytest.raises(TooLarge):
            check_length(said, 10)


def chunks(*parts: bytes) -> Any:
    """An ASGI receive that gives these parts, then a disconnect."""
    messages = [{"type": "http.request", "body": part, "more_body": index < len(parts) - 1} for index, part in enumerate(parts)]
    messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    return receive


async def test_a_body_at_the_limit_passes_whole() -> None:
    receive = capped(chunks(b"12345", b"67890"), 10)
    assert (await receive())["body"] + (await receive())["body"] == b"1234567890"
    assert (await receive())["type"] == "http.disconnect"


async def test_a_body_beyond_the_limit_is_cut_in_its_stream() -> None:
    receive = capped(chunks(b"12345", b"67890", b"x"), 10)
    await receive()
    await receive()
    with pytest.raises(TooLarge):
        await receive()


async def test_the_clock_does_not_run_while_a_handler_waits_for_the_disconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.01)
    gone = asyncio.Event()
    first = True

    async def receive() -> Any:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    counting = capped(receive, 10)
    await counting()
    waiting = asyncio.create_task(counting())
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    gone.set()
    assert (await waiting)["type"] == "http.disconnect"
