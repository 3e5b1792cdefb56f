"""Texting the link, in a real browser: on a page of its own, on a telephone, and beside the board."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from support.chromium import person, shoot, violations
from support.house import house
from support.message_office import MessageOffice
from support.texting import Texting, texting
from vestibule.messages.model import MessageState, Status
from vestibule.platform.db import Database
from vestibule.visits.model import PersonRole
from vestibule.visits.service import Contact

PICTURES = Path(os.environ.get("VESTIBULE_TEST_PICTURES", "var/pictures"))


@pytest_asyncio.fixture(loop_scope="session")
async def here(db: Database) -> AsyncIterator[Texting]:
    async with texting(db) as one:
        yield one


async def opened(page: Page, here: Texting) -> None:
    ((name, value),) = here.cookie.items()
    await page.context.add_cookies([{"name": name, "value": value, "url": f"{here.own}/s/{here.principal.session}/"}])
    await page.goto(here.own + here.path)


async def fine(page: Page, name: str) -> None:
    await shoot(page, PICTURES / f"{name}.png")
    assert await violations(page) == []
    mistakes = [one for one in page.mistakes if "400 (Bad Request)" not in one]  # type: ignore[attr-defined]
    assert mistakes == []
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")


async def test_a_text_is_sent_and_its_fate_shows_by_itself(here: Texting, page: Page) -> None:
    await opened(page, here)
    await expect(page.get_by_text("••• 0142")).to_be_visible()
    await expect(page.get_by_label("Telephone number")).to_be_hidden()
    await expect(page.get_by_text("Alder Clinic: your video visit is ready.")).to_be_visible()
    await page.get_by_label("Español").check()
    await expect(page.get_by_text("su cita por video le espera")).to_be_visible()
    await expect(page.get_by_text("your video visit is ready.")).to_be_hidden()
    await fine(page, "text-1-page")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#part-sent")).to_contain_text("About to be sent")
    here.planner.sent[0] = replace(here.planner.sent[0], state=MessageState.DELIVERED, status=Status.SENT)
    await expect(page.locator("#part-sent")).to_contain_text("Delivered")
    await fine(page, "text-2-delivered")
    assert here.planner.asked[0]["language"] == "es"


async def test_on_a_telephone_a_wrong_number_is_said_and_a_right_one_goes(here: Texting, browser: Browser) -> None:
    async with person(browser, phone=True) as phone:
        await opened(phone, here)
        await phone.get_by_label("Another number").check()
        await phone.get_by_label("Telephone number").fill("12")
        await phone.get_by_role("button", name="Send").click()
        await expect(phone.get_by_role("alert")).to_contain_text("no complete telephone number")
        await expect(phone.get_by_label("Telephone number")).to_have_value("12")
        await fine(phone, "text-3-wrong")
        await phone.get_by_label("Telephone number").fill("608 555 0177")
        await phone.get_by_role("button", name="Send").click()
        await expect(phone.locator("#part-sent")).to_contain_text("About to be sent")
        here.planner.sent[0] = replace(here.planner.sent[0], state=MessageState.FAILED, status=Status.UNREACHABLE)
        await expect(phone.locator("#part-sent")).to_contain_text("The telephone cannot be reached.")
        await fine(phone, "text-4-failed")


async def test_without_scripts_everything_works_but_for_what_changes_by_itself(here: Texting, browser: Browser) -> None:
    context: Any = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await opened(page, here)
    await page.get_by_label("한국어").check()
    await expect(page.get_by_text("화상 진료가 준비되었습니다")).to_be_visible()
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#part-sent")).to_contain_text("About to be sent")
    await context.close()


async def test_beside_the_console_it_is_a_dialog_and_the_visit_stays(db_url: str, tmp_path: Path, page: Page) -> None:
    async with house(db_url, tmp_path) as here:
        patient = await here.come(PersonRole.PATIENT, "Amy Shaw")
        office = MessageOffice(box=here.parts.box)
        async with here.parts.db.tenant(here.tenant) as tx:
            await office.consented(tx)
            await office.policy(tx, here.connection.id)
            await office.sender(tx, await office.account(tx), here.connection.id)
            await here.parts.visits.contacts.note(tx, patient.visit, patient.participant.id, Contact("+16085550142"))
        doctor = await here.come(PersonRole.PROVIDER, "Dr. Okafor")
        await doctor.open(page, "console")
        await page.get_by_role("link", name="Text the link").click()
        dialog = page.get_by_role("dialog", name="Text the link")
        await expect(dialog.get_by_text("••• 0142")).to_be_visible()
        await fine(page, "text-5-console")
        await dialog.get_by_label("Another number").check()
        await dialog.get_by_label("Telephone number").fill("1")
        await dialog.get_by_role("button", name="Send").click()
        await expect(dialog.get_by_role("alert")).to_be_visible()
        await dialog.get_by_label("Telephone number").fill("608 555 0177")
        await dialog.get_by_role("button", name="Send").click()
        await expect(dialog.locator("#part-sent")).to_contain_text("About to be sent")
        await dialog.get_by_role("button", name="Close").click()
        await expect(dialog).to_be_hidden()
        assert await page.evaluate("performance.getEntriesByType('navigation').length") == 1
        await doctor.open(page, "board")
        await fine(page, "text-6-board")
