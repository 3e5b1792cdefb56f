"""The device check of the lobby: preview, level, choices, speaker, and help that fits the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from litestar import Request, get
from litestar.response import Response
from playwright.async_api import Page, expect

from support.room_pages import Crowd, holds
from support.rooms import Node, Scene, Sessions
from support.waiting import until
from vestibule.platform.web.access import Access
from vestibule.platform.web.pages import page as render

LOOKS = Path(__file__).parents[2] / "support" / "room_looks"


@get("/check", access=Access.PUBLIC)
async def check(request: Request[Any, Any, Any]) -> Response[Any]:
    return render(request, "check.html")


@pytest_asyncio.fixture(loop_scope="session")
async def node(db_url: str, sessions: Sessions) -> AsyncIterator[Node]:
    started = await Node(db_url, sessions).start(routes=[check], templates=(LOOKS,), assets={"looks": LOOKS})
    yield started
    await started.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def lobby(crowd: Crowd, scene: Scene) -> Page:
    """Not loaded yet, so that a test can prepare the browser."""
    return await crowd.page(scene.people["Amy Shaw"], phone=True)


async def test_camera_microphone_and_speaker_are_tried_and_the_results_told(lobby: Page, crowd: Crowd) -> None:
    await lobby.goto(f"{crowd.origin}/check")
    await holds(lobby, "window.result?.camera === 'works' && window.result.microphone === 'works'")
    await holds(lobby, "document.querySelector('video').videoWidth > 0")
    assert await lobby.locator("video").evaluate("(v) => v.muted")
    await holds(lobby, "Number(document.querySelector('[role=meter]').getAttribute('aria-valuenow')) > 0")
    assert await lobby.locator("#camera option").count() >= 1
    assert await lobby.locator("#microphone option").count() >= 1
    await lobby.get_by_role("button", name="Play a sound").click()
    await holds(lobby, "window.result.speaker === 'works'")
    await expect(lobby.locator("#help")).to_be_hidden()
    assert lobby.mistakes == []  # type: ignore[attr-defined]


async def test_another_camera_replaces_the_first_one(lobby: Page, crowd: Crowd) -> None:
    await lobby.goto(f"{crowd.origin}/check")
    await holds(lobby, "window.result?.camera === 'works'")
    before = await lobby.evaluate("check.stream.getVideoTracks()[0].id")
    await lobby.locator("#camera").dispatch_event("change")
    await holds(lobby, f"check.stream.getVideoTracks().length === 1 && check.stream.getVideoTracks()[0].id !== '{before}'")


ERRORS = [
    ("NotAllowedError", "denied", "Chrome blocks your camera or microphone."),
    ("NotFoundError", "missing", "No camera or microphone was found."),
    ("NotReadableError", "busy", "Another program is using your camera or microphone."),
]


@pytest.mark.parametrize(("error", "word", "title"), ERRORS)
async def test_a_refusal_is_explained(lobby: Page, crowd: Crowd, error: str, word: str, title: str) -> None:
    await lobby.add_init_script(f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{error}'))")
    await lobby.goto(f"{crowd.origin}/check")
    await expect(lobby.locator("#help strong")).to_have_text(title)
    assert await lobby.locator("#help li").count() >= 2
    told = await until(lambda: lobby.evaluate("window.result"), what="the page is told")
    assert told == {"camera": word, "microphone": word, "speaker": "", "problem": word}


async def test_who_has_only_a_microphone_joins_with_it(lobby: Page, crowd: Crowd) -> None:
    await lobby.add_init_script(
        "const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = (wish) => wish.video ? Promise.reject(new DOMException('', 'NotFoundError')) : real(wish)"
    )
    await lobby.goto(f"{crowd.origin}/check")
    await holds(lobby, "window.result?.microphone === 'works'")
    assert await lobby.evaluate("[result.camera, check.stream.getTracks().length]") == ["missing", 1]


SAFARI_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
AGENTS = [
    ("Safari on a Mac", SAFARI_MAC, False, "safari"),
    ("Safari on an iPad, which says it is a Mac", SAFARI_MAC, True, "ios"),
    ("Safari on an iPhone", IPHONE + " Version/18.1 Mobile/15E148 Safari/604.1", True, "ios"),
    ("Chrome on an iPhone", IPHONE + " CriOS/131.0 Mobile/15E148 Safari/604.1", True, "ios-other"),
    ("a mail program on an iPhone", IPHONE + " Mobile/15E148", True, "webview"),
    ("a social network on an iPhone", IPHONE + " Mobile/15E148 [FBAN/FBIOS;FBAV/490.0]", True, "webview"),
    ("Chrome", CHROME, False, "chrome"),
    ("Edge", CHROME + " Edg/131.0.0.0", False, "edge"),
    ("Chrome on Android", CHROME.replace("X11; Linux x86_64", "Linux; Android 14; Pixel 8"), True, "android"),
    ("an app on Android", CHROME.replace("X11; Linux x86_64", "Linux; Android 14; Pixel 8; wv"), True, "webview"),
    ("Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", False, "firefox"),
    ("Firefox on Android", "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", True, "firefox"),
]


async def test_the_help_knows_the_browsers_and_has_words_for_each(lobby: Page, crowd: Crowd) -> None:
    await lobby.goto(f"{crowd.origin}/check")
    found = await lobby.evaluate(
        "async ([url, rows]) => { const d = await import(url); const texts = d.readTexts();"
        " return rows.map(([agent, touch]) => { const kind = d.browserKind(agent, touch);"
        " return [kind, d.helpFor(kind === 'webview' ? 'webview' : 'denied', texts, kind).steps.length] }) }",
        [await lobby.evaluate("devicesUrl"), [[agent, touch] for _, agent, touch, _ in AGENTS]],
    )
    assert [kind for kind, _ in found] == [kind for *_, kind in AGENTS]
    assert all(steps >= 2 for _, steps in found)
