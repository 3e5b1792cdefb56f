"""Starting and stopping the practice hospital, in a test or as a program."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from practice import setup
from practice.app import build
from practice.bundles import load_folder
from practice.carriers import seed as carriers
from practice.carriers.mail.server import MailDoor
from practice.carriers.receiving import receive
from practice.carriers.texts import Text
from practice.hospital import Hospital
from practice.launches import begin
from practice.ledger import Entry
from practice.microsoft.seed import accounts, directories
from practice.model import Environment
from practice.seed import launchable, seed, spread

_TRIES = 10


@dataclass
class Running:
    """A hospital that answers."""

    url: str
    hospital: Hospital
    _runner: web.AppRunner = field(repr=False)
    mail: MailDoor = field(repr=False)
    _temporary: Path | None = field(default=None, repr=False)

    @property
    def fhir(self) -> str:
        """The FHIR base, which is the `iss` of launches."""
        return self.hospital.at.fhir

    def ledger(self, kind: str = "", since: int = 0) -> list[Entry]:
        """What was received, oldest first."""
        return self.hospital.ledger.entries(kind=kind, since=since)

    async def wait(self, kind: str = "", *, count: int = 1, since: int = 0, seconds: float = 10) -> list[Entry]:
        """The ledger as soon as it holds so many entries of a kind, or after so many seconds as it is."""
        return await self.hospital.ledger.wait(kind=kind, count=count, since=since, seconds=seconds)

    def setup(self, **changes: Any) -> dict[str, Any]:
        """The same as `POST /setup`."""
        touched = setup.apply(self.hospital, changes)
        return {**setup.view(self.hospital), "touched": touched}

    def launch(self, kind: str, csn: str, user: str = "") -> str:
        """Press a button: the address it opens."""
        visit = self.hospital.book.appointment(csn)
        if visit is None:
            raise LookupError(f"no visit {csn}")
        return begin(self.hospital, kind, visit, user)

    def text(self, phone: str, number: str, words: str) -> Text:
        """Somebody texts a carrier's number from a phone."""
        return receive(self.hospital, phone, number, words)

    async def stop(self) -> None:
        """Close the sockets and files; a folder made for this run goes too."""
        self._hang_up()
        await self._runner.cleanup()
        await self.mail.close()
        await self.hospital.close()
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)

    def _hang_up(self) -> None:
        """Cut connections under TLS: their polite end waits for a peer that may never read again."""
        for connection in self._runner.server.connections if self.url.startswith("https:") and self._runner.server else []:
            if connection.transport is not None:
                connection.transport.abort()


def _sockets(port: int) -> tuple[int, list[socket.socket]]:
    """The same port on 127.0.0.1 and, where this machine has it, on ::1: `localhost` may mean either."""
    for _ in range(_TRIES):
        four = _bind(socket.AF_INET, "127.0.0.1", port)
        number = int(four.getsockname()[1])
        try:
            return number, [four, _bind(socket.AF_INET6, "::1", number)]
        except OSError as error:
            if not isinstance(error, _Taken):
                return number, [four]
            four.close()
            if port:
                raise
    raise OSError("no port is free on both loopback addresses")


class _Taken(OSError):
    """Somebody else answers there."""


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        if error.errno in _IN_USE:
            raise _Taken(error.errno, f"{host}:{port} is taken") from error
        raise
    return made


_IN_USE = {98, 48, 10048}  # EADDRINUSE on Linux, macOS, Windows


def _fill(house: Hospital, load: Path | None, hostile: bool) -> None:  # noqa: FBT001 - private
    book = house.book
    if house.store.fresh:
        seed(book, house.now())
    elif not launchable(book, house.now()):
        spread(book, house.now())
    if not book.directories:  # a book from before there was a sign-in
        book.directories, book.people_accounts = directories(), accounts()
    if not book.numbers:  # or no carrier
        book.twilio_accounts, book.azure_resources, book.numbers = carriers.accounts(), carriers.resources(), carriers.numbers()
    if load is not None:
        load_folder(book, load, house.now())
    setup.check(book)
    house.store.save()
    if hostile:
        setup.apply(house, {"hostile": True})


async def start(
    *,
    port: int = 0,
    data: Path | str | None = None,
    load: Path | str | None = None,
    operator_url: str = "",
    hostile: bool = False,
    now: Callable[[], float] = time.time,
    tls: ssl.SSLContext | None = None,
    environment: Environment = "",
    other_url: str = "",
    smtp_port: int = 0,
) -> Running:
    """Start a hospital and return once it answers. Without a data folder it forgets everything at its stop."""
    temporary = Path(tempfile.mkdtemp(prefix="practice-")) if data is None else None
    number, sockets = _sockets(port)
    house = Hospital(temporary or Path(str(data)), base=f"{'https' if tls else 'http'}://localhost:{number}", now=now)
    _fill(house, Path(load) if load else None, hostile)
    told = {"operator_url": operator_url, "environment": environment, "other_url": other_url}
    if any(told.values()):
        setup.apply(house, {"settings": {name: value for name, value in told.items() if value}})
    runner = web.AppRunner(build(house), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    for each in sockets:
        await web.SockSite(runner, each, ssl_context=tls).start()
    house.engine.start()
    house.seats.start()
    mail = MailDoor(house.folder)
    await mail.open(house, smtp_port)
    house.at.smtp, house.at.smtps = f"localhost:{mail.port}", f"localhost:{mail.tls_port}"
    return Running(house.at.base, house, runner, mail, temporary)
