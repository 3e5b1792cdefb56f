"""A visit in Teams as its people live it: launch, the one-time sign-in, the lobby, the meeting, live status, the end, and the report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, expect

from support.chromium import person, violations
from support.first_visit import Patient, book, come_to_the_waiting_room, everything, told
from support.in_teams import Host, chooses, join_as, meets_in_teams, taken_there
from support.set_up import Portal
from vestibule.demo import Demo
from vestibule.visits.model import MeetingKind


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: Any) -> AsyncIterator[Demo]:
    """Everything, started once for this file."""
    async with everything(tmp_path_factory.mktemp("demo")) as running:
        yield running


async def test_a_whole_visit_in_teams_from_one_click_of_the_administrator_to_the_attendance_report(browser: Browser, demo: Demo) -> None:
    booking = book(demo, "Theodore", "Tess")
    async with person(browser) as office, person(browser) as desk, person(browser, phone=True) as hand:
        await meets_in_teams(Portal(office), demo)
        await expect(office.get_by_role("heading", name="Microsoft Teams is connected")).to_be_visible()
        host, patient = Host(desk, demo), Patient(hand, demo)
        await host.open_schedule(booking)
        await host.begin(booking)
        await host.join()
        window = await host.sign_in_page()
        await host.sign_in(window)
        await host.ready()
        await come_to_the_waiting_room(patient, booking)
        assert "/teams/" not in await patient.page.content()
        await host.open_meeting()
        await expect(host.story).to_contain_text("You connected")
        await host.admit()
        call = await taken_there(patient, demo)
        await join_as(call, booking.name)
        await call.inside(2)
        await expect(host.frame.locator("#at-banner")).to_contain_text("Connected")
        await expect(host.story).to_contain_text("Sent to record")
        assert await violations(host.page) == []
        await host.end_for_all()
        await expect(host.frame.get_by_text("The call in Teams goes on.")).to_be_visible()
        await host.call.press("End for everybody")
        await expect(host.frame.get_by_text("The call in Teams goes on.")).to_be_hidden()
        await expect(call.page.get_by_role("heading", name="The meeting has ended")).to_be_visible()
        calls = await told(demo, booking, 4)
        assert calls[:2] == [("clinician", "connected"), ("patient", "connected")]
        assert sorted(calls[2:]) == [("clinician", "disconnected"), ("patient", "disconnected")]
        await expect(host.story).to_contain_text("The meeting's report settled who was there", timeout=60_000)
        await expect(host.story).to_contain_text("Report: Clinician was in the meeting from")
        await expect(host.frame.get_by_role("button", name="Completed")).to_have_attribute("aria-pressed", "true")
        assert host.page.mistakes == []  # type: ignore[attr-defined]


async def test_who_signed_in_once_goes_straight_in_and_what_only_teams_can_do_is_said(browser: Browser, demo: Demo) -> None:
    first, booking = book(demo, "Primrose", "Pia"), book(demo, "Ulric", "Uma")
    await chooses(demo, kind=MeetingKind.TEAMS, teams_lobby=True)
    async with person(browser) as desk, person(browser, phone=True) as hand:
        host, patient = Host(desk, demo), Patient(hand, demo)
        await host.open_schedule(first)
        await host.begin(first)
        await host.join()
        await host.signed_in()
        await host.open_schedule(booking)
        await host.begin(booking)
        await host.join()
        await host.ready()
        await host.open_meeting()
        await come_to_the_waiting_room(patient, booking)
        lobby = patient.page.url
        await host.admit()
        call = await taken_there(patient, demo)
        await join_as(call, booking.name)
        await expect(call.page.get_by_role("heading", name="Someone will let you in")).to_be_visible()
        await expect(host.stage.get_by_text("Uma Ulric waits in the lobby of Teams.")).to_be_visible()
        await host.call.press("Admit Uma Ulric")
        await expect(host.frame.locator("#at-banner")).to_contain_text("Connected")
        await host.frame.get_by_role("button", name="Put back").click()
        await expect(host.stage.get_by_text("Uma Ulric is still in the Teams meeting.")).to_be_visible()
        await host.admit()
        await expect(host.frame.locator("#at-banner")).to_contain_text("Connected")
        await host.frame.get_by_role("button", name="Put back").click()
        await expect(host.stage.get_by_text("Uma Ulric is still in the Teams meeting.")).to_be_visible()
        await host.call.press("Remove Uma Ulric")
        await expect(host.stage.get_by_text("Uma Ulric is still in the Teams meeting.")).to_be_hidden()
        await patient.page.goto(lobby)
        await expect(patient.page.get_by_role("heading", name="You are in the waiting room")).to_be_visible()
        await host.admit()
        await taken_there(patient, demo)
        assert host.page.mistakes == []  # type: ignore[attr-defined]
