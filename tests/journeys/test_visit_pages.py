"""The pages of a visit in a real browser: from the first page of a patient to the end, as each person sees it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from support.chromium import person, shoot, transferred, violations
from support.house import Guest, House, house
from support.waiting import until
from vestibule.errors import Unavailable
from vestibule.visits.model import PersonRole

PICTURES = Path(os.environ.get("VESTIBULE_TEST_PICTURES", "var/pictures"))


@pytest_asyncio.fixture(loop_scope="session")
async def clinic(db_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(db_url, tmp_path) as running:
        yield running


async def fine(page: Page, name: str) -> None:
    """Take its picture, and let nothing be wrong with it."""
    await shoot(page, PICTURES / f"{name}.png")
    assert await violations(page) == []
    assert page.mistakes == []  # type: ignore[attr-defined]


async def to_waiting(page: Page, patient: Guest, name: str = "Amy Shaw") -> None:
    await patient.open(page, "lobby")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Go to the waiting room").click()
    await expect(page.get_by_role("heading", name="You are in the waiting room")).to_be_visible()


async def test_a_patient_is_led_from_name_to_waiting_room_to_visit(clinic: House, phone: Page, page: Page) -> None:
    patient = await clinic.come(PersonRole.PATIENT)
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    await patient.open(phone, "lobby")
    assert await transferred(phone) < 60_000
    await fine(phone, "lobby-1-name")
    await phone.get_by_role("button", name="Continue").click()
    await expect(phone.get_by_text("Please type your name.")).to_be_visible()
    await phone.get_by_label("Your name").fill("Amy <script>Shaw")
    await phone.get_by_role("button", name="Continue").click()
    await expect(phone.get_by_text("Only you see this")).to_be_visible()
    await until(lambda: phone.evaluate("document.querySelector('video').videoWidth > 0"), what="the preview shows a picture")
    await fine(phone, "lobby-2-check")
    await phone.get_by_role("button", name="Go to the waiting room").click()
    await expect(phone.get_by_role("heading", name="You are in the waiting room")).to_be_focused()
    await expect(phone.locator("[data-step=waiting]").get_by_text("Nobody can see or hear you yet.")).to_be_visible()
    loaded = await phone.evaluate("performance.getEntriesByType('resource').map((r) => r.name).join(' ')")
    assert "stage.js" not in loaded
    assert "Okafor" not in await phone.content()

    await doctor.open(page, "console")
    await expect(page.locator("#at-people bdi")).to_have_text("Amy <script>Shaw")
    await expect(page).to_have_title("(1) waiting · Visit console")
    await fine(page, "console-1-waiting")
    await page.locator("#at-people summary").click()
    await fine(page, "console-2-menu")
    await page.get_by_role("button", name="We are running about 5 minutes late.").click()
    await expect(phone.get_by_text("We are running about 5 minutes late.")).to_be_visible()
    await fine(phone, "lobby-3-waiting")

    await page.locator("#at-people").get_by_role("button", name="Admit").click()
    await expect(phone.locator("#stage .room")).to_be_visible()
    assert await phone.evaluate("performance.getEntriesByType('navigation').length") == 1
    await expect(page.locator("#at-people").get_by_text("Connected")).to_be_visible()
    await expect(page.locator("#at-story")).to_contain_text("Amy <script>Shaw connected")
    await fine(page, "console-3-visit")
    await fine(phone, "lobby-4-inside")


async def test_put_back_remove_leave_and_end_do_what_they_say(clinic: House, browser: Browser, phone: Page, page: Page) -> None:
    patient = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    await to_waiting(phone, patient)
    await doctor.open(page, "console")
    await page.locator("#at-people").get_by_role("button", name="Admit").click()
    await expect(page.locator("#at-people").get_by_text("Connected")).to_be_visible()
    await page.get_by_role("button", name="Put back").click()
    await expect(phone.get_by_role("heading", name="You are in the waiting room")).to_be_visible()
    await expect(phone.locator("#stage .room")).to_have_count(0)
    await page.locator("#at-people").get_by_role("button", name="Admit").click()
    await expect(phone.locator("#stage .room")).to_be_visible()

    await phone.reload()
    await expect(phone.locator("#stage .room")).to_be_visible()

    await page.get_by_role("button", name="Leave").click()
    await expect(page.get_by_text("You left. The visit goes on for the others.")).to_be_visible()
    await fine(page, "console-4-left")
    assert (await clinic.states(patient.visit))["patient"] in {"connected", "disconnected"}
    await page.get_by_role("button", name="Join the visit again").click()
    await expect(page.locator("#stage .room")).to_be_visible()

    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Remove Amy Shaw from this visit?")
    await fine(page, "console-5-sure")
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert (await clinic.states(patient.visit))["patient"] != "removed"
    await page.get_by_role("toolbar").get_by_role("button", name="End for all").click()
    await page.locator(".room-middle").get_by_role("button", name="End for all").click()
    await expect(phone.get_by_role("heading", name="Your visit has ended")).to_be_visible()
    await fine(phone, "lobby-5-ended")
    await expect(page.get_by_role("heading", name="The visit has ended.")).to_be_focused()
    await expect(page.locator("#stage")).to_be_hidden()
    await expect(page.get_by_role("button", name="Completed")).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Not determined").click()
    await expect(page.get_by_text("Marked by a person.")).to_be_visible()
    await fine(page, "console-6-ended")
    assert (await clinic.kinds(patient.visit)).count("ended") == 1
    await page.get_by_role("link", name="Back to the day's visits").click()
    await expect(page.get_by_role("cell", name="Were there: Patient, Clinician")).to_be_visible()


async def test_a_press_by_keyboard_leaves_the_focus_on_the_person(clinic: House, page: Page) -> None:
    patient = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    assert await patient.post("arrive") == 204
    await doctor.open(page, "console")
    for press in ("Hold", "Admit", "Put back"):
        await page.locator("#at-people").get_by_role("button", name=press).press("Enter")
        await expect(page.locator("#at-people .person")).to_be_focused()


async def test_who_left_is_not_brought_in_again_by_an_answer_from_before(clinic: House, page: Page) -> None:
    await page.add_init_script(
        "window.opened = 0; const media = navigator.mediaDevices, open = media.getUserMedia.bind(media);"
        "media.getUserMedia = (...wish) => { window.opened += 1; return open(...wish); };"
    )
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    await doctor.open(page, "console")
    await expect(page.get_by_text("You are in the visit. Nobody else is here yet.").first).to_be_visible()
    opened = await page.evaluate("window.opened")
    before = await page.evaluate("fetch(`${document.querySelector('#console').dataset.base}/console/parts`).then((it) => it.text())")
    await page.route("**/console/parts", lambda route: route.fulfill(body=before, content_type="text/html"), times=1)
    await page.get_by_role("toolbar").get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("button", name="Join the visit again")).to_be_visible()
    assert opened > 0
    assert await page.evaluate("window.opened") == opened, "camera and microphone stay off"
    assert page.mistakes == []  # type: ignore[attr-defined]


async def test_the_end_can_be_decided_while_the_chat_is_open(clinic: House, browser: Browser) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    async with person(browser, phone=True) as page:
        await doctor.open(page, "console")
        toolbar = page.get_by_role("toolbar")
        await toolbar.get_by_role("button", name="Chat").click()
        await toolbar.get_by_role("button", name="End for all").click()
        await page.locator(".room-middle").get_by_role("button", name="End for all").click()
        await expect(page.get_by_role("heading", name="The visit has ended.")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_an_interpreter_is_invited_by_a_link(clinic: House, page: Page) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    await doctor.open(page, "console")
    await page.get_by_role("button", name="Invite someone").click()
    await fine(page, "console-7-invite")
    await page.get_by_role("button", name="Make the link").click()
    await expect(page.get_by_role("button", name="Copy the link")).to_be_focused()
    link = await page.get_by_label("The link, shown once").input_value()
    assert link.startswith(f"{clinic.origin}/j/")
    await page.get_by_role("dialog").get_by_role("button", name="Done").click()
    await page.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_role("button", name="Revoke")).to_have_count(0)


async def test_the_board_follows_the_day(clinic: House, page: Page, phone: Page) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor", csn="1")
    for csn, name, minutes in (("2", "Jon Bell", 60), ("3", "Maria Lind", 120)):
        await clinic.come(PersonRole.PATIENT, name, csn=csn, starts_in=timedelta(minutes=minutes))
    await doctor.open(page, "board")
    await expect(page.get_by_text("Jon Bell")).to_be_visible()
    patient = await clinic.come(PersonRole.PATIENT, "Amy Shaw", csn="1")
    assert await patient.post("arrive") == 204
    await expect(page.get_by_role("cell").get_by_text("Amy Shaw").first).to_be_visible()
    await expect(page).to_have_title("(1) waiting · Today's video visits")
    await fine(page, "board")
    await doctor.open(phone, "board")
    await fine(phone, "board-phone")


async def test_whoever_is_early_sees_when_it_opens(clinic: House, browser: Browser) -> None:
    patient = await clinic.come(PersonRole.PATIENT, starts_in=timedelta(hours=2))
    async with person(browser, phone=True, dark=True) as page:
        await patient.open(page, "lobby")
        await expect(page.get_by_role("timer")).to_contain_text(":")
        await fine(page, "lobby-early-dark")
    assert await patient.post("arrive") == 409


async def test_refused_devices_are_explained_and_do_not_bar_the_way(clinic: House, browser: Browser) -> None:
    patient = await clinic.come(PersonRole.PATIENT)
    async with person(browser, phone=True) as page:
        await page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
            "navigator.permissions.query = () => Promise.resolve({ state: 'prompt' });"
        )
        await patient.open(page, "lobby")
        await page.get_by_label("Your name").fill("Amy")
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Turn on camera and microphone").click()
        await expect(page.get_by_role("alert").get_by_role("list")).to_be_visible()
        await fine(page, "lobby-6-refused")
        await page.get_by_role("button", name="Go on as it is").click()
        await expect(page.get_by_role("heading", name="You are in the waiting room")).to_be_visible()


async def test_the_console_on_a_telephone(clinic: House, browser: Browser, phone: Page) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    patient = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    assert await patient.post("arrive") == 204
    await doctor.open(phone, "console")
    await fine(phone, "console-phone")
    assert await phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_stream_lost_is_said_and_nothing_is_missed(clinic: House, page: Page) -> None:
    doctor = await clinic.come(PersonRole.PROVIDER, "Dr. R. Okafor")
    patient = await clinic.come(PersonRole.PATIENT, "Amy Shaw")
    await doctor.open(page, "console")
    serve = clinic.feed.hub.serve

    async def refuse(*_: object, **__: object) -> None:
        raise Unavailable("database-unavailable", "Not now.", phase="test")

    clinic.feed.hub.serve = refuse  # type: ignore[method-assign]
    await clinic.feed.hub.stop()
    assert await patient.post("arrive") == 204
    await expect(page.get_by_text("Live updates are delayed.")).to_be_visible(timeout=20_000)
    clinic.feed.hub.serve = serve  # type: ignore[method-assign]
    await expect(page.locator("#at-people").get_by_role("button", name="Admit")).to_be_visible(timeout=60_000)
    await expect(page.get_by_text("Live updates are delayed.")).to_be_hidden(timeout=60_000)
