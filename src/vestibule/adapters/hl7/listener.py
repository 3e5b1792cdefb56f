"""The listener: every port on which appointments arrive, opened, renewed and closed as settings say."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vestibule.adapters.hl7.desk import Desk
from vestibule.adapters.hl7.door import Door, open_socket
from vestibule.adapters.hl7.line import Line
from vestibule.adapters.hl7.plain import Fence
from vestibule.adapters.hl7.proving import Signers
from vestibule.adapters.hl7.tls import server_context, shown_key
from vestibule.adapters.hl7.web import Twin
from vestibule.errors import VestibuleError
from vestibule.feed.model import PlainPort, Sender, Via
from vestibule.feed.ports import Senders
from vestibule.platform.telemetry.logs import log
from vestibule.platform.telemetry.metrics import FEED_LINES

_LOOK_EVERY: Final = 1.0
_RENEW_EVERY: Final = 60.0  # seconds: our own certificate may be another, one of a sender's may be over, a port may be free again
_LAST_ANSWERS: Final = 2.0  # seconds that answers have to go out at the end


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen.

    Attributes:
        mllps: port of MLLP over TLS; None for none, 0 for any free one.
        https: the same of its HTTPS twin.
        certificate, key: files of our own certificate and its key; without them neither of the two is opened.
    """

    host: str = "127.0.0.1"
    mllps: int | None = None
    https: int | None = None
    certificate: Path | None = None
    key: Path | None = field(default=None, repr=False)


