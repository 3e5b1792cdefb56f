"""Runs the application on Granian, inside our own process and event loop (uvloop).

Embedded rather than through Granian's supervisor: one process of about 60 MB less, the live hub and the database pool share
the loop, and stopping is ours to order. What was found out about Granian 2.8, and is therefore done here:

- It listens with SO_REUSEPORT: a second server on a busy port would silently take half of its connections. We look first.
- It waits without end for open streams when stopped. We end streams and sockets, give ordinary requests `grace`, then go.
- Its backpressure is 1,024 requests in flight by default; long-lived streams would starve the rest.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian
from litestar import Litestar

from vestibule.errors import Unavailable
from vestibule.platform.heap import calm_the_collector
from vestibule.platform.telemetry.logs import log
from vestibule.platform.web.front import Front

IN_FLIGHT = 30_000
HEADER_SECONDS = 10
HEAD_BYTES = 65_536


class Server:
    """One listening application.

    async with asyncio.TaskGroup() as group: ...
    server = Server(app, port=0); await server.start(); ...; await server.stop()
    """

    def __init__(self, app: Litestar, *, host: str = "127.0.0.1", port: int = 8080, grace: float = 10.0) -> None:
        """Describe it; nothing happens before `start`.

        Args:
            app: from `build_app`.
            host: address to bind.
            port: 0 takes a free one; see `port` after `start`.
            grace: seconds an ordinary request may take to finish when we stop.
        """
        self.port = port
        self._app = app
        self._host = host
        self._grace = grace
        self._stop = asyncio.Event()
        self._listening = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        """Where it listens, as an origin."""
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        """Start the application's own lifespan, then listen; returns once connections are accepted.

        Raises:
            Unavailable: the port is taken (`port-taken`).
        """
        held = hold_port(self._host, self.port)
        self.port = held.getsockname()[1]
        self._life = asyncio.create_task(self._live(held), name="server")
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait({self._life, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._life.done():
            self._life.result()
        log.info("listening", origin=self.origin)

    async def stop(self) -> None:
        """Take no more connections, end streams, let requests finish, then stop the application's lifespan."""
        self._stop.set()
        if self._life:
            await self._life

    async def _live(self, held: socket.socket) -> None:
        """The whole life in one task, for Litestar's lifespan must end in the task in which it began."""
        with held:
            async with self._app.lifespan():
                granian = self._granian()
                serving = asyncio.create_task(granian.serve(), name="granian")
                await self._accepting()
                self._listening.set()
                await asyncio.wait({serving, asyncio.create_task(self._stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
                await self._wind_down(granian, serving)

    async def _wind_down(self, granian: Granian, serving: asyncio.Task[None]) -> None:
        self._app.state["stopping"] = True  # what /health/ready says from here on
        granian.stop()  # type: ignore[no-untyped-call]
        front = self._app.asgi_handler
        if isinstance(front, Front):
            front.end_streams()
            await front.drained(self._grace)
        await asyncio.wait({serving}, timeout=self._grace)
        if serving.done():
            serving.result()

    def _granian(self) -> Granian:
        return Granian(
            self._app,
            address=self._host,
            port=self.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            backlog=4096,
            backpressure=IN_FLIGHT,
            log_enabled=False,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEAD_BYTES),
        )

    async def _accepting(self) -> None:
        """Wait until a connection is accepted, so that whoever started us may send people here."""
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection(self._host, self.port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.005)
                else:
                    writer.close()
                    return


def hold_port(host: str, port: int) -> socket.socket:
    """Make sure nobody listens there, and keep the port ours until Granian does.

    Raises:
        Unavailable: somebody does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable("port-taken", f"Something else listens on {host}:{port}, or we may not.", phase="web.listen") from error
        port = probe.getsockname()[1]
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return held


async def serve(app: Litestar, *, host: str, port: int, grace: float = 10.0, started: Callable[[Server], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        app: from `build_app`.
        host: address to bind.
        port: port to bind.
        grace: see `Server`.
        started: called once it listens.
    """
    server = Server(app, host=host, port=port, grace=grace)
    with _stop_signals() as stop:
        await server.start()
        calm_the_collector()
        if started:
            started(server)
        await stop.wait()
        log.info("stopping")
        await server.stop()


def run(path: str, *, host: str, port: int, grace: float = 10.0) -> None:
    """Serve `package.module:name` (an application, or a function that makes one) in this process until told to stop."""
    import uvloop  # noqa: PLC0415  not on Windows, where only the other commands work

    async def main() -> None:
        await serve(load(path), host=host, port=port, grace=grace)

    uvloop.run(main())


def load(path: str) -> Litestar:
    """The application that `package.module:name` names."""
    module, _, name = path.partition(":")
    found = getattr(importlib.import_module(module), name)
    made = found if isinstance(found, Litestar) else found()
    if not isinstance(made, Litestar):
        raise TypeError(f"{path} is not an application")
    return made


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
