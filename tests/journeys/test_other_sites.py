"""What another site's page can do to us in a real browser: frame us only where it is registered, and change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from litestar import Request, WebSocket, get, post, websocket
from litestar.response import Response
from playwright.async_api import Page

from support.ports import free_port
from support.serving import served
from support.waiting import until
from vestibule.identity.model import Principal, Role
from vestibule.kit.ids import SessionId, TenantId
from vestibule.platform.web.access import Access
from vestibule.platform.web.app import build_app
from vestibule.platform.web.config import Proof, WebConfig
from vestibule.platform.web.cookies import session_cookie, set_cookie
from vestibule.platform.web.pages import page as render
from vestibule.platform.web.pages import see_other
from vestibule.platform.web.serve import Server

SID = UUID(int=7)
LOOKS = Path(__file__).parents[1] / "support" / "looks"


class Site:
    """Another site, on `localhost` where we are on `127.0.0.1`; it says what the test wants it to say."""

    def __init__(self) -> None:
        self.body = ""
        self.origin = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = f"<!doctype html><title>elsewhere</title><link rel=icon href=data:,>{self.body}".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async def visit(self, page: Page, body: str) -> None:
        self.body = body
        await page.goto(f"{self.origin}/")


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Site]:
    site = Site()
    listening = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    async with listening:
        site.origin = f"http://localhost:{listening.sockets[0].getsockname()[1]}"
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def record() -> AsyncIterator[Site]:
    """The record whose frame we live in."""
    async with elsewhere() as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def stranger() -> AsyncIterator[Site]:
    """Somebody who means us no good."""
    async with elsewhere() as site:
        yield site


@dataclass
class Witness:
    """What reached the handlers."""

    ended: int = 0
    sockets: int = 0
    seen: list[str] = field(default_factory=list)


@get("/begin", access=Access.PUBLIC)
async def begin(request: Request[Any, Any, Any]) -> Response[Any]:
    set_cookie(request, session_cookie(SID, "secret"))
    return see_other(f"/s/{SID}/console")


@get("/s/{sid:uuid}/console", access=Access.session())
async def console(request: Request[Any, Any, Any], witness: Witness) -> Response[Any]:
    witness.seen.append("console")
    return render(request, "named.html", heading="Console", sentence="", advice="")


@post("/s/{sid:uuid}/end", access=Access.session(), status_code=204)
async def end(witness: Witness) -> None:
    witness.ended += 1


@websocket("/s/{sid:uuid}/signal", access=Access.session())
async def signal(socket: WebSocket[Any, Any, Any], witness: Witness) -> None:
    witness.sockets += 1
    await socket.accept()
    await socket.close()


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest_asyncio.fixture(loop_scope="session")
async def server(witness: Witness, record: Site) -> AsyncIterator[Server]:
    async def prove(sid: UUID, value: str | None) -> Proof:
        who = Principal(SessionId(sid), TenantId(UUID(int=1)), Role.CLINICIAN, framed=True)
        return Proof(who if value == "secret" else None, (record.origin,))

    port = free_port()
    config = WebConfig(origin=f"http://127.0.0.1:{port}", prove=prove, templates=[LOOKS])
    app = build_app(routes=[begin, console, end, signal], services={"witness": witness}, config=config)
    async with served(app, port=port) as listening:
        yield listening


async def test_the_record_may_frame_us_and_the_session_lives_in_its_frame(
    page: Page, server: Server, record: Site, witness: Witness
) -> None:
    await record.visit(page, f'<iframe src="{server.origin}/begin"></iframe>')
    await page.frame_locator("iframe").locator("h1").wait_for()
    assert await page.frame_locator("iframe").locator("h1").inner_text() == "Console"
    ended = await page.frames[1].evaluate(f"fetch('/s/{SID}/end', {{method: 'POST'}}).then(r => r.status)")
    assert (ended, witness.ended) == (204, 1)


async def test_a_stranger_may_not_frame_us(page: Page, server: Server, stranger: Site) -> None:
    await page.goto(f"{server.origin}/begin")
    await stranger.visit(page, f'<iframe src="{server.origin}/s/{SID}/console"></iframe>')
    await page.wait_for_load_state()
    await until(lambda: any("frame-ancestors" in one for one in page.mistakes), what="the browser says why")  # type: ignore[attr-defined]
    assert await page.frame_locator("iframe").locator("h1", has_text="Console").count() == 0


FETCH = "url => fetch(url, {method: 'POST', credentials: 'include', mode: 'no-cors'}).catch(() => 0)"
FETCH_TEXT = "url => fetch(url, {method: 'POST', credentials: 'include', mode: 'no-cors', body: '{}'}).catch(() => 0)"
BEACON = "url => navigator.sendBeacon(url, 'x')"
FORM = """url => {
  const form = document.createElement("form"), sink = document.createElement("iframe");
  Object.assign(form, {method: "post", action: url, target: "sink"});
  sink.name = "sink";
  document.body.append(sink, form);
  form.submit();
}"""
SOCKET = """url => new Promise(done => {
  const socket = new WebSocket(url);
  socket.onopen = () => done("open");
  socket.onerror = () => done("refused");
})"""


@pytest.mark.parametrize("attack", [FETCH, FETCH_TEXT, BEACON, FORM], ids=["fetch", "fetch-text", "beacon", "form"])
async def test_a_stranger_cannot_press_our_buttons(page: Page, server: Server, stranger: Site, witness: Witness, attack: str) -> None:
    await page.goto(f"{server.origin}/begin")
    await stranger.visit(page, "")
    url = f"{server.origin}/s/{SID}/end"
    async with page.expect_request(lambda request: request.url == url) as asked:
        await page.evaluate(attack, url)
    answer = await (await asked.value).response()
    assert answer is None or answer.status in {401, 403}
    assert witness.ended == 0


async def test_a_form_posted_by_a_strangers_top_level_page_is_refused_though_the_cookie_comes_along(
    page: Page, server: Server, stranger: Site, witness: Witness
) -> None:
    """The hardest case: a top-level POST carries a SameSite=None cookie of the top-level partition."""
    await page.goto(f"{server.origin}/begin")
    url = f"{server.origin}/s/{SID}/end"
    await stranger.visit(page, f'<form method="post" action="{url}"><button>win a prize</button></form>')
    async with page.expect_response(url) as answered:
        await page.get_by_role("button").click()
    response = await answered.value
    assert "v_" in (await response.request.all_headers()).get("cookie", ""), "the cookie did come along"
    assert response.status == 403
    assert witness.ended == 0


async def test_a_stranger_cannot_open_our_socket(page: Page, server: Server, stranger: Site, witness: Witness) -> None:
    await page.goto(f"{server.origin}/begin")
    address = f"{server.origin.replace('http', 'ws')}/s/{SID}/signal"
    assert await page.evaluate(SOCKET, address) == "open"
    await stranger.visit(page, "")
    assert await page.evaluate(SOCKET, address) == "refused"
    assert witness.sockets == 1
