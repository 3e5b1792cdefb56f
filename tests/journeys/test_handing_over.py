"""Handing over to the people at the record, in a real browser: copying, comparing, taking addresses apart, and finding a failed launch."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from support.chromium import person, shoot, violations
from support.house import House, Staff, house
from vestibule.identity.model import StaffRole
from vestibule.records.kinds import pack

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as made:
        clients: dict[str, Any] = {"provider_client_id": "3f1c-provider", "patient_client_id": "3f1c-patient"}
        made.connection = replace(made.connection, **clients)
        async with made.parts.db.tenant(made.tenant) as tx:
            await made.parts.tenancy.add_connection(tx, made.connection)
        yield made


async def engineer(here: House) -> Staff:
    return await here.staff({StaffRole.INTEGRATION_ENGINEER})


async def fine(page: Page, name: str) -> None:
    """Nothing for axe to find, nothing in the console, nothing beside the screen."""
    assert await violations(page) == []
    assert page.mistakes == []  # type: ignore[attr-defined]
    assert await page.evaluate(WIDE) <= 0
    if str(SHOTS) != ".":
        await shoot(page, SHOTS / f"{name}.png")


def context(here: House) -> str:
    """The provider record's tokens."""
    field = pack(here.connection, here.origin)[0].field("context")
    assert field is not None
    return field.value


async def test_a_value_is_copied_with_the_keyboard_and_compared_with_what_the_record_holds(browser: Browser, here: House) -> None:
    who = await engineer(here)
    async with person(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        await who.open(page, f"connections/{here.connection.id}/records")
        button = page.get_by_role("button", name="Copy Context tokens, Provider launch", exact=True)
        await button.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").get_by_text("Copied")).to_be_visible()
        await expect(button).to_be_focused()
        assert await page.evaluate("navigator.clipboard.readText()") == context(here)
        await fine(page, "records-desk")
        await page.get_by_role("textbox", name="What the record holds").fill(context(here).replace("%CSN%", "%CONFERENCEID%"))
        await page.get_by_role("button", name="Compare", exact=True).press("Enter")
        await expect(page.get_by_text("It holds %CONFERENCEID% where %CSN% belongs.")).to_be_visible()
        await expect(page.locator("#result")).to_be_focused()
        await fine(page, "compare-desk")


async def test_the_pages_hold_on_a_telephone_and_in_the_dark(browser: Browser, here: House) -> None:
    who = await engineer(here)
    pages = [f"connections/{here.connection.id}/records", "links", "launches", f"connections/{here.connection.id}/rehearsal"]
    async with person(browser, phone=True, dark=True) as page:
        for where in pages:
            await who.open(page, where)
            await fine(page, where.rpartition("/")[2] + "-phone")


async def test_an_address_is_taken_apart_and_a_test_link_lets_somebody_in(browser: Browser, here: House) -> None:
    who = await engineer(here)
    async with person(browser) as page:
        await who.open(page, "links")
        await page.get_by_label("Address", exact=True).fill(f"{here.origin}/launch/provider?iss={here.connection.iss}/&launch=%CSN%")
        await page.get_by_role("button", name="Take it apart").click()
        await expect(page.get_by_text("the record did not replace it")).to_be_visible()
        await expect(page.get_by_text("one ends with a slash and the other does not")).to_be_visible()
        await fine(page, "links-desk")
        await page.get_by_role("button", name="Make a join link").click()
        link = await page.get_by_role("textbox", name="Join link").input_value()
    async with person(browser, phone=True) as phone:
        await phone.goto(link)
        await phone.get_by_role("button", name="Join").click()
        await expect(phone.get_by_label("Your name")).to_be_visible()


async def test_who_saw_the_calm_error_page_is_found_by_the_reference_on_it(browser: Browser, here: House) -> None:
    who = await engineer(here)
    async with person(browser, phone=True) as phone:
        await phone.goto(f"{here.origin}/launch/patient?iss=https://elsewhere.example/fhir&launch=a&connection={here.connection.id}")
        reference = await phone.locator(".reference").inner_text()
    async with person(browser) as page:
        await who.open(page, "launches")
        await page.get_by_label("Reference").fill(reference.lower().replace("-", " "))
        await page.get_by_role("button", name="Search").click()
        await fine(page, "launches-desk")
        await page.get_by_role("link", name=reference).click()
        await expect(page.get_by_text("What to do:")).to_be_visible()
        await expect(page.get_by_text("The launch address was checked")).to_be_visible()
        await fine(page, "launch-desk")
