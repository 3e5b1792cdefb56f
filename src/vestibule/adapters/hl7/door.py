"""A listening socket: takes connections, not too many, and makes each a protocol's. TLS is as its context says at that moment."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from vestibule.errors import Unavailable
from vestibule.feed.ports import Refusals
from vestibule.platform.telemetry.logs import log

_BACKLOG = 1_024
_GREETINGS, _EACH = 512, 128  # handshakes at once: of everybody, and from one address
_NOTHING_SHOWN = "PEER_DID_NOT_RETURN_A_CERTIFICATE"  # OpenSSL's word for a client without one
_AT_ONCE = 64  # connections, before the loop's other work has its turn
_BREATH = 0.2  # seconds after an error of accept(): there are no file descriptors left, and more tries make none
Make = Callable[[str], asyncio.BaseProtocol]


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        Unavailable: `feed-port-taken`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        sentence = f"Port {port} cannot be listened on: somebody else has it, or it is not allowed."
        raise Unavailable("feed-port-taken", sentence, phase="feed.listen") from error
    return sock


class Door:
    """Accepts on one socket."""

    def __init__(self, sock: socket.socket, make: Make, *, crowded: Callable[[str], bool], refusals: Refusals, handshake: float) -> None:
        """Describe it; nothing is accepted before `open`.

        Args:
            sock: listens already.
            make: a protocol for a connection from an address.
            crowded: whether an address, or everybody, has connections enough, or is not let in; says so itself.
            refusals: is told of who was turned away.
            handshake: seconds for TLS.
        """
        self.port = int(sock.getsockname()[1])
        self.context: ssl.SSLContext | None = None
        self._sock = sock
        self._make = make
        self._crowded = crowded
        self._refusals = refusals
        self._handshake = handshake
        self._open = False
        self._greeting: dict[asyncio.Task[None], str] = {}

    def open(self) -> None:
        """Begin to accept."""
        self._open = True
        asyncio.get_running_loop().add_reader(self._sock, self._accept)

    async def close(self) -> None:
        """Accept no more; connections that are open stay so, and whoever was being greeted is hung up on."""
        self._open = False
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()
        await asyncio.sleep(0)  # a greeting that is cancelled before its first line would leave its socket open
        tasks = list(self._greeting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self) -> None:
        """Take who has come. A callback of the loop, because an accept() awaited and then cancelled may lose the socket it had got."""
        for _ in range(_AT_ONCE):
            try:
                sock, peer = self._sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._breathe(error)
                return
            self._take(sock, str(peer[0]).removeprefix("::ffff:"))

    def _breathe(self, error: OSError) -> None:
        log.warning("feed-accept-failed", port=self.port, error=type(error).__name__)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._sock)
        loop.call_later(_BREATH, lambda: self.open() if self._open else None)

    def _take(self, sock: socket.socket, address: str) -> None:
        if self._crowded(address) or self._pressed(address):
            sock.close()
            return
        task = asyncio.create_task(self._greet(sock, address))
        self._greeting[task] = address
        task.add_done_callback(self._greeting.pop)

    def _pressed(self, address: str) -> bool:
        """More handshakes have begun than may be going on at once."""
        most = len(self._greeting) >= _GREETINGS or list(self._greeting.values()).count(address) >= _EACH
        if most:
            self._refusals.refused("crowded", address, None)
        return most

    async def _greet(self, sock: socket.socket, address: str) -> None:
        """The handshake, where there is one."""
        tls = {"ssl": self.context, "ssl_handshake_timeout": self._handshake, "ssl_shutdown_timeout": 2.0} if self.context else {}
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: self._make(address), sock, **tls)  # type: ignore[arg-type]
        except ssl.SSLCertVerificationError as error:
            self._refusals.refused(_reason(error), address, None)
        except (OSError, ssl.SSLError, TimeoutError) as error:
            if getattr(error, "reason", "") == _NOTHING_SHOWN:
                self._refusals.refused("no-certificate", address, None)
            else:
                log.info("feed-handshake-failed", port=self.port, address=address, error=type(error).__name__)
        else:
            return
        with suppress(OSError):
            sock.close()


def _reason(error: ssl.SSLCertVerificationError) -> str:
    """OpenSSL's own words for what was wrong with a certificate, as a code: `certificate-has-expired`."""
    words = str(error.verify_message or "certificate-wrong").lower()
    return "-".join("".join(c if c.isalnum() else " " for c in words).split())[:60]
