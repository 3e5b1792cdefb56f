"""The screens in a real browser: the frame, a second patient in it, live columns, and accessibility on every page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from practice.carriers.seed import LOCAL, TOLL_FREE
from practice.live import PROVIDER
from practice.microsoft.seed import ALDER
from practice.server import Running, start
from practice.times import machine_zone, zone
from support.chromium import EXECUTABLE
from support.practice_app import Clock
from support.practice_carriers import call, twilio

pytestmark = pytest.mark.journey
AMY = "+16085550142"
_MAIL = (
    b"Subject: Your visit\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
    b"DTSTART:20261122T153000Z\r\nSUMMARY:Video visit\r\nURL:http://127.0.0.1:9/v/abc\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
SIGN_IN = "client_id=web&redirect_uri=http://127.0.0.1:9/back&response_type=code&scope=openid"
PAGES = ["/", "/ehr/19", "/ehr/19/visit/{csn}", "/portal", "/portal/{patient}", "/desk", "/desk/trouble", "/desk/setup", "/desk/people"]
PAGES += ["/desk/edit/appointments/new", "/desk/edit/settings/all", "/nothing-of-the-kind/../portal/nobody"]
PAGES += ["/desk/edit/manners/all", "/desk/edit/sign_in_apps/new", "/records", "/records/provider", "/records/app/new", "/records/nothing"]
PAGES += ["/interface", "/teams", "/teams/in/nobody", "/desk/edit/interface/all"]
PAGES += ["/handset", "/handset/16085550142", "/handset/12065550199", "/mailbox", "/mailbox/1", "/desk/edit/azure_resources/eastmere-texts"]
PAGES += ["/microsoft/organizations/oauth2/v2.0/authorize?" + SIGN_IN, "/microsoft/nowhere/oauth2/v2.0/authorize?" + SIGN_IN]


def _by_day() -> Clock:
    """Noon in the hospital: whatever its schedule has in the next hours is then today's."""
    clock = Clock()
    clock.ahead = 3600.0 * (12 - datetime.now(zone(machine_zone())).hour)
    return clock


