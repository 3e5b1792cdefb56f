"""The people of a visit, without a browser: they launch, press buttons, watch their live stream, sit in the room by its real protocol."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.typing import Origin

from practice.server import Running
from support.launching import Browser, Page
from support.waiting import until

_LATER = frozenset({1001, 1006, 1012, 1013})  # close codes after which a page comes back by itself


@dataclass
class Recorder(Browser):
    """A browser that remembers every address of ours it asked for, and where every redirect led."""

    addresses: list[str] = field(default_factory=list)

    async def ask(self, url: str, method: str = "GET", **more: Any) -> Page:
        page = await super().ask(url, method, **more)
        if page.url.startswith(self.own):
            self.addresses += [page.url, page.headers.get("Location", "")]
        return page


@dataclass(eq=False)
class Person:
    """Somebody with a browser of their own: launches, presses buttons, sits in the room."""

    hospital: Running
    csn: str
    kind: str
    browser: Recorder
    base: str = ""
    socket: ClientConnection | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    watching: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        return self.browser.own

    async def launch(self) -> None:
        """Press the button in the record; a clinician says yes to whom they are about to join."""
        page = await self.browser.follow(self.hospital.launch(self.kind, self.csn))
        assert page.status == 200, f"{page.url}: {page.text[:500]}"
        self.base = urlsplit(page.url).path.rpartition("/")[0]
        if page.url.endswith("/confirm"):
            said = await self.browser.ask(page.url, "POST")
            assert said.status == 303, said.text[:500]
            page = await self.browser.follow(said.location if said.location.startswith("http") else self.origin + said.location)
        assert page.status == 200, f"{page.url}: {page.text[:500]}"

    async def press(self, what: str, **body: Any) -> int:
        """One press; the answer's status."""
        return (await self.browser.ask(f"{self.base}/{what}", "POST", json=body, headers={"Accept": "application/json"})).status

    async def must(self, what: str, *, seconds: float = 30, **body: Any) -> None:
        """Press until it is done, as people do while a server says that it cannot just now; any other refusal is a failure."""

        async def done() -> bool:
            with suppress(aiohttp.ClientConnectionError):
                status = await self.press(what, **body)
                assert status in {200, 201, 204, 303, 503}, f"{what}: {status}"
                return status != 503
            return False

        await until(done, seconds=seconds, what=f"{self.kind} presses {what}")

    async def get(self, what: str) -> Any:
        """Some JSON of one's own session; None while the server cannot give it."""
        with suppress(aiohttp.ClientConnectionError):
            page = await self.browser.ask(f"{self.base}/{what}", headers={"Accept": "application/json"})
            assert page.status in {200, 503}, f"{what}: {page.status} {page.text[:300]}"
            return json.loads(page.text) if page.status == 200 else None
        return None

    async def arrive(self, name: str = "") -> None:
        """What a patient does in the lobby: a name, the device check, into the waiting room."""
        await self.must("name", name=name or "A. Patient")
        await self.must("tested", checks={"camera": "works", "microphone": "works", "speaker": "works"})
        await self.must("arrive")

    async def come_by_link(self, address: str) -> None:
        """Open a short link and press Join."""
        assert (await self.browser.ask(address)).status == 200
        said = await self.browser.ask(address, "POST")
        assert said.status == 303, said.text[:500]
        self.base = said.location.rpartition("/")[0].removeprefix(self.origin)

    async def watch(self) -> None:
        """Open the page's live stream, until `close`: what it says goes to `lines`. Opened again, it goes on after the last event seen."""
        last = {"Last-Event-ID": str(self.seen[-1])} if self.seen else {}
        headers = self.browser.cookies(f"{self.base}/live") | last
        stream = await self.browser.session.get(f"{self.origin}{self.base}/live", headers=headers)
        assert stream.status == 200

        async def read() -> None:
            with suppress(aiohttp.ClientError):
                async for line in stream.content:
                    self.lines.append(line.decode())
            stream.close()

        await self.look_away()
        self.watching = asyncio.create_task(read())

    @property
    def seen(self) -> list[int]:
        """The numbers of the events that the live stream has brought."""
        return [int(line[4:]) for line in self.lines if line.startswith("id: ")]

    async def close(self) -> None:
        """Close the browser."""
        await self.drop()
        await self.look_away()

    async def look_away(self) -> None:
        """Close the live stream."""
        if self.watching is not None:
            self.watching.cancel()
            await asyncio.wait([self.watching])

    # ------------------------------------------------------------------ the room

    async def join(self, *, seconds: float = 30) -> dict[str, Any]:
        """Sit down, with as many tries as a page takes; returns the welcome."""
        await self.drop()
        return await until(self._try_to_join, seconds=seconds, what=f"{self.kind} joins")  # type: ignore[no-any-return]

    async def _try_to_join(self) -> dict[str, Any] | None:
        given = await self.get("relay")
        if given is None:
            return None
        address = f"{self.origin.replace('http', 'ws', 1)}{self.base}/signal"
        try:
            self.socket = await connect(
                address, origin=Origin(self.origin), additional_headers=self.browser.cookies(f"{self.base}/signal"), compression=None
            )
            await self.say(t="join", token=given["token"], window=f"{self.kind}-window-0001")
            return await self.hear("welcome")
        except (OSError, InvalidStatus, InvalidMessage, TimeoutError):
            return None
        except ConnectionClosed:
            assert self.socket is not None
            assert self.socket.close_code in _LATER, f"{self.kind} was turned away: {self.socket.close_code} {self.heard[-1:]}"
            return None

    async def say(self, **message: Any) -> None:
        """One message of the room's protocol."""
        assert self.socket is not None
        await self.socket.send(json.dumps(message))

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that kind."""
        assert self.socket is not None
        while True:
            async with asyncio.timeout(15):  # not wait_for, which on Python 3.11 may swallow a cancellation
                message = json.loads(await self.socket.recv())
            self.heard.append(message)
            if message["t"] == kind:
                return dict(message)

    async def drop(self) -> None:
        """The line is cut: no goodbye, no close frame."""
        if self.socket is not None:
            self.socket.transport.abort()
            await self.socket.wait_closed()
            self.socket = None

    async def leave_room(self) -> None:
        """Leave, politely: it counts at once."""
        with suppress(ConnectionClosed):
            await self.say(t="leave")
            await self.hear("nothing more")
