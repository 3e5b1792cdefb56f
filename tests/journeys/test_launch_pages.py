"""The confirm page and the pages of a short link in a real browser: how they look, what axe says, what they do by themselves."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from support.chromium import person, shoot, transferred, violations
from support.launching import World, world
from vestibule.kit.ids import VisitId
from vestibule.platform.db import Database
from vestibule.visits.model import Identifier, PersonRole

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))
DAY = timedelta(days=1)


@pytest_asyncio.fixture(loop_scope="session")
async def here(db: Database) -> AsyncIterator[World]:
    async with world(db) as made:
        yield made


async def link(here: World, name: str, starts_at: datetime | None) -> tuple[VisitId, str]:
    """A visit and a link into it."""
    async with here.db.tenant(here.tenant) as tx:
        visit, _ = await here.visits.open_or_join(
            tx,
            connection=here.connection.id,
            identifiers=[Identifier(here.connection.id, "csn", name)],
            role=PersonRole.PROVIDER,
            person="19",
            person_type="user",
            name="",
            department=here.department.id,
            starts_at=starts_at,
        )
        code = await here.visits.make_link(tx, visit.id, role=PersonRole.PATIENT, expires_at=datetime.now(UTC) + 90 * DAY)
    return visit.id, code


async def shoot_all(browser: Browser, here: World, name: str, path: str) -> None:
    """Pictures on a telephone and a desk, light and dark; nothing for axe to find; no mistakes in the console."""
    for phone, dark in ((True, False), (True, True), (False, False)):
        async with person(browser, phone=phone, dark=dark, timezone_id="America/New_York") as page:
            await page.goto(path if path.startswith("http") else here.own + path)
            assert await violations(page) == []
            mistakes = [m for m in page.mistakes if "404" not in m]  # type: ignore[attr-defined]
            assert mistakes == []
            overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0
            if str(SHOTS) != ".":
                await shoot(page, SHOTS / f"{name}-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}.png")


async def test_every_page_of_a_link_looks_and_reads_well(browser: Browser, here: World) -> None:
    now = datetime.now(UTC)
    _, early = await link(here, "early", now + timedelta(hours=3))
    moved_visit, moved = await link(here, "moved", now)
    _, ready = await link(here, "ready", now)
    cancelled_visit, cancelled = await link(here, "cancelled", now)
    ended_visit, ended = await link(here, "ended", now)
    async with here.db.tenant(here.tenant) as tx:
        await here.visits.reschedule(tx, moved_visit, starts_at=now + 2 * DAY)
        await here.visits.cancel(tx, cancelled_visit)
        await here.visits.end_for_all(tx, ended_visit)
    codes = {"early": early, "moved": moved, "ready": ready, "cancelled": cancelled, "ended": ended, "unknown": "A" * 24}
    for name, code in codes.items():
        await shoot_all(browser, here, f"link-{name}", f"/j/{code}")


async def test_the_countdown_runs_and_the_join_button_appears_by_itself(browser: Browser, here: World) -> None:
    early = timedelta(minutes=here.connection.join_early_minutes)
    async with person(browser, phone=True) as page:
        _, code = await link(here, "soon", datetime.now(UTC) + early + timedelta(seconds=8))
        await page.goto(f"{here.own}/j/{code}")
        await expect(page.get_by_role("timer")).to_contain_text("second")
        await expect(page.get_by_role("button", name="Join")).to_be_visible(timeout=30_000)
        await page.get_by_role("button", name="Join").click()
        await expect(page.get_by_text("lobby patient")).to_be_visible()


async def test_somebody_in_another_zone_reads_their_own_time_too(browser: Browser, here: World) -> None:
    _, code = await link(here, "zone", datetime.now(UTC))
    async with person(browser, phone=True, timezone_id="Asia/Tokyo", locale="en-US") as page:
        await page.goto(f"{here.own}/j/{code}")
        await expect(page.locator(".here")).to_contain_text("where you are")
    async with person(browser, phone=True, timezone_id="America/Chicago", locale="en-US") as page:
        await page.goto(f"{here.own}/j/{code}")
        await expect(page.get_by_role("button", name="Join")).to_be_visible()
        assert await page.locator(".here").count() == 0


async def test_a_time_whose_end_is_the_readers_own_is_still_another_time(browser: Browser, here: World) -> None:
    late = datetime(datetime.now(UTC).year + 1, 7, 2, 4, 5, tzinfo=UTC)  # 11:05 PM in Chicago, 1:05 PM in Tokyo
    _, code = await link(here, "late", late)
    async with person(browser, phone=True, timezone_id="Asia/Tokyo", locale="en-US") as page:
        await page.goto(f"{here.own}/j/{code}")
        await expect(page.locator(".here").first).to_contain_text("1:05 PM")


async def test_the_first_page_of_a_patient_is_under_60_kb(browser: Browser, here: World) -> None:
    _, code = await link(here, "weight", datetime.now(UTC))
    async with person(browser, phone=True) as page:
        origins: set[str] = set()
        page.on("request", lambda request: origins.add("/".join(request.url.split("/")[:3])))
        await page.goto(f"{here.own}/j/{code}", wait_until="networkidle")
        assert await transferred(page) < 60_000
        assert origins == {here.own}


async def test_the_confirm_page_looks_well_and_leads_to_the_console(browser: Browser, here: World) -> None:
    for phone, dark in ((True, False), (False, False), (False, True)):
        async with person(browser, phone=phone, dark=dark) as page:
            await page.goto(here.press())
            await expect(page.get_by_role("heading", name="Amy Shaw")).to_be_visible()
            assert await violations(page) == []
            if str(SHOTS) != ".":
                await shoot(page, SHOTS / f"confirm-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}.png")
            await page.get_by_role("button", name="Join this visit").click()
            await expect(page.get_by_text("console clinician")).to_be_visible()


async def test_a_name_that_is_markup_does_nothing(browser: Browser, here: World) -> None:
    here.hospital.setup(hostile=True)
    csn = next(a.csn for a in here.hospital.hospital.book.appointments if here.hospital.hospital.book.patient(a.patient).ept == "Z666")  # type: ignore[union-attr]
    async with person(browser) as page:
        await page.goto(here.press(csn=csn))
        await expect(page.get_by_role("heading", level=1)).to_contain_text("<script>alert('name')")
        assert page.mistakes == []  # type: ignore[attr-defined]


async def test_an_error_page_of_a_launch_is_calm(browser: Browser, here: World) -> None:
    await shoot_all(browser, here, "launch-error", "/launch/provider?iss=https%3A%2F%2Funknown.example%2Ffhir&launch=x")
