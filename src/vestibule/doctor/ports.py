"""What the doctor needs from outside: the door to other systems, and the register of connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from vestibule.kit.exchange import Answer, Ask
from vestibule.kit.ids import TenantId
from vestibule.platform.http import Handshake
from vestibule.tenancy.model import Connection
from vestibule.tenancy.service import ConnectionKey

T = TypeVar("T")


class Outside(Protocol):
    """The outbound door: platform/http."""

    async def perform(self, ask: Ask, *, timeout: float = 10, max_bytes: int = 1_000_000) -> Answer:
        """Make one request; a redirect is an answer like any other."""
        ...

    async def drive(self, steps: Generator[Ask, Answer, T], **limits: Any) -> T:
        """Run a flow and return what it returns."""
        ...

    async def handshake(self, url: str, phase: str, *, timeout: float = 10) -> Handshake:
        """Connect, and say nothing."""
        ...

    async def kinds(self, url: str, phase: str, *, timeout: float = 10) -> tuple[str, ...]:
        """The kinds of address a URL's host has, without calling it."""
        ...


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another connection, as far as the doctor compares it."""

    name: str
    environment: str
    iss: str
    own: bool  # of the same organisation


@dataclass(frozen=True, slots=True)
class Kept:
    """What the register keeps about a connection besides the connection itself."""

    keys: tuple[ConnectionKey, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


class Register(Protocol):
    """The register of connections. It is asked before anything is called, and holds no transaction open afterwards."""

    async def kept(self, connection: Connection) -> Kept:
        """The connection's keys, and those it might be confused with."""
        ...


@dataclass(frozen=True, slots=True)
class CarrierSeen:
    """An account that carries a connection's messages.

    Attributes:
        name: as the administrator called it.
        tells: whether it sends receipts to an address of ours.
        near: it lives on this machine, as the practice hospital's do.
        unproved: it sends receipts, and nothing is entered by which they could be proved.
        senders: address and how far its verification has come, of those it needs.
        check: asks it something that changes nothing; raises NotAllowed or Unavailable.
    """

    name: str
    tells: bool
    near: bool
    unproved: bool
    senders: tuple[tuple[str, str], ...]
    check: Callable[[], Awaitable[None]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FeedSeen:
    """How appointments reach a connection.

    Attributes:
        plain: networks from which messages are taken without TLS.
        keys: subject and end of each certificate by which a sender proves itself.
        zone: set for times that come without one.
        last: when the last message came; None for never.
        silent: for longer than was usual in the week before.
        quarantined: messages that wait for a person.
    """

    plain: bool = False
    keys: tuple[tuple[str, datetime], ...] = ()
    zone: bool = True
    last: datetime | None = None
    silent: bool = False
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class TeamsAnswer:
    """What Microsoft said when it was asked.

    Attributes:
        code: why our application was not let in; empty when it was.
        refused: it said no, and saying it again cannot help; False where it could not be asked.
        what: its reason in our words.
        permissions: application permissions that an administrator there has consented to.
        skew: seconds by which Microsoft's clock is ahead of ours; None where it did not tell its time.
        organizers: of each who organises meetings: object id, what is in the way (a code, or nothing), meetings made this month.
        premium: whether Teams Premium is there; None where that cannot be seen.
    """

    code: str = ""
    refused: bool = True
    what: str = ""
    permissions: frozenset[str] = frozenset()
    skew: float | None = None
    organizers: tuple[tuple[str, str, int], ...] = ()
    premium: bool | None = None


@dataclass(frozen=True, slots=True)
class TeamsSeen:
    """How an organisation is connected to Microsoft Teams.

    Attributes:
        chosen: visits take place there.
        near: Microsoft is played on this machine.
        needed: names of permissions of which one is needed, and what for; `useful` are those that visits can do without.
        hook: the path at which notifications come in.
        limit: meetings that an organizer may have made in a month.
        proof_ends: when the certificate ends by which we prove ourselves; None where a client secret does that, whose end we cannot know.
        notify_ends: when the certificate ends for which Microsoft encrypts notifications; None before the first.
        heard: when the last notification came; None for never.
        delayed: visits of the last day whose live status was late.
        ask: asks Microsoft, raises nothing; None where too little is entered.
    """

    chosen: bool
    near: bool
    needed: tuple[tuple[frozenset[str], str], ...]
    hook: str
    limit: int
    useful: tuple[tuple[frozenset[str], str], ...] = ()
    proof_ends: datetime | None = None
    notify_ends: datetime | None = None
    heard: datetime | None = None
    delayed: int = 0
    ask: Callable[[], Awaitable[TeamsAnswer]] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a connection: who carries its messages, how its appointments come, and where its visits take place.

    Attributes:
        sends: messages are to be sent.
        feed: None where none is switched on.
        teams: None where visits take place in the built-in room.
    """

    sends: bool = False
    carriers: tuple[CarrierSeen, ...] = ()
    feed: FeedSeen | None = None
    teams: TeamsSeen | None = None


class Surroundings(Protocol):
    """Who knows of messages, feed and meetings. It is asked before anything is called, and holds no transaction open afterwards."""

    async def around(self, connection: Connection) -> Around:
        """What stands around a connection."""
        ...

    async def teams(self, tenant: TenantId) -> TeamsSeen | None:
        """How an organisation is connected to Microsoft Teams; None where nothing is entered."""
        ...
