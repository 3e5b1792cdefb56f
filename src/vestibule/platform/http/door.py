"""The outbound door: every HTTP request Vestibule makes goes through `Http`.

What the door promises, whoever chose the URL:
- https with TLS 1.2 or newer and a verified certificate, except to loopback under one named setting;
- only addresses the guard allows, judged after resolution and again at the socket;
- a deadline on everything, a cap on every body (after inflating), one breaker and one lane per origin;
- no cookies, no proxy from the environment, no redirect unless asked for, and then every hop is judged anew;
- credentials reach exactly the origin they were given for, and nobody else;
- one log line per hop that says what happened and nothing about whom.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from vestibule.errors import NotAllowed, OutsideFailed, VestibuleError
from vestibule.kit.clock import Clock, SystemClock
from vestibule.kit.exchange import Answer, Ask
from vestibule.platform.http.body import Body
from vestibule.platform.http.breaker import Breaker, Lane, LaneFull
from vestibule.platform.http.failures import in_words, insecure
from vestibule.platform.http.guard import Policy, Refused, judge
from vestibule.platform.http.handshake import Handshake, kinds_of, shake
from vestibule.platform.http.headers import carried_to_another_origin, checked, incoming
from vestibule.platform.http.record import Call, path_shape, write_down
from vestibule.platform.http.resolver import Lookup, open_session, system_lookup
from vestibule.platform.http.target import BadUrl, Target, join, origin_of, parse
from vestibule.platform.http.trust import system_trust

T = TypeVar("T")

_CONNECT_SECONDS = 2.0  # with the breaker's patience: a silent network opens it in under 3 s
_MOST_SITES = 1_000
_FOLLOWED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Credentials:
    """An Authorization header and the only origin it may ever be sent to."""

    origin: str
    header: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Limits:
    deadline: float
    read_seconds: float
    max_bytes: int


@dataclass(slots=True)
class _Hop:
    """One request on its way."""

    ask: Ask
    target: Target
    headers: Mapping[str, str]
    started: float = 0.0
    sent: bool = False


class _Site:
    """What is remembered about an origin."""

    def __init__(self, width: int) -> None:
        self.breaker = Breaker()
        self.lane = Lane(width=width, queue=width * 8)

    @property
    def forgettable(self) -> bool:
        return self.lane.idle and not self.breaker.open


class Http:
    """Performs requests. One per process; it keeps connections.

    Args:
        allow_loopback_http: for development and the demo: lets requests go to loopback addresses, and there also without TLS.
        allow_networks: private networks (CIDR) an operator vouches for, e.g. the one the hospital's record lives in.
        lookup: how names become addresses; tests give their own.
        trust: which certificates are believed; by default the system's authorities.
        per_origin: how many requests to one origin may be under way at once.
        on_call: told about every hop, for metrics.
    """

    def __init__(
        self,
        *,
        allow_loopback_http: bool = False,
        allow_networks: Sequence[str] = (),
        clock: Clock | None = None,
        lookup: Lookup = system_lookup,
        trust: ssl.SSLContext | None = None,
        per_origin: int = 32,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        networks = tuple(ip_network(net) for net in allow_networks)
        self._policies = {"https": Policy(loopback=allow_loopback_http, networks=networks)}
        if allow_loopback_http:
            self._policies["http"] = Policy(public=False, loopback=True)
        self._clock = clock or SystemClock()
        self._lookup = lookup
        self._trust = trust or system_trust()
        self._trust.minimum_version = max(self._trust.minimum_version, ssl.TLSVersion.TLSv1_2)
        self._per_origin = per_origin
        self._on_call = on_call
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._sites: dict[str, _Site] = {}

    async def perform(
        self, ask: Ask, *, timeout: float = 10, max_bytes: int = 1_000_000, redirects: int = 0, bearer: Credentials | None = None
    ) -> Answer:
        """Make one request and give back its answer, whatever its status.

        Args:
            ask: what to send, and the phase errors will name.
            timeout: seconds for everything, from the first look-up to the last byte of the last hop.
            max_bytes: the largest body accepted, counted after inflating.
            redirects: how many may be followed; with 0 a redirect is an answer like any other.
            bearer: credentials that go along wherever the origin is exactly theirs.
        """
        limits = _Limits(asyncio.get_running_loop().time() + timeout, timeout, max_bytes)
        try:
            target, headers = parse(ask.url), checked(ask.method, ask.headers)
            secret = checked(ask.method, {"authorization": bearer.header}) if bearer else {}
            vouched = origin_of(bearer.origin) if bearer else ""
        except (BadUrl, ValueError) as error:
            raise self._untouched(error, ask.phase) from None
        for hops_left in range(redirects, -1, -1):
            sent = headers | secret if target.origin == vouched else headers
            answer = await self._hop(_Hop(ask, target, sent), limits)
            onward = self._onward(ask, target, answer) if redirects else None
            if onward is None:
                return answer
            if not hops_left:
                break
            if onward.origin != target.origin:
                headers = carried_to_another_origin(headers)
            target = onward
        raise OutsideFailed(
            "outside-redirect", "The other system sends from address to address without end.", phase=ask.phase, permanent=True
        )

    async def drive(self, steps: Generator[Ask, Answer, T], **limits: Any) -> T:
        """Run a flow that yields requests, giving it each answer, and return what it returns.

        Args:
            steps: a sans-I/O flow. A failed request is raised inside it, so that it may try another way.
            limits: as for `perform`.
        """
        try:
            ask = next(steps)
            while True:
                try:
                    answer = await self.perform(ask, **limits)
                except VestibuleError as error:
                    ask = steps.throw(error)
                else:
                    ask = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()

    async def handshake(self, url: str, phase: str, *, timeout: float = 10) -> Handshake:
        """Connect, judge the certificate, and hang up without a word; fails in the same words as a request, and is logged like one."""
        begun, code = self._clock.monotonic(), ""
        try:
            target = parse(url)
        except BadUrl as error:
            raise in_words(error, phase=phase, sent=False) from None
        try:
            policy = self._policies.get(target.scheme)
            if policy is None:
                raise insecure(phase)
            async with asyncio.timeout(timeout):
                return await shake(target, policy, self._lookup, self._trust)
        except (TimeoutError, OSError, ValueError) as error:
            failure = in_words(error, phase=phase, sent=False)
            code = failure.code
            raise failure from error
        except VestibuleError as error:
            code = error.code
            raise
        finally:
            write_down(Call("CONNECT", target.origin, "/", phase, None, code, self._clock.monotonic() - begun))

    async def kinds(self, url: str, phase: str, *, timeout: float = 10) -> tuple[str, ...]:
        """The kinds of address a URL's host has (`public`, `private`, `loopback`, ...). Nobody is called."""
        try:
            async with asyncio.timeout(timeout):
                return await kinds_of(parse(url), self._lookup)
        except (TimeoutError, OSError, ValueError) as error:
            raise in_words(error, phase=phase, sent=False) from error

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    @staticmethod
    def _untouched(error: Exception, phase: str) -> VestibuleError:
        if isinstance(error, BadUrl):
            return in_words(error, phase=phase, sent=False)
        return NotAllowed("outside-bad-header", f"The request cannot be sent: {error}.", phase=phase)

    @staticmethod
    def _onward(ask: Ask, target: Target, answer: Answer) -> Target | None:
        """Where a redirect leads, or None when the answer is none."""
        location = answer.headers.get("location", "")
        if answer.status not in _FOLLOWED or not location:
            return None
        try:
            onward = join(target, location)
        except BadUrl:
            onward = None
        if ask.method not in {"GET", "HEAD"}:
            raise OutsideFailed(
                "outside-redirect", "The other system redirects what must not be redirected.", phase=ask.phase, permanent=True
            )
        if onward is None or (target.scheme == "https" and onward.scheme != "https"):
            raise _misled(ask, "redirects to an unsafe address")
        return onward

    async def _hop(self, hop: _Hop, limits: _Limits) -> Answer:
        """One request to one origin, with its line in the log."""
        begun = self._clock.monotonic()
        status, code = None, ""
        try:
            answer = await self._pass_lane(hop, limits)
            status = answer.status
        except BaseException as error:
            code = error.code if isinstance(error, VestibuleError) else type(error).__name__
            raise
        else:
            return answer
        finally:
            self._tell(hop, status, code, self._clock.monotonic() - begun)

    async def _pass_lane(self, hop: _Hop, limits: _Limits) -> Answer:
        """Wait for a place, unless the origin is known to be away."""
        self._judge_literal(hop)
        site = self._site(hop.target.origin)
        self._stop_if_open(hop, site.breaker.wait(self._clock.monotonic()))
        try:
            async with asyncio.timeout_at(limits.deadline):
                await site.lane.enter()
        except (LaneFull, TimeoutError):
            raise OutsideFailed("outside-busy", "Too many requests to the other system are waiting.", phase=hop.ask.phase) from None
        try:
            hop.started = self._clock.monotonic()
            self._stop_if_open(hop, site.breaker.enter(hop.started))
            return await self._judged(hop, site.breaker, limits)
        finally:
            site.lane.leave()

    async def _judged(self, hop: _Hop, breaker: Breaker, limits: _Limits) -> Answer:
        """Exchange, tell the breaker how it went, and put failures into words."""
        try:
            async with asyncio.timeout_at(limits.deadline):
                answer = await self._exchange(hop, limits)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            failure = in_words(error, phase=hop.ask.phase, sent=hop.sent)
            if isinstance(error, Refused):
                breaker.gave_up(hop.started)
            elif failure.code == "outside-too-large":
                breaker.succeeded(self._clock.monotonic())
            else:
                breaker.failed(hop.started, self._clock.monotonic())
            raise failure from error
        except BaseException:
            breaker.gave_up(hop.started)
            raise
        breaker.succeeded(self._clock.monotonic())
        return answer

    async def _exchange(self, hop: _Hop, limits: _Limits) -> Answer:
        session = self._session(hop.target.scheme)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_SECONDS, limits.read_seconds), sock_read=limits.read_seconds)
        request = session.request(
            hop.ask.method,
            URL(hop.target.url, encoded=True),
            headers=hop.headers,
            data=hop.ask.body,
            allow_redirects=False,
            timeout=timeout,
            trace_request_ctx=hop,
        )
        async with request as response:
            try:
                body = await _read(response, limits.max_bytes)
            except BaseException:
                response.close()
                raise
            return Answer(response.status, incoming(response.headers), body, hop.target.url)

    def _judge_literal(self, hop: _Hop) -> None:
        """What can be said before any look-up: is it https, and if the host is a number, may it be called."""
        policy = self._policies.get(hop.target.scheme)
        if policy is None:
            raise insecure(hop.ask.phase)
        if hop.target.numeric:
            try:
                judge(hop.target.host, policy)
            except Refused as refused:
                raise in_words(refused, phase=hop.ask.phase, sent=False) from None

    @staticmethod
    def _stop_if_open(hop: _Hop, wait: float) -> None:
        if wait:
            raise OutsideFailed(
                "outside-circuit-open",
                "The other system did not answer just now; it is given a moment.",
                phase=hop.ask.phase,
                retry_after=wait,
            )

    def _site(self, origin: str) -> _Site:
        site = self._sites.get(origin)
        if site is None:
            if len(self._sites) >= _MOST_SITES:
                self._sites = {name: kept for name, kept in self._sites.items() if not kept.forgettable}
            site = self._sites[origin] = _Site(self._per_origin)
        return site

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        """Made on first use, because it belongs to the running loop. One per scheme: plain http has a policy of its own."""
        if scheme not in self._sessions:
            self._sessions[scheme] = open_session(self._policies[scheme], self._lookup, self._trust)
        return self._sessions[scheme]

    def _tell(self, hop: _Hop, status: int | None, code: str, seconds: float) -> None:
        call = Call(hop.ask.method, hop.target.origin, path_shape(hop.target.path), hop.ask.phase, status, code, seconds)
        write_down(call)
        if self._on_call:
            self._on_call(call)


def _misled(ask: Ask, what: str) -> OutsideFailed:
    return OutsideFailed("outside-redirect", f"The other system {what}.", phase=ask.phase, permanent=True)


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = Body(response.headers.get("content-encoding", ""), max_bytes)
    async for chunk in response.content.iter_any():
        body.feed(chunk)
    return body.finish()
