"""The doctor: looks at an address on entry, and at a whole connection on demand. Bounded in time, never inside a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from vestibule.doctor.address import judged
from vestibule.doctor.checks import feeding, messaging, ours, teams
from vestibule.doctor.checks.describe import Described, describe
from vestibule.doctor.checks.reach import reach
from vestibule.doctor.checks.setup import setup
from vestibule.doctor.checks.signin import signin
from vestibule.doctor.checks.suffix import find_better
from vestibule.doctor.checks.token import tokens
from vestibule.doctor.model import Discovered, Finding, Level, look, worst, worst_first
from vestibule.doctor.ports import Kept, Outside, Register, Surroundings
from vestibule.errors import VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import TenantId
from vestibule.tenancy.model import Connection

_SECONDS: Final = 20.0


class Doctor:
    """One for the process. No method raises for what it finds."""

    def __init__(
        self,
        *,
        outside: Outside,
        register: Register,
        clock: Clock,
        origin: str,
        surroundings: Surroundings | None = None,
        loopback_http: bool = False,
        seconds: float = _SECONDS,
    ) -> None:
        """Put together.

        Args:
            outside: the outbound door; best one of its own, whose circuit breakers launches do not share.
            register: gives keys and neighbours.
            clock: the time.
            origin: our public address.
            surroundings: knows of messages, feed and meetings; None where nobody looks at them.
            loopback_http: allow plain http on this machine (the practice hospital).
            seconds: for everything.
        """
        self._outside = outside
        self._register = register
        self._clock = clock
        self._origin = origin
        self._surroundings = surroundings
        self._loopback = loopback_http
        self._seconds = seconds

    async def look_at(self, url: str) -> tuple[list[Finding], Discovered | None]:
        """What an address that somebody typed leads to. The address is hostile input; what is not allowed is not called."""
        address = judged(url, loopback_http=self._loopback)
        findings = list(address.findings)
        if not address.url:
            return findings, None
        told = Described(address.url)

        async def work() -> None:
            await self._record(address.url, "", findings, told)

        await self._in_time(work, findings)
        return findings, told.discovered if told.statement or told.configuration else None

    async def examine(self, connection: Connection) -> list[Finding]:
        """Everything about a connection, the way a launch and the back end would use it."""
        theirs: list[Finding] = []
        own: list[Finding] = []
        entered: list[Finding] = []
        beside: list[Finding] = []
        late: list[Finding] = []

        async def work() -> None:
            kept = await self._register.kept(connection)
            entered.extend(setup(connection, kept.neighbours))
            own.extend(ours.keys(connection, kept.keys, self._clock.now()))
            await asyncio.gather(
                self._theirs(connection, kept, theirs),
                self._ours(connection, kept, own),
                self._around(connection, beside),
            )

        await self._in_time(work, late)
        return worst_first([*late, *theirs, *own, *entered, *beside])

    async def meetings(self, tenant: TenantId) -> list[Finding]:
        """Everything an organisation needs for visits in Microsoft Teams; nothing where nothing is entered."""
        findings: list[Finding] = []

        async def work() -> None:
            seen = None if self._surroundings is None else await self._surroundings.teams(tenant)
            if seen is not None:
                findings.extend(await _all(teams.teams(self._outside, seen, self._origin, self._clock.now())))

        await self._in_time(work, findings)
        return worst_first(findings)

    async def _ours(self, connection: Connection, kept: Kept, findings: list[Finding]) -> None:
        """Our own side, seen from outside as far as that goes."""
        findings += [finding async for finding in ours.public_address(self._outside, self._origin, connection.iss)]
        findings += [finding async for finding in ours.published(self._outside, self._origin, connection, kept.keys)]

    async def _around(self, connection: Connection, findings: list[Finding]) -> None:
        """Messages, feed, and the meeting elsewhere."""
        if self._surroundings is None:
            return
        around = await self._surroundings.around(connection)
        now, origin = self._clock.now(), self._origin
        if around.feed is not None:
            findings += feeding.feed(around.feed, now)
        streams = [messaging.messages(around, origin)]
        if around.teams is not None:
            streams.append(teams.teams(self._outside, around.teams, origin, now))
        for found in await asyncio.gather(*(_all(stream) for stream in streams)):  # each waits for others, and has its own limit
            findings += found

    async def _theirs(self, connection: Connection, kept: Kept, findings: list[Finding]) -> None:
        """The record's side, and last the token request, which needs all the others."""
        address = judged(connection.iss, loopback_http=self._loopback)
        findings.extend(address.findings)
        if not address.url:
            return
        told = Described(connection.iss, manual_authorize=connection.authorize_url, manual_token=connection.token_url)
        await self._record(connection.iss, connection.provider_client_id, findings, told)
        now = self._clock.now()
        findings += await tokens(self._outside, connection, kept.keys, told, now, origin=self._origin, loopback_http=self._loopback)

    async def _record(self, url: str, client_id: str, findings: list[Finding], told: Described) -> None:
        """Connect, then read what the record says about itself; `told` is filled on the way."""
        reached = await reach(self._outside, self._clock, url)
        findings.extend(reached)
        if worst(reached) is Level.STOPS:
            return
        await describe(self._outside, self._clock, told, client_id)
        await find_better(self._outside, told)
        findings.extend(told.findings)
        findings.extend(signin(told, loopback_http=self._loopback))

    async def _in_time(self, work: Callable[[], Awaitable[None]], findings: list[Finding]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await work()
        except TimeoutError:
            what = f"Looking took longer than {self._seconds:.0f} seconds; what is listed was found until then."
            findings.append(look("out-of-time", what, "Something answers very slowly: look at the slowest part first, then try again."))
        except VestibuleError as error:
            findings.append(
                look("check-failed", f"A check could not be made: {error.sentence}", "Try again; if it lasts, look into the log.")
            )


async def _all(stream: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in stream]
