"""Meetings in a real browser: Microsoft Teams connected from nothing to the switch, on a desk and a telephone, at the practice cloud."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from practice.microsoft.seed import ALDER
from practice.server import Running, start
from support.chromium import DESKTOP, PHONE, person, shoot, violations
from support.house import House, house
from support.practice_cloud import CLIENT, INGRID, ROSA, register
from vestibule.identity.model import StaffRole

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))


@pytest_asyncio.fixture(loop_scope="session")
async def hospital() -> AsyncIterator[Running]:
    running = await start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def h(db_url: str, tmp_path: Path, hospital: Running) -> AsyncIterator[House]:
    at = hospital.hospital.at
    places = {"VESTIBULE_ENTRA_AUTHORITY": f"{at.microsoft}/organizations/v2.0", "VESTIBULE_GRAPH_URL": at.graph}
    async with house(db_url, tmp_path, more=places) as made:
        yield made


async def sound(page: Page, name: str) -> None:
    """Nothing wider than the window, on a desk and on a telephone; nothing for axe to find there; no mistakes in the console."""
    for size, view in (("desk", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(view)  # type: ignore[arg-type]
        assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, f"{name} at {size}"
        if str(SHOTS) != ".":
            await shoot(page, SHOTS / f"meetings-{name}-{size}.png")
    assert await violations(page) == [], name
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    assert page.mistakes == []  # type: ignore[attr-defined]


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).first.click()


async def enters_the_application(page: Page) -> None:
    await page.get_by_role("listitem").filter(has_text="Register an application").get_by_role("link", name="Open").click()
    await page.get_by_label("Directory (tenant) ID").fill("alder")
    await press(page, "Save and continue")
    await expect(page.get_by_role("alert")).to_contain_text("2 things to correct")
    page.mistakes.clear()  # type: ignore[attr-defined]  Chromium reports the answer's 400
    await sound(page, "application-wrong")
    await page.get_by_label("Directory (tenant) ID").fill(ALDER)
    await page.get_by_label("Application (client) ID").fill(CLIENT)
    await sound(page, "application")
    await press(page, "Save and continue")


async def makes_a_certificate(page: Page, h: House, hospital: Running) -> None:
    await expect(page.get_by_role("heading", name="Certificate", level=1)).to_be_visible()
    await sound(page, "proof-none")
    await press(page, "Make a certificate")
    await expect(page.get_by_text("A certificate was made")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download the certificate (.cer)").click()
    assert (await download.value).suggested_filename.endswith(".cer")
    await sound(page, "proof")
    async with h.parts.db.tenant(h.tenant) as tx:
        key = await h.parts.meetings.keys.app(tx)
    assert key is not None
    register(hospital, policy=False, certificates=[b64encode(key.certificate).decode()])  # what an administrator does at Microsoft
    await press(page, "Save and continue")


async def reads_what_to_grant_and_chooses(page: Page) -> None:
    await expect(page.get_by_label("Make the policy")).to_have_value(
        f'New-CsApplicationAccessPolicy -Identity Vestibule -AppIds "{CLIENT}" -Description "Video visits"'
    )
    await sound(page, "permissions")
    await page.get_by_role("link", name="Continue to options").click()
    await page.get_by_label("Default host").fill(ROSA)
    await page.get_by_label("In the same window").check()
    await sound(page, "options")
    await press(page, "Save and continue")


async def tries_until_it_works(page: Page, hospital: Running) -> None:
    await press(page, "Test now")
    await expect(page.get_by_text("Something stands in the way of visits")).to_be_visible()
    await expect(page.get_by_text("teams-policy-missing")).to_be_visible()
    await sound(page, "test-missing")
    hospital.setup(access_policies=[{"name": "Vestibule", "tid": ALDER, "app_ids": [CLIENT], "everyone": True}])
    await press(page, "Test now")
    await expect(page.get_by_text("Visits can take place in Teams.")).to_be_visible()
    await sound(page, "test")
    await page.get_by_role("link", name="Continue to the switch").click()


async def test_from_nothing_to_the_switch_and_back(browser: Browser, h: House, hospital: Running, owner: asyncpg.Connection) -> None:
    who = await h.staff({StaffRole.ADMINISTRATOR})
    async with person(browser) as page:
        page.set_default_timeout(10_000)
        await who.open(page, "home")
        await page.get_by_role("link", name="Meetings", exact=True).click()
        await expect(page.get_by_role("heading", name="New visits take place in the built-in room")).to_be_visible()
        await sound(page, "home-room")
        await enters_the_application(page)
        await makes_a_certificate(page, h, hospital)
        await reads_what_to_grant_and_chooses(page)
        await tries_until_it_works(page, hospital)
        await press(page, "Use Microsoft Teams")
        await expect(page.get_by_role("heading", name="New visits take place in Microsoft Teams")).to_be_visible()
        month = datetime.now(UTC).date().replace(day=1)
        for organizer, made in ((ROSA, 1912), (INGRID, 34)):
            await owner.execute("insert into meeting_counts values ($1, $2, $3, $4)", h.tenant, organizer, month, made)
        await sound(page, "home-teams")
        await page.get_by_role("link", name="Meetings by month").click()
        await expect(page.get_by_text("95 %")).to_be_visible()
        await sound(page, "use")
        await page.go_back()
        await page.get_by_role("listitem").filter(has_text="How it proves itself").get_by_role("link", name="Open").click()
        await press(page, "Make a new certificate")
        await expect(page.get_by_role("heading", name="The next certificate")).to_be_visible()
        await sound(page, "proof-next")
        await press(page, "I have uploaded it: take it into use")
        await expect(page.get_by_text("The new certificate is in use")).to_be_visible()
        await page.get_by_role("link", name="Meetings", exact=True).first.click()
        await press(page, "Use the built-in room")
        await expect(page.get_by_role("heading", name="New visits take place in the built-in room")).to_be_visible()