class Listener:
    """All ports of this process."""

    def __init__(self, desk: Desk, senders: Senders, twin: Twin, ports: Ports) -> None:
        """Describe it; nothing is opened before `start`."""
        self._desk = desk
        self._senders = senders
        self._twin = twin
        self._ports = ports
        self._lines: set[Line] = set()
        self._tls: dict[Via, Door] = {}
        self._plain: dict[int, tuple[Door, Fence]] = {}
        self._stale = asyncio.Event()
        self.trusted: list[bytes] = []  # the certificates that may be shown now, DER
        self._tasks: list[asyncio.Task[None]] = []
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def addresses(self) -> dict[str, int]:
        """Port by what is spoken there: `mllps`, `https`, and `mllp:<port asked for>`."""
        return {via.value: door.port for via, door in self._tls.items()} | {
            f"mllp:{port}": door.port for port, (door, _) in self._plain.items()
        }

    async def start(self) -> None:
        """Open every port.

        Raises:
            BadInput: `tls-certificate-unusable`.
            Unavailable: `feed-port-taken`, for a port of the installation; one of a connection is said in the log and tried again.
        """
        if self._ports.certificate:
            for via, port in ((Via.MLLPS, self._ports.mllps), (Via.HTTPS, self._ports.https)):
                if port is not None:
                    self._tls[via] = self._door(port, via)
        else:
            log.warning("only plain ports listen", reason="no TLS certificate is set")
        await self._renew()
        for via, door in self._tls.items():
            door.open()
            log.info("listening", channel=via.value, port=door.port)
        self._tasks = [asyncio.create_task(self._keep_renewing()), asyncio.create_task(self._keep_looking())]

    def changed(self) -> None:
        """Somebody changed a certificate, a port or a network."""
        self._stale.set()

    async def close_doors(self) -> None:
        """Take no new connection, and nothing more on those that are open but what has begun."""
        for task in (*self._tasks, *self._asking):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._asking, return_exceptions=True)
        for door in (*self._tls.values(), *(door for door, _ in self._plain.values())):
            await door.close()
        self._tls, self._plain = {}, {}
        for line in list(self._lines):
            line.finish()

    async def hang_up(self) -> None:
        """Close what is open; answers that are on their way go out."""
        open_ones = [line.closed for line in self._lines]
        if open_ones:
            await asyncio.wait(open_ones, timeout=_LAST_ANSWERS)
        for line in list(self._lines):
            line.drop()
        await self._twin.stop()

    def _door(self, port: int, via: Via) -> Door:
        make: Any = (lambda _: self._twin.make()) if via is Via.HTTPS else (lambda address: self._line(via, address, None))
        crowded = self._twin_crowded if via is Via.HTTPS else self._crowded
        sock = open_socket(self._ports.host, port)
        return Door(sock, make, crowded=crowded, refusals=self._desk.refusals, handshake=self._desk.limits.handshake)

    def _line(self, via: Via, address: str, sender: Sender | None) -> Line:
        return Line(self._desk, via, address, self._lines, sender, None if sender else self._ask)

    def _ask(self, line: Line, tls: Any) -> None:
        """Whose key it is; until that is known nothing is read."""
        task = asyncio.create_task(self._identify(line, shown_key(tls)))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _identify(self, line: Line, key_hash: bytes) -> None:
        line.key_hash = key_hash
        try:
            sender = await self._senders.by_key(key_hash)
        except Exception:  # noqa: BLE001  whatever it is, nobody is let in whom nobody knows
            log.warning("feed-sender-not-asked", exc_info=True)
            line.drop()
            return
        if sender is None:
            line.refuse("unknown-key")
        else:
            line.known(sender)

    def _crowded(self, address: str) -> bool:
        return self._too_many([line.address for line in self._lines], address)

    def _twin_crowded(self, address: str) -> bool:
        return self._too_many(self._twin.connections, address)

    def _too_many(self, addresses: list[str], address: str) -> bool:
        limits = self._desk.limits
        too_many = len(addresses) >= limits.connections or addresses.count(address) >= limits.each_address
        if too_many:
            self._desk.refusals.refused("crowded", address, None)
        return too_many

    async def _keep_renewing(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RENEW_EVERY):
                    await self._stale.wait()
            self._stale.clear()
            try:
                await self._renew()
            except Exception:  # noqa: BLE001  whatever it is, the next try may do better, and what was known stays in force
                log.warning("feed-settings-not-renewed", exc_info=True)
                await asyncio.sleep(_LOOK_EVERY)
                self._stale.set()

    async def _renew(self) -> None:
        """Certificates, ports and networks as they are now; connections whose sender is one no more are closed."""
        if self._tls:
            anchors = await self._senders.certificates()
            self._twin.signers = Signers(anchors)
            self._trust(anchors)
            self.trusted = anchors
        await self._renew_plain({port.port: port for port in await self._senders.plain_ports()})
        for line in list(self._lines):
            await self._look_again(line)

    def _trust(self, anchors: list[bytes]) -> None:
        """A new context for those who come from now on."""
        ours = self._ports
        if ours.certificate is None:
            return
        try:
            for via, door in self._tls.items():
                door.context = server_context(ours.certificate, ours.key or ours.certificate, anchors, demand=via is Via.MLLPS)
        except VestibuleError as error:
            if any(door.context is None for door in self._tls.values()):
                raise
            log.error("feed-certificate-not-renewed", code=error.code)

    async def _renew_plain(self, wanted: dict[int, PlainPort]) -> None:
        for port in [port for port in self._plain if port not in wanted]:
            door, _ = self._plain.pop(port)
            await door.close()
            log.info("listening-no-more", port=port)
        for port, plain in wanted.items():
            if port in self._plain:
                self._plain[port] = self._plain[port][0], Fence(plain)
                continue
            try:
                self._open_plain(port, plain)
            except VestibuleError as error:
                log.error("feed-port-not-open", port=port, code=error.code, connection=plain.sender.connection)

    def _open_plain(self, port: int, plain: PlainPort) -> None:
        def crowded(address: str) -> bool:
            fence = self._plain[port][1]
            if fence.lets_in(address):
                return self._crowded(address)
            self._desk.refusals.refused("network", address, fence.port.sender)
            return True

        sock = open_socket(self._ports.host, port)
        door = Door(
            sock,
            lambda address: self._line(Via.MLLP, address, self._plain[port][1].port.sender),
            crowded=crowded,
            refusals=self._desk.refusals,
            handshake=self._desk.limits.handshake,
        )
        self._plain[port] = door, Fence(plain)
        door.open()
        log.info("listening", channel=Via.MLLP.value, port=door.port, connection=plain.sender.connection)

    async def _look_again(self, line: Line) -> None:
        """Is who sends there still who may?"""
        if line.sender is None:
            return
        if line.via is Via.MLLP:
            fences = [fence for _, fence in self._plain.values() if fence.port.sender == line.sender]
            still = any(fence.lets_in(line.address) for fence in fences)
        else:
            still = await self._senders.by_key(line.key_hash) == line.sender
        if not still:
            line.refuse("no-longer")

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            now = asyncio.get_running_loop().time()
            for line in list(self._lines):
                try:
                    line.look(now)
                except Exception:  # noqa: BLE001  a mistake of ours on one line must not leave the others unwatched
                    log.exception("feed-connection-broken")
                    line.drop()
            open_ones = Counter(line.via for line in self._lines)
            for via in (Via.MLLP, Via.MLLPS):
                FEED_LINES.labels(via.value).set(open_ones[via])
            FEED_LINES.labels(Via.HTTPS.value).set(len(self._twin.connections))
