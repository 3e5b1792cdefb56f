"""An appointment from the schedule to the phone: booked, moved, reminded, cancelled; the link; STOP; and what is left afterwards."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, expect

from support.chromium import person
from support.first_visit import everything
from support.reaching import Desk, Phone, clock, in_days, schedule, speak
from support.waiting import until
from vestibule.connections import tenant_called
from vestibule.demo import Demo
from vestibule.demo.introduce import ORGANISATION


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: Any) -> AsyncIterator[Demo]:
    """Everything, started once for this file."""
    async with everything(tmp_path_factory.mktemp("demo")) as running:
        yield running


async def audited(demo: Demo, action: str) -> int:
    """How many entries of a kind the audit has."""
    async with demo.parts.db.tenant(tenant_called(ORGANISATION)) as tx:
        return int(await tx.fetchval("select count(*) from audit_entries where action = $1", action))


async def test_an_appointment_is_confirmed_moved_and_cancelled_on_the_phone(browser: Browser, demo: Demo) -> None:
    begun = datetime.now(UTC)
    zone = schedule(demo, "Zone", begun + timedelta(days=3)).zone
    booked, moved = in_days(2, 10, 0, zone), in_days(3, 15, 45, zone)
    one = schedule(demo, "Ada", booked)
    async with person(browser) as desk, person(browser, phone=True) as hand:
        record, phone = Desk(desk, demo), Phone(hand, demo)
        await phone.open(one)
        await phone.shows(1, clock(booked, zone), demo.origin)
        await record.move(one, booked, moved)
        await phone.shows(2, clock(moved, zone), demo.origin)
        erased = await audited(demo, "contact.erased")
        await record.cancel(one, moved)
        await phone.shows(3, clock(moved, zone))
        await expect(phone.texts.last.get_by_role("link")).to_have_count(0)

        async def forgotten() -> bool:
            return await audited(demo, "contact.erased") == erased + 1

        await until(forgotten, what="the phone number erased, and the audit says so")


async def test_a_reminder_comes_at_its_time_and_its_link_leads_into_the_lobby(browser: Browser, demo: Demo) -> None:
    speak(demo, "2.5.1")  # whose times have seconds
    one = schedule(demo, "Rhoda", datetime.now(UTC) + timedelta(minutes=15, seconds=20))
    speak(demo, "epic")
    async with person(browser, phone=True) as hand:
        phone = Phone(hand, demo)
        await phone.open(one)
        await phone.shows(1, demo.origin)
        await phone.shows(2, demo.origin)
        lobby = await phone.tap()
        await lobby.get_by_role("button", name="Join").click()
        await expect(lobby).to_have_url(re.compile(rf"{re.escape(demo.origin)}/s/[^/]+/lobby"))
        await expect(lobby.get_by_role("heading", level=1)).to_be_visible()


async def test_stop_stops_and_start_starts_again(browser: Browser, demo: Demo) -> None:
    start = datetime.now(UTC) + timedelta(days=2)
    one = schedule(demo, "Stella", start)
    async with person(browser) as desk, person(browser, phone=True) as hand:
        record, phone = Desk(desk, demo), Phone(hand, demo)
        await phone.open(one)
        await phone.shows(1)
        await phone.answer("STOP")
        await expect(hand.locator("li.auto")).to_have_count(1)
        before = await audited(demo, "visit.rescheduled")
        await record.move(one, start, start + timedelta(hours=1))

        async def heard() -> bool:
            return await audited(demo, "visit.rescheduled") == before + 1

        await until(heard, what="the record's move")
        await phone.answer("START")
        await expect(hand.locator("li.auto")).to_have_count(2)
        await record.move(one, start + timedelta(hours=1), start + timedelta(hours=2))
        await phone.shows(2, clock(start + timedelta(hours=2), one.zone))
