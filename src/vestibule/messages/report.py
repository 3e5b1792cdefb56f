"""The report of text messages: what was sent, from where, for what, and what became of it. Live: it reads the messages themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from vestibule.kit.clock import Clock
from vestibule.kit.csvtext import BOM, csv_lines
from vestibule.kit.ids import ConnectionId, TenantId
from vestibule.kit.pageful import Page, cursor, keys_of, sane
from vestibule.messages.model import Channel, MessageState, Purpose, Status
from vestibule.messages.store.report import Asked, Line, ReportStore
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound

RANGES: Final = (7, 30, 90)  # days
PRODUCT: Final = "EHR"
COLUMNS: Final = ("Sent time (UTC)", "Sent from", "SMS notification type", "Product type", "Status", "Receipt", "Segments")
END: Final = "End of file"
_PORTION: Final = 1_000
# The published values of the report, as they stand in the file whatever the reader's language.
STATUS_NAMES: Final[Mapping[Status, str]] = {
    Status.SENT: "Sent",
    Status.BLOCKED_BY_RECIPIENT: "Not Delivered - Blocked by recipient",
    Status.INVALID_NUMBER: "Not Delivered - Invalid phone number",
    Status.NO_SUCH_NUMBER: "Not Delivered - Phone number doesn't exist",
    Status.BLOCKED_NUMBER: "Not Delivered - Blocked phone number",
    Status.UNREACHABLE: "Not Delivered - Unreachable phone number",
    Status.SPAM: "Not Delivered - Spam detected",
    Status.RECIPIENT_BLOCKED: "Not Delivered - Recipient blocked",
    Status.OTHER: "Not Delivered - Other error",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see; empty parts narrow nothing.

    Attributes:
        days: 7, 30 or 90.
    """

    days: int = 30
    purpose: Purpose | None = None
    status: Status | None = None
    sender: UUID | None = None
    connection: ConnectionId | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """A bar of the chart: `2026-11`, and how many were sent or did not arrive."""

    month: str
    sent: int
    failed: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What the list adds up to.

    Attributes:
        opted_out: how many numbers said STOP, at present, whatever is being looked at.
    """

    sent: int
    failed: int
    segments: int
    opted_out: int
    months: tuple[Month, ...]


class Reporting:
    """Reads what was sent. Methods taking `tx` act within its organisation."""

    def __init__(self, *, db: Database, clock: Clock, audit: Audit) -> None:
        """Say what it works with.

        Args:
            db: a file is read from it in portions.
            clock: tells where a range begins.
            audit: taking a file is noted there.
        """
        self._db = db
        self._clock = clock
        self._audit = audit
        self._store = ReportStore()

    async def listing(self, tx: Tx, wish: Wish, *, after: str = "", limit: int = 50) -> Page[Line]:
        """What was sent, the newest first."""
        limit = sane(limit)
        found = await self._store.lines(bound(tx), tx, self._asked(wish), _place(after), limit + 1)
        more = cursor(found[limit - 1].sent_at.isoformat(), str(found[limit - 1].id)) if len(found) > limit else ""
        return Page(found[:limit], more)

    async def totals(self, tx: Tx, wish: Wish) -> Totals:
        """What all of it adds up to, month by month."""
        rows = await self._store.months(bound(tx), tx, self._asked(wish))
        months = [Month(row["month"], row["sent"], row["failed"]) for row in rows]
        return Totals(
            sent=sum(one.sent for one in months),
            failed=sum(one.failed for one in months),
            segments=sum(row["segments"] for row in rows),
            opted_out=await self._store.opted_out(bound(tx), tx),
            months=tuple(months),
        )

    async def senders(self, tx: Tx) -> list[tuple[UUID, str]]:
        """Everything texts were ever sent from, for a list to choose from."""
        return await self._store.senders(bound(tx), tx)

    async def pending(self, tx: Tx) -> Mapping[ConnectionId, int]:
        """How many messages are planned for each connection's appointments."""
        return await self._store.pending(bound(tx), tx)

    async def attention(self, tx: Tx) -> int:
        """How many messages wait for a person to look at them."""
        return await self._store.attention(bound(tx), tx)

    # ------------------------------------------------------------------ as a file

    async def exporting(self, tx: Tx, wish: Wish, *, by: Actor) -> None:
        """Note that somebody takes the report away."""
        narrowed = [name for name in ("purpose", "status", "sender", "connection") if getattr(wish, name) is not None]
        detail = {"days": str(wish.days), "narrowed": " ".join(narrowed)}
        self._audit.note(tx, "message-report.exported", by=by, detail={name: value for name, value in detail.items() if value})

    async def as_csv(self, tenant: TenantId, wish: Wish) -> AsyncIterator[bytes]:
        """All of it as CSV, a portion at a time; the last line says that it is whole."""
        yield BOM + csv_lines([COLUMNS])
        asked, count = replace(self._asked(wish), until=self._clock.now()), 0
        after: tuple[datetime, UUID] | None = None
        while True:
            async with self._db.tenant(tenant) as tx:  # each portion by itself: whoever reads slowly holds nothing up
                found = await self._store.lines(tenant, tx, asked, after, _PORTION)
            if found:
                yield csv_lines(cells(one) for one in found)
                after, count = (found[-1].sent_at, found[-1].id), count + len(found)
            if len(found) < _PORTION:
                break
        yield csv_lines([(END, f"{count} rows")])

    def _asked(self, wish: Wish) -> Asked:
        return Asked(
            since=self._clock.now() - timedelta(days=wish.days),
            channel=Channel.SMS,
            purpose=wish.purpose,
            status=wish.status,
            sender=wish.sender,
            connection=wish.connection,
        )


def kind_of(purpose: Purpose) -> str:
    """The published type of a message: a reminder, a confirmation, or one that a clinician sent."""
    return {Purpose.REMINDER: "Reminder", Purpose.DIRECT: "Direct"}.get(purpose, "Confirmation")


def receipt_of(state: MessageState) -> str:
    """What the carrier has said so far, in one word of the file."""
    words = {MessageState.DELIVERED: "delivered", MessageState.FAILED: "failed", MessageState.UNKNOWN: "unknown"}
    return words.get(state, "none yet")


def cells(one: Line) -> list[str]:
    """A row of the file; times in UTC."""
    return [
        one.sent_at.strftime("%Y-%m-%d %H:%M:%S"),
        one.sender,
        kind_of(one.purpose),
        PRODUCT,
        STATUS_NAMES[one.status],
        receipt_of(one.state),
        str(one.segments),
    ]


def _place(after: str) -> tuple[datetime, UUID] | None:
    keys = keys_of(after, 2)
    if keys is None:
        return None
    try:
        place = datetime.fromisoformat(keys[0]), UUID(keys[1])
    except ValueError:
        return None
    return place if place[0].tzinfo is not None else None
