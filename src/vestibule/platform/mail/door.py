"""The outbound door for mail: one letter to one recipient over a connection of its own (RFC 5321).

What the door promises, whoever chose the server:
- only addresses the guard of the door for HTTP allows, judged after resolution and again at the socket;
- TLS with a verified certificate, at once or by STARTTLS (RFC 3207); without it only this machine and networks an operator named;
- a deadline on everything;
- what the server said is its code and nothing else: a reply's text may name the recipient;
- one line in the log that says what happened and nothing about whom;
- it is known of every failure whether the letter may have left.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network
from typing import Final

import aiosmtplib

from vestibule.errors import NotAllowed, OutsideFailed, VestibuleError
from vestibule.kit.clock import Clock, SystemClock
from vestibule.platform.http.guard import Policy, Refused, judge
from vestibule.platform.http.handshake import addresses_of, connected
from vestibule.platform.http.record import Call, write_down
from vestibule.platform.http.resolver import Lookup, system_lookup
from vestibule.platform.http.target import BadUrl, Target, parse
from vestibule.platform.http.trust import system_trust

# With these the letter has surely not left.
NEVER_SENT: Final = frozenset({"mail-refused-address", "mail-bad-server", "mail-insecure", "mail-tls", "mail-unreachable"})
_OK: Final = 250
_NOT_IMPLEMENTED: Final = 502
_NO: Final = range(400, 600)
_TEMPORARY: Final = range(400, 500)
_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\d)", re.ASCII)  # RFC 3463
_GOODBYE_SECONDS: Final = 1.0


class Tls(StrEnum):
    """How a connection becomes safe."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class Stage(StrEnum):
    """How far a conversation had come."""

    GREETING = "greeting"
    TLS = "tls"
    SIGN_IN = "sign-in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server that takes letters from us."""

    host: str
    port: int
    tls: Tls = Tls.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said last: its code, and the enhanced one where it gave one (RFC 3463)."""

    stage: Stage
    code: int
    enhanced: str = ""

    @property
    def ok(self) -> bool:
        """It did as it was asked."""
        return self.code == _OK

    @property
    def temporary(self) -> bool:
        """The same may be taken later (RFC 5321 4.2.1)."""
        return self.code in _TEMPORARY


@dataclass(slots=True)
class _Call:
    """A conversation under way."""

    server: Server
    phase: str
    stage: Stage = Stage.GREETING


_Act = Callable[[], Awaitable[object]]


class Mail:
    """Delivers letters. One per process; it keeps no connections.

    Args:
        name: what we call ourselves in EHLO, a host name.
        allow_loopback: for development and the demo: lets connections go to this machine.
        allow_networks: private networks (CIDR) an operator vouches for; only there, and on this machine, may a server be without TLS.
        lookup: how names become addresses; tests give their own.
        trust: which certificates are believed; by default the system's authorities.
        on_call: told about every conversation, for metrics.
    """

    def __init__(
        self,
        *,
        name: str = "localhost",
        allow_loopback: bool = False,
        allow_networks: Sequence[str] = (),
        clock: Clock | None = None,
        lookup: Lookup = system_lookup,
        trust: ssl.SSLContext | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        networks = tuple(ip_network(net) for net in allow_networks)
        self._safe = Policy(loopback=allow_loopback, networks=networks)
        self._plain = Policy(public=False, loopback=allow_loopback, networks=networks)
        self._name = name
        self._clock = clock or SystemClock()
        self._lookup = lookup
        self._trust = trust or system_trust()
        self._trust.minimum_version = max(self._trust.minimum_version, ssl.TLSVersion.TLSv1_2)
        self._on_call = on_call

    async def deliver(self, server: Server, sender: str, recipient: str, content: bytes, *, phase: str, timeout: float = 30) -> Reply:
        """Give the server one letter.

        Args:
            server: who takes it.
            sender: address of the envelope.
            recipient: address of the envelope.
            content: the whole letter, headers included.
            phase: where in our story this happens; goes into errors and logs.
            timeout: seconds for everything.

        Raises:
            OutsideFailed: `mail-unreachable`, `mail-tls`: it has not left; `mail-answer-lost`: nobody knows.
            NotAllowed: `mail-refused-address`, `mail-bad-server`, `mail-insecure`: it must not be called at all.
        """

        def acts(client: aiosmtplib.SMTP) -> list[tuple[Stage, _Act]]:
            return [
                (Stage.SENDER, lambda: client.mail(sender)),
                (Stage.RECIPIENT, lambda: client.rcpt(recipient)),
                (Stage.CONTENT, lambda: client.data(content)),
            ]

        return await self._written_down(_Call(server, phase), acts, timeout)

    async def knock(self, server: Server, *, phase: str, timeout: float = 10) -> Reply:
        """Connect, make it safe, sign in where there is a user, and go; fails like `deliver`."""
        return await self._written_down(_Call(server, phase), lambda _: [], timeout)

    async def _written_down(self, call: _Call, acts: Callable[[aiosmtplib.SMTP], list[tuple[Stage, _Act]]], timeout: float) -> Reply:
        begun, code, status = self._clock.monotonic(), "", None
        try:
            async with asyncio.timeout(timeout):
                reply = await self._converse(call, acts)
            status = reply.code
        except (aiosmtplib.SMTPException, TimeoutError, OSError, ValueError) as error:
            failure = _in_words(error, call)
            code = failure.code
            raise failure from error
        else:
            return reply
        finally:
            origin = f"smtp://{call.server.host}:{call.server.port}"
            told = Call("SMTP", origin, call.stage.value, call.phase, status, code, self._clock.monotonic() - begun)
            write_down(told)
            if self._on_call:
                self._on_call(told)

    async def _converse(self, call: _Call, acts: Callable[[aiosmtplib.SMTP], list[tuple[Stage, _Act]]]) -> Reply:
        """Act by act, until one is refused or all are done."""
        async with self._client(call) as client:
            for stage, act in [*self._opening(client, call.server), *acts(client)]:
                call.stage = stage
                try:
                    await act()
                except aiosmtplib.SMTPResponseException as said:
                    if said.code not in _NO:
                        raise
                    return Reply(stage, said.code, _enhanced(said.message))
                except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, aiosmtplib.SMTPConnectError):
                    raise
                except aiosmtplib.SMTPException:  # it does not offer what we need
                    if stage is Stage.TLS:
                        raise
                    return Reply(stage, _NOT_IMPLEMENTED)
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_GOODBYE_SECONDS)
            return Reply(call.stage, _OK)

    def _opening(self, client: aiosmtplib.SMTP, server: Server) -> list[tuple[Stage, _Act]]:
        """What goes before every letter."""
        acts: list[tuple[Stage, _Act]] = [(Stage.GREETING, client.connect)]
        if server.tls is Tls.STARTTLS:
            acts.append((Stage.TLS, lambda: client.starttls(tls_context=self._trust, server_hostname=server.host)))
        if server.user:
            acts.append((Stage.SIGN_IN, lambda: client.login(server.user, server.password)))
        return acts

    @asynccontextmanager
    async def _client(self, call: _Call) -> AsyncIterator[aiosmtplib.SMTP]:
        client = self._over(await self._socket(call.server), call.server)
        try:
            yield client
        finally:
            client.close()

    def _over(self, made: socket.socket, server: Server) -> aiosmtplib.SMTP:
        """A client on a connection, which is the client's to close from now on."""
        return aiosmtplib.SMTP(
            hostname=server.host,
            sock=made,
            local_hostname=self._name,
            use_tls=server.tls is Tls.IMPLICIT,
            start_tls=False,  # asked for by ourselves, so that it is a stage of its own
            tls_context=self._trust if server.tls is Tls.IMPLICIT else None,
            timeout=None,  # the deadline is for everything
        )

    async def _socket(self, server: Server) -> socket.socket:
        """A connection to an address that every judge allows."""
        target = _target(server)
        policy = self._plain if server.tls is Tls.NONE else self._safe
        addresses = await addresses_of(target, self._lookup)
        for address in addresses:
            judge(address, policy)
        return await connected(addresses, target.port, policy)


def _target(server: Server) -> Target:
    """The server's name and port, as strictly read as any URL's."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    return parse(f"https://{host}:{server.port}")


def _enhanced(text: str) -> str:
    found = _ENHANCED.match(text)
    return found[1] if found else ""


def _in_words(error: BaseException, call: _Call) -> VestibuleError:
    """The error of ours that says what happened, and whether the letter may have left."""
    phase = call.phase
    if isinstance(error, Refused):
        if str(error) == "public":  # only a server without TLS is refused for that
            return NotAllowed("mail-insecure", "A mail server outside must be called with TLS.", phase=phase)
        return NotAllowed("mail-refused-address", f"The mail server is a machine that must not be called ({error}).", phase=phase)
    if isinstance(error, BadUrl):
        return NotAllowed("mail-bad-server", "The mail server's name or port is not one that can be called.", phase=phase)
    if call.stage is Stage.CONTENT:
        return OutsideFailed("mail-answer-lost", "The mail server did not say whether it has taken the letter.", phase=phase)
    if call.stage is Stage.TLS or _tls(error):
        return OutsideFailed("mail-tls", "No safe connection to the mail server.", phase=phase)
    return OutsideFailed("mail-unreachable", "The mail server cannot be reached.", phase=phase)


def _tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
