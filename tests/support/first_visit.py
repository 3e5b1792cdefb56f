"""The first visit, step by step, as its people do it in a browser: shared by the journeys and by `make tour`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.async_api import Browser, Frame, FrameLocator, Locator, Page, expect

from support.chromium import person
from support.ports import free_port
from support.waiting import until
from vestibule.demo import Demo, prepare
from vestibule.demo import running as demo_running

_PORTS = 10  # that the demo listens on, one after the other
# What a page has decoded from each remote video so far.
_DECODED = """async () => {
  const seen = [];
  for (const video of document.querySelectorAll('#stage video')) {
    if (!video.srcObject || video.muted) continue;
    seen.push(video.getVideoPlaybackQuality().totalVideoFrames);
  }
  return seen;
}"""


@asynccontextmanager
async def everything(data: Path, port: int = 0, *, empty: bool = False) -> AsyncIterator[Demo]:
    """The whole demo, as `vestibule demo` starts it, from a port on or anywhere."""
    prepare(data, reset=False)
    async with demo_running(data, port or free_port(_PORTS), lambda _: None, empty=empty) as demo:
        yield demo


def fetch_json(url: str) -> Any:
    with urlopen(url, timeout=10) as answer:
        return json.load(answer)


@dataclass(frozen=True)
class Booking:
    """A visit that somebody has now: who, and by which names the record knows it."""

    name: str
    csn: str
    ept: str
    emp: str = "19"


def book(demo: Demo, family: str, given: str = "Una", *, emp: str = "19") -> Booking:
    """Put a new patient and a visit that begins now into the practice hospital."""
    setup = f"{demo.practice}/setup"
    person_id = post_json(setup, {"patients": [{"family": family, "given": given}]})["touched"]["patients"][0]
    state = fetch_json(setup)
    who = next(one for one in state["practitioners"] if one["emp"] == emp)
    wanted = {"patient": person_id, "practitioner": who["id"], "department": state["departments"][0]["id"], "reason": "Follow-up"}
    made = post_json(setup, {"appointments": [wanted]})
    patient = next(one for one in made["patients"] if one["id"] == person_id)
    csn = next(one["csn"] for one in made["appointments"] if one["id"] == made["touched"]["appointments"][0])
    return Booking(f"{given} {family}", csn, patient["ept"], emp)


def post_json(url: str, body: object) -> Any:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


@dataclass
class Clinician:
    """Somebody in the record, with Vestibule in its frame."""

    page: Page
    demo: Demo

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("#visit-frame")

    async def open_schedule(self, booking: Booking) -> None:
        await self.page.goto(f"{self.demo.practice}/ehr/{booking.emp}")

    async def begin(self, booking: Booking) -> None:
        """Press "Begin virtual visit" in the patient's row of the schedule."""
        await self.page.locator(f"a.begin[href$='/visit/{booking.csn}']").click()
        await expect(self.frame.get_by_role("button", name="Join this visit")).to_be_visible(timeout=15000)

    async def join(self) -> None:
        await self.frame.get_by_role("button", name="Join this visit").click()
        await expect(self.frame.locator("#console[data-ready=yes]")).to_be_visible(timeout=15000)

    async def admit(self) -> None:
        await self.frame.locator("#at-people").get_by_role("button", name="Admit").first.click()

    async def end_for_all(self) -> None:
        """The red button, and yes."""
        await self.frame.locator("#stage").get_by_role("button", name="End for all").click()
        await self.frame.locator("#stage .danger", has_text="End for all").click()
        await expect(self.frame.locator("#at-outcome")).to_contain_text("What became of this visit?")

    async def inside(self) -> Frame:
        """Vestibule's frame, for looking behind the page."""
        for each in self.page.frames:
            if each.url.startswith(self.demo.origin):
                return each
        raise AssertionError("Vestibule is not in the record's page")

    @property
    def story(self) -> Locator:
        return self.frame.locator("#at-story")


