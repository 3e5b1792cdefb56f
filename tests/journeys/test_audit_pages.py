"""The audit in a browser: found by a name, narrowed by a press, one entry looked at, a file taken; good to look at on every screen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from support.chromium import person, shoot, violations
from support.house import House, Staff, house
from vestibule.identity.model import StaffRole
from vestibule.platform.audit import Actor, Outcome
from vestibule.visits.model import PersonRole

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))
WIDTH = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def here(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def auditor(here: House) -> Staff:
    """Somebody who may read the audit, in a house where things have happened."""
    doctor, patient = await here.come(PersonRole.PROVIDER, "Dr Ash"), await here.come(PersonRole.PATIENT, "Camila Lopez")
    await doctor.post("arrive")
    await patient.post("arrive")
    await doctor.post(f"people/{patient.participant.id}/admit")
    await patient.get("board")
    admin = await here.staff([StaffRole.ADMINISTRATOR], name="Ada Quill")
    by = Actor("staff", str(admin.member.id), str(admin.opened.principal.session), "2001:db8:85a3::8a2e:370:7334", "7QK-2MD-R4T")
    async with here.parts.db.tenant(here.tenant) as tx:
        for number in range(60):
            detail = {"version": str(number)}
            here.parts.audit.note(tx, "connection.saved", by=by, about=("connection", here.connection.id), detail=detail)
        failed = {"kind": "provider", "code": "launch-wrong-environment", "phase": "launch.start"}
        about = ("connection", here.connection.id)
        here.parts.audit.note(
            tx, "launch.failed", by=Actor("nobody", address="10.0.0.7"), about=about, outcome=Outcome.FAILED, detail=failed
        )
    return await here.staff([StaffRole.AUDITOR], name="Robin Ash")


async def test_an_act_is_found_by_whoever_did_it_and_leads_to_everything_about_it(page: Page, auditor: Staff) -> None:
    await auditor.open(page, "audit")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(50)
    await page.get_by_role("link", name="Next page").click()
    await expect(page.get_by_role("link", name="First page")).to_be_visible()
    await page.get_by_label("Search").fill("quill")
    await page.get_by_label("Action").select_option("connection.saved")
    await page.get_by_role("button", name="Search").click()
    await expect(rows).to_have_count(50)
    await expect(rows.first).to_contain_text("Ada Quill")
    await rows.first.get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved a connection")
    await expect(page.get_by_text("2001:db8:85a3::8a2e:370:7334")).to_be_visible()
    await page.get_by_role("link", name="7QK-2MD-R4T").click()
    await expect(page.locator(".chips")).to_contain_text("7QK-2MD-R4T")
    await page.get_by_role("link", name="Show others too").click()
    await expect(page.locator(".chips")).to_have_count(0)


async def test_the_list_is_taken_as_a_file_narrowed_as_it_is_seen(page: Page, auditor: Staff) -> None:
    await auditor.open(page, "audit?action=launch.failed")
    async with page.expect_download() as taken:
        await page.get_by_role("link", name="Download as CSV").click()
    file = await (await taken.value).path()
    assert (await taken.value).suggested_filename == "audit.csv"
    assert file.read_text(encoding="utf-8-sig").count("\n") == 2


async def test_nothing_is_wrong_with_the_pages_on_any_screen(browser: Browser, auditor: Staff) -> None:
    for phone in (False, True):
        for dark in (False, True):
            async with person(browser, phone=phone, dark=dark) as page:
                for name, where in (("list", "audit"), ("narrowed", "audit?about=none&since=x"), ("entry", "audit/1")):
                    await auditor.open(page, where)
                    assert await violations(page) == [], name
                    assert not await page.evaluate(WIDTH), f"{name} sticks out"
                    if SHOTS.name:
                        await shoot(page, SHOTS / f"audit-{name}-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}.png")
