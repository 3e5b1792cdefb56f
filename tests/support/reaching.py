"""An appointment and its texts, step by step, as its people do it in a browser: shared by the journey and by `make tour`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from playwright.async_api import Locator, Page, expect

from support.first_visit import fetch_json, post_json
from vestibule.demo import Demo

EMP = "19"
_phones = itertools.count(20)


@dataclass(frozen=True)
class Appointment:
    """An appointment of somebody with a phone, and where its clock hangs."""

    csn: str
    name: str
    phone: str
    zone: ZoneInfo

    @property
    def digits(self) -> str:
        return "1" + self.phone


def clock(at: datetime, zone: ZoneInfo) -> str:
    """A time of day as a text in English says it."""
    return at.astimezone(zone).strftime("%I:%M").lstrip("0")


def schedule(demo: Demo, given: str, start: datetime, **more: Any) -> Appointment:
    """Put a patient with a phone of their own, and their appointment, into the practice hospital's schedule."""
    setup = f"{demo.practice}/setup"
    phone = f"60855503{next(_phones):02}"
    patient = {"family": "Texted", "given": given, "phone": f"({phone[:3]}) {phone[3:6]}-{phone[6:]}", **more}
    person = post_json(setup, {"patients": [patient]})["touched"]["patients"][0]
    book = fetch_json(setup)
    who = next(one for one in book["practitioners"] if one["emp"] == EMP)
    ept = next(one["ept"] for one in book["patients"] if one["id"] == person)
    body = {"do": "book", "patient": ept, "practitioner": who["id"], "start": start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    csn = post_json(f"{demo.practice}/schedule.json", body)["csn"]
    visit = next(one for one in fetch_json(setup)["appointments"] if one["csn"] == csn)
    zone = next(one["zone"] for one in book["departments"] if one["id"] == visit["department"])
    return Appointment(csn, f"{given} Texted", phone, ZoneInfo(zone))


def speak(demo: Demo, shape: str) -> None:
    """How the interface engine writes its messages from now on: `epic` or `2.5.1`."""
    post_json(f"{demo.practice}/setup", {"interface": {"shape": shape}})


@dataclass
class Desk:
    """Whoever looks after the schedule in the record."""

    page: Page
    demo: Demo

    async def _row(self, one: Appointment, at: datetime) -> Locator:
        await self.page.goto(f"{self.demo.practice}/ehr/{EMP}?day={at.astimezone(one.zone).date()}")
        row = self.page.get_by_role("row").filter(has_text=f"CSN {one.csn}")
        await row.get_by_text("Change").click()
        return row

    async def move(self, one: Appointment, was: datetime, to: datetime) -> None:
        """Another time."""
        row = await self._row(one, was)
        await row.get_by_label("New time").fill(to.astimezone(one.zone).strftime("%Y-%m-%dT%H:%M"))
        await row.get_by_role("button", name="Move", exact=True).click()

    async def cancel(self, one: Appointment, at: datetime) -> None:
        """It does not take place."""
        row = await self._row(one, at)
        await row.get_by_role("button", name="Cancel", exact=True).click()


@dataclass
class Phone:
    """A patient's phone."""

    page: Page
    demo: Demo

    async def open(self, one: Appointment) -> None:
        await self.page.goto(f"{self.demo.practice}/handset/{one.digits}")
        await expect(self.page.get_by_role("heading", name=one.name)).to_be_visible()

    @property
    def texts(self) -> Locator:
        """What came, the oldest first; the carrier's own answers are not among them."""
        return self.page.locator("li.bubble:not(.mine):not(.auto)")

    async def shows(self, count: int, *says: str) -> None:
        """So many texts, the last of which says these things. They appear by themselves."""
        await expect(self.texts).to_have_count(count, timeout=30_000)
        for words in says:
            await expect(self.texts.last).to_contain_text(words)

    async def tap(self) -> Page:
        """The link in the last text: what opens."""
        async with self.page.context.expect_page() as opened:
            await self.texts.last.get_by_role("link").click()
        return await opened.value

    async def answer(self, word: str) -> None:
        await self.page.get_by_role("button", name=word, exact=True).click()


def in_days(days: int, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """A wall-clock time some days from now."""
    day = datetime.now(zone) + timedelta(days=days)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)
