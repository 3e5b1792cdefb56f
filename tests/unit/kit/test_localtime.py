"""Wall clocks on ordinary days and on the nights on which they are moved."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestibule.kit.localtime import instant, last_loud, next_loud, quiet, wall, zone_of

# Six zones: put forward and back at two, at one (UTC), by half an hour, at midnight, in the southern hemisphere, and one without any of it.
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Asuncion", "Pacific/Auckland", "Asia/Seoul"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "local", "moment"),
    [
        ("America/New_York", "2026-03-07 10:30", "2026-03-07 15:30"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:00"),  # never comes: the moment after it
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),  # comes twice: the first
        ("Europe/Berlin", "2026-03-29 02:15", "2026-03-29 01:00"),
        ("Europe/Berlin", "2026-10-25 02:15", "2026-10-25 00:15"),
        ("Australia/Lord_Howe", "2026-10-04 02:10", "2026-10-03 15:30"),  # half an hour
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
        ("America/Asuncion", "2023-10-01 00:20", "2023-10-01 04:00"),  # at midnight: the day begins at one
        ("Pacific/Auckland", "2026-09-27 02:59", "2026-09-26 14:00"),
        ("Pacific/Auckland", "2026-04-05 02:30", "2026-04-04 13:30"),
        ("Asia/Seoul", "2026-03-08 02:30", "2026-03-07 17:30"),
        ("", "2026-03-08 02:30", "2026-03-08 02:30"),
        ("Nowhere/Land", "2026-03-08 02:30", "2026-03-08 02:30"),
    ],
)
def test_a_wall_clocks_time_means_one_moment(zone: str, local: str, moment: str) -> None:
    assert instant(datetime.fromisoformat(local), zone) == utc(moment)


def test_a_time_with_an_offset_is_no_wall_clocks_time() -> None:
    with pytest.raises(ValueError, match="no offset"):
        instant(utc("2026-01-01 00:00"), "Europe/Berlin")


@given(moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), zone=st.sampled_from(ZONES))  # noqa: DTZ001  hypothesis wants naive ones
def test_what_the_wall_shows_leads_back_to_the_moment_but_for_the_second_pass_of_a_fold(moment: datetime, zone: str) -> None:
    there = moment.replace(tzinfo=UTC, microsecond=0)
    back = instant(wall(there, zone), zone)
    assert back == there or timedelta(0) < there - back <= timedelta(hours=1)
    assert wall(back, zone) == wall(there, zone)


NIGHT = (time(21, 0), time(8, 0))


@pytest.mark.parametrize(
    ("zone", "moment", "hours", "loud"),
    [
        ("Europe/Berlin", "2026-06-01 12:00", NIGHT, "2026-06-01 12:00"),
        ("Europe/Berlin", "2026-06-01 19:00", NIGHT, "2026-06-02 06:00"),  # 21:00 sharp is quiet
        ("Europe/Berlin", "2026-06-01 06:00", NIGHT, "2026-06-01 06:00"),  # 08:00 sharp is not
        ("America/New_York", "2026-03-08 04:30", NIGHT, "2026-03-08 12:00"),  # a night of ten hours
        ("America/New_York", "2026-11-01 04:30", NIGHT, "2026-11-01 13:00"),  # of twelve
        ("America/New_York", "2026-03-08 06:30", (time(1, 0), time(2, 30)), "2026-03-08 07:00"),  # ends in the gap
        ("America/New_York", "2026-11-01 06:10", (time(0, 0), time(1, 30)), "2026-11-01 06:30"),  # its end comes twice
        ("Europe/Berlin", "2026-06-01 10:00", (time(9, 0), time(17, 0)), "2026-06-01 15:00"),  # by day
        ("Europe/Berlin", "2026-06-01 01:00", (time(8, 0), time(8, 0)), "2026-06-01 01:00"),  # none
    ],
)
def test_the_next_moment_outside_of_quiet_hours(zone: str, moment: str, hours: tuple[time, time], loud: str) -> None:
    assert next_loud(utc(moment), zone, *hours) == utc(loud)


@pytest.mark.parametrize(
    ("zone", "moment", "loud"),
    [
        ("Europe/Berlin", "2026-06-02 05:00", "2026-06-01 19:00"),
        ("Europe/Berlin", "2026-06-01 20:00", "2026-06-01 19:00"),
        ("Europe/Berlin", "2026-06-01 10:00", "2026-06-01 10:00"),
        ("America/New_York", "2026-11-01 10:00", "2026-11-01 01:00"),
        ("Pacific/Auckland", "2026-09-26 18:00", "2026-09-26 09:00"),
    ],
)
def test_where_the_quiet_hours_began(zone: str, moment: str, loud: str) -> None:
    assert last_loud(utc(moment), zone, *NIGHT) == utc(loud)


@settings(max_examples=200)
@given(
    moment=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001
    zone=st.sampled_from(ZONES),
    begin=st.times(),
    end=st.times(),
)
def test_the_next_loud_moment_is_loud_and_neither_past_nor_days_away(moment: datetime, zone: str, begin: time, end: time) -> None:
    there = moment.replace(tzinfo=UTC)
    found = next_loud(there, zone, begin, end)
    assert not quiet(found, zone, begin, end)
    assert timedelta(0) <= found - there <= timedelta(hours=49)
    assert last_loud(there, zone, begin, end) <= there


def test_zones_are_looked_up_by_name() -> None:
    assert zone_of("Asia/Seoul").key == "Asia/Seoul"
