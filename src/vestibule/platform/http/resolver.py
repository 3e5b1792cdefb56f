"""Names to addresses, and addresses to sockets, with the guard standing at both.

The resolver judges every address of a name and refuses the name when one of them is not allowed. The socket factory
judges once more the very address a socket is made for, so that neither a numeric host (which is never resolved) nor a
name that changes its mind between two look-ups (DNS rebinding) gets a connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from vestibule.platform.http.guard import Policy, Refused, judge

Lookup = Callable[[str], Awaitable[Sequence[str]]]

# Data we sent and nobody acknowledged: after this long the network is gone, however patient we are with a slow server.
_UNACKNOWLEDGED_MS = 3_000
_KEEP_ALIVE_SECONDS = 15.0


async def system_lookup(host: str) -> Sequence[str]:
    """The addresses of a name, by the operating system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedResolver(AbstractResolver):
    """Resolves a name to addresses that have all been judged."""

    def __init__(self, policy: Policy, lookup: Lookup) -> None:
        self._policy = policy
        self._lookup = lookup

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:  # noqa: ARG002  aiohttp's signature
        """All addresses of `host`; Refused when any of them may not be connected to."""
        addresses = await self._lookup(host)
        if not addresses:
            raise OSError("the name has no address")
        for address in addresses:
            judge(address, self._policy)
        return [_entry(host, port, address) for address in addresses]

    async def close(self) -> None:
        """Nothing is held."""


def guarded_socket(policy: Policy) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A socket factory that makes none for an address the policy refuses."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, proto, _, address = info
        if family not in {socket.AF_INET, socket.AF_INET6}:
            raise Refused("not an internet address")
        judge(str(address[0]), policy)
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        return made

    return make


def _entry(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return {"hostname": host, "host": address, "port": port, "family": family, "proto": socket.IPPROTO_TCP, "flags": flags}


def open_session(policy: Policy, lookup: Lookup, trust: ssl.SSLContext) -> aiohttp.ClientSession:
    """Aiohttp's client with everything switched off that could act on its own: cookies, proxies, caches, inflating."""
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(policy, lookup),
        socket_factory=guarded_socket(policy),
        use_dns_cache=False,
        ssl=trust,
        limit=0,  # lanes limit, per origin
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        trace_configs=[_trace()],
    )


def _trace() -> aiohttp.TraceConfig:
    """Marks a hop as sent once it has a connection: from then on nobody can say that it did not arrive."""

    async def connected(_session: Any, context: Any, _params: Any) -> None:
        context.trace_request_ctx.sent = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace
