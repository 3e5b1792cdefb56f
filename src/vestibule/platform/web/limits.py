"""Who asks too often, and who sends too much: token buckets with bounded memory, a cap on bodies, the client's real address."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from vestibule.errors import BadInput, TooLarge, TooMany
from vestibule.kit.clock import Clock

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `burst` at once, `per_second` after that. `penalty` more tokens go when the answer says the asker was guessing."""

    per_second: float
    burst: float
    penalty: float = 0.0


# A whole hospital may stand behind one address, so the buckets are wide; guessing is what empties them.
RATES: Mapping[str, Rate] = {
    "/j/": Rate(20, 400, penalty=20),
    "/h/": Rate(20, 400, penalty=20),
    "/launch/": Rate(500, 5000, penalty=5),
    "/connections/": Rate(20, 200),
    "/cells/": Rate(500, 5000, penalty=5),
    "/hooks/": Rate(500, 5000, penalty=5),
    "/meetings/teams/notifications": Rate(500, 5000),
    "/meetings/teams/lifecycle": Rate(500, 5000),
    "/s/": Rate(2000, 20000, penalty=5),
    "/sign-in": Rate(20, 400, penalty=10),
    "/meetings/teams/callback": Rate(20, 400, penalty=10),
    "/invitation/": Rate(20, 400, penalty=20),
    "/api/": Rate(200, 2000, penalty=50),
    "/assets/": Rate(500, 10000),
    "/health/": Rate(20, 100),
    "/": Rate(20, 200, penalty=5),
}
BODY_SECONDS = 15.0
GUESSED = frozenset({401, 404, 410})


def client_prefix(address: Address) -> str:
    """What counts as one client: an IPv4 address, or the /64 an IPv6 household is given."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)


class Proxies:
    """Reads X-Forwarded-For as far as trusted proxies wrote it."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._networks = [ip_network(text, strict=False) for text in trusted]

    def client(self, peer: str, forwarded: str) -> Address:
        """The nearest address that no trusted proxy has; nonsense in the header ends the walk."""
        address = _address(peer)
        hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
        while hops and any(address in network for network in self._networks):
            try:
                address = ip_address(hops.pop())
            except ValueError:
                break
        return address


def _address(peer: str) -> Address:
    """A Unix socket has no address; whoever can reach it is on this machine."""
    try:
        return ip_address(peer)
    except ValueError:
        return IPv4Address("127.0.0.1")


class Limiter:
    """Token buckets by (client, path group). Memory is bounded: the bucket untouched for longest is forgotten first."""

    def __init__(self, rates: Mapping[str, Rate], clock: Clock, *, max_buckets: int = 20_000) -> None:
        self._groups = sorted(rates.items(), key=lambda item: -len(item[0]))
        self._clock = clock
        self._max = max_buckets
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, path: str) -> None:
        """Take one token.

        Raises:
            TooMany: the bucket is empty; `retry_after` says when the next token drips.
        """
        if (group := self._group(path)) is None:
            return
        prefix, rate = group
        left = self._left(client, prefix, rate)
        if left < 1:
            raise TooMany(
                "too-many-requests", "Too many requests. Please wait a moment.", phase="web", retry_after=(1 - left) / rate.per_second
            )
        self._put(client, prefix, left - 1)

    def punish(self, client: str, path: str) -> None:
        """Take the group's penalty: the answer showed that the client was guessing."""
        group = self._group(path)
        if group and group[1].penalty:
            prefix, rate = group
            self._put(client, prefix, max(self._left(client, prefix, rate) - rate.penalty, -rate.penalty))

    def _group(self, path: str) -> tuple[str, Rate] | None:
        return next(((prefix, rate) for prefix, rate in self._groups if path.startswith(prefix)), None)

    def _left(self, client: str, prefix: str, rate: Rate) -> float:
        now = self._clock.monotonic()
        left, then = self._buckets.get((client, prefix), (rate.burst, now))
        return min(rate.burst, left + (now - then) * rate.per_second)

    def _put(self, client: str, prefix: str, left: float) -> None:
        key = (client, prefix)
        self._buckets[key] = (left, self._clock.monotonic())
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max:
            self._buckets.popitem(last=False)


def check_length(said: str, limit: int) -> None:
    """Refuse a body that says itself that it is too large, before a byte of it is read.

    Raises:
        TooLarge: it is. BadInput: the header is not a number.
    """
    if said and not (said.isascii() and said.isdecimal()):
        raise BadInput("request-invalid", "The request could not be understood.", phase="web")
    if said and int(said[:20]) > limit:
        raise _too_large()


def _too_large() -> TooLarge:
    return TooLarge("body-too-large", "The request is too large.", phase="web")


class TooSlow(BadInput):
    """The body did not come in time."""

    status = 408


def capped(receive: Any, limit: int) -> Any:
    """An ASGI `receive` that gives up on a body beyond `limit` bytes, or one that takes longer than BODY_SECONDS to come.

    The clock runs only while the body is read; what a handler waits for afterwards (a disconnect) may take as long as it likes.
    """
    seen, deadline, whole = 0, 0.0, False

    async def counting() -> Any:
        nonlocal seen, deadline, whole
        if whole:
            return await receive()
        deadline = deadline or asyncio.get_running_loop().time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            raise TooSlow("body-too-slow", "The request took too long to arrive.", phase="web") from error
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_large()
        whole = not message.get("more_body", False)
        return message

    return counting
