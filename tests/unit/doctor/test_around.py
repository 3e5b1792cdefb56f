"""What the doctor says of messages and feed: cause, remedy, and never a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from vestibule.doctor.checks.feeding import feed
from vestibule.doctor.checks.messaging import messages
from vestibule.doctor.model import Finding, Level
from vestibule.doctor.ports import Around, CarrierSeen, FeedSeen
from vestibule.errors import NotAllowed, Unavailable

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORIGIN = "https://visits.alder.example"
NUMBER = ("+18885550100", "verified")


async def fine() -> None:
    """The account works."""


async def refused() -> None:
    raise NotAllowed("carrier-not-signed-in", "The carrier does not accept this account's name and secret.", phase="message.check")


async def away() -> None:
    raise Unavailable("carrier-unreachable", "The carrier cannot be reached.", phase="message.check")


async def slow() -> None:
    raise TimeoutError


def carrier(
    check: Callable[[], Awaitable[None]] = fine,
    *,
    tells: bool = True,
    near: bool = False,
    unproved: bool = False,
    senders: tuple[tuple[str, str], ...] = (NUMBER,),
) -> CarrierSeen:
    return CarrierSeen("Alder texts", tells, near, unproved, senders, check)


def said(*carriers: CarrierSeen, sends: bool = True, origin: str = ORIGIN) -> list[Finding]:
    async def all_of_them() -> list[Finding]:
        return [finding async for finding in messages(Around(sends, carriers), origin)]

    return asyncio.run(all_of_them())


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def test_an_account_that_works_is_good() -> None:
    assert [(f.level, f.code) for f in said(carrier())] == [(Level.GOOD, "carrier-account")]


@pytest.mark.parametrize(
    ("check", "code"),
    [(refused, "carrier-account-refused"), (away, "carrier-account-unreached"), (slow, "carrier-account-unreached")],
)
def test_an_account_that_does_not_is_worth_a_look(check: Callable[[], Awaitable[None]], code: str) -> None:
    (finding,) = said(carrier(check))
    assert (finding.level, finding.code) == (Level.LOOK, code)
    assert finding.remedy
    assert "Alder texts" in finding.what


@pytest.mark.parametrize(
    ("origin", "tells", "near", "told"),
    [
        ("http://127.0.0.1:8080", True, False, True),
        ("http://visits.alder.example", True, False, True),
        (ORIGIN, True, False, False),
        ("http://127.0.0.1:8080", True, True, False),
        ("http://127.0.0.1:8080", False, False, False),
    ],
)
def test_receipts_that_cannot_reach_us_are_named(origin: str, tells: bool, near: bool, told: bool) -> None:
    assert ("carrier-receipts-unreachable" in codes(said(carrier(tells=tells, near=near), origin=origin))) == told


def test_receipts_that_cannot_be_proved_are_named() -> None:
    assert "carrier-receipts-unproved" in codes(said(carrier(unproved=True)))
    assert "carrier-receipts-unproved" not in codes(said(carrier(unproved=True, tells=False)))


@pytest.mark.parametrize(
    ("state", "told"), [("unverified", True), ("pending", True), ("rejected", True), ("verified", False), ("not_needed", False)]
)
def test_a_number_that_carriers_block_is_named(state: str, told: bool) -> None:
    assert ("sender-unverified" in codes(said(carrier(senders=(("+18885550100", state),))))) == told


def test_messages_without_a_sender_are_named_only_where_they_are_to_be_sent() -> None:
    assert codes(said()) == ["messages-no-sender"]
    assert said(sends=False) == []
    assert "messages-no-sender" not in codes(said(carrier()))


YEAR, WEEK, PAST = NOW + timedelta(days=365), NOW + timedelta(days=7), NOW - timedelta(days=1)


CN = "CN=engine"


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (FeedSeen(keys=((CN, YEAR),), last=PAST), ["feed"]),
        (FeedSeen(keys=((CN, YEAR),)), ["feed-never-heard"]),
        (FeedSeen(keys=((CN, YEAR),), last=PAST, silent=True), ["feed-silent"]),
        (FeedSeen(keys=((CN, YEAR),), last=PAST, quarantined=3), ["feed", "feed-quarantine"]),
        (FeedSeen(keys=((CN, WEEK),), last=PAST), ["feed-certificate-ends", "feed"]),
        (FeedSeen(keys=((CN, WEEK), (CN, YEAR)), last=PAST), ["feed"]),
        (FeedSeen(keys=((CN, PAST),), last=PAST), ["feed-certificate-over", "feed"]),
        (FeedSeen(keys=((CN, PAST), (CN, WEEK)), last=PAST), ["feed-certificate-ends", "feed"]),
        (FeedSeen(), ["feed-no-sender", "feed-never-heard"]),
        (FeedSeen(plain=True, last=PAST), ["feed-plain", "feed"]),
        (FeedSeen(plain=True, zone=False, last=PAST), ["feed-plain", "feed-no-zone", "feed"]),
    ],
)
def test_a_feed_is_judged_by_who_may_send_and_whether_anything_comes(seen: FeedSeen, found: list[str]) -> None:
    assert codes(list(feed(seen, NOW))) == found
    assert all(one.remedy for one in feed(seen, NOW) if one.level is not Level.GOOD)


def test_a_subject_from_outside_stays_on_its_line() -> None:
    (finding, _) = feed(FeedSeen(keys=(('CN=<b>"x"\n' + "y" * 500, WEEK),)), NOW)
    assert "\n" not in finding.what
    assert "<" not in finding.what
    assert len(finding.what) < 300
