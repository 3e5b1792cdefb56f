"""The history of launches: why somebody could not come in. Codes, phases and times; nothing about the patient.

An attempt that is refused before it is known whose it is cannot be shown to anybody's analyst; its reference stands in our log.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from vestibule.errors import Gone, NotFound, Unavailable, VestibuleError
from vestibule.kit.clock import Clock
from vestibule.kit.ids import ConnectionId, TenantId, VisitId, fingerprint, new_id
from vestibule.kit.pageful import Page, cursor, keys_of
from vestibule.launch.model import LaunchKind
from vestibule.launch.noting import Noting
from vestibule.launch.store import LaunchStore, Row, Wanted
from vestibule.launch.story import Story
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.model import Environment
from vestibule.tenancy.service import bound

_MOST_CONCERNED: Final = 8  # organisations that share one record; more hear nothing of a launch that names none of them
_SPOKEN_LENGTH: Final = 9
_MISREAD: Final = str.maketrans("OIL", "011")  # the alphabet of references has no O, I, L, U


class Outcome(StrEnum):
    """How an attempt stands."""

    UNDER_WAY = "under-way"
    LOST = "lost"
    JOINED = "joined"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempted:
    """A launch as the history shows it.

    Attributes:
        phase: the last it was in.
        phases: each with its time, its milliseconds and, where it failed, its code.
        visit: where it led; None when it led nowhere.
    """

    id: UUID
    reference: str
    connection: ConnectionId
    connection_name: str
    environment: Environment
    kind: LaunchKind
    outcome: Outcome
    phase: str
    code: str
    started_at: datetime
    used_at: datetime | None
    ended_at: datetime | None
    phases: tuple[dict[str, Any], ...]
    visit: VisitId | None

    @property
    def seconds(self) -> float | None:
        """From the press of the button to the end, the sign-in at the record included."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code that was met, the one that ended it first."""
        met = [self.code, *(str(one.get("code", "")) for one in self.phases)]
        return tuple(dict.fromkeys(code for code in met if code))


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; empty finds everything."""

    reference: str = ""
    outcome: Outcome | None = None
    code: str = ""
    connection: ConnectionId | None = None
    day: date | None = None


class History:
    """Writes attempts down that never got far, and reads all of them."""

    def __init__(self, db: Database, clock: Clock, noting: Noting) -> None:
        self._db = db
        self._clock = clock
        self._store = LaunchStore()
        self._noting = noting

    # ------------------------------------------------------------------ writing

    async def refused(
        self, tenant: TenantId, connection: ConnectionId, kind: LaunchKind, story: Story, began: datetime, error: VestibuleError
    ) -> None:
        """An attempt that never left for the record. The same button may be pressed again."""
        story.failed(error)
        with suppress(Unavailable):
            async with self._db.tenant(tenant) as tx:
                await self._store.insert_failed(
                    tenant,
                    tx,
                    new_id(),
                    connection=connection,
                    kind=kind,
                    reference=story.reference,
                    at=began,
                    ended_at=self._clock.now(),
                    phase=error.phase,
                    code=error.code,
                    phases=story.phases,
                )
                self._noting.failed(tx, kind, connection, error)

    async def homeless(
        self, concerned: Mapping[TenantId, ConnectionId], kind: LaunchKind, story: Story, began: datetime, error: VestibuleError
    ) -> None:
        """An attempt that belongs to no one connection: whoever it may concern finds it, under one connection of theirs."""
        if len(concerned) == 1:
            story.tenant = next(iter(concerned))
        if len(concerned) <= _MOST_CONCERNED:
            for tenant, connection in concerned.items():
                await self.refused(tenant, connection, kind, story, began, error)

    async def turned_away(self, tx: Tx, launch: UUID, story: Story, error: VestibuleError) -> None:
        """Somebody came back whom we did not let in; the attempt itself goes on, unless its time was over."""
        story.failed(error)
        at = self._clock.now() if isinstance(error, Gone) else None
        await self._store.turned_away(bound(tx), tx, launch, phases=story.phases, code=error.code, phase=error.phase, ended_at=at)

    # ------------------------------------------------------------------ reading

    async def listing(self, tx: Tx, wanted: Filter, *, after: str = "", limit: int = 50) -> Page[Attempted]:
        """The newest first."""
        keys, now = keys_of(after, 2), self._clock.now()
        place = _place(keys) if keys else None
        rows = await self._store.listing(bound(tx), tx, _asked(wanted), now=now, place=place, limit=limit + 1)
        items = [_attempted(row, now) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(items, cursor(items[-1].started_at.isoformat(), str(items[-1].id)) if more else "")

    async def one(self, tx: Tx, launch: UUID) -> Attempted:
        """One attempt.

        Raises:
            NotFound: launch-not-found.
        """
        row = await self._store.one(bound(tx), tx, launch)
        if row is None:
            raise NotFound("launch-not-found", "There is no such launch.", phase="launch.history")
        return _attempted(row, self._clock.now())

    async def codes(self, tx: Tx) -> list[str]:
        """The codes that attempts of the last weeks ended with, for a list to choose from."""
        return await self._store.codes(bound(tx), tx)

    async def reference_of(self, tx: Tx, connection: ConnectionId, launch: str) -> str:
        """The reference of the attempt that used a `launch` value; empty when nobody has."""
        return await self._store.reference_of(bound(tx), tx, connection, fingerprint(launch))


def spoken(text: str) -> str:
    """A reference as somebody read it out or typed it, in its written form; as it came when it cannot be one."""
    raw = "".join(c for c in text.upper() if c.isascii() and c.isalnum()).translate(_MISREAD)
    return f"{raw[:3]}-{raw[3:6]}-{raw[6:]}" if len(raw) == _SPOKEN_LENGTH else text.strip().upper()


def _asked(wanted: Filter) -> Wanted:
    begin = datetime.combine(wanted.day, datetime.min.time(), UTC) if wanted.day else None
    return Wanted(
        reference=spoken(wanted.reference) if wanted.reference.strip() else "",
        outcome=wanted.outcome.value if wanted.outcome else "",
        code=wanted.code,
        connection=wanted.connection,
        begin=begin,
        end=begin + timedelta(days=1) if begin else None,
    )


def _place(keys: tuple[str, ...]) -> tuple[datetime, UUID] | None:
    try:
        at, launch = datetime.fromisoformat(keys[0]), UUID(keys[1])
    except ValueError:
        return None
    return (at, launch) if at.tzinfo else None


def _attempted(row: Row, now: datetime) -> Attempted:
    outcome = {"joined": Outcome.JOINED, "failed": Outcome.FAILED}.get(row["outcome"])
    if outcome is None:
        outcome = Outcome.UNDER_WAY if now < row["expires_at"] else Outcome.LOST
    return Attempted(
        id=row["id"],
        reference=row["reference"],
        connection=ConnectionId(row["connection_id"]),
        connection_name=row["connection_name"],
        environment=Environment(row["environment"]),
        kind=LaunchKind(row["kind"]),
        outcome=outcome,
        phase=row["phase"],
        code=row["code"],
        started_at=row["started_at"],
        used_at=row["used_at"],
        ended_at=row["ended_at"],
        phases=tuple(one for one in msgspec.json.decode(row["phases"]) if isinstance(one, dict)),
        visit=VisitId(row["visit_id"]) if row["visit_id"] else None,
    )
