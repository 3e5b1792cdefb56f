"""What is sent about an appointment, as cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from support.plans import CONNECTION, DAY, HOUR, NIGHTS, NOON, POLICY, S, World, at, patient
from vestibule.kit.ids import TenantId, new_id
from vestibule.messages import planning
from vestibule.messages.model import Channel, Message, Policy, Purpose
from vestibule.messages.planning import Leave, Send, Withdraw, hindrance
from vestibule.visits.model import Place


def test_an_appointment_is_confirmed_now_and_reminded_of_at_each_interval() -> None:
    world = World(patient())
    world.plan()
    assert world.planned == [("scheduled", NOON), ("reminder", NOON + DAY), ("reminder", NOON + 2 * DAY - HOUR)]
    world.run(NOON + 3 * DAY)
    assert [what for what, _ in world.told] == ["scheduled", "reminder", "reminder"]
    assert world.plan() == [], "it is over"


def test_a_move_is_told_to_whom_another_time_was_told_and_reminders_go_along() -> None:
    world = World(patient())
    world.plan()
    world.run(NOON + HOUR)
    world.plan(starts_at=NOON + 4 * DAY)
    world.run(NOON + 5 * DAY)
    assert world.told == [
        ("scheduled", NOON),
        ("updated", NOON + HOUR),
        ("reminder", NOON + 3 * DAY),
        ("reminder", NOON + 4 * DAY - HOUR),
    ]


def test_moved_before_anything_was_told_it_is_simply_the_new_time_that_is_confirmed() -> None:
    world = World(patient())
    world.plan()
    world.plan(starts_at=NOON + 4 * DAY)
    world.run(NOON + HOUR)
    assert [(m.purpose, m.about) for m in world.given] == [(Purpose.SCHEDULED, NOON + 4 * DAY)]


def test_moved_there_and_back_and_there_again_each_news_is_told_and_only_news() -> None:
    world = World(patient())
    for day in (2, 4, 2, 2, 4, 4):
        world.plan(starts_at=NOON + day * DAY)
        world.run(world.now + timedelta(minutes=1))
    assert [(m.purpose.value, (m.about - NOON).days) for m in world.given if m.about] == [
        ("scheduled", 2),
        ("updated", 4),
        ("updated", 2),
        ("updated", 4),
    ]


def test_moved_and_back_before_it_was_told_is_no_news() -> None:
    world = World(patient())
    world.plan()
    world.run(NOON + HOUR)
    world.plan(starts_at=NOON + 4 * DAY)
    world.plan(starts_at=NOON + 2 * DAY)
    world.run(NOON + 2 * HOUR)
    assert [m.purpose for m in world.given] == [Purpose.SCHEDULED]


def test_another_place_is_news_another_language_is_not() -> None:
    world = World(patient())
    world.plan()
    world.run(NOON + HOUR)
    assert world.plan() == []
    world.plan(place=Place.CLINIC)
    world.run(NOON + 2 * HOUR)
    assert [(m.purpose, m.place) for m in world.given] == [(Purpose.SCHEDULED, Place.HOME), (Purpose.UPDATED, Place.CLINIC)]


def test_a_cancellation_is_told_to_whom_something_was_told_and_nothing_after_it() -> None:
    world = World(patient())
    world.plan()
    world.run(NOON + HOUR)
    world.plan(cancelled=True)
    world.run(NOON + 5 * DAY)
    world.plan(cancelled=True)
    assert [what for what, _ in world.told] == ["scheduled", "cancelled"]


def test_who_was_told_nothing_is_not_told_of_a_cancellation() -> None:
    world = World(patient())
    world.plan()
    world.plan(cancelled=True)
    world.run(NOON + 5 * DAY)
    assert world.told == []
    assert {m.code for m in world.messages.values()} == {planning.OVERTAKEN}


def test_a_text_a_person_sent_counts_as_something_told() -> None:
    world = World(patient(), replace(POLICY, on_scheduled=False, reminders=()))
    who = world.who
    direct = Message(
        new_id(), TenantId(new_id()), who.visit, who.participant, CONNECTION, Purpose.DIRECT, Channel.SMS, "d", S.ACCEPTED, NOON, turn=1
    )
    world.messages[direct.id] = direct
    world.plan(cancelled=True)
    assert [what for what, _ in world.planned] == ["cancelled"]


@pytest.mark.parametrize(
    ("starts_in", "minutes", "left"),
    [
        (timedelta(minutes=30), (1440, 60), []),  # both past
        (timedelta(hours=2), (1440, 60), [60]),
        (timedelta(minutes=63), (60,), []),  # three minutes after the confirmation
        (timedelta(minutes=65), (60,), [60]),
        (timedelta(days=2), (1440, 1440, 1442, 10, 5), [1440, 10, 5]),  # each once; one that another follows within minutes says nothing
        (timedelta(days=2), (), []),
    ],
)
def test_reminders_that_are_past_or_say_the_same_again_are_left_out(
    starts_in: timedelta, minutes: tuple[int, ...], left: list[int]
) -> None:
    world = World(patient(NOON + starts_in), replace(POLICY, reminders=minutes))
    changes = world.plan()
    assert [c.minutes for c in changes if isinstance(c, Send) and c.purpose is Purpose.REMINDER] == left
    reasons = {c.minutes: c.why for c in changes if isinstance(c, Leave)}
    assert set(reasons) == set(minutes) - set(left)
    assert set(reasons.values()) <= {planning.PAST, planning.TOO_NEAR}


@pytest.mark.parametrize(
    ("now", "starts", "reminders", "expected"),
    [
        # Berlin is two hours ahead of UTC; quiet from 21:00 to 08:00.
        ("2026-06-01 20:00", "2026-06-04 12:00", (), [("scheduled", "2026-06-02 06:00")]),
        ("2026-06-01 12:00", "2026-06-03 05:00", (1440,), [("scheduled", "2026-06-01 12:00"), ("reminder", "2026-06-02 06:00")]),
        # the visit is at 07:30: before the quiet hours of the evening
        ("2026-06-01 12:00", "2026-06-03 05:30", (60,), [("scheduled", "2026-06-01 12:00"), ("reminder", "2026-06-02 18:30")]),
        # the visit is at 08:00 sharp: not at its very start
        ("2026-06-01 12:00", "2026-06-03 06:00", (60,), [("scheduled", "2026-06-01 12:00"), ("reminder", "2026-06-02 18:30")]),
        # booked at 22:00 for 07:30: what cannot wait goes at once, and needs no reminder
        ("2026-06-01 20:00", "2026-06-02 05:30", (60,), [("scheduled", "2026-06-01 20:00")]),
        # both would come at 08:00: one is enough
        ("2026-06-01 12:00", "2026-06-03 06:30", (60, 120), [("scheduled", "2026-06-01 12:00"), ("reminder", "2026-06-03 06:00")]),
    ],
)
def test_quiet_hours_put_messages_off(now: str, starts: str, reminders: tuple[int, ...], expected: list[tuple[str, str]]) -> None:
    world = World(patient(at(starts)), replace(NIGHTS, reminders=reminders), at(now))
    world.plan()
    assert world.planned == [(what, at(when)) for what, when in expected]


def test_a_cancellation_by_night_of_a_visit_in_the_early_morning_goes_at_once() -> None:
    world = World(patient(at("2026-06-03 05:30")), NIGHTS)
    world.plan()
    world.run(at("2026-06-02 21:00"))
    world.plan(cancelled=True)
    assert world.planned == [("cancelled", at("2026-06-02 21:00"))]


@pytest.mark.parametrize(
    ("zone", "starts", "due"),
    [
        ("America/New_York", "2026-03-08 16:00", "2026-03-07 16:00"),  # a day of 23 hours before: 24 hours are 24 hours
        ("America/New_York", "2026-03-08 12:30", "2026-03-08 12:00"),  # shifted to 08:00 summer time
        ("America/New_York", "2026-11-01 13:30", "2026-11-01 13:00"),
        ("Europe/Berlin", "2026-03-29 06:30", "2026-03-29 06:00"),
        ("Europe/Berlin", "2026-10-25 07:30", "2026-10-25 07:00"),
        ("Australia/Lord_Howe", "2026-10-03 21:30", "2026-10-03 21:00"),
        ("Pacific/Auckland", "2026-09-26 19:30", "2026-09-26 19:00"),
        ("Asia/Seoul", "2026-03-07 23:30", "2026-03-07 23:00"),
        ("America/Santiago", "2026-09-06 11:30", "2026-09-06 11:00"),
    ],
)
def test_nights_on_which_the_clock_is_moved(zone: str, starts: str, due: str) -> None:
    minutes = 1440 if starts.endswith("16:00") else 90
    world = World(patient(at(starts), zone=zone), replace(NIGHTS, reminders=(minutes,)), at(starts) - 5 * DAY)
    world.plan()
    assert world.planned[-1] == ("reminder", at(due))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"over": True}, planning.OVER),
        ({"silent": True}, planning.OVER),
        ({"opted_out": True}, planning.OPTED_OUT),
        ({"phone": False}, planning.UNREACHABLE),
        ({"starts_at": NOON - HOUR}, planning.PAST),
        ({"starts_at": None}, planning.NOT_WANTED),
    ],
)
def test_what_is_planned_is_withdrawn_with_the_reason(change: dict[str, object], why: str) -> None:
    world = World(patient())
    world.plan()
    changes = world.plan(**change)
    assert world.planned == []
    assert {c.why for c in changes if isinstance(c, Withdraw)} == {why}


@pytest.mark.parametrize("policy", [None, replace(POLICY, consented=False), replace(POLICY, channels=())])
def test_without_consent_or_policy_nothing_is_planned_and_what_was_is_withdrawn(policy: Policy | None) -> None:
    world = World(patient())
    world.plan()
    world.policy = policy
    world.plan(news=False)
    assert world.planned == []
    assert {m.code for m in world.messages.values()} == {planning.NOT_WANTED}


def test_who_has_come_needs_no_reminder() -> None:
    world = World(patient())
    world.plan()
    world.run(NOON)
    world.plan(came=True)
    assert world.planned == []


def test_each_channel_that_is_wanted_and_leads_to_them_is_used() -> None:
    both = replace(POLICY, channels=(Channel.SMS, Channel.EMAIL), reminders=())
    world = World(patient(email=True), both)
    world.plan()
    assert sorted(m.channel.value for m in world.messages.values()) == ["email", "sms"]
    without = World(patient(opted_out=True, email=True), both)
    without.plan()
    assert [m.channel.value for m in without.messages.values()] == ["email"]


def test_settings_that_are_switched_on_later_confirm_nothing_that_was_booked_long_ago() -> None:
    world = World(patient(), None)
    world.plan()
    world.policy = POLICY
    world.plan(news=False)
    assert [what for what, _ in world.planned] == ["reminder", "reminder"]


def test_settings_that_change_leave_a_confirmation_that_waits_for_the_morning() -> None:
    world = World(patient(at("2026-06-04 12:00")), NIGHTS, at("2026-06-01 20:00"))
    world.plan()
    world.policy = replace(NIGHTS, quiet_to=time(9), reminders=(120,))
    world.plan(news=False)
    assert world.planned == [("scheduled", at("2026-06-02 07:00")), ("reminder", at("2026-06-04 10:00"))]


def test_a_message_that_failed_is_not_planned_again_by_itself() -> None:
    world = World(patient())
    world.plan()
    for one in list(world.messages.values()):
        world.messages[one.id] = replace(one, state=S.FAILED, turn=1)
    assert [c for c in world.plan() if not isinstance(c, Leave)] == []


def test_of_two_that_turned_out_to_be_one_person_each_message_stays_once() -> None:
    world, twin = World(patient()), World(patient())
    world.plan()
    twin.plan()
    world.messages |= {m.id: m for m in twin.messages.values()}
    world.plan()
    assert len(world.planned) == len(twin.planned)


def test_a_reminder_that_was_held_up_into_the_night_before_an_early_visit_wakes_nobody() -> None:
    world = World(patient(at("2026-06-03 05:30")), replace(NIGHTS, reminders=(60,)))
    world.plan()
    reminder = next(m for m in world.messages.values() if m.purpose is Purpose.REMINDER)
    assert hindrance(reminder, world.who, world.policy, at("2026-06-02 18:40")) == ""
    assert hindrance(reminder, world.who, world.policy, at("2026-06-02 20:00")) == planning.QUIET
