"""A headless Chromium with a make-believe camera and microphone, which talks to nobody but us."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from axe_playwright_python.base import AxeResults
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright, expect

# Five seconds, Playwright's own patience, is too little where two cores also encode video. What never comes still fails.
expect.set_options(timeout=15_000)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def _installed() -> str:
    """The Chromium or Chrome of this machine; a journey without one fails and says so, it is never skipped."""
    found = os.environ.get("VESTIBULE_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), "")
    return found or (_MAC if Path(_MAC).exists() else "no-chromium-found-install-one-or-set-VESTIBULE_TEST_CHROMIUM")


EXECUTABLE = _installed()
FLAGS = [
    "--no-sandbox",  # tests run as root in containers
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--auto-select-desktop-capture-source=Entire screen",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,WebRtcHideLocalIpsWithMdns",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
    # Names resolve nowhere: whatever a page tries to load from elsewhere fails here and shows in the test.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]",
]

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser of its own."""
    async with async_playwright() as driver:
        browser = await launch(driver)
        try:
            yield browser
        finally:
            await browser.close()


async def launch(driver: Playwright, *flags: str) -> Browser:
    """Start Chromium with our flags and more."""
    return await driver.chromium.launch(executable_path=EXECUTABLE, args=[*FLAGS, *flags], headless=True)


@asynccontextmanager
async def person(
    browser: Browser, *, phone: bool = False, dark: bool = False, locale: str = "en-GB", **options: Any
) -> AsyncIterator[Page]:
    """Somebody with a browser profile of their own; what goes wrong in the page is collected in `page.mistakes`."""
    context = await browser.new_context(
        viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
        has_touch=phone,
        is_mobile=phone,
        color_scheme="dark" if dark else "light",
        locale=locale,
        **options,
    )
    try:
        yield await watched(context)
    finally:
        await context.close()


async def watched(context: BrowserContext) -> Page:
    """A page whose uncaught errors and blocked loads are collected in `page.mistakes`."""
    page = await context.new_page()
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(f"uncaught: {error}"))
    page.on("console", lambda said: mistakes.append(f"console: {said.text}") if said.type == "error" else None)
    page.mistakes = mistakes  # type: ignore[attr-defined]
    return page


async def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands, a line each; an empty list is the goal."""
    await page.wait_for_load_state()
    results: AxeResults = await Axe().run(page)
    found = results.response["violations"]
    return [f"{rule['id']}: {rule['help']}: {[node['html'] for node in rule['nodes']][:3]}" for rule in found]


async def transferred(page: Page) -> int:
    """Bytes the page has loaded so far, as they went over the wire."""
    return int(
        await page.evaluate(
            "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
            ".reduce((sum, entry) => sum + entry.transferSize, 0)"
        )
    )


async def shoot(page: Page, path: Path) -> None:
    """A picture of the whole page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=path, full_page=True)
