"""Reading the audit: a page of it, one entry, all of it as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from vestibule.auditing.balp import audit_event
from vestibule.auditing.model import COLUMNS, Wanted, cells
from vestibule.auditing.ports import People
from vestibule.auditing.store import AuditSearch, Place
from vestibule.errors import NotFound
from vestibule.kit.csvtext import BOM, csv_lines
from vestibule.kit.ids import TenantId
from vestibule.kit.pageful import Page, cursor, keys_of, sane
from vestibule.platform.audit import Actor, Audit
from vestibule.platform.audit.model import Written
from vestibule.platform.db import Database, Tx
from vestibule.tenancy.service import bound

_PORTION: Final = 500
_BEYOND: Final = 2**63  # what PostgreSQL counts to
_MOST_NAMED: Final = 10  # people of one name that a search looks for


class Auditing:
    """The audit, for those who may read it."""

    def __init__(self, *, db: Database, audit: Audit, people: People, origin: str) -> None:
        self._db = db
        self._audit = audit
        self._people = people
        self._origin = origin
        self._store = AuditSearch()

    async def listing(self, tx: Tx, wanted: Wanted, *, after: str = "", limit: int = 50) -> Page[Written]:
        """The newest first, a page at a time."""
        limit = sane(limit)
        wanted = await self._with_people(tx, wanted)
        found = await self._store.listing(bound(tx), tx, wanted, _place(after), limit + 1)
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].entry.at.isoformat(), str(shown[-1].seq)) if len(found) > limit else "")

    async def one(self, tx: Tx, seq: int) -> Written:
        """One entry.

        Raises:
            NotFound: `audit-entry-not-found`.
        """
        found = await self._store.one(bound(tx), tx, seq) if 0 < seq < _BEYOND else None
        if found is None:
            raise NotFound("audit-entry-not-found", "There is no such entry in this audit.", phase="audit.read")
        return found

    async def names(self, tx: Tx, entries: Collection[Written]) -> Mapping[str, str]:
        """What members are called, by id, as far as they are known."""
        return await self._people.names(tx, {one.entry.actor.id for one in entries if one.entry.actor.kind == "staff"})

    # ------------------------------------------------------------------ as a file

    async def exporting(self, tx: Tx, wanted: Wanted, *, form: str, by: Actor) -> None:
        """Note that somebody takes the list away, and which part of it; what they typed may be anything and is not repeated."""
        used = [name for name in ("actor", "about", "reference", "search") if getattr(wanted, name)]
        detail = {"form": form, "action": wanted.action, "outcome": wanted.outcome or "", "narrowed": " ".join(used)}
        detail |= {"since": _text(wanted.since), "until": _text(wanted.until)}
        self._audit.note(tx, "audit.exported", by=by, detail={name: value for name, value in detail.items() if value})

    async def as_csv(self, tenant: TenantId, wanted: Wanted) -> AsyncIterator[bytes]:
        """Everything wanted as CSV, a portion at a time."""
        yield BOM + csv_lines([COLUMNS])
        async for portion, names in self._portions(tenant, wanted):
            yield csv_lines(cells(one, names.get(one.entry.actor.id, "")) for one in portion)

    async def as_fhir(self, tenant: TenantId, wanted: Wanted) -> AsyncIterator[bytes]:
        """Everything wanted as AuditEvents, one a line."""
        async for portion, _ in self._portions(tenant, wanted):
            yield b"".join(msgspec.json.encode(audit_event(one, tenant, self._origin)) + b"\n" for one in portion)

    async def _portions(self, tenant: TenantId, wanted: Wanted) -> AsyncIterator[tuple[list[Written], Mapping[str, str]]]:
        """Each in a short transaction of its own: whoever reads slowly holds nothing up."""
        after: Place | None = None
        while True:
            async with self._db.tenant(tenant) as tx:
                wanted = await self._with_people(tx, wanted)
                found = await self._store.listing(tenant, tx, wanted, after, _PORTION)
                names = await self.names(tx, found)
            if found:
                yield found, names
            if len(found) < _PORTION:
                return
            after = (found[-1].entry.at, found[-1].seq)

    async def _with_people(self, tx: Tx, wanted: Wanted) -> Wanted:
        if not wanted.search or wanted.actors:
            return wanted
        return replace(wanted, actors=tuple(await self._people.called(tx, wanted.search, _MOST_NAMED)))


def _text(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()


def _place(after: str) -> Place | None:
    keys = keys_of(after, 2)
    if keys is None:
        return None
    try:
        place = datetime.fromisoformat(keys[0]), int(keys[1])
    except ValueError:
        return None
    return place if place[0].tzinfo is not None and 0 < place[1] < _BEYOND else None
