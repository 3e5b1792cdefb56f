"""A visit that meets in Teams, step by step, as its people do it in a browser: shared by the journey and by `make tour`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Locator, Page, expect

from support.first_visit import Clinician, Patient
from support.set_up import Portal
from vestibule.connections import tenant_called
from vestibule.demo import Demo
from vestibule.demo.introduce import ORGANISATION
from vestibule.platform.audit import SYSTEM

ROSA = "Rosa Okafor"


async def meets_in_teams(portal: Portal, demo: Demo) -> None:
    """An administrator's one click."""
    await portal.sign_in(demo.origin, "Ingrid")
    await portal.menu("Meetings")
    await portal.page.get_by_role("button", name="Use Microsoft Teams").click()
    await expect(portal.page.get_by_role("heading", name="New visits take place in Microsoft Teams")).to_be_visible()


async def chooses(demo: Demo, **options: Any) -> None:
    """The same, or another of the settings, without the pages."""
    async with demo.parts.db.tenant(tenant_called(ORGANISATION)) as tx:
        settings = demo.parts.meetings.settings
        await settings.save(tx, options, revision=(await settings.get(tx)).revision, by=SYSTEM)


@dataclass
class Call:
    """A window in the practice Teams."""

    page: Page

    async def inside(self, people: int) -> None:
        """In the meeting, with so many people in all."""
        await expect(self.page.locator("[data-part=people] h2 span")).to_have_text(str(people), timeout=15_000)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()


@dataclass
class Host(Clinician):
    """A clinician whose console stands in the record's page, and whose meeting opens beside it."""

    call: Call = field(init=False)

    @property
    def stage(self) -> Locator:
        return self.frame.locator("#stage")

    async def window(self, press: str) -> Page:
        """Press a button on the stage; the window that opens."""
        async with self.page.context.expect_page() as opened:
            await self.stage.get_by_role("button", name=press).click()
        return await opened.value

    async def sign_in_page(self) -> Page:
        """The window of the one-time sign-in, before anything is pressed in it."""
        window = await self.window("Sign in with Microsoft")
        await expect(window.get_by_role("heading", name="Sign in with Microsoft once")).to_be_visible()
        return window

    async def sign_in(self, window: Page, who: str = ROSA) -> None:
        """Pick the work account; the console goes on by itself."""
        await window.get_by_role("link", name="Sign in with Microsoft").click()
        await window.get_by_role("button", name=who).first.click()
        await expect(window.get_by_role("heading", name="Microsoft Teams knows you now")).to_be_visible()

    async def signed_in(self) -> None:
        """Sign in, if Teams does not know them yet."""
        asked, ready = self.stage.get_by_role("button", name="Sign in with Microsoft"), self.stage.get_by_text("The Teams meeting is")
        await expect(asked.or_(ready)).to_be_visible()
        if await asked.is_visible():
            window = await self.sign_in_page()
            await self.sign_in(window)
            await window.close()

    async def ready(self) -> None:
        await expect(self.stage.get_by_role("heading", name="The Teams meeting is ready")).to_be_visible(timeout=20_000)

    async def open_meeting(self, who: str = ROSA) -> None:
        """From the console into the call, in a window of its own; where this browser is not signed in, by picking the account there."""
        self.call = Call(await self.window("Open the meeting"))
        await expect(self.stage.get_by_text("The meeting is open in a window of its own.")).to_be_in_viewport(ratio=1)  # for a while
        page = self.call.page
        await page.get_by_role("button", name="Join now", exact=True).or_(page.get_by_role("button", name=who)).click()
        await self.call.inside(1)

    async def end_for_all(self) -> None:
        """The console's button, and yes; the call itself goes on."""
        await self.stage.get_by_role("button", name="End for all").click()
        await self.frame.get_by_role("dialog").get_by_role("button", name="End for all").click()
        await expect(self.frame.locator("#at-outcome")).to_contain_text("What became of this visit?")


async def taken_there(patient: Patient, demo: Demo) -> Call:
    """Somebody was let in: their own tab has gone to the meeting's entrance for visitors. The name is asked for there once more."""
    await patient.page.wait_for_url(f"{demo.practice}/teams/visit/**", timeout=20_000)
    return Call(patient.page)


async def join_as(call: Call, name: str) -> None:
    await call.page.get_by_label("Your name").fill(name)
    await call.press("Join now")
