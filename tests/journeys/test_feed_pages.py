"""The feed's pages in a real browser: how they look, what axe says, that one keeps itself fresh, that all work without scripts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from support.chromium import person, shoot, violations
from support.feed_pages import busy, put, set_up, turn
from support.house import House, house
from support.scheduling import siu
from support.senders import certificate_pem
from vestibule.identity.model import StaffRole

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))


@pytest_asyncio.fixture(loop_scope="session")
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


async def judge(page: Page, name: str) -> None:
    """Nothing for axe, nothing in the console, nothing sticks out."""
    assert await violations(page) == [], name
    assert page.mistakes == [], name  # type: ignore[attr-defined]
    assert not await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), f"{name}: sticks out"
    if str(SHOTS) != ".":
        await shoot(page, SHOTS / f"{name}.png")


async def test_every_page_looks_well_on_a_telephone_and_on_a_desk(browser: Browser, h: House, owner: asyncpg.Connection) -> None:
    wrong = await busy(h, owner)
    staff = await h.staff({StaffRole.ADMINISTRATOR})
    place = f"feed/{h.connection.id}"
    pages = {
        "feeds": "feed",
        "feed-now": place,
        "feed-setup": f"{place}/setup",
        "feed-quarantine": f"{place}/quarantine",
        "feed-message": f"{place}/messages/{wrong[0]}",
        "feed-unreadable": f"{place}/messages/{wrong[3]}",
        "feed-try": f"{place}/try",
    }
    for phone, dark in ((True, False), (False, True)):
        async with person(browser, phone=phone, dark=dark) as page:
            for name, path in pages.items():
                await staff.open(page, path)
                await judge(page, f"{name}-{'phone' if phone else 'desk'}{'-dark' if dark else ''}")
            if phone:
                await page.goto(f"{h.origin}{staff.base}/{place}/try")
                await page.fill("#f-message", siu().decode().replace("\r", "\n"))
                await page.get_by_role("button", name="Try it").click()
                await expect(page.get_by_text("It would become a virtual visit.")).to_be_visible()
                await judge(page, "feed-tried-phone")


async def test_the_live_page_keeps_itself_fresh(browser: Browser, h: House, owner: asyncpg.Connection) -> None:
    await set_up(h)
    staff = await h.staff({StaffRole.INTEGRATION_ENGINEER})
    async with person(browser) as page:
        await staff.open(page, f"feed/{h.connection.id}")
        await page.wait_for_selector("[data-ready=yes]", state="attached")
        await expect(page.get_by_text("none yet").first).to_be_visible()
        await put(h, owner, siu())
        await turn(h)
        await expect(page.get_by_text("just now").first).to_be_visible()


async def test_a_feed_is_set_up_without_scripts(browser: Browser, h: House, tmp_path: Path) -> None:
    staff = await h.staff({StaffRole.INTEGRATION_ENGINEER})
    file = tmp_path / "engine.cer"
    file.write_bytes(certificate_pem("engine"))
    async with person(browser, java_script_enabled=False) as page:
        await staff.open(page, f"feed/{h.connection.id}/setup")
        await page.set_input_files("#f-file", file)
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.get_by_text("CN=engine").first).to_be_visible()
        await page.select_option("#f-what-1", "resource")
        await page.fill("#f-matches-1", "VIDEO ROOM")
        await page.locator("#rules").get_by_role("button", name="Save").click()
        await expect(page.locator("#f-matches-1")).to_have_value("VIDEO ROOM")
        await page.check("#f-enabled")
        await page.locator("#ways").get_by_role("button", name="Save").click()
        await expect(page.locator(".head .pill.good")).to_have_text("On")
