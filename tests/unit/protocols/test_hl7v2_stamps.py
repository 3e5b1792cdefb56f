"""Times as written, and the instants they mean, on nights when the clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import BadInput
from vestibule.protocols.hl7v2 import Stamp, read_stamp, resolve


@pytest.mark.parametrize(
    ("written", "local", "offset", "precision"),
    [
        ("2026", "2026-01-01 00:00:00", None, 4),
        ("202603", "2026-03-01 00:00:00", None, 6),
        ("20260305", "2026-03-05 00:00:00", None, 8),
        ("2026030514", "2026-03-05 14:00:00", None, 10),
        ("202603051430", "2026-03-05 14:30:00", None, 12),
        ("20260305143015", "2026-03-05 14:30:15", None, 14),
        ("2026030514301525", "2026-03-05 14:30:15.250000", None, 14),
        ("2026030514301500", "2026-03-05 14:30:15", None, 14),
        ("20260305143015.1", "2026-03-05 14:30:15.100000", None, 14),
        ("20260305143015.1234-0600", "2026-03-05 14:30:15.123400", -360, 14),
        ("202603051430+0215", "2026-03-05 14:30:00", 135, 12),
        ("20260305143015-0000", "2026-03-05 14:30:15", 0, 14),
        ("2026-0600", "2026-01-01 00:00:00", -360, 4),
        ("202603051430^M", "2026-03-05 14:30:00", None, 12),
        (" 202603051430 ", "2026-03-05 14:30:00", None, 12),
        ("20240229", "2024-02-29 00:00:00", None, 8),
    ],
)
def test_a_time_is_read_as_far_as_it_goes(written: str, local: str, offset: int | None, precision: int) -> None:
    stamp = read_stamp(written)
    assert stamp is not None
    assert (str(stamp.local), stamp.offset_minutes, stamp.precision) == (local, offset, precision)


@pytest.mark.parametrize(
    "written",
    [
        "x",
        "20",
        "202",
        "20263",
        "202613",
        "20260230",
        "2026030525",
        "202603051460",
        "20260305143060",
        "2026-03-05T14:30:00Z",
        "202603051430+9900",
        "20260305143015+0060",
        "20260305143015+06",
        "2026030514.5",
        "٢٠٢٦٠٣٠٥١٤٣٠",
        "202603051430+٠٦٠٠",
        "00000101",
        "+0600",
        "2026W0510000",
    ],
)
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_stamp(written)
    assert caught.value.code == "hl7-time"


def test_nothing_is_no_time() -> None:
    assert read_stamp("") is None


FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)  # noqa: DTZ001
# zone, last instant before the clocks go forward and how far; the same of when they go back (2026, as the zone database has it)
FORWARD = [
    ("America/Chicago", "202603080230", "2026-03-08 08:00"),
    ("America/New_York", "202603080200", "2026-03-08 07:00"),
    ("Europe/Berlin", "202603290259", "2026-03-29 01:00"),
    ("Australia/Lord_Howe", "202610040215", "2026-10-03 15:30"),  # half an hour
    ("America/Santiago", "202609060030", "2026-09-06 04:00"),  # at midnight
    ("Pacific/Auckland", "202609270230", "2026-09-26 14:00"),
    ("Pacific/Apia", "201112301200", "2011-12-30 10:00"),  # a whole day that never was
]
BACK = [
    ("America/Chicago", "202611010130", "2026-11-01 06:30"),
    ("America/New_York", "202611010130", "2026-11-01 05:30"),
    ("Europe/Berlin", "202610250230", "2026-10-25 00:30"),
    ("Australia/Lord_Howe", "202604050145", "2026-04-04 14:45"),
    ("America/Santiago", "202604042330", "2026-04-05 02:30"),
    ("Pacific/Auckland", "202604050230", "2026-04-04 13:30"),
]


@pytest.mark.parametrize(("zone", "written", "instant"), FORWARD)
def test_a_time_that_the_clocks_skip_is_the_first_instant_behind_it(zone: str, written: str, instant: str) -> None:
    stamp = read_stamp(written)
    assert stamp is not None
    assert resolve(stamp, zone) == datetime.fromisoformat(f"{instant}+00:00")


@pytest.mark.parametrize(("zone", "written", "instant"), BACK)
def test_a_time_that_comes_twice_is_the_first_unless_its_offset_says_otherwise(zone: str, written: str, instant: str) -> None:
    stamp = read_stamp(written)
    assert stamp is not None
    first = resolve(stamp, zone)
    assert first == datetime.fromisoformat(f"{instant}+00:00")
    for fold in (0, 1):
        offset = stamp.local.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() or timedelta()
        told = resolve(Stamp(stamp.local, int(offset.total_seconds() // 60)), zone)
        assert (told == first) == (fold == 0)
        assert told.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == stamp.local


def test_the_message_s_own_offset_counts_more_than_the_place() -> None:
    stamp = read_stamp("20260305143000+0215")
    assert stamp is not None
    assert resolve(stamp, "") == resolve(stamp, "America/Chicago") == datetime(2026, 3, 5, 12, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "code"),
    [("", "hl7-zone-missing"), ("Mars/Olympus", "hl7-zone-unknown"), ("America", "hl7-zone-unknown"), ("../x", "hl7-zone-unknown")],
)
def test_without_a_zone_nothing_is_guessed(zone: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(Stamp(datetime(2026, 3, 5)), zone)  # noqa: DTZ001
    assert caught.value.code == code


@pytest.mark.parametrize("stamp", [Stamp(FIRST, 840), Stamp(LAST, -840), Stamp(LAST)])
def test_the_ends_of_time_are_refused(stamp: Stamp) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(stamp, "America/Chicago")
    assert caught.value.code == "hl7-time"


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001
    st.sampled_from([zone for zone, _, _ in FORWARD + BACK] + ["Asia/Kathmandu", "UTC"]),
)
def test_every_wall_clock_means_one_instant_that_never_lies_before_it(local: datetime, zone: str) -> None:
    local = local.replace(microsecond=0, fold=0)
    instant = resolve(Stamp(local), zone)
    assert instant.tzinfo is UTC
    back = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    assert back == local or (back > local and (instant - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None) < local)
