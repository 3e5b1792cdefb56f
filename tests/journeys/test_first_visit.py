"""The first visit as its people live it: the record's page, the telephone, both pictures, and what the record was told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, expect

from support.chromium import transferred, violations
from support.first_visit import (
    book,
    come_to_the_waiting_room,
    everything,
    frames_decoded,
    meet,
    sees_moving_pictures,
    told,
    two_people,
)
from vestibule.demo import Demo

FIRST_PAGE_LIMIT = 60_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: Any) -> AsyncIterator[Demo]:
    """Everything, started once for this file."""
    async with everything(tmp_path_factory.mktemp("demo")) as running:
        yield running


async def test_a_whole_visit_from_the_record_and_the_portal_to_end_for_all(browser: Browser, demo: Demo) -> None:
    booking = book(demo, "Whole")
    async with two_people(browser, demo) as (clinician, patient):
        await meet(clinician, patient, booking)
        await expect(clinician.story).to_contain_text("Sent to record")
        await expect(clinician.frame.locator("#at-banner")).to_contain_text("Connected")
        await clinician.end_for_all()
        await expect(patient.page.get_by_role("heading", name="Your visit has ended")).to_be_visible()
        calls = await told(demo, booking, 4)
        assert calls[:2] == [("clinician", "connected"), ("patient", "connected")]
        assert sorted(calls[2:]) == [("clinician", "disconnected"), ("patient", "disconnected")]
        assert clinician.page.mistakes == []  # type: ignore[attr-defined]


async def test_the_patients_first_page_is_small_and_loads_from_nobody_else(browser: Browser, demo: Demo) -> None:
    booking = book(demo, "Small")
    asked: list[str] = []
    async with two_people(browser, demo) as (_, patient):
        patient.portal.context.on("request", lambda request: asked.append(request.url))
        await patient.open_portal(booking)
        await patient.begin()
        await patient.page.wait_for_load_state("networkidle")
        assert await transferred(patient.page) < FIRST_PAGE_LIMIT
        assert all(url.startswith((demo.origin, demo.practice, "data:", "blob:")) for url in asked), asked


async def test_who_closes_the_page_is_disconnected_and_comes_back_into_the_same_visit(browser: Browser, demo: Demo) -> None:
    booking = book(demo, "Back")
    async with two_people(browser, demo) as (clinician, patient):
        await meet(clinician, patient, booking)
        address = patient.page.url
        await patient.page.close()
        assert (await told(demo, booking, 3))[2] == ("patient", "disconnected")
        await expect(clinician.frame.locator("#at-banner")).to_contain_text("Connection lost")
        patient.page = await patient.portal.context.new_page()
        await patient.page.goto(address)
        await sees_moving_pictures(patient.page)
        await sees_moving_pictures(await clinician.inside())
        assert (await told(demo, booking, 4))[3] == ("patient", "connected")


async def test_put_back_stops_the_pictures_and_admitting_again_brings_them_back(browser: Browser, demo: Demo) -> None:
    booking = book(demo, "Putback")
    async with two_people(browser, demo) as (clinician, patient):
        await meet(clinician, patient, booking)
        await clinician.frame.get_by_role("button", name="Put back").click()
        await expect(patient.page.get_by_role("heading", name="You are in the waiting room")).to_be_visible()
        assert await frames_decoded(patient.page) == []
        await clinician.admit()
        await sees_moving_pictures(patient.page)


async def test_the_second_patient_in_the_same_frame_is_another_visit(browser: Browser, demo: Demo) -> None:
    first, second = book(demo, "Primus", "Paul"), book(demo, "Secunda", "Sara")
    async with two_people(browser, demo) as (clinician, _):
        await clinician.open_schedule(first)
        await clinician.begin(first)
        await expect(clinician.frame.get_by_role("heading", name="Paul Primus")).to_be_visible()
        await clinician.join()
        await clinician.page.locator(f"[data-open='{second.csn}']").click()
        await expect(clinician.frame.get_by_role("heading", name="Sara Secunda")).to_be_visible(timeout=15000)
        await expect(clinician.frame.get_by_text("Primus")).to_have_count(0)
        await clinician.join()
        await expect(clinician.frame.locator("#at-banner")).to_contain_text("Sara Secunda")


async def test_every_page_of_the_visit_passes_axe(browser: Browser, demo: Demo) -> None:
    booking = book(demo, "Axe")
    async with two_people(browser, demo) as (clinician, patient):
        await clinician.open_schedule(booking)
        await clinician.begin(booking)
        assert await violations(clinician.page) == []
        await clinician.join()
        await patient.open_portal(booking)
        await patient.begin()
        assert await violations(patient.page) == []
        await patient.say_name()
        await patient.check_devices()
        assert await violations(patient.page) == []
        await patient.wait()
        assert await violations(patient.page) == []
        assert await violations(clinician.page) == []
        await clinician.admit()
        await sees_moving_pictures(patient.page)
        assert await violations(patient.page) == []
        assert await violations(clinician.page) == []


async def test_the_patient_waits_with_nothing_of_the_room_until_admitted(browser: Browser, demo: Demo) -> None:
    booking = book(demo, "Patience")
    async with two_people(browser, demo) as (clinician, patient):
        await clinician.open_schedule(booking)
        await clinician.begin(booking)
        await clinician.join()
        sockets: list[str] = []
        patient.portal.context.on("page", lambda page: page.on("websocket", lambda socket: sockets.append(socket.url)))
        await come_to_the_waiting_room(patient, booking)
        assert sockets == []
        assert "Okafor" not in await patient.page.content()
        await clinician.admit()
        await sees_moving_pictures(patient.page)
        assert len(sockets) >= 1
