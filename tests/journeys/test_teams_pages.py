"""The pages of a visit whose meeting is in Teams, in a real browser: what each state says, and how people are taken there.

The meeting's own pages are a stand-in on a socket here; what happens in them is test_teams.py's.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from support.chromium import person, shoot, violations
from support.house import Guest, House, house
from support.ports import free_port
from support.teams_visits import failed, made, meet_in_teams, seen, sign_in
from support.waiting import until
from vestibule.meetings.store.roster import Presence
from vestibule.visits.model import Opens, PersonRole

PICTURES = Path(os.environ.get("VESTIBULE_TEST_PICTURES", "var/pictures"))
# No Teams app is on this machine: what it would have been asked is kept instead.
ASKED = "HTMLAnchorElement.prototype.click = function () { window.asked = this.href; };"
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as running:
        await meet_in_teams(running)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def teams() -> AsyncIterator[str]:
    """Another site, whose every page has a heading; its origin."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Teams</title><h1>Microsoft's page</h1>", content_type="text/html")

    app, port = web.Application(), free_port()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://localhost:{port}"
    await runner.cleanup()


async def fine(page: Page, name: str) -> None:
    """Take its picture, and let nothing be wrong with it."""
    await shoot(page, PICTURES / f"{name}.png")
    assert await violations(page) == []
    assert await page.evaluate(FITS)
    assert page.mistakes == []  # type: ignore[attr-defined]


async def both(clinic: House) -> tuple[Guest, Guest]:
    """A clinician who is in, and a patient who waits."""
    doctor, amy = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor"), await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    assert await doctor.post("arrive") == 204
    assert await amy.post("arrive") == 204
    return doctor, amy


async def admit(doctor: Guest, guest: Guest) -> None:
    assert await doctor.post(f"people/{guest.participant.id}/admit") == 204


async def test_who_is_let_in_is_taken_there_once_and_back_never_throws_them_forth_again(clinic: House, teams: str, phone: Page) -> None:
    doctor, amy = await both(clinic)
    await amy.open(phone, "lobby")
    await expect(phone.get_by_text("Microsoft Teams then opens in this tab")).to_be_visible()
    await fine(phone, "teams-lobby-1-waiting")
    await admit(doctor, amy)
    await expect(phone.get_by_text("The video is being prepared.")).to_be_visible()
    await fine(phone, "teams-lobby-2-soon")
    await made(doctor, join=f"{teams}/join", visitor=f"{teams}/visit")
    await phone.wait_for_url(f"{teams}/visit")
    await phone.go_back()
    await expect(phone.get_by_role("heading", name="You have been let in")).to_be_visible()
    await expect(phone.get_by_text("type it as you did here: Amy Shaw")).to_be_visible()
    await fine(phone, "teams-lobby-3-inside")
    await phone.reload()
    await phone.get_by_role("button", name="Go to the video").click()
    await phone.wait_for_url(f"{teams}/visit")
    await phone.go_back()
    assert await doctor.post(f"people/{amy.participant.id}/put-back") == 204
    await expect(phone.get_by_role("heading", name="You are in the waiting room")).to_be_visible()
    await admit(doctor, amy)
    await phone.wait_for_url(f"{teams}/visit")
    await phone.go_back()
    assert await doctor.post("end") == 204
    await expect(phone.get_by_role("heading", name="Your visit has ended")).to_be_visible()
    await fine(phone, "teams-lobby-4-ended")


