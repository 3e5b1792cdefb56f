"""People in a room, in real browsers: their pages, and what their connections say about themselves."""

from __future__ import annotations

from contextlib import AsyncExitStack

from playwright.async_api import Browser, Page

from support.chromium import person
from support.rooms import Node, Someone
from support.waiting import until
from vestibule.platform.web.cookies import cookie_name

# The tests' own eye: every connection and socket the page makes.
_EYE = """
(() => {
  window.eye = { pcs: [], sockets: [], channels: [] };
  const Real = RTCPeerConnection, Socket = WebSocket;
  // Small pictures, few a second: many browsers share this machine.
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wish) => open(wish.video
    ? { ...wish, video: { ...wish.video, width: 320, height: 240, frameRate: 10 } } : wish);
  window.RTCPeerConnection = class extends Real {
    constructor(...a) { super(...a); eye.pcs.push(this); }
    createDataChannel(...a) { const made = super.createDataChannel(...a); eye.channels.push(made); return made; }
  };
  window.WebSocket = class extends Socket { constructor(...a) { super(...a); eye.sockets.push(this); } };
  eye.live = () => eye.pcs.filter((pc) => pc.connectionState !== 'closed');
  eye.stat = async (pc, type, key, kind) => {
    let sum = 0;
    for (const s of (await pc.getStats()).values()) if (s.type === type && (!kind || s.kind === kind)) sum += s[key] || 0;
    return sum;
  };
  eye.decoded = () => Promise.all(eye.live().map((pc) => eye.stat(pc, 'inbound-rtp', 'framesDecoded', 'video')));
  eye.heard = () => Promise.all(eye.live().map((pc) => eye.stat(pc, 'inbound-rtp', 'packetsReceived', 'audio')));
  eye.sent = () => Promise.all(eye.pcs.map((pc) => eye.stat(pc, 'outbound-rtp', 'packetsSent')));
  eye.kinds = async () => {
    const found = new Set();
    for (const pc of eye.live()) {
      const stats = await pc.getStats();
      for (const s of stats.values()) {
        if (s.type === 'candidate-pair' && s.nominated) found.add(stats.get(s.localCandidateId)?.candidateType);
      }
    }
    return [...found];
  };
})();
"""


class Crowd:
    """Pages of several people; each has a browser profile of their own."""

    def __init__(self, browser: Browser, node: Node, stack: AsyncExitStack) -> None:
        self._browser, self._node, self._stack = browser, node, stack
        self.origin = node.origin

    async def page(self, who: Someone, *, phone: bool = False) -> Page:
        """A profile that is signed in as this person, with our eye in it; nothing is loaded yet."""
        page = await self._stack.enter_async_context(person(self._browser, phone=phone))
        cookie = {"name": cookie_name(who.principal.session), "value": who.cookie, "url": f"{self._node.origin}{who.base}/"}
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
        await page.add_init_script(_EYE)
        return page

    async def enter(self, who: Someone, *, phone: bool = False) -> Page:
        """Open the room in a window of its own."""
        page = await self.page(who, phone=phone)
        await page.goto(f"{self._node.origin}{who.base}/room")
        return page


async def holds(page: Page, expression: str, *, seconds: float = 15) -> None:
    """Wait until it is true. (Playwright's own waiting evaluates text inside the page, which our content policy forbids.)"""
    await until(lambda: page.evaluate(expression), seconds=seconds, what=expression)


async def plays(page: Page, others: int) -> None:
    """Wait until pictures of that many people are being decoded, and their sound arrives."""

    async def all_of_them() -> bool:
        seen, heard = await page.evaluate("Promise.all([eye.decoded(), eye.heard()])")
        return len(seen) == len(heard) == others and all(seen) and all(heard)

    await until(all_of_them, seconds=20, what=f"{others} others are seen and heard")


async def decoded(page: Page) -> list[int]:
    """Frames decoded so far, a number for each connection that is not closed."""
    found: list[int] = await page.evaluate("eye.decoded()")
    return found


async def goes_on(page: Page) -> None:
    """Wait until every live connection has decoded more frames than now."""
    before = await decoded(page)

    async def more() -> bool:
        after = await decoded(page)
        return len(after) == len(before) > 0 and all(now > then for now, then in zip(after, before, strict=True))

    await until(more, seconds=20, what="pictures go on")


async def names(page: Page) -> list[str]:
    """Whose tiles stand on the stage, besides the own one."""
    found: list[str] = await page.eval_on_selector_all(
        ".room-tile:not(.room-self) figcaption > span:nth-child(2)", "(all) => all.map((e) => e.textContent)"
    )
    return sorted(found)