@pytest.fixture
async def hospital() -> AsyncIterator[Running]:
    """A hospital whose buttons open a page that shows the launch it got, on another origin."""

    async def launched(request: web.Request) -> web.Response:
        return web.Response(
            text=f"<!doctype html><html lang=en><title>Visit</title><main><h1>{request.query['launch']}</h1></main>",
            content_type="text/html",
        )

    app = web.Application()
    app.add_routes([web.get("/launch", launched)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/launch"
    running = await start(environment="test", other_url="http://localhost:9/", now=_by_day())
    running.setup(sign_in_apps=[{"client_id": "web", "redirect_uris": ["http://127.0.0.1:9/back"], "pkce": False}])
    running.setup(launches=[{"key": "provider", "url": url}, {"key": "patient", "url": url}])
    running.text(AMY, TOLL_FREE, "STOP")
    running.hospital.mailbox.put("visits@alder.example", ["amy.shaw@example.org"], _MAIL, user="", secure=True)
    yield running
    await running.stop()
    await runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield opened
        await opened.close()


async def shown(page: Page) -> str:
    heading = page.frame_locator("#visit-frame").locator("h1")
    await heading.wait_for()
    return await heading.inner_text()


async def shows(page: Page, address: str = "") -> list[str]:
    """What is wrong with a page as it stands."""
    if address:
        await page.goto(address)
    results = await Axe().run(page)
    wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [f"{page.url}: {v['id']}" for v in results.response["violations"]] + [f"{page.url}: wider than the window"] * wide


async def test_a_second_patient_opens_in_the_same_frame_with_a_launch_of_their_own(hospital: Running, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(f"{hospital.url}/ehr/19")
    await page.get_by_role("link", name="Begin virtual visit with Amy Shaw").click()
    first = await shown(page)
    await expect(page.locator("#story h1")).to_have_text("Amy Shaw")
    await page.get_by_role("button", name="Lopez-Vega, Maria").click()
    await expect(page.frame_locator("#visit-frame").locator("h1")).not_to_have_text(first)
    await expect(page.locator("#story h1")).to_have_text("Maria Lopez-Vega")
    launches = hospital.ledger("launch")
    assert [e["csn"] for e in launches] == [hospital.hospital.book.appointments[i].csn for i in (2, 3)]


async def test_the_schedule_and_the_ledger_follow_what_happens(hospital: Running, browser: Browser) -> None:
    visit = hospital.hospital.book.appointments[2]
    schedule, ledger = await browser.new_page(), await browser.new_page()
    await schedule.goto(f"{hospital.url}/ehr/19")
    await ledger.goto(f"{hospital.url}/desk")
    row = schedule.locator("tr", has_text="Shaw, Amy")
    await expect(row.locator(".live")).to_contain_text("Not connected")
    told: dict[str, Any] = {"visit": visit.id, "type": PROVIDER, "person": visit.practitioner, "connected": True}
    entry = hospital.hospital.ledger.append(
        {"kind": "status", "status": 200, "outcome": "ok", "params": {"ConnectionStatus": "1"}, "applied": told}
    )
    hospital.hospital.live.tell(**told, at=entry["at"])
    await expect(row.locator(".live")).to_contain_text("Clinician connected")
    await expect(ledger.locator("table.ledger")).to_contain_text("connected")


async def test_the_patients_button_opens_a_tab_of_its_own(hospital: Running, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{hospital.url}/portal/Z4575")
    async with context.expect_page() as opening:
        await page.get_by_role("button", name="Begin virtual visit", exact=True).click()
    tab = await opening.value
    await expect(tab.locator("h1")).not_to_be_empty()
    assert tab.url.startswith("http://127.0.0.1:")


async def test_a_text_shows_in_the_moment_it_comes_its_link_opens_and_stop_is_one_tap(hospital: Running, browser: Browser) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(f"{hospital.url}/handset")
    await page.get_by_role("link", name="Amy Shaw").click()
    await page.wait_for_load_state("load")
    link = hospital.url + "/portal/Z4575"
    await call(twilio(hospital).messages.create, to=AMY, from_=LOCAL, body=f"Your visit: {link}.")
    bubble = page.get_by_role("log").get_by_role("link", name=link)
    await expect(bubble).to_be_in_viewport()
    async with context.expect_page() as opening:
        await bubble.click()
    await expect((await opening.value).locator("h1")).to_contain_text("Amy")
    await page.reload()
    await page.get_by_role("button", name="STOP", exact=True).click()
    await expect(page.get_by_role("log")).to_contain_text("You have been unsubscribed")
    assert (LOCAL, AMY) in hospital.hospital.exchange.journal.opted_out


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
async def test_every_page_is_accessible_and_fits(hospital: Running, browser: Browser, width: int, scheme: Any) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = await context.new_page()
    problems: list[str] = []
    for path in PAGES:
        visit = hospital.hospital.book.appointments[2]
        await page.goto(hospital.url + path.format(csn=visit.csn, patient="Z4575"))
        if "/visit/" in path:
            await shown(page)
        results = await Axe().run(page)
        problems += [
            f"{path}: {v['id']} {v['nodes'][0]['target']} {v['nodes'][0]['failureSummary']}" for v in results.response["violations"]
        ]
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            problems.append(f"{path}: wider than the window")
    assert not problems, "\n".join(problems)


async def test_a_meeting_is_held_between_two_windows(hospital: Running, browser: Browser) -> None:
    graph, rosa = hospital.hospital.graph, "5f1c2a70-0003-4c1e-8a55-2d7b9e3f0a03"
    made = graph.make(ALDER, rosa, start="2026-11-21T20:00:00Z", end="2026-11-21T21:00:00Z", subject="Video visit")
    made.lobby, made.options = "organizer", {"allowedPresenters": "organizer"}
    graph.keep(made)
    clinician = await (await browser.new_context(viewport={"width": 1440, "height": 900})).new_page()
    patient = await (await browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")).new_page()
    seen = [await shows(patient, made.visitor_url)]
    await patient.get_by_label("Your name").fill("Amy Shaw")
    await patient.get_by_role("button", name="Join now").click()
    await expect(patient.get_by_role("heading")).to_have_text("Someone will let you in when the meeting starts")
    seen += [await shows(patient), await shows(clinician, made.join_url)]
    await clinician.get_by_role("button", name="Rosa Okafor").click()
    seen.append(await shows(clinician))
    await clinician.get_by_role("button", name="Admit Amy Shaw").click()
    await expect(patient.get_by_label("In the meeting")).to_contain_text("Rosa Okafor")
    seen.append(await shows(patient))
    await patient.get_by_role("button", name="Leave").click()
    await expect(clinician.get_by_text("Nobody else is here yet.")).to_be_visible()
    await clinician.get_by_role("button", name="End for everybody").click()
    await expect(clinician.get_by_role("heading")).to_have_text("The meeting has ended")
    assert [one for one in seen if one] == []
