"""What people see of a feed: how it goes, what waits in quarantine, one message, and what would become of one that is tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from vestibule.errors import NotFound, VestibuleError
from vestibule.feed.inbox import about
from vestibule.feed.masking import ShownSegment, mask
from vestibule.feed.model import CHANNEL, FeedCertificate, FeedSettings, InboxRow, InboxState, Via
from vestibule.feed.ordering import OVER
from vestibule.feed.reading import Reading, department_name, needs_start, read
from vestibule.feed.store import LookingStore
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId
from vestibule.kit.numbers import digits
from vestibule.kit.pageful import Page, keys_of, page_of, sane
from vestibule.kit.secretbox import SecretBox
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Tx
from vestibule.protocols.hl7v2 import Message, Notice, parse, read_notice
from vestibule.tenancy.model import Department
from vestibule.tenancy.service import Tenancy, bound

_PHASE: Final = "feed.look"
_SOON: Final = timedelta(days=30)
_HOUR: Final = timedelta(hours=1)
_LEAST_HOURS: Final = 24  # of a week, in which something must have come before a silence is unusual


@dataclass(frozen=True, slots=True)
class Seen:
    """A sender, and when it was heard last."""

    via: Via
    certificate: FeedCertificate | None
    last: datetime
    many: int


@dataclass(frozen=True, slots=True)
class Live:
    """How a feed goes now.

    Attributes:
        counts: by state, within the last hour and the last day.
        middle, most: seconds from receipt to end, of the last hour.
        waiting: messages not yet applied; `oldest` since when.
        last: when the last message came.
        silent: it has been silent for longer than it was in the week before.
        expiring: certificates that end within thirty days, or have ended.
    """

    at: datetime
    counts: dict[InboxState, tuple[int, int]]
    middle: float | None
    most: float | None
    waiting: int
    oldest: datetime | None
    senders: Sequence[Seen]
    last: datetime | None
    silent: bool
    quarantined: int
    expiring: Sequence[FeedCertificate]


@dataclass(frozen=True, slots=True)
class Look:
    """One message, masked."""

    row: InboxRow
    segments: Sequence[ShownSegment] = ()
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What would be made of a message.

    Attributes:
        code: what stands against it; empty when nothing does.
        segments: what of it could be shown to others.
    """

    code: str = ""
    notice: Notice | None = field(default=None, repr=False)
    reading: Reading | None = field(default=None, repr=False)
    department: Department | None = None
    wanted: str = ""
    past: bool = False
    segments: Sequence[ShownSegment] = ()


