"""`make tour`: play set-up, the first visit, one in Teams, and an appointment's texts in headless Chromium; pictures go to var/tour/.

The pictures in docs/tutorial/images are made by `make tour` too: copy the ones the tutorial shows.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Page, expect
from rich.console import Console

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from support.chromium import chromium, person  # noqa: E402  the path is made first
from support.first_visit import (  # noqa: E402
    Booking,
    Clinician,
    Patient,
    book,
    come_to_the_waiting_room,
    everything,
    sees_moving_pictures,
    told,
)
from support.in_teams import Host, join_as, meets_in_teams, taken_there  # noqa: E402
from support.reaching import Desk, Phone, clock, in_days, schedule, speak  # noqa: E402
from support.set_up import Portal, RecordForm, set_up  # noqa: E402
from vestibule.demo import Demo  # noqa: E402

TOUR = ROOT / "var" / "tour"
console = Console()
_numbers = itertools.count(1)


async def picture(page: Page, name: str, says: str) -> None:
    """One step: what the window looks like now."""
    number = next(_numbers)
    await page.screenshot(path=TOUR / f"{number:02}-{name}.png", full_page=True)
    console.print(f"  {number:02} {says}", highlight=False)


async def play_set_up(demo: Demo) -> None:
    """An organisation from nothing: its department, its approver, a test and a production connection, and the records in the EHR."""
    async with chromium() as browser, person(browser) as one, person(browser) as two, person(browser) as three:
        admin, approver = Portal(one, picture), Portal(two, picture)
        await admin.come_in(demo.set_up, "Tomás Rivera")
        await picture(one, "home-empty", "Nothing is set up yet.")
        await admin.add_department("Cardiology", "America/Chicago", "10501101")
        await approver.come_in(await admin.invite("noor.qureshi@birch.example", "Approver"), "Noor Qureshi")
        for name, environment, base in (("test", "test", demo.practice), ("production", "production", demo.production)):
            ehr = RecordForm(three, base, picture)
            await set_up(demo, admin, approver, ehr, name=f"Eastmere, {name}", environment=environment)
        await admin.menu("Home")
        await picture(one, "home-done", "Both connections serve.")


async def play(demo: Demo) -> None:
    """The whole visit."""
    booking = book(demo, "Ellison", "Nora")
    async with chromium() as browser, person(browser) as desk, person(browser, phone=True) as hand, person(browser) as analyst:
        clinician, patient = Clinician(desk, demo), Patient(hand, demo)
        await desk.goto(demo.start)
        await picture(desk, "start", "The guided start page.")
        await come(clinician, patient, booking)
        await clinician.admit()
        await sees_moving_pictures(patient.page)
        await sees_moving_pictures(await clinician.inside())
        await expect(clinician.story).to_contain_text("Sent to record")
        await picture(desk, "console-in-visit", "Both see each other; the record has been told.")
        await picture(patient.page, "patient-in-visit", "The patient's telephone.")
        await finish(clinician, patient, booking)
        await analyst.goto(f"{demo.practice}/desk")
        await picture(analyst, "ledger", "The record's own ledger: every connect and disconnect, once, in order.")
        await analyst.goto(demo.operator)
        await picture(analyst, "operator", "The operator's page shows the other end.")


async def play_teams(demo: Demo) -> None:
    """The same visit in Teams: the switch, the one-time sign-in, the meeting beside the console, the end, and what its report says."""
    booking = book(demo, "Theodore", "Tess")
    async with chromium() as browser, person(browser) as office, person(browser) as desk, person(browser, phone=True) as hand:
        await meets_in_teams(Portal(office, picture), demo)
        await picture(office, "teams-switch", "One click of an administrator: new visits take place in Teams.")
        host, patient = Host(desk, demo), Patient(hand, demo)
        await host.open_schedule(booking)
        await host.begin(booking)
        await host.join()
        await expect(host.stage.get_by_role("button", name="Sign in with Microsoft")).to_be_visible()
        await picture(desk, "teams-console-sign-in", "Once, the clinician says who they are at Microsoft.")
        window = await host.sign_in_page()
        await picture(window, "teams-sign-in", "In a window of its own, because Microsoft refuses frames.")
        await host.sign_in(window)
        await picture(window, "teams-signed-in", "From now on they go straight in.")
        await window.close()
        await host.ready()
        await come_to_the_waiting_room(patient, booking)
        await picture(patient.page, "teams-waiting", "The waiting room says where the visit takes place.")
        await host.open_meeting()
        await picture(desk, "teams-console-open", "The console stays; the meeting is open beside it.")
        await host.admit()
        call = await taken_there(patient, demo)
        await picture(call.page, "teams-visitor", "The patient's own tab has gone to the entrance for visitors.")
        await join_as(call, booking.name)
        await call.inside(2)
        await expect(host.frame.locator("#at-banner")).to_contain_text("Connected")
        await picture(desk, "teams-console-connected", "Who is connected shows at once, and the record is told.")
        await picture(host.call.page, "teams-call", "The clinician's window in the practice Teams.")
        await picture(call.page, "teams-call-patient", "The patient's telephone.")
        await finish_in_teams(host, demo, booking)
        await office.goto(f"{demo.practice}/teams")
        await picture(office, "teams-cloud", "What the practice cloud itself has seen.")


async def finish_in_teams(host: Host, demo: Demo, booking: Booking) -> None:
    """The end here, the end there, and the report."""
    await host.end_for_all()
    await expect(host.frame.get_by_text("The call in Teams goes on.")).to_be_visible()
    await picture(host.page, "teams-ended", "Ended here; what only Teams can end is said.")
    await host.call.press("End for everybody")
    await told(demo, booking, 4)
    await expect(host.story).to_contain_text("The meeting's report settled who was there", timeout=60_000)
    await picture(host.page, "teams-settled", "The attendance report has settled who was there, and when.")


async def play_texts(demo: Demo) -> None:
    """An appointment from the schedule to the phone, and what the organisation sees of it."""
    zone = schedule(demo, "Zone", datetime.now(UTC) + timedelta(days=6)).zone
    booked, moved = in_days(2, 10, 0, zone), in_days(3, 15, 45, zone)
    one = schedule(demo, "Ada", booked)
    async with chromium() as browser, person(browser) as desk, person(browser, phone=True) as hand, person(browser) as office:
        record, phone, admin = Desk(desk, demo), Phone(hand, demo), Portal(office, picture)
        await phone.open(one)
        await phone.shows(1)
        await picture(hand, "text-booked", "Booked in the record; a moment later on the phone.")
        await record.move(one, booked, moved)
        await phone.shows(2, clock(moved, zone))
        await desk.goto(f"{demo.practice}/interface")
        await picture(desk, "interface", "The interface engine: what it told, and how it was acknowledged.")
        await remind(demo, phone)
        await phone.open(one)
        await record.cancel(one, moved)
        await phone.shows(3)
        await picture(hand, "text-cancelled", "Moved, then cancelled.")
        await stop(demo, phone)
        await admin.sign_in(demo.origin, "Ingrid")
        for menu, name, says in (
            ("Appointments feed", "feed", "What came in, and how long it took."),
            ("Patient messages", "messages", "What is sent for which connection."),
            ("Audit", "audit-erased", "The phone number is gone, and the audit says so."),
        ):
            await admin.menu(menu)
            await picture(office, name, says)


async def remind(demo: Demo, phone: Phone) -> None:
    """A reminder at its time, and what its link opens."""
    speak(demo, "2.5.1")  # whose times have seconds
    soon = schedule(demo, "Rhoda", datetime.now(UTC) + timedelta(minutes=15, seconds=12))
    speak(demo, "epic")
    await phone.open(soon)
    await phone.shows(2)
    await picture(phone.page, "text-reminder", "The confirmation, and the reminder fifteen minutes before.")
    lobby = await phone.tap()
    await lobby.get_by_role("button", name="Join").click()
    await expect(lobby.get_by_role("heading", level=1)).to_be_visible()
    await picture(lobby, "text-lobby", "Tapping the link leads into the lobby.")
    await lobby.close()


async def stop(demo: Demo, phone: Phone) -> None:
    """Somebody wants no more texts."""
    other = schedule(demo, "Stella", datetime.now(UTC) + timedelta(days=2))
    await phone.open(other)
    await phone.shows(1)
    await phone.answer("STOP")
    await expect(phone.page.locator("li.auto")).to_have_count(1)
    await picture(phone.page, "text-stop", "STOP is honoured at once.")


async def come(clinician: Clinician, patient: Patient, booking: Booking) -> None:
    """Both arrive."""
    await clinician.open_schedule(booking)
    await picture(clinician.page, "schedule", "The clinician's schedule in the record.")
    await clinician.begin(booking)
    await picture(clinician.page, "confirm", "Whom the clinician is about to join.")
    await clinician.join()
    await patient.open_portal(booking)
    await picture(patient.portal, "portal", "The patient's portal.")
    await patient.begin()
    await picture(patient.page, "patient-name", "The patient's first page.")
    await patient.say_name()
    await patient.check_devices()
    await picture(patient.page, "patient-check", "Camera, microphone and speaker.")
    await patient.wait()
    await picture(patient.page, "patient-waiting", "The waiting room. Nobody sees or hears the patient yet.")
    await expect(clinician.frame.locator("#at-alert")).to_contain_text("is waiting")
    await picture(clinician.page, "console-arrived", "The console: somebody is waiting.")


async def finish(clinician: Clinician, patient: Patient, booking: Booking) -> None:
    """The end for everybody."""
    await clinician.end_for_all()
    await expect(patient.page.get_by_role("heading", name="Your visit has ended")).to_be_visible()
    await told(clinician.demo, booking, 4)
    await picture(clinician.page, "console-ended", "What became of it.")
    await picture(patient.page, "patient-ended", "Camera and microphone are off.")
    await clinician.frame.locator("a[href$='/board']:visible").first.click()
    await expect(clinician.frame.get_by_role("heading", level=1)).to_be_visible()
    await picture(clinician.page, "board", "The department's day.")


async def main() -> None:
    """Start everything, play, stop everything."""
    shutil.rmtree(TOUR, ignore_errors=True)
    TOUR.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="vst-tour-") as folder:
        async with everything(Path(folder) / "empty", 28080, empty=True) as demo:
            await play_set_up(demo)
        async with everything(Path(folder) / "visit", 28080) as demo:
            await play(demo)
            await play_texts(demo)
            await play_teams(demo)
    console.print(f"\n  Pictures are in {TOUR.relative_to(ROOT)}/", highlight=False)


if __name__ == "__main__":
    asyncio.run(main())
