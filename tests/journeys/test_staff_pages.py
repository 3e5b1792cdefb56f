"""The doors of staff and the pages about people and programs, in a real browser: as they look, as axe reads them, as they behave."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from support.chromium import person, shoot, violations
from support.house import Staff
from support.signing_in import INGRID, TOMAS, Door, door
from support.waiting import until
from vestibule.identity.model import StaffRole

SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))


@pytest_asyncio.fixture(loop_scope="session")
async def there(db_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    async with door(db_url, tmp_path) as one:
        yield one


async def looked_at(page: Page, name: str) -> None:
    """Nothing for axe to say, nothing wider than the window; a picture where somebody wants one."""
    assert await violations(page) == [], name
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if str(SHOTS) != ".":
        width = page.viewport_size["width"] if page.viewport_size else 0
        await shoot(page, SHOTS / f"staff-{name}-{width}.png")


async def choose_account(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name).click()


async def test_an_invited_administrator_comes_in_by_clicking_alone(browser: Browser, there: Door) -> None:
    for phone in (False, True):
        invitation = await there.invite(INGRID.email if not phone else "")
        async with person(browser, phone=phone) as page:
            await page.goto(there.origin + invitation)
            await expect(page.get_by_role("heading", name="You are invited")).to_be_visible()
            await looked_at(page, "invitation")
            await page.get_by_role("link", name="Sign in with Microsoft").click()
            await choose_account(page, INGRID.name)
            await expect(page).to_have_url(re.compile(rf"{re.escape(there.origin)}/s/[0-9a-f-]+/home"))
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
            await looked_at(page, "signed-out")
            await page.go_back()
            await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
            await looked_at(page, "over")
            await page.get_by_role("link", name="Sign in").click()
            await expect(page.get_by_role("link", name="Sign in with Microsoft")).to_be_visible()
            await looked_at(page, "sign-in")


async def test_who_belongs_nowhere_and_who_belongs_to_several(browser: Browser, there: Door) -> None:
    async with person(browser) as page:
        await page.goto(f"{there.origin}/sign-in")
        await page.get_by_role("link", name="Sign in with Microsoft").click()
        await choose_account(page, TOMAS.name)
        await expect(page.get_by_role("heading", name="You are signed in, but belong to no organisation here")).to_be_visible()
        await looked_at(page, "nowhere")
    for n in range(3):
        tenant = await there.house.organisation(f"Clinic of a rather long name, number {n}")
        invitation = await there.invite(tenant=tenant)
        async with person(browser, phone=n == 2) as page:
            await page.goto(there.origin + invitation)
            await page.get_by_role("link", name="Sign in with Microsoft").click()
            await choose_account(page, INGRID.name)
            await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
            await page.goto(f"{there.origin}/sign-in")
            await page.get_by_role("link", name="Sign in with Microsoft").click()
            await choose_account(page, INGRID.name)
            if n == 2:
                await expect(page.get_by_role("heading", name="Choose an organisation")).to_be_visible()
                await looked_at(page, "choose")
                await page.get_by_role("searchbox").fill("number 1")
                await page.get_by_role("button", name="Search").click()
                await page.get_by_role("button", name="number 1").click()
                await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
                await page.goto(page.url.replace("/home", "/organisations"))
                await looked_at(page, "organisations")


async def test_people_and_programs_are_kept_on_pages(browser: Browser, there: Door) -> None:
    me = await there.house.staff({StaffRole.ADMINISTRATOR}, name="Ingrid Solheim", email="ingrid.solheim@alder.example")
    await there.house.staff({StaffRole.APPROVER, StaffRole.INTEGRATION_ENGINEER}, name="Devika Banerjee")
    async with person(browser) as page:
        await me.open(page, "people")
        await page.get_by_role("link", name="Invite somebody").click()
        await page.get_by_label("E-mail address").fill("rosa")
        await page.get_by_role("button", name="Make the link").click()
        await expect(page.get_by_text("There is 1 thing to correct")).to_be_visible()
        await looked_at(page, "invite-mistake")
        await page.get_by_label("E-mail address").fill("rosa.okafor@alder.example")
        await page.get_by_label("Clinician").check()
        await page.get_by_role("button", name="Make the link").click()
        await expect(page.get_by_role("heading", name="The invitation is ready")).to_be_visible()
        await looked_at(page, "invited")
        await page.get_by_role("link", name="Back to the list").click()
        await expect(page.get_by_role("link", name="Invite somebody")).to_be_visible()
        await looked_at(page, "people")
        await page.get_by_role("link", name="Devika Banerjee").click()
        await expect(page.get_by_role("link", name="Remove ...")).to_be_visible()
        await looked_at(page, "person")
        await page.get_by_role("link", name="Remove ...").click()
        await expect(page.get_by_role("button", name="Remove")).to_be_visible()
        await looked_at(page, "remove")
        await page.get_by_role("button", name="Remove").click()
        await expect(page.get_by_text("Devika Banerjee")).to_have_count(0)
        await programs(page, me)
    async with person(browser, phone=True) as page:
        await me.open(page, "people")
        await looked_at(page, "people")
        await me.open(page, "programs")
        await looked_at(page, "programs")
        await me.open(page, "people/invite")
        await looked_at(page, "invite")


async def programs(page: Page, me: Staff) -> None:
    await me.open(page, "programs")
    await looked_at(page, "programs-none")
    await page.get_by_role("link", name="Make a token").click()
    await page.get_by_label("Name").fill("Config robot in the basement")
    await page.get_by_label("Integration engineer").check()
    await looked_at(page, "new-token")
    await page.get_by_role("button", name="Make the token").click()
    secret = await page.get_by_label("Token", exact=True).input_value()
    assert secret.startswith("vestibule_")
    await looked_at(page, "token")
    await page.get_by_role("link", name="Back to the list").click()
    await page.get_by_text("Withdraw ...").click()
    await looked_at(page, "programs")
    await expect(page.get_by_text(secret)).to_have_count(0)


async def left_alone(owner: asyncpg.Connection, there: Door, seconds: int) -> None:
    """As if nobody had touched the page until so many seconds before its end."""
    await owner.execute("update sessions set last_seen_at = now() - make_interval(secs => idle_seconds - $1)", float(seconds))
    there.house.parts.identity._cache.clear()


async def used_just_now(owner: asyncpg.Connection) -> bool:
    return bool(await owner.fetchval("select max(last_seen_at) > now() - interval '20 seconds' from sessions"))


async def test_a_page_left_alone_asks_before_it_signs_out(browser: Browser, there: Door, owner: asyncpg.Connection) -> None:
    me = await there.house.staff({StaffRole.ADMINISTRATOR})
    async with person(browser) as page:
        await me.open(page, "people/invite")
        await owner.execute("update sessions set idle_seconds = 900")
        await left_alone(owner, there, 50)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        dialog = page.get_by_role("alertdialog", name="Are you still there?")
        await expect(dialog).to_be_visible()
        await expect(page.get_by_role("button", name="Stay signed in")).to_be_focused()
        await looked_at(page, "still-there")
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        await until(lambda: used_just_now(owner), what="the press is use")
        await left_alone(owner, there, 50)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(dialog).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await until(lambda: used_just_now(owner), what="so is this")


async def test_who_is_there_is_not_asked_again_while_the_answer_is_on_its_way(
    browser: Browser, there: Door, owner: asyncpg.Connection
) -> None:
    me, answer = await there.house.staff({StaffRole.ADMINISTRATOR}), asyncio.Event()

    async def slowly(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    async with person(browser) as page:
        await page.clock.install()
        await page.route("**/keep-alive", slowly)
        await me.open(page, "people")
        await owner.execute("update sessions set idle_seconds = 900")
        await left_alone(owner, there, 50)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        dialog = page.get_by_role("alertdialog", name="Are you still there?")
        await expect(dialog).to_be_visible()
        await page.get_by_role("button", name="Stay signed in").click()
        await page.clock.fast_forward(5_000)
        assert await dialog.is_hidden()
        answer.set()
        await until(lambda: used_just_now(owner), what="the press is use")
        await expect(dialog).to_be_hidden()


async def test_a_page_left_alone_for_too_long_says_that_it_is_over(browser: Browser, there: Door, owner: asyncpg.Connection) -> None:
    me = await there.house.staff({StaffRole.ADMINISTRATOR})
    async with person(browser) as page:
        await page.clock.install()
        await me.open(page, "people")
        await owner.execute("update sessions set idle_seconds = 900")
        await left_alone(owner, there, 50)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(page.get_by_role("alertdialog")).to_be_visible()
        await left_alone(owner, there, -1)
        await page.clock.fast_forward(60_000)
        await expect(page.get_by_text("Nothing was done for a while")).to_be_visible()


async def test_another_window_notices_that_one_has_signed_out(browser: Browser, there: Door) -> None:
    me = await there.house.staff({StaffRole.ADMINISTRATOR})
    async with person(browser) as page:
        await me.open(page, "people")
        other = await page.context.new_page()
        await other.goto(page.url)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        await other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(other.get_by_text("somebody signed out in another window")).to_be_visible()


async def test_a_page_of_another_site_cannot_frame_these(browser: Browser, there: Door) -> None:
    me = await there.house.staff({StaffRole.ADMINISTRATOR})
    async with person(browser) as page:
        await me.open(page, "people")
        url = page.url
        await page.goto(there.hospital.url)
        await page.evaluate("(url) => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }", url)
        await until(lambda: any("frame-ancestors" in one for one in page.mistakes), what="the browser says why")  # type: ignore[attr-defined]
        frame = next(f for f in page.frames if f != page.main_frame)
        assert "People" not in await frame.content()