@dataclass
class Patient:
    """Somebody with a telephone."""

    portal: Page
    demo: Demo
    page: Page = field(init=False)

    async def open_portal(self, booking: Booking) -> None:
        await self.portal.goto(f"{self.demo.practice}/portal/{booking.ept}")

    async def begin(self) -> None:
        async with self.portal.context.expect_page() as opened:
            await self.portal.get_by_text("Begin virtual visit").first.click()
        self.page = await opened.value
        await self.page.wait_for_load_state()  # its script is there
        await expect(self.page.locator("#lobby")).to_be_visible(timeout=15000)

    async def say_name(self) -> None:
        await self.page.get_by_role("button", name="Continue").click()
        await expect(self.page.get_by_role("heading", name="Check your camera and sound")).to_be_visible()

    async def check_devices(self) -> None:
        """Chromium's make-believe devices are allowed from the start, and then the page does not ask."""
        await expect(self.page.get_by_role("button", name="Go to the waiting room")).to_be_visible()

    async def wait(self) -> None:
        await self.page.get_by_role("button", name="Go to the waiting room").click()
        await expect(self.page.get_by_role("heading", name="You are in the waiting room")).to_be_visible()


async def frames_decoded(place: Page | Frame) -> list[int]:
    """Frames decoded so far of each remote video on the stage."""
    found: list[int] = await place.evaluate(_DECODED)
    return found


async def sees_moving_pictures(place: Page | Frame, people: int = 1) -> None:
    """Wait until that many remote videos decode frames, and go on decoding them."""

    async def moving() -> bool:
        first = await frames_decoded(place)
        await asyncio.sleep(0.2)
        second = await frames_decoded(place)
        return len(second) >= people and len(first) == len(second) and all(b > a > 0 for a, b in zip(first, second, strict=True))

    await until(moving, seconds=30, what="both videos decode frames")


def status_calls(demo: Demo, booking: Booking) -> list[tuple[str, str]]:
    """What the record was told about a visit, in order: (who, what)."""
    who = {"1": "clinician", "2": "patient"}
    what = {"1": "connected", "2": "disconnected"}
    state = fetch_json(f"{demo.practice}/setup")
    visit = next(one for one in state["appointments"] if one["csn"] == booking.csn)
    rows = fetch_json(f"{demo.practice}/ledger.json?kind=status")
    mine = [
        row["params"] for row in rows if row["params"].get("ConferenceID") in {visit["csn"], visit["conference"]} and row["status"] == 200
    ]
    return [(who[one["ExternalIDType"]], what[one["ConnectionStatus"]]) for one in mine]


async def told(demo: Demo, booking: Booking, count: int, seconds: float = 30) -> list[tuple[str, str]]:
    """The same, once there are so many."""

    async def enough() -> list[tuple[str, str]] | None:
        found = await asyncio.to_thread(status_calls, demo, booking)
        return found if len(found) >= count else None

    found: list[tuple[str, str]] = await until(enough, seconds=seconds, what=f"{count} status calls")
    return found


@asynccontextmanager
async def two_people(browser: Browser, demo: Demo) -> AsyncIterator[tuple[Clinician, Patient]]:
    """A clinician at a desk and a patient with a telephone, each with a browser profile of their own."""
    async with person(browser) as desk, person(browser, phone=True) as hand:
        yield Clinician(desk, demo), Patient(hand, demo)


async def meet(clinician: Clinician, patient: Patient, booking: Booking) -> None:
    """From nothing to both seeing each other."""
    await clinician.open_schedule(booking)
    await clinician.begin(booking)
    await clinician.join()
    await come_to_the_waiting_room(patient, booking)
    await clinician.admit()
    await sees_moving_pictures(await clinician.inside())
    await sees_moving_pictures(patient.page)


async def come_to_the_waiting_room(patient: Patient, booking: Booking) -> None:
    """From the portal to waiting."""
    await patient.open_portal(booking)
    await patient.begin()
    await patient.say_name()
    await patient.check_devices()
    await patient.wait()
