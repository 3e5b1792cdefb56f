"""The look: every component and the error page, on a telephone and a desk, light and dark, and what axe says of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from litestar import Request, get
from litestar.response import Response
from playwright.async_api import Browser, Page

from support.chromium import person, shoot, transferred, violations
from support.ports import free_port
from support.serving import served
from support.waiting import until
from vestibule.platform.web.access import Access
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import WebConfig
from vestibule.platform.web.pages import page as render
from vestibule.platform.web.serve import Server

LOOKS = Path(__file__).parents[1] / "support" / "looks"
SHOTS = Path(os.environ.get("VESTIBULE_TEST_PICTURES", ""))


@get("/components", access=Access.PUBLIC)
async def components(request: Request[Any, Any, Any]) -> Response[Any]:
    return render(request, "components.html")


@get("/broken", access=Access.PUBLIC)
async def broken() -> None:
    raise KeyError("<script>document.title = 'owned'</script>")


@get("/named", access=Access.PUBLIC)
async def named(request: Request[Any, Any, Any], name: str) -> Response[Any]:
    return render(request, "named.html", heading=name, sentence=name, advice=name)


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Server]:
    port = free_port()
    config = WebConfig(origin=f"http://127.0.0.1:{port}", templates=[LOOKS])
    async with served(build_app(routes=[components, broken, named], services={}, config=config), port=port) as listening:
        yield listening


@pytest.mark.parametrize("path", ["/components", "/broken", "/nowhere"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_axe_finds_nothing_wrong_with(browser: Browser, server: Server, path: str, *, phone: bool, dark: bool) -> None:
    async with person(browser, phone=phone, dark=dark) as page:
        await page.goto(server.origin + path)
        assert await violations(page) == []
        assert not await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), "nothing sticks out"
        if SHOTS.name:
            await shoot(page, SHOTS / f"{path.strip('/')}-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}.png")


async def test_everything_a_telephone_presses_is_48_pixels_high(browser: Browser, server: Server) -> None:
    async with person(browser, phone=True) as page:
        await page.goto(f"{server.origin}/components")
        pressed = "main .button, main input:not([type=checkbox]), main select"
        heights = await page.evaluate("pressed => [...document.querySelectorAll(pressed)].map(e => e.offsetHeight).filter(h => h)", pressed)
        assert heights
        assert min(heights) >= 48


async def test_the_layout_turns_round_for_languages_from_right_to_left(page: Page, server: Server) -> None:
    await page.goto(f"{server.origin}/components")
    start = "getComputedStyle(document.querySelector('.note')).borderLeftWidth"
    assert await page.evaluate(start) == "4px"
    await page.evaluate("document.documentElement.dir = 'rtl'")
    assert await page.evaluate(start) == "0px"


async def test_a_page_loads_little_and_only_from_us(page: Page, server: Server) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{server.origin}/broken")
    assert await transferred(page) < 12_000
    assert {url.split("/")[2] for url in asked} == {server.origin.removeprefix("http://")}


async def test_the_stylesheet_stays_small() -> None:
    assert (Path(render.__code__.co_filename).parent / "assets" / "vestibule.css").stat().st_size < 12_288


@pytest.mark.parametrize(
    "name",
    [
        "<script>document.title = 'owned'</script>",
        "<img src=x onerror=\"document.title = 'owned'\">",
        '"><svg onload="document.title = \'owned\'">',
        "{{ 7 * 7 }}",
        "</title><script>document.title = 'owned'</script>",
        "javascript:document.title='owned'",
        "\u202eevil\u202c",
        "Robert'); DROP TABLE visits;--",
    ],
)
async def test_a_hostile_name_is_only_ever_text(page: Page, server: Server, name: str) -> None:
    await page.goto(f"{server.origin}/named?name={quote(name)}")
    assert await page.title() == name
    assert await page.locator("h1").inner_text() == name
    assert await page.locator("main script, main img, main svg").count() == 0


async def test_the_policy_stops_what_a_mistake_in_a_template_would_let_in(page: Page, server: Server) -> None:
    """The second wall: were a script to get into a page, the browser would not run it."""
    await page.goto(f"{server.origin}/components")
    await page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'owned'";
          const box = document.createElement("div");
          box.innerHTML = '<img src=x onerror="document.title = `owned`">';
          document.body.append(script, box);
        }"""
    )
    await until(lambda: page.evaluate("document.querySelector('img[src=x]').complete"), what="the picture that is not there has been tried")
    refused = "Content Security Policy"
    await until(lambda: any(refused in mistake for mistake in page.mistakes), what="the browser says why")  # type: ignore[attr-defined]
    assert await page.title() == "Components"
