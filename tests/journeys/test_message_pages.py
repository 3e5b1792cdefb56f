"""Messages in a real browser: the wizard from nothing to a sample, on a desk and a telephone, and the report."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from support.chromium import DESKTOP, PHONE, person, shoot, violations
from support.house import House, house
from support.sent_messages import sent
from vestibule.identity.model import StaffRole

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))
ADMIN = StaffRole.ADMINISTRATOR


@pytest_asyncio.fixture(loop_scope="session")
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


async def sound(page: Page, name: str) -> None:
    """Nothing wider than the window, on a desk and on a telephone; nothing for axe to find there; no mistakes in the console."""
    for size, view in (("desk", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(view)  # type: ignore[arg-type]
        assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, f"{name} at {size}"
        if str(SHOTS) != ".":
            await shoot(page, SHOTS / f"messages-{name}-{size}.png")
    assert await violations(page) == [], name
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    assert page.mistakes == []  # type: ignore[attr-defined]


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).first.click()


async def open_line(page: Page, words: str) -> None:
    """The button at the end of a line of things to do."""
    await page.get_by_role("listitem").filter(has_text=words).get_by_role("link", name="Open").click()


async def consents(page: Page) -> None:
    await open_line(page, "That you may text your patients")
    await page.get_by_label("This installation may text our patients").check()
    await page.get_by_label("Our organisation makes sure").check()
    await sound(page, "consent")
    await press(page, "Save and continue")
    await expect(page.get_by_role("heading", name="Carriers", level=1)).to_be_visible()


async def adds_carriers(page: Page) -> None:
    await page.get_by_role("link", name="Console (development)").click()
    await page.get_by_label("Name").fill("Terminal")
    await press(page, "Save and test")
    await expect(page.get_by_text("Works", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Twilio").click()
    await press(page, "Save and test")
    await expect(page.get_by_role("alert")).to_contain_text("2 things to correct")
    page.mistakes.clear()  # type: ignore[attr-defined]  Chromium reports the answer's 400
    await sound(page, "carrier")
    await page.get_by_role("link", name="Cancel").click()
    await sound(page, "carriers")
    await page.get_by_role("link", name="Continue to numbers").click()


async def brings_a_number(page: Page) -> None:
    await page.get_by_role("link", name="Add a sender").click()
    await page.get_by_label("Number or address").fill("+1 833 555 0100")
    await page.get_by_label("Practice hospital").check()
    await sound(page, "sender")
    await press(page, "Save")
    await expect(page.get_by_text("Not verified")).to_be_visible()
    await sound(page, "numbers")
    await page.get_by_role("link", name="Continue to what is sent").click()


async def says_what_is_sent(page: Page) -> None:
    await page.get_by_role("link", name="Practice hospital").click()
    await press(page, "Add a reminder")
    await page.get_by_label("How many").nth(2).fill("3")
    await page.get_by_label("Unit").nth(2).select_option(label="days before")
    await page.get_by_role("group", name="Reminder 2").get_by_role("button").click()
    await expect(page.get_by_role("group", name="Reminder")).to_have_count(2)
    await page.get_by_label("Quiet from").fill("20:30")
    await sound(page, "plan")
    await press(page, "Save")
    await expect(page.get_by_text("Saved. What is pending is planned anew")).to_be_visible()
    await page.get_by_role("link", name="Back").click()
    await expect(page.get_by_role("row", name="Practice hospital")).to_contain_text("3 days before")
    await sound(page, "plans")
    await page.get_by_role("link", name="Continue to texts").click()


async def changes_a_text(page: Page) -> None:
    await open_line(page, "Practice hospital")
    await expect(page.locator("#scheduled-home .bubble")).to_contain_text("Join from home: http")
    await expect(page.locator("#scheduled-clinic .bubble")).to_contain_text("come to the clinic")
    await sound(page, "texts")
    await page.locator("#reminder-home").get_by_role("link", name="Change").click()
    await expect(page.get_by_label("Text")).to_be_visible()
    await page.wait_for_load_state()  # the script that looks at what one types is there
    await page.get_by_label("Text").fill("{organisation}: it\u2019s {day} {time}. {link} STOP to stop")
    await expect(page.locator("#preview")).to_contain_text("it\u2019s")  # while one types
    await expect(page.locator("#preview")).to_contain_text("UCS-2")
    await press(page, "Preview")
    await press(page, "Replace signs that cost more")
    await expect(page.get_by_label("Text")).to_have_value("{organisation}: it's {day} {time}. {link} STOP to stop")
    await sound(page, "text")
    await press(page, "Save")
    await expect(page.get_by_text("your own", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Continue to trying it").click()


async def tries_it(page: Page) -> None:
    await page.get_by_label("To", exact=True).fill("+1 608 555 0134")
    await press(page, "Send a sample")
    await expect(page.get_by_role("heading", name="A carrier took it")).to_be_visible()
    await expect(page.locator(".note .bubble")).to_contain_text("it's")
    await page.get_by_label("Number or address").fill("+16085550134")
    await press(page, "Add a test recipient")
    await page.get_by_label("To", exact=True).fill("+16085550134")
    await press(page, "Send a sample")
    await expect(page.get_by_role("heading", name="no carrier was given anything")).to_be_visible()
    await sound(page, "trial")


async def test_the_wizard_from_nothing_to_a_sample(browser: Browser, h: House) -> None:
    who = await h.staff({ADMIN})
    async with person(browser) as page:
        page.set_default_timeout(10_000)
        await who.open(page, "home")
        await page.get_by_role("link", name="Patient messages", exact=True).click()
        await expect(page.get_by_role("heading", name="Nothing is sent yet")).to_be_visible()
        await sound(page, "home")
        for step in (consents, adds_carriers, brings_a_number, says_what_is_sent, changes_a_text, tries_it):
            await step(page)


async def test_what_is_planned_and_a_number_under_way(browser: Browser, h: House, owner: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    await sent(owner, h.tenant, h.connection.id, times=[now - timedelta(minutes=9 * one) for one in range(5)])
    await sent(owner, h.tenant, h.connection.id, times=[now], state="planned", sent_at=None, status=None)
    who = await h.staff({ADMIN})
    async with person(browser) as page:
        await who.open(page, "messages/log")
        await expect(page.get_by_role("row")).to_have_count(1 + 6)
        await sound(page, "log")
        account = await owner.fetchval("update message_accounts set kind = 'twilio' returning id")
        await who.post_form("messages/numbers/order", {"account": str(account), "country": "US", "kind": "toll_free"})
        await who.open(page, "messages/numbers")
        await sound(page, "numbers-order")
        await page.get_by_role("listitem").filter(has_text="Toll-free number").get_by_role("link").click()
        await expect(page.get_by_text("About to look")).to_be_visible()
        await sound(page, "order-moving")
        offers = (
            '[{"offer": "o1", "number": "+18335550171", "monthly": "2.15", "currency": "USD"}, {"offer": "o2", "number": "+18335550172", '
        )
        await owner.execute(
            "update message_number_orders set state = 'offered', offers = $1", offers + '"monthly": "2.15", "currency": "USD"}]'
        )
        await expect(page.get_by_text("Which number?")).to_be_visible()  # by itself, without a press
        await sound(page, "order-offered")
        await press(page, "Buy this number")
        await expect(page.locator("#m-sure")).to_be_visible()


async def test_the_report_is_seen_filtered_and_taken_away(browser: Browser, h: House, owner: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    await sent(owner, h.tenant, h.connection.id, times=[now - timedelta(days=days, minutes=3) for days in range(0, 60, 2)])
    who = await h.staff({StaffRole.AUDITOR})
    async with person(browser) as page:
        await who.open(page, "messages")
        await page.get_by_role("link", name="SMS report").click()
        await expect(page.get_by_role("row")).to_have_count(15 + 1)
        await sound(page, "report")
        await page.get_by_role("link", name="90 days").click()
        await page.get_by_label("Status").select_option(label="Not delivered: spam detected")
        await press(page, "Filter")
        await expect(page.get_by_role("row")).to_have_count(6 + 1)
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Download as CSV").click()
        text = (await (await download.value).path()).read_text(encoding="utf-8-sig")
        assert text.splitlines()[-1] == "End of file,6 rows"
        assert "Not Delivered - Spam detected" in text
