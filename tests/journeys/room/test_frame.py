"""Inside an EHR's frame that denies camera and microphone, and in a browser whose person said no."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest_asyncio
from aiohttp import web
from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response
from playwright.async_api import Browser, FrameLocator, Page, expect

from support.chromium import violations, watched
from support.ports import free_port
from support.room_pages import Crowd, goes_on, names, plays
from support.rooms import Node, Scene, Sessions
from support.waiting import until
from vestibule.platform.web.access import Access
from vestibule.platform.web.cookies import session_cookie, set_cookie
from vestibule.platform.web.pages import page as render
from vestibule.platform.web.pages import see_other

LOOKS = Path(__file__).parents[2] / "support" / "room_looks"
OPEN = "Open the video in its own window"


@get("/s/{sid:uuid}/framed", access=Access.session())
async def framed(request: Request[Any, Any, Any], sid: FromPath[UUID]) -> Response[Any]:
    return render(request, "framed.html", base=f"/s/{sid}")


@get("/enter/{sid:uuid}/{value:str}", access=Access.PUBLIC)
async def enter(request: Request[Any, Any, Any], sid: FromPath[UUID], value: FromPath[str]) -> Response[Any]:
    set_cookie(request, session_cookie(sid, value))
    return see_other(f"/s/{sid}/framed")


@pytest_asyncio.fixture(loop_scope="session")
async def node(db_url: str, sessions: Sessions) -> AsyncIterator[Node]:
    started = await Node(db_url, sessions, grace=3).start(routes=[framed, enter], templates=(LOOKS,), assets={"looks": LOOKS})
    yield started
    await started.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def record(node: Node, scene: Scene, sessions: Sessions) -> AsyncIterator[str]:
    """The address of a record's page on another site, which shows ours in a frame without a word about cameras."""
    doctor = scene.people["Dr. Okafor"]
    inner = f"{node.origin}/enter/{doctor.principal.session}/{doctor.cookie}"

    async def chart(_: web.Request) -> web.Response:
        text = f'<link rel=icon href="data:,"><title>Record</title><iframe src="{inner}" width=1200 height=800></iframe>'
        return web.Response(text=text, content_type="text/html")

    served = web.Application()
    served.add_routes([web.get("/", chart)])
    runner = web.AppRunner(served)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    origin = f"http://localhost:{port}"
    sessions.framed_by = (origin,)
    yield origin
    await runner.cleanup()


async def opened(page: Page, frame: FrameLocator) -> Page:
    """Press the button; the window that comes."""
    async with page.context.expect_page() as coming:
        await frame.get_by_role("button", name=OPEN).click()
    window = await coming.value
    await window.wait_for_url("**/room")
    return window


async def test_the_video_opens_in_its_own_window_and_can_be_brought_back(browser: Browser, crowd: Crowd, scene: Scene, record: str) -> None:
    amy = await crowd.enter(scene.people["Amy Shaw"], phone=True)
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = await watched(context)
        await page.goto(record)
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_role("heading", name=OPEN)).to_be_visible()
        assert await scene.kinds("Dr. Okafor") == []

        window = await opened(page, frame)
        await plays(amy, 1)
        assert await names(amy) == ["Dr. Okafor"]
        await expect(frame.get_by_role("heading", name="Video is in its own window")).to_be_visible()
        await expect(frame.get_by_role("button", name="Show that window")).to_be_visible()

        await window.close()
        await expect(frame.get_by_role("heading", name=OPEN)).to_be_visible(timeout=15_000)
        await until(lambda: _kinds(scene, ["connected", "disconnected"]), what="the disconnect after the grace")

        again = await opened(page, frame)
        await plays(amy, 1)
        assert await scene.kinds("Dr. Okafor") == ["connected", "disconnected", "connected"]
        await frame.get_by_role("button", name="Bring the video back here").click()
        await expect(again.get_by_role("heading", name="Video is in its own window")).not_to_be_visible()
        assert page.mistakes == []  # type: ignore[attr-defined]
    finally:
        await context.close()


async def _kinds(scene: Scene, expected: list[str]) -> bool:
    return await scene.kinds("Dr. Okafor") == expected


async def test_who_denies_the_camera_is_helped_and_can_still_see_and_hear(crowd: Crowd, scene: Scene) -> None:
    amy = await crowd.enter(scene.people["Amy Shaw"])
    doctor = await crowd.page(scene.people["Dr. Okafor"])
    denied = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    await doctor.add_init_script(denied)
    await doctor.goto(f"{crowd.origin}{scene.people['Dr. Okafor'].base}/room")
    await expect(doctor.get_by_role("alert")).to_contain_text("Chrome blocks your camera or microphone.")
    await until(lambda: _decodes(doctor), what="they see the other all the same")
    await expect(amy.locator(".room-tile:not(.room-self) video")).to_be_hidden()
    await expect(doctor.get_by_role("button", name="Camera on")).to_be_visible()
    assert await violations(doctor) == []
    await goes_on(doctor)


async def _decodes(page: Page) -> bool:
    return bool(await page.evaluate("eye.decoded().then((d) => d.length === 1 && d[0] > 0)"))
