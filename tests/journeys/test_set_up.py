"""From an empty database to a visit by clicking alone: an organisation, two connections, approval, records, and people who meet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, expect

from support.chromium import person
from support.first_visit import Clinician, book, everything, meet, told, two_people
from support.set_up import Portal, RecordForm, set_up
from vestibule.demo import Demo


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: Any) -> AsyncIterator[Demo]:
    """Everything, with nothing set up."""
    async with everything(tmp_path_factory.mktemp("empty"), empty=True) as running:
        yield running


async def test_a_newcomer_sets_up_an_organisation_and_holds_a_visit_by_clicking_alone(browser: Browser, demo: Demo) -> None:
    async with person(browser) as one, person(browser) as two, person(browser) as three:
        admin, approver = Portal(one), Portal(two)
        await admin.come_in(demo.set_up, "Tomás Rivera")
        await admin.add_department("Cardiology", "America/Chicago", "10501101")
        await approver.come_in(await admin.invite("noor.qureshi@birch.example", "Approver"), "Noor Qureshi")
        await set_up(demo, admin, approver, RecordForm(three, demo.practice), name="Eastmere, test", environment="test")
        await set_up(demo, admin, approver, RecordForm(three, demo.production), name="Eastmere, production", environment="production")
        assert one.mistakes == two.mistakes == []  # type: ignore[attr-defined]
    booking = book(demo, "Newcomer")
    async with two_people(browser, demo) as (clinician, patient):
        await meet(clinician, patient, booking)
        await clinician.end_for_all()
        await told(demo, booking, 4)
    real = replace(demo, practice=demo.production)
    booking = book(real, "Real")
    async with person(browser) as desk:
        clinician = Clinician(desk, real)
        await clinician.open_schedule(booking)
        await clinician.begin(booking)
        await expect(clinician.frame.get_by_text("Una Real")).to_be_visible()