class FeedLooking:
    """For the pages. Methods take the caller's transaction, bound to the organisation."""

    def __init__(self, clock: Clock, box: SecretBox, audit: Audit, tenancy: Tenancy) -> None:
        self._clock = clock
        self._box = box
        self._audit = audit
        self._tenancy = tenancy
        self._store = LookingStore()

    async def live(self, tx: Tx, connection: ConnectionId, certificates: Sequence[FeedCertificate]) -> Live:
        """How it goes."""
        tenant, now = bound(tx), self._clock.now()
        counts = {InboxState(r["state"]): (r["hour"], r["day"]) for r in await self._store.counts(tenant, tx, connection, now)}
        lag = await self._store.lag(tenant, tx, connection, now)
        known = {one.id: one for one in certificates}
        last = await self._store.last(tenant, tx, connection)
        hours = await self._store.busy_hours(tenant, tx, connection, now)
        return Live(
            at=now,
            counts=counts,
            middle=lag["middle"],
            most=lag["most"],
            waiting=lag["waiting"],
            oldest=lag["oldest"],
            senders=[_seen(row, known) for row in await self._store.senders(tenant, tx, connection, now)],
            last=last,
            silent=last is not None and unusually_silent(hours, now - last),
            quarantined=(await self._store.waiting(tenant, tx)).get(connection, 0),
            expiring=[one for one in certificates if one.connection == connection and one.not_after < now + _SOON],
        )

    async def waiting(self, tx: Tx) -> dict[ConnectionId, int]:
        """By connection: how many messages stand in quarantine."""
        return await self._store.waiting(bound(tx), tx)

    async def last(self, tx: Tx, connection: ConnectionId) -> datetime | None:
        """When the last message came."""
        return await self._store.last(bound(tx), tx, connection)

    # ------------------------------------------------------------------ quarantine

    async def codes(self, tx: Tx, connection: ConnectionId) -> list[tuple[str, int]]:
        """Why messages stand in quarantine, and how many for each reason."""
        return await self._store.codes(bound(tx), tx, connection)

    async def quarantine(self, tx: Tx, connection: ConnectionId, *, code: str = "", after: str = "", limit: int = 50) -> Page[InboxRow]:
        """What stands in quarantine, the newest first."""
        limit = sane(limit)
        (place,) = keys_of(after, 1) or ("",)
        before = digits(place, most=18)  # a bigint
        found = await self._store.quarantine(bound(tx), tx, connection, code=code, before=before, limit=limit + 1)
        return page_of(found, limit, lambda one: (str(one.id),))

    async def redrive(self, tx: Tx, connection: ConnectionId, *, by: Actor, row: int | None = None, code: str = "") -> int:
        """Apply one message once more, or all of a code, or all there are; how many."""
        done = await self._store.redrive(bound(tx), tx, connection, row=row, code=code)
        if done:
            self._audit.note(tx, "feed.messages-redriven", by=by, about=("connection", connection), detail=_which(done, row, code))
            await tx.notify(CHANNEL, "")
        return done

    async def drop(self, tx: Tx, connection: ConnectionId, *, by: Actor, row: int | None = None, code: str = "") -> int:
        """Let go of one message, of all of a code, or of all there are, and erase them; how many."""
        done = await self._store.drop(bound(tx), tx, connection, row=row, code=code)
        if done:
            self._audit.note(tx, "feed.messages-dropped", by=by, about=("connection", connection), detail=_which(done, row, code))
        return done

    # ------------------------------------------------------------------ one message

    async def look(self, tx: Tx, connection: ConnectionId, row: int) -> Look:
        """One message with everything of a person hidden.

        Raises:
            NotFound: `feed-message-not-found`.
        """
        line, name, sealed = await self._one(tx, connection, row)
        if sealed is None:
            return Look(line)
        try:
            return Look(line, mask(self._opened(tx, name, sealed)[0]))
        except VestibuleError as error:
            return Look(line, unreadable=error.code)

    async def reveal(self, tx: Tx, connection: ConnectionId, row: int, *, by: Actor) -> tuple[InboxRow, str]:
        """One message as it came. That it was read, and by whom, is noted.

        Raises:
            NotFound: `feed-message-not-found`, also when it has been erased.
        """
        line, name, sealed = await self._one(tx, connection, row)
        if sealed is None:
            raise _missing()
        self._audit.note(tx, "feed.message-read", by=by, about=("connection", connection), detail={"message": str(row)})
        body = self._box.open_bytes(sealed, about=about(bound(tx), name))
        try:
            return line, "\n".join(parse(body).lines)
        except VestibuleError:
            return line, body.decode("latin-1").replace("\r", "\n")

    async def _one(self, tx: Tx, connection: ConnectionId, row: int) -> tuple[InboxRow, bytes, bytes | None]:
        found = await self._store.one(bound(tx), tx, connection, row)
        if found is None:
            raise _missing()
        return found

    def _opened(self, tx: Tx, name: bytes, sealed: bytes) -> tuple[Message, bytes]:
        body = self._box.open_bytes(sealed, about=about(bound(tx), name))
        return parse(body), body

    # ------------------------------------------------------------------ trying

    async def attempt(self, tx: Tx, settings: FeedSettings, body: bytes) -> Tried:
        """What would be made of a message with these settings. Nothing is kept of it."""
        segments: Sequence[ShownSegment] = ()
        notice = None
        try:
            message = parse(body)
            segments = mask(message)
            notice = read_notice(message)
            wanted = department_name(notice, settings)
            department = await self._tenancy.department_by_external(tx, wanted) if wanted else None
            reading = read(notice, settings, department, self._clock.now())
            if reading.word.status not in OVER:
                needs_start(reading)
        except VestibuleError as error:
            return Tried(error.code, notice, segments=segments)
        past = reading.over_at is not None and reading.over_at < self._clock.now()
        return Tried("", notice, reading, department, wanted, past, segments)


def unusually_silent(busy: Sequence[bool], silence: timedelta) -> bool:
    """Whether a silence is longer than any of the week before, an hour more or less.

    Args:
        busy: of each hour of the week, the oldest first, whether anything came.
        silence: since the last message.
    """
    if sum(busy) == 0 or True not in busy[:-_LEAST_HOURS]:
        return False
    until = len(busy) - busy[::-1].index(True)  # what came after the last busy hour is the silence itself
    longest = now = 0
    for one in busy[busy.index(True) : until]:
        now = 0 if one else now + 1
        longest = max(longest, now)
    return silence > _HOUR * (longest + 2)


def _seen(row: Any, known: dict[UUID, FeedCertificate]) -> Seen:
    return Seen(Via(row["via"]), known.get(row["certificate_id"]), row["last"], row["many"])


def _which(done: int, row: int | None, code: str) -> dict[str, str]:
    return {"many": str(done), **({"message": str(row)} if row is not None else {}), **({"code": code} if code else {})}


def _missing() -> NotFound:
    return NotFound("feed-message-not-found", "There is no such message, or it has been erased.", phase=_PHASE)
