"""Setting up in a real browser: by keyboard alone, with the practice hospital's own sign-in, on a telephone, from right to left."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from practice.seed import PATIENT_CLIENT, PROVIDER_CLIENT
from practice.server import Running
from practice.server import start as start_hospital
from support.chromium import person, shoot, violations
from support.house import House, Staff, house
from support.setting_up import Setup
from vestibule.identity.model import StaffRole

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))
ADMIN, APPROVER = StaffRole.ADMINISTRATOR, StaffRole.APPROVER
EVIL = '"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'


@pytest_asyncio.fixture(loop_scope="session")
async def h(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def hospital() -> AsyncIterator[Running]:
    made = await start_hospital()
    yield made
    await made.stop()


async def sound(page: Page, name: str = "") -> None:
    """Nothing for axe to find, nothing wider than the window, no mistakes in the console."""
    assert await violations(page) == []
    assert page.mistakes == []  # type: ignore[attr-defined]
    assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    if name and str(SHOTS) != ".":
        await shoot(page, SHOTS / f"portal-{name}.png")


async def type_into(page: Page, label: str, text: str) -> None:
    """Go there with the Tab key, as somebody without a mouse does, and type."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate(
            "(label) => [...(document.activeElement.labels ?? [])].some((one) => one.innerText.startsWith(label))", label
        ):
            break
    else:
        raise AssertionError(f"the Tab key does not lead to {label}")
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type(text)