async def test_the_console_leads_from_the_sign_in_to_the_meeting_and_says_how_it_stands(clinic: House, teams: str, page: Page) -> None:
    doctor, amy = await both(clinic)
    jon = await clinic.come(PersonRole.FAMILY, "Jon Shaw")
    mia = await clinic.come(PersonRole.INTERPRETER, "Mia Lind")
    for one in (jon, mia):
        assert await one.post("arrive") == 204
    await doctor.open(page, "console")
    stage = page.locator("#stage")
    await expect(stage.get_by_role("button", name="Sign in with Microsoft")).to_be_visible()
    await fine(page, "teams-console-1-sign-in")
    await sign_in(doctor)
    await expect(stage.get_by_text("The Teams meeting is being prepared")).to_be_visible()
    await fine(page, "teams-console-2-soon")
    await failed(doctor, "teams-licence-missing")
    await expect(stage.get_by_text("Your Microsoft account has no licence for Teams.")).to_be_visible()
    await expect(stage.get_by_role("button", name="Look at my sign-in")).to_be_visible()
    await fine(page, "teams-console-3-failed")
    await made(doctor, join=f"{teams}/join", visitor=f"{teams}/visit")
    async with page.context.expect_page() as opened:
        await stage.get_by_role("button", name="Open the meeting").click()
    window = await opened.value
    await expect(stage.get_by_text("The meeting is open in a window of its own.")).to_be_visible()  # for a while
    await window.wait_for_url(f"{teams}/join")
    assert await window.evaluate("window.opener") is None
    await fine(page, "teams-console-4-ready")
    for one in (amy, jon):
        await admit(doctor, one)
    await seen(doctor, Presence.IN, of=doctor)
    await seen(amy, Presence.IN, of=doctor)
    await expect(stage.get_by_role("heading", name="You are in the Teams meeting")).to_be_visible()
    await stage.get_by_role("button", name="Show the meeting").click()
    assert len(page.context.pages) == 2, "the same window"
    await seen(jon, Presence.LOBBY, of=doctor)
    await seen(mia, Presence.IN, of=doctor)
    await seen(None, Presence.IN, of=doctor)
    await page.reload()
    await expect(stage.get_by_text("Jon Shaw waits in the lobby of Teams.")).to_be_visible()
    await expect(stage.get_by_text("Mia Lind is still in the Teams meeting.")).to_be_visible()
    await expect(stage.get_by_text("1 person in the meeting did not come through the waiting room.")).to_be_visible()
    await expect(page.locator("#at-people").get_by_text("In the Teams lobby")).to_be_visible()
    await fine(page, "teams-console-5-inside")
    await stage.get_by_role("button", name="End for all").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Teams does not let us end the call for the others")
    await page.get_by_role("dialog").get_by_role("button", name="End for all").click()
    await expect(page.get_by_text("The call in Teams goes on.")).to_be_visible()
    await fine(page, "teams-console-6-ended")
    for one in (doctor, amy, mia, None):
        await seen(one, Presence.GONE, of=doctor)
    await expect(page.get_by_text("The call in Teams goes on.")).to_be_hidden()


async def test_a_telephone_opens_the_app_or_the_meeting_in_its_place(clinic: House, teams: str, browser: Browser) -> None:
    await meet_in_teams(clinic, opens=Opens.APP, teams_lobby=True)
    doctor, _ = await both(clinic)
    await sign_in(doctor)
    await made(doctor, join=f"{teams}/join", visitor=f"{teams}/visit")
    async with person(browser, phone=True, dark=True) as hand:
        await hand.context.add_init_script(ASKED)
        await doctor.open(hand, "console")
        async with hand.context.expect_page() as opened:
            await hand.locator("#stage").get_by_role("button", name="Open the meeting").click()
        small = await opened.value
        await expect(small.get_by_role("heading", name="The Teams app opens the meeting")).to_be_visible()
        assert await until(lambda: small.evaluate("window.asked"), what="the app is asked") == "msteams:/join"
        await shoot(small, PICTURES / "teams-app-phone.png")
        assert await violations(small) == []
        await small.get_by_role("link", name="Open it in the browser instead").click()
        await small.wait_for_url(f"{teams}/join")
        await fine(hand, "teams-console-phone")
        await hand.locator("#stage").get_by_role("button", name="In this tab").click()
        await hand.wait_for_url(f"{teams}/join")
        await hand.go_back()
        await expect(hand.locator("#stage").get_by_role("button", name="Open the meeting")).to_be_visible()