async def press(page: Page, words: str) -> None:
    """Go to a button or link with the Tab key, and press Enter."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate("(words) => document.activeElement.innerText?.trim().startsWith(words)", words):
            await page.keyboard.press("Enter")
            return
    raise AssertionError(f"the Tab key does not lead to {words}")


async def test_from_nothing_to_in_force_by_keyboard(browser: Browser, h: House, hospital: Running) -> None:
    who = await h.staff({ADMIN, APPROVER}, name="Robin Ash")
    setup = Setup(h, hospital, who, who)
    async with person(browser) as page:
        await who.open(page, "connections")
        await press(page, "Add a connection")
        await expect(page.locator("h1")).to_have_text("New connection")
        await sound(page, "new")
        await press(page, "Look and continue")
        await expect(page.locator(".mistakes")).to_be_focused()
        page.mistakes.clear()  # type: ignore[attr-defined]  Chromium reports the answer's 400
        await sound(page, "mistakes")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#f-iss")).to_be_focused()
        await page.keyboard.type(hospital.fhir)
        await type_into(page, "Name", "Eastmere, test")
        await press(page, "Look and continue")
        await expect(page.get_by_text("Found at the address: Epic, FHIR R4.")).to_be_visible()
        await sound(page, "keys")
        setup.connection = page.url.split("/")[6]
        setup.register()
        await type_into(page, "Client id for clinicians", PROVIDER_CLIENT)
        await type_into(page, "Client id for patients", PATIENT_CLIENT)
        await press(page, "Save and continue")
        await expect(page.get_by_role("heading", name="Doctor")).to_be_visible()
        await press(page, "Check now")
        await expect(page.get_by_text("Checked")).to_be_visible()
        await sound(page, "check")
        await page.goto(f"{h.origin}{who.base}/connections/{setup.connection}/approval")
        await type_into(page, "Approver", "Robin")
        await press(page, "Send to the approver")
        await expect(page.get_by_role("heading", name="Awaiting approval")).to_be_visible()
        await sound(page, "awaiting")
        await press(page, "That is you")
        await expect(page.get_by_role("heading", name="2. Decide")).to_be_visible()
        await sound(page, "approve")
        await press(page, "Sign in to the record")
        await expect(page.get_by_text("Who are you?")).to_be_visible()
        await page.select_option("[name=who]", f"Practitioner/{hospital.hospital.book.practitioners[0].id}")
        await page.get_by_role("button").first.click()
        await expect(page.get_by_text("You have signed in to the record")).to_be_visible()
        await sound(page, "proved")
        await press(page, "Approve")
        await page.wait_for_url("**/records")
        await sound(page, "records")
    served = await setup.in_force()
    assert served is not None
    assert served.decided_by == who.member.id


async def test_one_can_leave_and_come_back_and_two_tabs_do_not_eat_each_other(browser: Browser, h: House, hospital: Running) -> None:
    who = await h.staff({ADMIN}, name="Robin Ash")
    setup = Setup(h, hospital, who, who)
    await setup.start()
    async with person(browser) as page:
        await who.open(page, f"connections/{setup.connection}/keys")
        await setup.keys(provider_client_id="saved-in-the-other-tab")
        await page.fill("#f-provider_client_id", "typed-here")
        await page.get_by_role("button", name="Save and continue").click()
        await expect(page.locator(".mistakes")).to_be_focused()
        await expect(page.locator("#f-provider_client_id")).to_have_value("typed-here")
        await expect(page.locator("#s-provider_client_id")).to_contain_text("saved-in-the-other-tab")
        page.mistakes.clear()  # type: ignore[attr-defined]  the answer's 409
        await sound(page, "stale")
        await page.get_by_role("button", name="Save and leave").click()
        await expect(page.get_by_text("Next: Check")).to_be_visible()
        await expect(page.get_by_text("typed-here")).to_be_visible()
        await sound(page, "overview")


async def each_page(page: Page, who: Staff, connection: str, name: str) -> None:
    steps = ("", "/address", "/keys", "/check", "/approval", "/remove")
    places = ["home", "organisation", "organisations", "departments", "departments/new", "connections", "approvals"]
    for where in [*places, *(f"connections/{connection}{step}" for step in steps), f"approvals/{connection}"]:
        await who.open(page, where)
        short = where.replace(connection, "one").replace("/", "-")
        await sound(page, f"{short}-{name}")
        assert await page.evaluate("window.pwned") is None, where


async def test_every_page_on_a_telephone_in_the_dark_and_with_names_that_are_code(
    browser: Browser, h: House, hospital: Running, owner: asyncpg.Connection
) -> None:
    who = await h.staff({ADMIN, APPROVER}, name="Robin Ash")
    setup = Setup(h, hospital, who, who)
    await setup.awaiting()
    async with person(browser, phone=True, dark=True) as page:
        await each_page(page, who, setup.connection, "phone-dark")
    for table in ("tenants", "departments", "connections", "members"):
        await owner.execute(f"update {table} set name = $1", EVIL)
    await owner.execute("update connection_versions set content = jsonb_set(content, '{name}', to_jsonb($1::text))", EVIL)
    async with person(browser) as page:
        await each_page(page, who, setup.connection, "evil")


async def test_the_frame_works_from_right_to_left_and_its_menu_by_touch(browser: Browser, h: House) -> None:
    who = await h.staff({ADMIN})
    async with person(browser, phone=True) as page:
        await who.open(page, "connections")
        await page.evaluate("document.documentElement.dir = 'rtl'")
        await sound(page, "rtl")
        await expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
        await page.get_by_role("button", name="Menu").click()
        await expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        await sound(page, "menu")
        await page.get_by_role("link", name="Departments").click()
        await expect(page.locator("h1")).to_have_text("Departments")


async def test_without_scripts_everything_still_works(browser: Browser, h: House, hospital: Running) -> None:
    who = await h.staff({ADMIN})
    async with person(browser, java_script_enabled=False) as page:
        await who.open(page, "connections/new")
        await page.fill("#f-iss", hospital.fhir)
        await page.fill("#f-name", "Without scripts")
        await page.get_by_role("button", name="Look and continue").click()
        await expect(page.get_by_text("Found at the address: Epic, FHIR R4.")).to_be_visible()
        await expect(page.get_by_role("button", name="Copy")).to_have_count(0)
